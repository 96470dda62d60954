"""Pooled rows of several sessions, and the samples among them. Windows stay indices into the rows, never copies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from genesis_lib.clock import iso
from genesis_lib.errors import InputError
from genesis_lib.features import OFI_INPUTS, FeatureSet, input_columns
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.labels import Label, last_known, run_starts
from genesis_lib.types import Snapshots


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

    @classmethod
    def of(
        cls, sessions: Sequence[Snapshots], levels: int = 10, inputs: str | Sequence[str] | FeatureSet = "book"
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
        columns = tuple(features.names)
        flow_columns = OFI_INPUTS(levels)
        parts: list[tuple[np.ndarray, ...]] = []
        for number, rows in enumerate(sessions):
            if rows.depth < levels:
                raise InputError(f"{rows.instrument.name}: rows have {rows.depth} levels, the model needs {levels}")
            values = features.batch(rows).astype(np.float32)
            flow = FeatureSet(flow_columns, levels).batch(rows).astype(np.float32)
            usable = rows.valid & np.isfinite(values).all(axis=1) & np.isfinite(rows.mid)
            spread, own = rows.levels[:, 0, 2] - rows.levels[:, 0, 0], np.full(len(rows), number, np.int32)
            parts.append((values, flow, rows.mid, spread, rows.ts_exchange, own, usable))
        values, flow, mid, spread, time, session, usable = (np.concatenate(part) for part in zip(*parts))
        del parts
        starts = run_starts(usable, session)
        told = tuple(map(describe, sessions))
        return cls(values, flow, mid, spread, time, session, starts, columns, flow_columns, told, levels)

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

    def scaled(self, scaler: Scaler, mirrored: bool = False) -> np.ndarray:
        """All inputs scaled, (N, F) float32, 0 at unusable rows (no window holds one); `mirrored` see `mirror`."""
        order, sign = mirror(self.columns) if mirrored else (slice(None), 1.0)
        result = np.empty_like(self.inputs)
        for first in range(0, len(result), 1 << 16):  # float64 copies of a piece, never of all
            piece = slice(first, first + (1 << 16))
            result[piece] = scaler.transform(self.inputs[piece][:, order] * sign)
        result[self.starts < 0] = 0.0
        return result


def pooled_hash(sessions: Iterable[Mapping[str, object]]) -> str:
    """SHA-256 over the hashes of sessions as `describe` tells them, in order."""
    return hashlib.sha256("\n".join(str(told["sha256"]) for told in sessions).encode()).hexdigest()


def mirror(columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Order and sign that turn a row of model inputs into that of the same book upside down.

    Bids become asks at the same distance on the other side of the mid; what rose falls. ``row[order] * sign``.

    >>> mirror(("ask_price_1", "ask_size_1", "bid_price_1", "bid_size_1"))
    (array([2, 3, 0, 1]), array([-1.,  1., -1.,  1.]))
    """
    other = {"ask": "bid", "bid": "ask"}
    swapped = [f"{other[name[:3]]}{name[3:]}" for name in columns]
    order = np.array([list(columns).index(name) for name in swapped])
    return order, np.where(["price" in name for name in columns], -1.0, 1.0)


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
        if stride < 1:
            raise InputError(f"stride must be at least 1, got {stride!r}")
        move, end = label.moves(rows.mid, rows.starts, rows.time, rows.spread)
        newest = last_known(end, rows.starts)
        known = np.where(newest >= 0, move[newest], 0.0)
        number = np.arange(len(rows))
        opening = np.searchsorted(rows.session, rows.session, side="left")
        keep = (end >= 0) & (number - rows.starts >= window - 1) & ((number - opening) % stride == 0)
        keep[keep] = np.isfinite(rows.flow[keep]).all(axis=1)
        row = np.flatnonzero(keep)
        if len(row) == 0:
            raise InputError(
                f"no row has a window of {window} rows before it and a label {label.horizon} rows after it; "
                f"the longest unbroken streak has {_longest(rows.starts)} rows"
            )
        return cls(row, row - window + 1, end[row], move[row], known[row])

    def __len__(self) -> int:
        return len(self.row)

    def rows_used(self, positions: np.ndarray, total: int) -> np.ndarray:
        """Mask (total,) of the rows that the windows of some samples hold."""
        step = np.zeros(total + 1, np.int64)
        np.add.at(step, self.start[positions], 1)
        np.add.at(step, self.row[positions] + 1, -1)
        return np.cumsum(step[:-1]) > 0


def gather(ends: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that windows ending at `ends` hold, each once, and where each window finds them.

    Returns
    -------
    rows, index
        (R,) row numbers, and (n, window) positions among them.
    """
    wanted = ends[:, None] + np.arange(1 - window, 1)
    rows, index = np.unique(wanted, return_inverse=True)
    return rows, index.reshape(wanted.shape)


def epoch(
    positions: np.ndarray, batch: int, rng: np.random.Generator, limit: int | None = None, together: int = 8
) -> Iterator[np.ndarray]:
    """Shuffled batches of sample positions, `together` neighbours at a time.

    Neighbouring windows share most of their rows, and the network computes a shared row once: eight neighbours train
    six times as fast as eight strangers. Where the neighbours are cut changes from epoch to epoch.

    Parameters
    ----------
    positions
        (n,) ascending.
    batch
        Samples a batch, about.
    limit
        Samples an epoch at most, drawn anew each epoch.
    """
    shift = int(rng.integers(together))
    groups = np.split(positions, np.arange(shift, len(positions), together)) if len(positions) else []
    groups = [group for group in groups if len(group)]
    if limit is not None:
        keep = max(limit // together, 1)
        groups = [groups[i] for i in rng.permutation(len(groups))[:keep]]
    else:
        groups = [groups[i] for i in rng.permutation(len(groups))]
    size = max(batch // together, 1)
    for first in range(0, len(groups), size):
        chosen = np.concatenate(groups[first : first + size])
        if len(chosen) > 1:  # a batch of one has no variance to normalise with
            yield chosen


def describe(rows: Snapshots) -> dict[str, object]:
    """What a session is, for a manifest: instrument, provenance, rows, first and last time, hash."""
    digest = hashlib.sha256()
    for array in (rows.ts_exchange, rows.levels, rows.flow, rows.valid):
        digest.update(np.ascontiguousarray(array).tobytes())
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
