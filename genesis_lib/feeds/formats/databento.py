"""Databento's market by order (MBO): the venue's orders one by one, and the ten levels (MBP-10) as they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.databento_files import (
    F_LAST,
    F_MAYBE_BAD_BOOK,
    F_MBP,
    F_SNAPSHOT,
    F_TOB,
    PRICE_UNIT,
    PUBLISHERS,
    UNDEF_PRICE,
    UNDEF_TIME,
    Described,
    describe,
    records,
    schema_of,
)
from genesis_lib.feeds.formats.feed_instruments import MOST_TICKS
from genesis_lib.feeds.formats.order_flow import FlowBlock, OrderFlowRecording
from genesis_lib.feeds.recording import Recording
from genesis_lib.types import Instrument, Trade
from orderbook_ext import OrderAction

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

NAME = "databento"
ACTIONS = {
    b"A": OrderAction.ADD,
    b"C": OrderAction.REDUCE,
    b"M": OrderAction.MODIFY,
    b"R": OrderAction.CLEAR,
}
_CODES = np.full(256, -1, np.int8)
for _letter, _action in ACTIONS.items():
    _CODES[_letter[0]] = _action


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file is DBN or Databento's CSV, of schema MBO or MBP-10."""
    return schema_of(head) is not None


def open_files(paths, *, tick_size=None, symbol=None, venue=None, quarantine=None) -> list[Recording]:
    """Open files, in order of name, as sessions: one for each instrument of each publisher.

    MBO and MBP-10 of one instrument are one session: its events are those of the orders, and the levels are what it is
    held against. MBP-10 alone is a session of levels.
    """
    from genesis_lib.feeds.formats.databento_levels import DatabentoLevels

    found: dict[str, dict[tuple[int, int], Found]] = {"mbo": {}, "mbp-10": {}}
    for path in sorted(map(Path, paths), key=lambda path: path.name):
        described = describe(path)
        scan(path, described, found[described.schema])
    sessions: list[Recording] = []
    orders, levels = found["mbo"], found["mbp-10"]
    for key in sorted(orders.keys() | levels.keys(), key=lambda key: (key[1], key[0])):
        what = orders.get(key) or levels[key]
        name = what.symbol or str(key[1])
        if symbol not in (None, name):
            continue
        instrument = Instrument(venue or what.venue, name, tick_size or what.tick_size(), 1.0)
        session = DatabentoOrders(what, instrument, quarantine) if key in orders else DatabentoLevels(what, instrument)
        if key in orders and key in levels:
            session.levels = levels[key]
        sessions.append(session)
    if not sessions:
        names = sorted({each.symbol or str(key[1]) for part in found.values() for key, each in part.items()})
        what = f"nothing of {symbol!r} in it; there are {', '.join(names)}" if symbol else "no record in it"
        raise RecordingError(what, paths[0])
    return sessions


@dataclass(slots=True)
class Found:
    """One instrument of one publisher in some files of one schema: what a first look at all of them tells."""

    key: tuple[int, int]  # publisher, instrument
    files: list[tuple[Path, Described]] = field(default_factory=list)
    symbol: str = ""
    venue: str = ""
    unit: int = 0  # greatest common step of the prices, in billionths
    first: int = 0
    last: int = 0
    marked: bool = False  # some record says that an event ends with it
    clears: bool | None = None  # whether the first record clears the book
    told: set[int] = field(default_factory=set)  # orders added, while nothing cleared the book
    foreign: int = 0  # orders that are changed and were never added

    def tick_size(self) -> float:
        """The price grid."""
        return float(Decimal(self.unit or PRICE_UNIT // 100) / PRICE_UNIT)

    def records(self) -> Iterator[tuple[Path, np.ndarray]]:
        """The instrument's records, a chunk at a time."""
        for path, described in self.files:
            for part in records(path, described):
                mine = (part["publisher_id"] == self.key[0]) & (part["instrument_id"] == self.key[1])
                if mine.any():
                    yield path, part if mine.all() else part[mine]


def scan(path: Path, described: Described, found: dict[tuple[int, int], Found]) -> None:
    """Read a file once, for its instruments, their grids, and whether their books start empty."""
    for part in records(path, described):
        keys = part["publisher_id"].astype(np.uint64) << np.uint64(32) | part["instrument_id"]
        for code in np.unique(keys).tolist():
            key = (code >> 32, code & 0xFFFFFFFF)
            what = found.setdefault(key, Found(key))
            rows = part[keys == code]
            if not what.files or what.files[-1][0] != path:
                if what.files and int(rows["ts_recv"][0]) < what.last:
                    raise RecordingError(f"its records begin before {what.files[-1][0].name} ends", path)
                what.files.append((path, described))
            what.symbol = what.symbol or described.symbols.get(key[1], "")
            what.venue = what.venue or _venue(described.dataset, key[0])
            what.first = what.first or int(rows["ts_recv"][0])
            what.last = int(rows["ts_recv"][-1])
            # A clear alone does not tell: at the start of a session it comes from Databento, not from the venue.
            what.marked |= bool((rows["flags"][rows["action"] != b"R"] & F_LAST).any())
            shown = np.isin(rows["action"], (b"A", b"M", b"C")) & (rows["price"] != UNDEF_PRICE)
            columns = [rows["price"][shown]]
            if described.schema == "mbp-10":
                columns += [rows["levels"][name].ravel() for name in ("bid_px", "ask_px")]
            for prices in columns:
                prices = np.unique(prices[prices != UNDEF_PRICE])
                what.unit = int(np.gcd.reduce(np.append(np.abs(prices), what.unit)))
            if described.schema == "mbo":
                _look_for_orders(what, rows)


def _look_for_orders(what: Found, rows: np.ndarray) -> None:
    """Where nothing clears the book at the start, see whether any order is changed that was never added."""
    if what.clears is None:
        what.clears = bool(rows["action"][0] == b"R")
    if what.clears:
        return
    for action, number in zip(rows["action"].tolist(), rows["order_id"].tolist()):
        if action == b"A":
            what.told.add(number)
        elif action == b"C" and number not in what.told:
            what.foreign += 1


def _venue(dataset: str, publisher: int) -> str:
    return dataset.lower().replace(".", "-") if dataset else PUBLISHERS.get(publisher, f"publisher-{publisher}")


class DatabentoOrders(OrderFlowRecording):
    """One instrument's orders, an event at a time.

    Attributes
    ----------
    levels : Found or None
        MBP-10 of the same instrument, to be held against the book.

    Notes
    -----
    An event ends with the record that has the flag F_LAST (where a file never sets it: with the last record of a time
    and sequence number); only then is the book looked at. A adds, C cancels so much of an order, M changes it and adds
    it when it was never told, R clears; T, F and N change nothing: the fills come as C. F_TOB marks a venue that tells
    its best level alone, which replaces its side. F_MAYBE_BAD_BOOK is a gap until the next clear. Where the first
    record is no clear, the book starts empty only if no order is ever cancelled that was not added. Exchange time is
    ``ts_event``, of a snapshot's records (F_SNAPSHOT) ``ts_recv``. A trade off the price grid goes to the nearest tick
    and has ``market`` False.

    References
    ----------
    Databento documentation: "Market by order", "MBO snapshots", "Limit order book construction", "Order tracking".
    """

    kind = NAME
    adds_by_modify = True
    levels: Found | None = None

    def __init__(self, what: Found, instrument: Instrument, quarantine: Quarantine | None = None) -> None:
        super().__init__(tuple(path for path, _ in what.files), instrument)
        self.what, self._quarantine = what, quarantine
        self._unit = round(instrument.tick_size * PRICE_UNIT)
        if self._unit < 1 or what.unit % self._unit:
            raise InputError(f"tick_size {instrument.tick_size!r} is not the grid of {instrument.name}")
        if not what.clears and what.foreign:
            self.starts_empty = "the file does not begin with a clear, and orders from before it are cancelled in it"

    @property
    def name(self) -> str:
        """Names of the files and the instrument."""
        return f"{' + '.join(path.name for path in self.paths)} ({self.instrument.symbol})"

    @property
    def span(self) -> tuple[int, int]:
        """Receive time of the first and the last record, ns."""
        return self.what.first, self.what.last

    def blocks(self) -> Iterator[FlowBlock]:
        """Read the orders, some thousand events at a time."""
        for _, block in self.parts():
            yield block

    def parts(self) -> Iterator[tuple[np.ndarray, FlowBlock]]:
        """Records of whole events, and what they do to the book."""
        self.counts = Counter()
        self.lines = 0
        rest = np.empty(0)
        path = self.paths[0]
        for path, part in self.what.records():
            part = np.concatenate([rest, part]) if len(rest) else part
            ends = self.ends(part, whole=False)
            if len(ends):
                yield part[: ends[-1]], self._block(path, part[: ends[-1]], ends)
            rest = part[ends[-1] :] if len(ends) else part
        if len(rest):
            yield rest, self._block(path, rest, self.ends(rest, whole=True))

    def ends(self, part: np.ndarray, *, whole: bool) -> np.ndarray:
        """Ends of the events among some records; with `whole` what is left at the end is an event too."""
        if self.what.marked:
            ends = np.flatnonzero(part["flags"] & F_LAST) + 1
        else:
            same = (part["ts_event"][1:] == part["ts_event"][:-1]) & (part["sequence"][1:] == part["sequence"][:-1])
            ends = np.flatnonzero(~same) + 1
        return np.append(ends, len(part)) if whole and (not len(ends) or ends[-1] < len(part)) else ends

    def _block(self, path: Path, part: np.ndarray, ends: np.ndarray) -> FlowBlock:
        first_record = self.lines + 1
        self.lines += len(part)
        for action, number in zip(*np.unique(part["action"], return_counts=True)):
            self.counts[action.decode(errors="replace")] += int(number)
        codes = _CODES[part["action"].view(np.uint8)]
        flags, sides = part["flags"], part["side"]
        top_only = (flags & F_TOB != 0) & (codes == OrderAction.ADD)
        empty = top_only & (part["price"] == UNDEF_PRICE)
        codes = np.where(empty, OrderAction.CANCEL, np.where(top_only, OrderAction.MODIFY, codes)).astype(np.int8)
        side_codes = np.where(sides == b"A", 1, 0).astype(np.int8)
        # What is cancelled or changed to nothing is gone.
        codes[((codes == OrderAction.REDUCE) | (codes == OrderAction.MODIFY)) & (part["size"] == 0)] = (
            OrderAction.CANCEL
        )
        priced = np.isin(codes, (OrderAction.ADD, OrderAction.MODIFY))
        bad = np.zeros(len(part), bool)
        for wrong, cause in (
            (priced & ((part["price"] <= 0) | (part["price"] == UNDEF_PRICE)), "an order without a positive price"),
            (priced & (part["price"] // self._unit > MOST_TICKS), "an order at a price that no book holds"),
            ((codes == OrderAction.ADD) & (part["size"] == 0), "an order without a size"),
            ((codes == OrderAction.ADD) & ~np.isin(sides, (b"A", b"B")), "an order without a side"),
            ((flags & F_MBP != 0) & (codes >= 0) & (codes != OrderAction.CLEAR), "levels (F_MBP) among the orders"),
        ):
            for row in np.flatnonzero(wrong & ~bad).tolist():
                if self._quarantine is None:
                    raise RecordingError(f"{cause}: {part[row]}", path, first_record + row)
                self._quarantine.reject(path, first_record + row, cause, str(part[row]))
            bad |= wrong
        rows = np.flatnonzero((codes >= 0) & ~bad)
        ids = np.where(top_only, side_codes.astype(np.uint64), part["order_id"])
        ticks = np.where(priced, part["price"] // self._unit, 0)
        snapshot = (flags & F_SNAPSHOT != 0) | (part["ts_event"] == UNDEF_TIME)
        times = np.where(snapshot, part["ts_recv"], part["ts_event"]).astype(np.int64)[ends - 1]
        block = FlowBlock(
            codes[rows],
            ids[rows],
            side_codes[rows],
            ticks[rows],
            part["size"][rows].astype(np.int64),
            np.searchsorted(rows, ends, side="left"),
            times,
            np.where(part["ts_recv"] == UNDEF_TIME, part["ts_event"], part["ts_recv"])[ends - 1].astype(np.int64),
        )
        groups = np.searchsorted(ends, np.arange(len(part)), side="right")
        block.fresh.update(groups[codes == OrderAction.CLEAR].tolist())
        block.gaps.update(dict.fromkeys(groups[bad].tolist(), "a record that cannot be right"))
        for group in np.unique(groups[flags & F_MAYBE_BAD_BOOK != 0]).tolist():
            block.gaps[group] = "the venue's feed was interrupted (F_MAYBE_BAD_BOOK)"
        block.trades += self._trades(part, groups)
        return block

    def _trades(self, part: np.ndarray, groups: np.ndarray) -> list[tuple[int, Trade]]:
        rows = np.flatnonzero((part["action"] == b"T") & (part["price"] != UNDEF_PRICE)).tolist()
        return [(int(groups[row]), trade_of(part[row], self.instrument.symbol, self._unit)) for row in rows]


def trade_of(record: np.void, symbol: str, unit: int) -> Trade:
    """The trade of a record whose action is T; `unit` is a tick in billionths."""
    price, time, local = int(record["price"]), int(record["ts_event"]), int(record["ts_recv"])
    side = {b"B": 1, b"A": -1}.get(bytes(record["side"]), 0)
    market = price % unit == 0 and record["size"] > 0
    time = local if time == UNDEF_TIME else time
    return Trade(symbol, time, local, int(record["sequence"]), round(price / unit), float(record["size"]), side, market)
