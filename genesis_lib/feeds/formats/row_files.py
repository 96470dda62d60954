"""Files that hold whole book rows: read in blocks, judged, the bad ones set aside, the rest given as rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.grids import Grid
from genesis_lib.feeds.recording import MAX_STEP_BACK, hash_files
from genesis_lib.feeds.validation import BACK, DUPLICATE, GOOD, OFF_GRID, REASONS, UNREADABLE, judge, refuse
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshot, Snapshots

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine


@dataclass(slots=True)
class Rows:
    """Rows as a file has them.

    `lines` (n,) are line or record numbers; `ts_exchange`, `ts_receive` (n,) int64; `levels` (n, L, 4); `unreadable`
    (n,) marks rows that were not read whole; `ragged` are numbers of lines that are no rows at all; `texts` gives lines
    as they stand in the file; `ids` (n,) where the venue numbers its rows: those of two numbers are no duplicates.
    """

    lines: np.ndarray
    ts_exchange: np.ndarray
    ts_receive: np.ndarray
    levels: np.ndarray
    unreadable: np.ndarray
    ragged: list[int]
    texts: Callable[[Sequence[int]], list[str]]
    ids: np.ndarray | None = None

    def where(self, mask: np.ndarray) -> Rows:
        """The rows that a mask keeps; ragged lines stay."""
        columns = (self.lines, self.ts_exchange, self.ts_receive, self.levels, self.unreadable)
        ids = None if self.ids is None else self.ids[mask]
        return Rows(*(column[mask] for column in columns), self.ragged, self.texts, ids)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first pass over the good rows finds: the grids of prices and sizes, and first and last exchange time."""

    prices: Grid
    sizes: Grid
    first: int
    last: int


class RowFiles(ABC):
    """A session of rows in one or several files that follow each other.

    Bad rows go to the quarantine while the rows are read, and the row after one is invalid: nothing may look across.
    Without a quarantine the first bad row is a `RecordingError`.

    Parameters
    ----------
    paths
        In order of time.
    partial
        Whether a side may have fewer levels than there are columns.
    """

    kind: str
    provenance = "recorded"

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        tick_size: float | None = None,
        quarantine: Quarantine | None = None,
        partial: bool = False,
    ) -> None:
        if tick_size is not None and not (np.isfinite(tick_size) and tick_size > 0):
            raise InputError(f"tick_size must be a positive number, got {tick_size!r}")
        self.paths = tuple(paths)
        self.name = " + ".join(path.name for path in self.paths)
        self.quarantine, self.tells_ragged = quarantine, True
        self._tick_size, self._partial = tick_size, partial

    @abstractmethod
    def _rows(self, path: Path) -> Iterator[Rows]:
        """Read a file, a block at a time."""

    @property
    @abstractmethod
    def instrument(self) -> Instrument:
        """What the rows are of."""

    @cached_property
    def data_hash(self) -> str:
        """sha256 over the files' bytes."""
        return hash_files(self.paths)

    @cached_property
    def survey(self) -> Survey:
        """What a pass over all rows finds.

        Raises
        ------
        RecordingError
            When no row is good.
        """
        prices, sizes, found, counts = Grid(), Grid(), [], Counter()
        for _, rows, codes in self._judged():
            counts.update(dict(zip(*np.unique(codes, return_counts=True))))
            good = codes == GOOD
            if good.any():
                held = rows.levels[good]
                prices.add(_finite(held[:, :, 0::2]))
                sizes.add(_finite(held[:, :, 1::2]))
                times = rows.ts_exchange[good]
                found = [found[0] if found else int(times[0]), int(times[-1])]
        if not found:
            told = ", ".join(f"{number} {REASONS[code]}" for code, number in counts.most_common(3)) or "no row in it"
            if counts[OFF_GRID]:
                told += f": no multiple of the tick size {self._tick_size!r}"
            raise RecordingError(f"no good row in it ({told})", self.paths[0])
        return Survey(prices, sizes, *found)

    def span(self) -> tuple[int, int]:
        """First and last exchange time of the good rows, ns."""
        return self.survey.first, self.survey.last

    def blocks(self) -> Iterator[Snapshots]:
        """Good rows, a block at a time.

        Raises
        ------
        RecordingError
            At the end, when most rows were bad; without a quarantine at the first one.
        """
        instrument, hole = self.instrument, self._longest_step()
        doubtful, last, good_rows, bad_rows = False, None, 0, 0
        for path, rows, codes in self._judged():
            good = codes == GOOD
            bad = self._reject(path, rows, codes)
            bad_rows += len(bad)
            if not good.any():
                doubtful |= len(bad) > 0
                continue
            kept = rows.where(good)
            good_rows += len(kept.lines)
            # A row is doubtful when a bad one stands between it and the good one before.
            passed = np.searchsorted(bad, kept.lines)
            valid = np.diff(passed, prepend=0) == 0
            steps = np.diff(kept.ts_exchange, prepend=kept.ts_exchange[0] if last is None else last)
            valid &= steps <= hole
            valid[0] &= not doubtful
            doubtful, last = passed[-1] < len(bad), int(kept.ts_exchange[-1])
            flow = np.zeros((len(valid), len(FLOW_FIELDS)))
            yield Snapshots(instrument, kept.ts_exchange, kept.ts_receive, kept.levels, flow, valid, self.provenance)
        if self.quarantine is not None:
            self.quarantine.check_share(good_rows, bad_rows, self.name)

    def snapshots(self) -> Snapshots:
        """All good rows at once."""
        from genesis_lib.feeds.snapshots import concatenate

        return concatenate(list(self.blocks()))

    def events(self) -> Iterator[Snapshot]:
        """Good rows, one after the other, a block of them in memory."""
        for block in self.blocks():
            yield from block

    def _longest_step(self) -> int:
        """Longest silence, ns, that is none in the data; the row after a longer one is invalid."""
        return 2**62

    def _grid(self) -> tuple[float, float]:
        """Tick and lot size: as given, else found."""
        try:
            tick = self._tick_size or self.survey.prices.price_step()
        except RecordingError:
            raise
        except InputError as error:
            raise RecordingError(str(error), self.paths[0]) from None
        return tick, max(self.survey.sizes.step, 1e-12) if self.survey.sizes.step else 1.0

    def _judged(self) -> Iterator[tuple[Path, Rows, np.ndarray]]:
        latest, told, before = 0, 0, None
        for path in self.paths:
            for rows in self._rows(path):
                codes = judge(
                    rows.levels,
                    rows.ts_receive,
                    latest=latest,
                    unreadable=rows.unreadable,
                    partial=self._partial,
                    tick_size=self._tick_size,
                )
                if len(codes):
                    codes[(codes == GOOD) & _repeats(rows, before)] = DUPLICATE
                    number = None if rows.ids is None else rows.ids[-1]
                    before = rows.ts_exchange[-1], rows.ts_receive[-1], rows.levels[-1], number
                    told = _in_order(rows, codes, told)
                good = codes == GOOD
                if good.any():
                    latest = max(latest, int(rows.ts_receive[good].max()))
                yield path, rows, codes

    def _reject(self, path: Path, rows: Rows, codes: np.ndarray) -> np.ndarray:
        """Set the bad rows aside; gives their line numbers, sorted."""
        wrong = np.flatnonzero(codes)
        found = dict(zip(rows.lines[wrong].tolist(), codes[wrong].tolist()))
        times = dict(zip(rows.lines[wrong].tolist(), rows.ts_exchange[wrong].tolist()))
        silent = [] if self.tells_ragged else rows.ragged
        found |= dict.fromkeys(rows.ragged, UNREADABLE)
        lines = sorted(found)
        symbol = self.instrument.symbol
        for line, text in zip(lines, rows.texts(lines)):
            if line in silent:
                continue
            reason = REASONS[found[line]]
            if self.quarantine is None:
                refuse(path, line, reason, text)
            self.quarantine.reject(path, line, reason, text, ts_exchange=times.get(line, 0), symbol=symbol)
        return np.array(lines, np.int64)


def _finite(numbers: np.ndarray) -> np.ndarray:
    return numbers[np.isfinite(numbers)]


def _in_order(rows: Rows, codes: np.ndarray, told: int) -> int:
    """Hold exchange times against the newest before them: two messages may be in disorder, a clock may not go back.

    Rows are ordered by receive time; where the exchange's is a little behind, it takes the newest one told, as in
    `RowBuilder`. Gives the newest.
    """
    newest = np.maximum(np.maximum.accumulate(np.where(codes == GOOD, rows.ts_exchange, told)), told)
    codes[(codes == GOOD) & (newest - rows.ts_exchange > MAX_STEP_BACK)] = BACK
    rows.ts_exchange = np.where(codes == GOOD, newest, rows.ts_exchange)
    return int(newest[-1])


def _repeats(rows: Rows, before: tuple | None) -> np.ndarray:
    """(n,) whether a row says the same at the same time as the one before it."""
    exchange, receive = rows.ts_exchange, rows.ts_receive
    same = np.zeros(len(exchange), bool)
    same[1:] = (exchange[1:] == exchange[:-1]) & (receive[1:] == receive[:-1])
    if rows.ids is not None:
        same[1:] &= rows.ids[1:] == rows.ids[:-1]
    at = np.flatnonzero(same)
    if len(at):
        same[at] = [np.array_equal(rows.levels[i], rows.levels[i - 1], equal_nan=True) for i in at]
    if before is not None:
        same[0] = (
            exchange[0] == before[0]
            and receive[0] == before[1]
            and (rows.ids is None or rows.ids[0] == before[3])
            and np.array_equal(rows.levels[0], before[2], equal_nan=True)
        )
    return same
