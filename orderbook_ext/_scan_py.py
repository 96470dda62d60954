"""Binance's messages from bytes, in plain Python: the readable twin of the compiled scanner, with its whole surface."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from orderbook_ext import _checks
from orderbook_ext._json_py import EXPECTED, STAMP, ScanError
from orderbook_ext._message_py import MessageReader

STOPS = ("end", "refused", "gap", "snapshot", "full")  # in the order of the enum in _lines.pxd
_STAMP = re.compile(rb"([0-9]{16}|[0-9]{19}) ")


class Progress(NamedTuple):
    """How far `Scanner.follow` came."""

    position: int  # start of the line it stopped at
    lines: int  # read, whatever their kind
    applied: int  # diffs
    stale: int  # diffs older than the book
    levels: int  # set
    last_id: int
    last_ts: int
    fresh: bool
    stop: str  # "end", "refused", "gap", "snapshot" or "full" (no row left in `tops`)
    refusal: ScanError | None


def event_classes(events) -> tuple[type, ...]:
    """Five subclasses of tuple."""
    if events is None:
        return (tuple,) * 5
    classes = tuple(events)
    if len(classes) != 5 or not all(isinstance(c, type) and issubclass(c, tuple) for c in classes):
        raise TypeError(f"events must be five subclasses of tuple, got {events!r}")
    for c, n in zip(classes, (9, 7, 8, 8, 7)):
        if len(getattr(c, "_fields", range(n))) != n:
            raise TypeError(f"{c.__name__} must have {n} fields, got {c._fields}")
    return classes


def row_arrays(tops, times, depth: int) -> tuple[Any, Any, int]:
    """Check where `Scanner.follow` may write its rows; the third is how many."""
    n = 2**62
    for name, array, dtype, shape in (("tops", tops, np.float64, (depth, 4)), ("times", times, np.int64, (2,))):
        if array is None:
            continue
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape[1:] != shape or array.ndim < 2:
            got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise ValueError(f"{name} must be {np.dtype(dtype)} of shape (n, {', '.join(map(str, shape))}), got {got}")
        if not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"{name} must be C-contiguous and writeable")
        n = min(n, len(array))
    return tops, times, n


class Scanner:
    """Read the messages of one instrument; see the compiled class for what its parameters and attributes mean.

    Examples
    --------
    >>> scanner = Scanner("BTCUSDT", 0.1)
    >>> scanner.scan(b'{"e":"trade","T":1,"s":"BTCUSDT","t":7,"p":"28145.10","q":"0.002","X":"MARKET","m":true}', 5)
    ('BTCUSDT', 1000000, 5, 7, 281451, 0.002, -1, True)
    """

    def __init__(self, symbol: str, tick_size: float, events=None) -> None:
        self.tick_size, _, self._scale, _ = _checks.grid(tick_size, 1.0, 1)
        self.symbol = symbol
        self._classes = event_classes(events)
        self.kind, self.other_symbol, self.end, self.ts_receive = "", None, 0, 0

    def scan(self, payload, ts_receive: int = 0):
        """Give the event of a message, or None for a kind that gives none and for another symbol."""
        return self._event(self._read(bytes(payload)), ts_receive)

    def line(self, block: bytes, at: int = 0):
        """`scan` the line ``<receive time> {json}`` that starts at `at`, and set `end` and `ts_receive`."""
        if not isinstance(block, bytes):
            raise TypeError(f"block must be bytes, got {type(block).__name__}")
        if not 0 <= at <= len(block):
            raise ValueError(f"at must be 0 to {len(block)}, got {at}")
        stop = block.find(b"\n", at)
        self.end = stop + 1 if stop >= 0 else -1
        if stop < 0:
            return None
        self.ts_receive, start = _stamp(block, at, stop)
        return self._event(self._read(block[start:stop]), self.ts_receive)

    def feed(self, payload, book):
        """Apply a message to a book; ids, exchange time and number of levels, None for another kind or symbol."""
        self._check_grid(book)
        m = self._read(bytes(payload))
        if m.foreign or m.kind not in ("depthUpdate", "snapshot"):
            return None
        columns = _columns(m)
        (book.apply_ticks if m.kind == "depthUpdate" else book.snapshot_ticks)(*columns)
        return m.first_id, m.last_id, m.prev_id, m.ts, len(columns[0])

    def follow(self, block, book, last_id, *, at=0, last_ts=0, fresh=False, tops=None, times=None) -> Progress:
        """Apply the diffs of many lines to a book, as long as each continues the one before."""
        self._check_grid(book)
        tops, times, room = row_arrays(tops, times, book.depth)
        block = bytes(block)
        if not 0 <= at <= len(block):
            raise ValueError(f"at must be 0 to {len(block)}, got {at}")
        lines = applied = stale = levels = 0
        reason, refusal = "end", None
        while (stop := block.find(b"\n", at)) >= 0:
            try:
                received, start = _stamp(block, at, stop)
                m = self._read(block[start:stop])
            except ScanError as error:
                reason, refusal = "refused", error
                break
            if m.kind == "snapshot" and not m.foreign:
                reason = "snapshot"
                break
            if m.kind == "depthUpdate" and not m.foreign:
                if _is_stale(m, last_id, last_ts, fresh):
                    stale += 1
                elif not _continues(m, last_id, fresh):
                    reason = "gap"
                    break
                elif applied == room:
                    reason = "full"
                    break
                else:
                    columns = _columns(m)
                    book.apply_ticks(*columns)
                    last_id, last_ts, fresh = m.last_id, m.ts, False
                    if tops is not None:
                        book.top(book.depth, tops[applied])
                    if times is not None:
                        times[applied] = m.ts, received
                    applied += 1
                    levels += len(columns[0])
            lines += 1
            at = stop + 1
        return Progress(at, lines, applied, stale, levels, last_id, last_ts, bool(fresh), reason, refusal)

    def _check_grid(self, book) -> None:
        if book.tick_size != self.tick_size:
            raise ValueError(f"the book's tick size is {book.tick_size!r}, the scanner's {self.tick_size!r}")

    def _read(self, data: bytes) -> MessageReader:
        m = MessageReader(data, self.symbol, self.tick_size, self._scale).read()
        self.kind = m.kind
        self.other_symbol = None
        if m.foreign:
            self.other_symbol = m.fields.get("s", m.fields.get("symbol")).value.decode()
        return m

    def _event(self, m: MessageReader, ts_receive: int):
        if m.foreign:
            return None
        head = (self.symbol, ts_receive if m.ts < 0 else m.ts, ts_receive)
        if m.kind == "depthUpdate":
            return tuple.__new__(self._classes[0], (*head, m.first_id, m.last_id, m.prev_id, *_columns(m)))
        if m.kind == "snapshot":
            return tuple.__new__(self._classes[1], (*head, m.last_id, *_columns(m)))
        if m.kind in ("trade", "aggTrade"):
            return tuple.__new__(self._classes[2], (*head, m.last_id, m.tick, m.quantity, m.side, m.market))
        if m.kind == "bookTicker":
            best = (m.bid, m.bid_quantity, m.ask, m.ask_quantity)
            return tuple.__new__(self._classes[3], (*head, m.last_id, *best))
        if m.kind == "markPriceUpdate":
            return tuple.__new__(self._classes[4], (*head, m.mark, m.index, m.rate, m.next_funding))
        return None


def _stamp(block: bytes, at: int, stop: int) -> tuple[int, int]:
    """Receive time in ns, and where the message starts."""
    found = _STAMP.match(block, at, stop)
    digits = found[1] if found else b""
    time = int(digits or b"0") * (1000 if len(digits) == 16 else 1)
    if not found or time >= 2**63:
        raise ScanError(0, EXPECTED[STAMP], block[at : min(stop, at + 24)])
    return time, found.end()


def _columns(m: MessageReader) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sides = np.repeat(np.array([0, 1], np.int8), [len(m.bids), len(m.asks)])
    ticks = np.array([tick for tick, _ in m.bids + m.asks], np.int64)
    quantities = np.array([quantity for _, quantity in m.bids + m.asks], np.float64)
    for column in (sides, ticks, quantities):
        column.flags.writeable = False
    return sides, ticks, quantities


def _is_stale(m: MessageReader, last_id: int, last_ts: int, fresh: bool) -> bool:
    if fresh and m.prev_id >= 0:
        return m.last_id < last_id
    return m.last_id <= last_id and (fresh or m.ts <= last_ts)


def _continues(m: MessageReader, last_id: int, fresh: bool) -> bool:
    if m.last_id < last_id:
        return False
    if m.prev_id < 0:
        return m.first_id <= last_id + 1
    return m.prev_id <= last_id if fresh else m.prev_id == last_id
