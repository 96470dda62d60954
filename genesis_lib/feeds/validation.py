"""Bad rows of foreign files: found, set aside with file, line and reason, counted, and never repaired."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from genesis_lib.errors import RecordingError

if TYPE_CHECKING:
    from genesis_lib.feeds.integrity import Ledger

WIDEST = 0.10  # of the mid: a spread above is none of a market

# In the order in which they are tested (but the last): a row is rejected for the first that holds.
GOOD = 0
UNREADABLE, NON_FINITE, NEGATIVE, EMPTY, ONE_SIDED, CROSSED, TOO_WIDE = range(1, 8)
DUPLICATE_LEVEL, UNSORTED, OFF_GRID, AHEAD, BACK, DUPLICATE, NO_SIZE = range(8, 15)
REASONS = (
    "good",
    "unreadable",  # a field is no number or no time, or there are too few or too many fields
    "non-finite",  # NaN or infinity; of a book that may be thin, beside or above a filled level
    "negative",  # a price that is not positive, or a quantity below zero
    "empty",  # no level on either side
    "one-sided",
    "crossed",  # best bid is not below best ask
    "too wide",  # a spread of more than a tenth of the mid
    "duplicate level",  # a price twice on one side
    "unsorted",  # bids must descend, asks ascend
    "off grid",  # a price that is no multiple of the tick size that was given
    "time ahead",  # later than both rows behind it, which themselves are in order with the row before it
    "time going back",
    "duplicate",  # the row before once more
    "no size at the best",  # nothing is offered at what is told as the best price; tested before "crossed"
)


def judge(
    levels: np.ndarray,
    ts: np.ndarray,
    *,
    latest: int = 0,
    unreadable: np.ndarray | None = None,
    partial: bool = False,
    tick_size: float | None = None,
) -> np.ndarray:
    """Say of each book row what is wrong with it.

    Parameters
    ----------
    levels
        (n, L, 4), as `Snapshots.levels`.
    ts
        (n,) int64, the time that must not go back.
    latest
        Largest time of the good rows before.
    unreadable
        (n,) rows that were not read whole.
    partial
        Whether a side may have fewer than L levels (NaN behind its last).
    tick_size
        Grid that prices must lie on.

    Returns
    -------
    codes : (n,) int8
        Index into `REASONS`; 0 is a good row. That a row repeats the one before is the caller's to say.
    """
    codes = np.zeros(len(ts), np.int8)

    def mark(where: np.ndarray, code: int) -> None:
        codes[where & (codes == GOOD)] = code

    if unreadable is not None:
        mark(unreadable, UNREADABLE)
    prices, sizes = levels[:, :, 0::2], levels[:, :, 1::2]
    gone = np.isnan(prices) & np.isnan(sizes)  # (n, L, 2)
    with np.errstate(invalid="ignore"):
        if partial:
            holes = (gone[:, :-1] & ~gone[:, 1:]).any(axis=(1, 2))
            unpaired = (np.isnan(prices) ^ np.isnan(sizes)).any(axis=(1, 2))
            mark(holes | unpaired | np.isinf(levels).any(axis=(1, 2)), NON_FINITE)
        else:
            mark(~(np.isfinite(levels) | (gone.all(axis=1).any(axis=1))[:, None, None]).all(axis=(1, 2)), NON_FINITE)
        mark((levels < 0).any(axis=(1, 2)) | (prices == 0).any(axis=(1, 2)), NEGATIVE)
        sides = (~gone).any(axis=1)  # (n, 2)
        mark(~sides.any(axis=1), EMPTY)
        mark(~sides.all(axis=1), ONE_SIDED)
        mark((sizes[:, 0] == 0).any(axis=1), NO_SIZE)
        bid, ask = levels[:, 0, 0], levels[:, 0, 2]
        mark(bid >= ask, CROSSED)
        mark(ask - bid > WIDEST * (bid + ask) / 2.0, TOO_WIDE)
        steps = np.diff(prices, axis=1)
        mark((steps == 0).any(axis=(1, 2)), DUPLICATE_LEVEL)
        mark((steps[:, :, 0] > 0).any(axis=1) | (steps[:, :, 1] < 0).any(axis=1), UNSORTED)
        if tick_size is not None:
            exact = prices / tick_size
            off = np.abs(exact - np.rint(exact)) > 1e-9 + 1e-15 * exact
            mark((off & ~gone).any(axis=(1, 2)), OFF_GRID)
    mark(_ahead(ts, codes == GOOD, latest), AHEAD)
    # A row that goes back is below the largest time before it, so it never moves that largest time itself.
    told = np.maximum.accumulate(np.where(codes == GOOD, ts, latest)) if len(ts) else ts
    mark(ts < np.maximum(told, latest), BACK)
    return codes


def _ahead(ts: np.ndarray, good: np.ndarray, latest: int) -> np.ndarray:
    """Rows of a clock that was wrong once: without this every row behind one would seem to go back."""
    places = np.flatnonzero(good)
    told = ts[places]
    before = np.maximum.accumulate(np.concatenate([[latest], told[:-1]])[: len(told)])
    ahead = np.zeros(len(ts), bool)
    if len(told) > 2:
        lone = (
            (told[:-2] > told[1:-1]) & (told[:-2] > told[2:]) & (told[1:-1] >= before[:-2]) & (told[2:] >= told[1:-1])
        )
        lone[0] &= latest > 0
        ahead[places[:-2][lone]] = True
    return ahead


def refuse(file: Path, line: int, reason: str, text: str) -> None:
    """Be strict: a bad row is an error.

    Raises
    ------
    RecordingError
        Always.
    """
    shown = text if len(text) <= 120 else f"{text[:117]}..."
    raise RecordingError(f"{reason}: {shown}", file, line)


class Quarantine:
    """Where rows go that cannot be right.

    Readers call `reject` while they are read through, not when they are opened. Lines are written as they come, to a
    temporary file beside `path` that gets its name with `commit`. One file serves all data beside it: of files that are
    read again only the new lines stay. As a context manager it discards what was not committed.

    Parameters
    ----------
    path
        ``quarantine.jsonl`` beside the data; None only counts.

    Attributes
    ----------
    counts : Counter
        Rejected rows by reason.
    ledger : Ledger or None
        Gets an incident ``quarantined`` for each row.
    """

    def __init__(self, path: Path | None = None, ledger: Ledger | None = None) -> None:
        self.path, self.ledger = path, ledger
        self.counts: Counter[str] = Counter()
        self._stream: TextIO | None = None
        self._made: list[Path] = []  # folders that were not there before

    def reject(self, file: Path, line: int, reason: str, text: str, *, ts_exchange: int = 0, symbol: str = "") -> None:
        """Set a row aside: its file and line (or record number), why, and the row as it stood there."""
        self.counts[reason] += 1
        if self.ledger is not None:
            self.ledger.note(ts_exchange, "quarantined", f"{Path(file).name}:{line}: {reason}", symbol)
        if self.path is None:
            return
        if self._stream is None:
            self._made = [folder for folder in self.path.parents if not folder.exists()]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._temporary.open("w", encoding="utf-8", errors="replace")
        entry = {"file": str(file), "line": int(line), "reason": reason, "text": text}
        self._stream.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def check_share(self, good: int, bad: int, file: object) -> None:
        """Refuse a file of which most rows are bad: it is something else than it seems, or broken.

        Raises
        ------
        RecordingError
            Names the commonest reasons.
        """
        if bad > good:
            told = ", ".join(f"{count} {reason}" for reason, count in self.counts.most_common(3))
            raise RecordingError(f"{bad} of {good + bad} rows are bad ({told}): nothing of it is to be trusted", file)

    def commit(self, files: Iterable[Path] = ()) -> Path | None:
        """Flush to disk and give the file its name.

        Parameters
        ----------
        files
            Those that were read: what an older quarantine says of them is forgotten, of others kept.

        Returns
        -------
        path or None
            None when no row is in quarantine.
        """
        if self.path is None:
            return None
        read = {Path(file).resolve() for file in files}
        older = (line for line in _lines(self.path) if _file_of(line) not in read)
        if self._stream is None and not self.path.exists():
            return None
        with self._stream or self._temporary.open("w", encoding="utf-8") as stream:
            stream.writelines(older)
            stream.flush()
            os.fsync(stream.fileno())
            kept = stream.tell()
        self._stream = None
        if not kept:
            self._temporary.unlink()
            self.path.unlink()
            return None
        self._temporary.replace(self.path)
        return self.path

    def discard(self) -> None:
        """Leave nothing behind that was not committed."""
        if self._stream is None:
            return
        self._temporary.unlink(missing_ok=True)
        with suppress(OSError):  # a full disk may be why it comes to this
            self._stream.close()
        self._stream = None
        for folder in self._made:
            if not folder.exists() or any(folder.iterdir()):
                break
            folder.rmdir()

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    @property
    def _temporary(self) -> Path:
        return self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")


def _file_of(line: str) -> Path | None:
    try:
        return Path(json.loads(line)["file"]).resolve()
    except (ValueError, KeyError, TypeError):
        return None  # not ours to judge: it stays


def _lines(path: Path) -> Iterator[str]:
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as stream:
            yield from stream
