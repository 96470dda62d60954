"""Typed events as columns, and columns as the same events: bit for bit, three bytes a level once compressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.types import (
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    Event,
    Gap,
    Instrument,
    MarkPrice,
    Trade,
)

KINDS = (DepthUpdate, DepthSnapshot, Trade, BookTicker, MarkPrice, Gap)  # the code of a kind is its place
UPDATE, SNAPSHOT, TRADE, TICKER, MARK, GAP = range(len(KINDS))
CODES = {kind: code for code, kind in enumerate(KINDS)}
ABSENT = -(2**62)  # in place of a distance where the venue has no such id (-1)
# Integers that are stored as differences from the one before, in units of their greatest common divisor.
CHAINED = ("ts_exchange", "ts_receive", "book_id", "tick", "trade_id", "trade_tick")
CHAINED += ("ticker_id", "ticker_bid_tick", "ticker_ask_tick")
# One for each level: in 32 bits where they suffice, which read in two thirds of the time; else NAME_wide.
NARROW = ("tick", "lots_quantity")
# Quantities: whole lots where that is exact (else as they are); the best ones as differences.
QUANTITIES = {"quantity": False, "trade_quantity": False, "ticker_bid_quantity": True, "ticker_ask_quantity": True}
PLAIN = {
    "kind": np.uint8,
    "book_levels": np.int32,  # levels of each update or snapshot
    "book_first": np.int64,  # first_id minus the last_id before; 0 for a snapshot
    "book_previous": np.int64,  # prev_id minus the last_id before, or ABSENT; 0 for a snapshot
    "book_bids": np.int32,  # levels of the bid side, where every message tells the bids first (then `side` is empty)
    "side": np.bool_,
    "trade_side": np.int8,
    "trade_market": np.bool_,
    "mark": np.float64,  # mark, index, funding rate, one after the other
    "mark_next_funding": np.int64,
    "gap_expected": np.int64,
    "gap_got": np.int64,
}
TEXT = "gap_cause"


@dataclass(frozen=True, slots=True)
class EventBlock:
    """Some thousand events of one instrument in order, as arrays.

    Attributes
    ----------
    kind, ts_exchange, ts_receive
        (events,) the place in `KINDS`, and both times.
    ends
        (book events,) number of levels up to the end of each update or snapshot.
    sides, ticks, quantities
        (levels,) of all updates and snapshots, one after the other.
    more
        The other columns by name.
    """

    instrument: Instrument
    kind: np.ndarray
    ts_exchange: np.ndarray
    ts_receive: np.ndarray
    ends: np.ndarray
    sides: np.ndarray
    ticks: np.ndarray
    quantities: np.ndarray
    more: dict[str, np.ndarray | list[str]]

    def events(self) -> Iterator[Event]:
        """The typed events; their arrays are views of the block and cannot be written to."""
        symbol, more = self.instrument.symbol, self.more
        sides, ticks, quantities = self.sides, self.ticks, self.quantities
        ends = self.ends.tolist()
        ids, firsts, previous = (more[name].tolist() for name in ("book_id", "book_first", "book_previous"))
        book = zip([0, *ends[:-1]], ends, ids, firsts, previous)
        trades = zip(*(more[f"trade_{name}"].tolist() for name in ("id", "tick", "quantity", "side", "market")))
        names = ("id", "bid_tick", "bid_quantity", "ask_tick", "ask_quantity")
        tickers = zip(*(more[f"ticker_{name}"].tolist() for name in names))
        marks = zip(more["mark"].reshape(-1, 3).tolist(), more["mark_next_funding"].tolist())
        gaps = zip(more[TEXT], more["gap_expected"].tolist(), more["gap_got"].tolist())
        for kind, exchange, receive in zip(self.kind.tolist(), self.ts_exchange.tolist(), self.ts_receive.tolist()):
            if kind == UPDATE:
                start, end, last, first, before = next(book)
                part = slice(start, end)
                levels = sides[part], ticks[part], quantities[part]
                yield DepthUpdate(symbol, exchange, receive, first, last, before, *levels)
            elif kind == TRADE:
                yield Trade(symbol, exchange, receive, *next(trades))
            elif kind == TICKER:
                yield BookTicker(symbol, exchange, receive, *next(tickers))
            elif kind == SNAPSHOT:
                start, end, last, _, _ = next(book)
                part = slice(start, end)
                yield DepthSnapshot(symbol, exchange, receive, last, sides[part], ticks[part], quantities[part])
            elif kind == MARK:
                prices, funding = next(marks)
                yield MarkPrice(symbol, exchange, receive, *prices, funding)
            else:
                cause, expected, got = next(gaps)
                yield Gap(symbol, exchange, receive, cause, expected, got)


def encode(events: Sequence[Event], instrument: Instrument) -> dict[str, np.ndarray | list[str]]:
    """Columns that compress well, from which `decode` makes the same events.

    Returns
    -------
    dict
        Each column by name; ``units`` of the chained ones; ``lots_*`` or, where a quantity is no whole number of lots,
        ``raw_*`` (the other is empty).

    Raises
    ------
    InputError
        For an event of another symbol, a side that is neither 0 nor 1, or arrays of unequal length.
    """
    columns = _columns(events, instrument)
    stored: dict[str, np.ndarray | list[str]] = {name: columns[name] for name in PLAIN if name in columns} | {
        TEXT: columns[TEXT]
    }
    units = []
    for name in CHAINED:
        steps = np.diff(columns[name], prepend=np.int64(0))  # int64 wraps around, here and in the sum: still exact
        unit = max(1, int(np.gcd.reduce(steps))) if len(steps) else 1
        units.append(unit)
        stored[name] = steps // unit
    stored["units"] = np.array(units, np.int64)
    ends = np.cumsum(columns["book_levels"], dtype=np.int64)
    bids = _bids_first(columns["side"], ends)
    stored["book_bids"] = np.empty(0, np.int32) if bids is None else bids
    if bids is not None:
        stored["side"] = np.empty(0, np.bool_)
    for name, chained in QUANTITIES.items():
        lots = _lots(columns[name], instrument.lot_size)
        if lots is None:
            stored[f"lots_{name}"], stored[f"raw_{name}"] = np.empty(0, np.int64), columns[name]
        else:
            stored[f"lots_{name}"] = np.diff(lots, prepend=np.int64(0)) if chained else lots
            stored[f"raw_{name}"] = np.empty(0)
    for name in NARROW:
        values = stored[name]
        fits = not len(values) or (values.min() >= -(2**31) and values.max() < 2**31)
        stored[name] = values.astype(np.int32) if fits else np.empty(0, np.int32)
        stored[f"{name}_wide"] = np.empty(0, np.int64) if fits else values
    last = columns["book_id"]
    before = np.concatenate([[0], last[:-1]])
    update = columns["kind"][columns["kind"] <= SNAPSHOT] == UPDATE
    previous = columns["book_previous"]
    stored["book_first"] = np.where(update, columns["book_first"] - before, 0)
    stored["book_previous"] = np.where(update, np.where(previous == -1, ABSENT, previous - before), 0)
    return stored


def decode(stored: dict[str, np.ndarray | list[str]], instrument: Instrument) -> EventBlock:
    """Undo `encode`."""
    full: dict[str, np.ndarray | list[str]] = dict(stored)
    for name in NARROW:
        full[name] = stored[f"{name}_wide"] if len(stored[f"{name}_wide"]) else stored[name]
    for name, unit in zip(CHAINED, stored["units"].tolist()):
        full[name] = np.cumsum(full[name] if unit == 1 else full[name].astype(np.int64) * unit, dtype=np.int64)
    for name, chained in QUANTITIES.items():
        lots, raw = full[f"lots_{name}"], full[f"raw_{name}"]
        full[name] = raw if len(raw) else _quantities(np.cumsum(lots) if chained else lots, instrument.lot_size)
    last = full["book_id"]
    before = np.concatenate([[0], last[:-1]])
    previous = stored["book_previous"]
    full["book_first"] = stored["book_first"] + before
    full["book_previous"] = np.where(previous == ABSENT, -1, previous + before)
    ends = np.cumsum(stored["book_levels"], dtype=np.int64)
    sides = stored["side"].view(np.int8)
    if len(stored["book_bids"]):
        runs = np.stack([stored["book_bids"], stored["book_levels"] - stored["book_bids"]], axis=1)
        sides = np.repeat(np.tile(np.array([0, 1], np.int8), len(runs)), runs.reshape(-1))
    for column in (sides, full["tick"], full["quantity"]):
        column.flags.writeable = False
    times = full["ts_exchange"], full["ts_receive"]
    return EventBlock(instrument, stored["kind"], *times, ends, sides, full["tick"], full["quantity"], full)


def _columns(events: Sequence[Event], instrument: Instrument) -> dict[str, np.ndarray | list[str]]:
    symbol = instrument.symbol
    by_kind: dict[int, list[Event]] = {code: [] for code in range(len(KINDS))}
    codes, book = np.empty(len(events), np.uint8), []
    for place, event in enumerate(events):
        code = CODES.get(type(event))
        if code is None:
            raise InputError(f"events must be of {', '.join(k.__name__ for k in KINDS)}, got {type(event).__name__}")
        if event.symbol != symbol:
            raise InputError(f"events must be of {instrument.name}, got one of {event.symbol!r}")
        codes[place] = code
        if code <= SNAPSHOT:
            book.append(event)
        else:
            by_kind[code].append(event)
    sides, ticks, quantities = (_join(book, at) for at in (-3, -2, -1))
    levels = [len(event.sides) for event in book]
    if not len(sides) == len(ticks) == len(quantities) == sum(levels):
        raise InputError("sides, ticks and quantities of an event must be of one length")
    if len(sides) and not (sides.min() >= 0 and sides.max() <= 1):
        raise InputError(f"a side must be 0 (bid) or 1 (ask), got {int(sides.min())} to {int(sides.max())}")
    updates = [event if type(event) is DepthUpdate else None for event in book]
    columns: dict[str, np.ndarray | list[str]] = {
        "kind": codes,
        "ts_exchange": _integers(event.ts_exchange for event in events),
        "ts_receive": _integers(event.ts_receive for event in events),
        "book_levels": np.array(levels, np.int32),
        "book_id": _integers(event.last_id for event in book),
        "book_first": _integers(0 if event is None else event.first_id for event in updates),
        "book_previous": _integers(0 if event is None else event.prev_id for event in updates),
        "side": sides.astype(np.bool_),
        "tick": ticks.astype(np.int64),
        "quantity": quantities.astype(np.float64),
    }
    trades, tickers, marks, gaps = (by_kind[code] for code in (TRADE, TICKER, MARK, GAP))
    for prefix, found, fields in (
        ("trade", trades, {"id": "trade_id", "tick": "tick"}),
        ("ticker", tickers, {"id": "update_id", "bid_tick": "bid_tick", "ask_tick": "ask_tick"}),
        ("mark", marks, {"next_funding": "next_funding"}),
        ("gap", gaps, {"expected": "expected_id", "got": "got_id"}),
    ):
        for name, field in fields.items():
            columns[f"{prefix}_{name}"] = _integers(getattr(event, field) for event in found)
    columns["trade_quantity"] = np.array([event.quantity for event in trades], np.float64)
    columns["trade_side"] = np.array([event.side for event in trades], np.int8)
    columns["trade_market"] = np.array([event.market for event in trades], np.bool_)
    for side in ("bid", "ask"):
        name = f"{side}_quantity"
        columns[f"ticker_{name}"] = np.array([getattr(event, name) for event in tickers], np.float64)
    columns["mark"] = np.array([event[3:6] for event in marks], np.float64).reshape(-1)
    columns[TEXT] = [event.cause for event in gaps]
    return columns


def _bids_first(side: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
    """Bids of each message, None when one of them tells an ask before a bid."""
    if not len(ends):
        return None
    starts = np.concatenate([[0], ends[:-1]])
    asks = np.concatenate([[0], np.cumsum(side)])
    bids = (ends - starts) - (asks[ends] - asks[starts])
    falls = np.flatnonzero(side[:-1] & ~side[1:]) + 1  # where an ask is followed by a bid a message must begin
    return bids.astype(np.int32) if np.isin(falls, starts).all() else None


def _integers(values: Iterator[int]) -> np.ndarray:
    return np.array(list(values), np.int64)


def _join(events: list[Event], at: int) -> np.ndarray:
    return np.concatenate([event[at] for event in events]) if events else np.empty(0)


def _scale(lot: float) -> float:
    """Lots in a unit where that is a whole number, else 0: division by it rounds once, see `Instrument`."""
    whole = round(1.0 / lot)
    return float(whole) if lot < 1 and abs(1.0 / lot - whole) < 1e-6 * whole else 0.0


def _quantities(lots: np.ndarray, lot: float) -> np.ndarray:
    scale = _scale(lot)
    return lots / scale if scale else lots * lot


def _lots(quantities: np.ndarray, lot: float) -> np.ndarray | None:
    """Whole lots of quantities, None where these would not come back to the last bit."""
    scale = _scale(lot)
    with np.errstate(invalid="ignore", over="ignore"):
        exact = quantities * scale if scale else quantities / lot
        if not (np.abs(exact) < 2**53).all():  # a comparison with NaN is false
            return None
        lots = np.rint(exact).astype(np.int64)
    same = np.array_equal(_quantities(lots, lot).view(np.int64), quantities.view(np.int64))
    return lots if same else None
