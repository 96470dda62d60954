"""Pooled rows of several sessions, and the samples among them. Windows stay indices into the rows, never copies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from genesis_lib.clock import iso
from genesis_lib.errors import InputError
from genesis_lib.features import OFI_INPUTS, FeatureSet, input_columns
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.augment import upside_down
from genesis_lib.training.labels import Label, last_known, run_starts
from genesis_lib.types import Snapshots

PIECE = 1 << 16  # rows that stand in memory as float64 at a time


@dataclass(frozen=True)
class Rows:
    """Feature rows of all sessions, one after the other.

    Parameters
    ----------
    inputs
        (N, F) float32 model inputs, not scaled; NaN at rows that must not be used.
    flow
        (N, G) float32 order-flow columns of the linear baseline.
    mid, spread, time, session
        (N,) mid price, best ask less best bid, exchange time in ns, number of the session.
    starts
        (N,) first row of the unbroken streak, -1 at unusable rows.
    columns, flow_columns
        Names of `inputs` and `flow`.
    sessions
        What each session is: instrument, provenance, rows, first and last time, hash.
    levels
        Book levels a side that the columns were computed from.
    mirrored
        (N, F) float32 `inputs` of the same market upside down, where they were asked for.
    """

    inputs: np.ndarray
    flow: np.ndarray
    mid: np.ndarray
    spread: np.ndarray
    time: np.ndarray
    session: np.ndarray
    starts: np.ndarray
    columns: tuple[str, ...]
    flow_columns: tuple[str, ...]
    sessions: tuple[dict[str, object], ...]
    levels: int
    mirrored: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        sessions: Sequence[Snapshots],
        levels: int = 10,
        inputs: str | Sequence[str] | FeatureSet = "book",
        mirrored: bool = False,
        flow: FeatureSet | None = None,
    ) -> Rows:
        """Compute the columns of each session by itself and pool them; one without rows is left out.

        Parameters
        ----------
        sessions
            Book rows, each of one instrument and one recording.
        levels
            Book levels a side that the columns stand for; the rows may have more.
        inputs
            What the model reads: see `genesis_lib.features.input_columns`, the names themselves, or a model's own
            `Artifact.features`.
        mirrored
            Compute the inputs of the market upside down, too (see `genesis_lib.training.augment.upside_down`), for
            augmentation. The raw book alone does without: its mirror is an exchange of columns.
        flow
            The baselines' columns where they are not `OFI_INPUTS`, as of `Artifact.baseline_features`.

        Raises
        ------
        InputError
            When there is no session, or one has fewer levels than asked for.
        """
        sessions = [session for session in sessions if len(session)]
        if not sessions:
            raise InputError("no sessions: training and evaluation need at least one recording")
        named = input_columns(inputs, levels) if isinstance(inputs, str) else inputs
        features = named if isinstance(named, FeatureSet) else FeatureSet(named, levels)
        order_flow = FeatureSet(OFI_INPUTS(levels), levels) if flow is None else flow
        total = sum(map(len, sessions))
        values, flow = (np.empty((total, len(each)), np.float32) for each in (features, order_flow))
        turned = np.empty_like(values) if mirrored else None
        parts: list[tuple[np.ndarray, ...]] = []
        first = 0
        for number, rows in enumerate(sessions):
            if rows.depth < levels:
                raise InputError(f"{rows.instrument.name}: rows have {rows.depth} levels, the model needs {levels}")
            own = slice(first, first + len(rows))
            _fill(values[own], features, rows)
            _fill(flow[own], order_flow, rows)
            usable = rows.valid & np.isfinite(rows.mid) & np.isfinite(values[own].sum(axis=1))
            if turned is not None:
                _fill(turned[own], features, upside_down(rows))
                usable &= np.isfinite(turned[own].sum(axis=1))
            spread = rows.levels[:, 0, 2] - rows.levels[:, 0, 0]
            parts.append((rows.mid, spread, rows.ts_exchange, np.full(len(rows), number, np.int32), usable))
            first += len(rows)
        mid, spread, time, session, usable = (np.concatenate(part) for part in zip(*parts))
        starts = run_starts(usable, session)
        told = tuple(map(describe, sessions))
        names = tuple(features.names), tuple(order_flow.names)
        return cls(values, flow, mid, spread, time, session, starts, *names, told, levels, turned)

    def __len__(self) -> int:
        return len(self.mid)

    @property
    def data_hash(self) -> str:
        """SHA-256 over the sessions' own hashes, in order."""
        return pooled_hash(self.sessions)

    @property
    def provenance(self) -> str:
        """The kinds of data in here, as "recorded", "simulated" or "recorded+simulated"."""
        return "+".join(sorted({str(s["provenance"]) for s in self.sessions}))

    def session_slices(self) -> list[slice]:
        """Where each session's rows are."""
        edges = np.searchsorted(self.session, np.arange(len(self.sessions) + 1))
        return [slice(int(first), int(last)) for first, last in pairwise(edges)]

    def fit_scaler(self, used: np.ndarray, flow: bool = False) -> Scaler:
        """Standardise by the rows that are `used` (N,) bool, of the inputs or of the order-flow columns."""
        values = self.flow if flow else self.inputs
        pieces = (values[at : at + PIECE][used[at : at + PIECE]] for at in range(0, len(values), PIECE))
        return Scaler.fit_pieces(piece[np.isfinite(piece.sum(axis=1))] for piece in pieces)

    def on_disk(self, folder: Path) -> Rows:
        """The same rows with the large arrays in files of `folder`, which processes then share instead of copying."""
        folder.mkdir(parents=True, exist_ok=True)
        moved = {}
        for name in ("inputs", "flow", "mirrored"):
            if (array := getattr(self, name)) is not None:
                np.save(folder / f"{name}.npy", array)
                moved[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
        return replace(self, **moved)


def _fill(out: np.ndarray, features: FeatureSet, rows: Snapshots) -> None:
    for number, piece in enumerate(features.pieces(rows, PIECE)):
        out[number * PIECE : number * PIECE + len(piece)] = piece


def pooled_hash(sessions: Iterable[Mapping[str, object]]) -> str:
    """SHA-256 over the hashes of sessions as `describe` tells them, in order."""
    return hashlib.sha256("\n".join(str(told["sha256"]) for told in sessions).encode()).hexdigest()


@dataclass(frozen=True)
class Samples:
    """Rows at which a prediction is asked for and its answer is known, ascending.

    Parameters
    ----------
    row, start, end
        (n,) decision row, first row of its window, row at which its label is known.
    move, known
        (n,) the move that makes the label, and the newest such move known at the decision (persistence's guess).
    """

    row: np.ndarray
    start: np.ndarray
    end: np.ndarray
    move: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, rows: Rows, label: Label, window: int = 100, stride: int = 1) -> Samples:
        """Every `stride`-th row of each session whose window, label and baseline columns all exist.

        Raises
        ------
        InputError
            When there is none.
        """
        return cls.with_newest(rows, label, window, stride)[0]

    @staticmethod
    def with_newest(rows: Rows, label: Label, window: int, stride: int) -> tuple[Samples, np.ndarray]:
        """What `of` gives, and the rows (n,) whose moves are the newest known, -1 where none is."""
        if stride < 1:
            raise InputError(f"stride must be at least 1, got {stride!r}")
        move, end = label.moves(rows.mid, rows.starts, rows.time, rows.spread)
        newest = last_known(end, rows.starts)
        known = np.where(newest >= 0, move[newest], 0.0)
        number = np.arange(len(rows))
        opening = np.searchsorted(rows.session, rows.session, side="left")
        keep = (end >= 0) & (number - rows.starts >= window - 1) & ((number - opening) % stride == 0)
        keep &= np.isfinite(rows.flow.sum(axis=1))
        row = np.flatnonzero(keep)
        if len(row) == 0:
            raise InputError(
                f"no row has a window of {window} rows before it and a label {label.ahead_in_words} after it; "
                f"the longest unbroken streak has {_longest(rows.starts)} rows"
            )
        return Samples(row, row - window + 1, end[row], move[row], known[row]), newest[row]

    def __len__(self) -> int:
        return len(self.row)

    def rows_used(self, positions: np.ndarray, total: int) -> np.ndarray:
        """Mask (total,) of the rows that the windows of some samples hold."""
        step = np.zeros(total + 1, np.int64)
        np.add.at(step, self.start[positions], 1)
        np.add.at(step, self.row[positions] + 1, -1)
        return np.cumsum(step[:-1]) > 0


def describe(rows: Snapshots) -> dict[str, object]:
    """What a session is, for a manifest: instrument, provenance, rows, first and last time, hash."""
    digest = hashlib.sha256()
    for array in (rows.ts_exchange, rows.levels, rows.flow, rows.valid):
        digest.update(np.ascontiguousarray(array).data)
    return {
        "instrument": rows.instrument.name,
        "provenance": rows.provenance,
        "rows": len(rows),
        "first": iso(int(rows.ts_exchange[0])),
        "last": iso(int(rows.ts_exchange[-1])),
        "sha256": digest.hexdigest(),
    }


def _longest(starts: np.ndarray) -> int:
    return int(np.bincount(starts[starts >= 0]).max()) if (starts >= 0).any() else 0
