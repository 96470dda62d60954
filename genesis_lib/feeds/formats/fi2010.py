"""FI-2010, the benchmark of five Finnish stocks: its decimal-precision text, which alone keeps the prices."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.decompression import open_bytes
from genesis_lib.feeds.formats.grids import Grid
from genesis_lib.feeds.formats.row_files import RowFiles, Rows
from genesis_lib.feeds.instruments import SECOND
from genesis_lib.feeds.recording import hash_files
from genesis_lib.feeds.validation import GOOD, judge
from genesis_lib.types import Instrument, Snapshots

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

NAME = "fi2010"
LEVELS, BOOK, FIELDS = 10, 40, 149
LABELS = slice(144, 149)  # 1 up, 2 stationary, 3 down, for five horizons
START = 1_275_350_400 * SECOND  # 2010-06-01, the first of the ten days
STEP = SECOND
OTHER_STOCK = 0.10  # a mid that moves by more between two samples is another stock's
PROVEN = 0.6
BLOCK = 1 << 16
FINEST = 1e-6  # of a unit: prices of the decimal-precision variant have few decimals, scaled ones seven digits or more
_ONLY_NUMBERS = re.compile(rb"[-+0-9.eE \t\r]+")


class Fi2010Rows(RowFiles):
    """The samples of one stock in one file.

    A file has no times: samples (every tenth event of the venue) are numbered one second apart from 2010-06-01 00:00
    UTC on, and neither days nor stocks are told apart. A stock ends where the mid moves by more than a tenth; a row
    that shares no price with the row before it is invalid, as is the first after a night. Prices and sizes are as the
    file has them: the venue's divided by a power of ten, exactly.

    Notes
    -----
    149 rows of samples in columns (or transposed): ask price, ask size, bid price, bid size of level 1, of level 2 ...;
    104 features derived from them, which are left out; five labels. The z-score and min-max variants have no prices any
    more (each column was scaled on its own), so no book can be had from them: they are refused.

    References
    ----------
    A. Ntakaris et al., "Benchmark dataset for mid-price forecasting of limit order book data with machine learning
    methods", Journal of Forecasting 37 (2018), 852-866.
    """

    kind = NAME

    def __init__(
        self,
        path: Path,
        table: np.ndarray,
        first: int,
        instrument: Instrument,
        *,
        digest: Callable[[], str],
        tick_size: float | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        super().__init__([path], tick_size=tick_size, quarantine=quarantine)
        self.name = f"{path.name}, {instrument.symbol}"
        self._table, self._first, self._instrument, self._digest = table, first, instrument, digest

    @property
    def data_hash(self) -> str:
        """sha256 over the file's bytes and the place of the stock in it."""
        return hashlib.sha256(f"{self._digest()}:{self._first}".encode()).hexdigest()

    @property
    def instrument(self) -> Instrument:
        """Venue ``fi2010``, and which stock of the file."""
        return self._instrument

    def _rows(self, path: Path) -> Iterator[Rows]:
        for start in range(0, len(self._table), BLOCK):
            levels = self._table[start : start + BLOCK]
            numbers = np.arange(self._first + start, self._first + start + len(levels))
            ts = START + STEP * numbers
            unreadable = np.zeros(len(levels), bool)
            yield Rows(numbers + 1, ts, ts, levels, unreadable, [], self._texts)

    def _texts(self, samples: Sequence[int]) -> list[str]:
        return [" ".join(map(repr, self._table[sample - 1 - self._first].ravel().tolist())) for sample in samples]

    def blocks(self) -> Iterator[Snapshots]:
        """Good rows, a block at a time; a row that shares no price with the one before is invalid."""
        before: np.ndarray | None = None
        for block in super().blocks():
            prices = block.levels[:, :, 0::2].reshape(len(block), -1)
            held = np.concatenate([prices[:1] if before is None else before, prices[:-1]])
            block.valid[~(prices[:, :, None] == held[:, None, :]).any(axis=(1, 2))] = False
            before = prices[-1:]
            yield block


def recognises(path: Path, head: bytes) -> bool:
    """Whether the first line is numbers and blanks alone, and a hundred of them or more."""
    line = head.partition(b"\n")[0]
    return _ONLY_NUMBERS.fullmatch(line) is not None and len(line.split()) >= 100


def open_files(
    paths: list[Path],
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[Fi2010Rows]:
    """Open files, a session for each stretch of a stock; `symbol` names them instead of the file's name."""
    return [
        session
        for path in paths
        for session in _open(path, tick_size, symbol or path.name.split(".")[0], venue or NAME, quarantine)
    ]


def _open(
    path: Path, tick_size: float | None, name: str, venue: str, quarantine: Quarantine | None
) -> Iterator[Fi2010Rows]:
    table, _ = read_samples(path)
    levels = table.reshape(-1, LEVELS, 4)[:, :, [2, 3, 0, 1]]
    codes = judge(levels, np.zeros(len(levels), np.int64))
    share = float((codes == GOOD).mean())
    if share < PROVEN:
        raise RecordingError(
            f"its first 40 columns are a book in {share:.1%} of samples: this is a normalised variant (z-score or "
            "min-max), in which no prices are left; take the decimal-precision one (DecPre)",
            path,
        )
    prices, sizes = Grid(), Grid()
    prices.add(levels[codes == GOOD][:, :, 0::2])
    sizes.add(levels[codes == GOOD][:, :, 1::2])
    if prices.step < FINEST:
        raise RecordingError(
            f"its prices have a common step of {prices.step!r} only: this is a normalised variant (min-max), in which "
            "no prices are left; take the decimal-precision one (DecPre)",
            path,
        )
    places = np.flatnonzero(codes == GOOD)
    mid = (levels[places, 0, 0] + levels[places, 0, 2]) / 2.0
    jumps = np.abs(np.diff(mid)) > OTHER_STOCK * mid[:-1]
    digest = cache(partial(hash_files, (path,)))
    starts = [0, *(places[1:][jumps]).tolist()]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(levels)]), 1):
        instrument = Instrument(venue, f"{name}-{number}", tick_size or prices.step, sizes.step or 1.0)
        grid = {"tick_size": tick_size, "quarantine": quarantine}
        yield Fi2010Rows(path, levels[start:end], start, instrument, digest=digest, **grid)


def read_samples(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one file of any normalisation: book (n, 40) and labels (n, 5) of the samples, from either orientation.

    Raises
    ------
    RecordingError
        When it is not 149 rows or columns of numbers, or the last five hold anything but 1, 2 and 3.
    """
    kept: list[np.ndarray] = []
    told: list[np.ndarray] = []
    width = number = 0
    with open_bytes(path) as stream:
        for number, line in enumerate(_lines(stream), 1):
            fields = line.split()
            width = width or len(fields)
            if len(fields) != width:
                raise RecordingError(f"{len(fields)} numbers, where the first line has {width}", path, number)
            try:
                if width == FIELDS:  # a sample
                    kept.append(np.array(fields[:BOOK], np.float64))
                    labels = fields[LABELS]
                else:  # one of the 149 columns
                    if number <= BOOK:
                        kept.append(np.array(fields, np.float64))
                    labels = fields if number > LABELS.start else ()
                if labels:
                    told.append(np.array(labels, np.float64))
                    if not np.isin(told[-1], (1.0, 2.0, 3.0)).all():
                        raise RecordingError(
                            "the last five columns must be labels (1, 2 or 3): not FI-2010", path, number
                        )
            except RecordingError:
                raise
            except ValueError as error:
                raise RecordingError(f"a field is no number: {error}", path, number) from None
    if FIELDS not in (width, number):
        raise RecordingError(f"{number} lines of {width} numbers; FI-2010 has 149 of either", path)
    axis = 0 if width == FIELDS else 1
    return np.stack(kept, axis=axis), np.stack(told, axis=axis).astype(np.int8)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    rest: list[bytes] = []
    while chunk := stream.read(1 << 22):
        first, *others = chunk.split(b"\n")
        rest.append(first)
        for other in others:
            yield b"".join(rest)
            rest = [other]
    if b"".join(rest).strip():
        yield b"".join(rest)
