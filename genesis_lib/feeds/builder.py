"""From events to book rows: the one place where a row, its flow and its validity are made."""

from __future__ import annotations

from collections import Counter

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.feeds.instruments import SECOND, venue_rules
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.types import (
    FLOW_FIELDS,
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    Event,
    Gap,
    Instrument,
    Snapshot,
    Trade,
)
from orderbook_ext import OrderBook

MAX_STEP_BACK = SECOND  # of the venue's clock; what is more is no disorder of two messages
MAX_OFFSET_STEP = 2 * SECOND  # of receive minus exchange time from one update to the next: a clock was set, or a stall
_NO_FLOW = np.zeros(len(FLOW_FIELDS))
_NO_FLOW.flags.writeable = False


class RowBuilder:
    """Apply synchronized events to a book and give a row after each that changes it.

    Parameters
    ----------
    instrument
        What the events are of; every other symbol is an error.
    depth
        Levels a side of a row; no more than the venue tells (5 on TAIFEX).
    max_hole_ns
        Longest silence of the book that is not a hole in the recording; the venue's own limit when left out, which is
        none at all for venues that number their updates (a loss shows in the numbers there).
    ledger
        Takes down gaps and resyncs (with how long they took), crossed, locked and one-sided books (and when they were
        whole again), holes, clock jumps, and the number of deletes of unknown levels. One of its own when left out.

    Attributes
    ----------
    book : OrderBook
        The book after the last event (for given rows: their levels).
    trades : tuple of Trade
        The trades that the last row's flow is made of.
    counts : Counter
        ``rows``, ``invalid_rows``, ``updates``, ``snapshots``, ``gaps``, ``holes``, ``clock_jumps``, ``trades`` (in
        flow), ``trades_aside`` (not in flow: no market trades, or the book was not valid), ``tickers``, ``marks``.

    Notes
    -----
    A row is invalid (a) at a `Gap`, with the levels as they stood, and after it until the next `DepthSnapshot`, through
    the diffs that waited for that snapshot, to the first row after them: what was traded meanwhile is in no flow. The
    same holds where a session begins with diffs or trades that came before its first snapshot (after diffs alone the
    snapshot's own row is whole: it misses no trade, and the rows after it came at the same moment); (b) when it is the
    first after a hole in time, since its flow is incomplete; (c) when a side is empty or best bid is not below best
    ask; (d) in the venue's pre-open phase; (e) when a trade since the row before met an invalid book and is in no flow;
    (f) when the venue's clock stands more than `MAX_STEP_BACK` behind what it told before, or the receive time moves
    against it by more than `MAX_OFFSET_STEP` between two updates. Rows never run back in exchange time: a diff that
    waited for its snapshot takes the snapshot's time when its own is earlier, and a row whose time jumps ahead has the
    one before it.

    The sign d of a trade is Lee and Ready's: +1 above the mid before the trade, -1 below, at the mid that of the last
    change of the trade price (0 while there was none). Mid and price are compared in half ticks, as whole numbers.

    References
    ----------
    C. Lee and M. Ready, "Inferring trade direction from intraday data", Journal of Finance 46 (1991), 733-746.
    """

    def __init__(
        self,
        instrument: Instrument,
        depth: int = 10,
        *,
        max_hole_ns: int | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        if depth < 1:
            raise InputError(f"depth must be at least 1, got {depth!r}")
        self.instrument = instrument
        self._rules = venue_rules(instrument.venue)
        self.depth = min(depth, self._rules.levels or depth)
        self._max_hole = self._rules.max_hole_ns if max_hole_ns is None else max_hole_ns
        self._book = OrderBook(instrument.tick_size, instrument.lot_size, self.depth)
        self.counts: Counter[str] = Counter()
        self.trades: tuple[Trade, ...] = ()
        self.ledger = Ledger() if ledger is None else ledger
        self._given: Snapshot | None = None  # a given row whose levels are not yet in the book
        self._gapped: Gap | None = None
        self._opened: int | None = None  # receive time of the first snapshot; diffs that waited for it have the same
        self._rejoined: int | None = None  # receive time of the snapshot that joined, until flow is whole again
        self._sound = False  # two-sided, uncrossed, in step with the venue, market open
        self._missed = False  # a trade since the last row is in no flow
        self._broken: tuple[str, int] | None = None  # what is wrong with the shape of the book, since which moment
        self._told: int | None = None  # newest exchange time of an update
        self._offset = 0  # receive minus exchange time of the last update
        self._behind = False  # the venue's clock stands behind what it told
        self._half_ticks = 0  # best bid + best ask, in ticks: twice the mid
        self._last_ts: int | None = None
        self._pending: list[Trade] = []
        self._flow = [0.0] * len(FLOW_FIELDS)
        self._last_tick: int | None = None
        self._direction = 0

    @property
    def book(self) -> OrderBook:
        """The book after the last event."""
        if self._given is not None:
            self._load(self._given)
            self._given = None
        return self._book

    def push(self, event: Event | Snapshot) -> Snapshot | None:
        """Take an event; give the row it makes, or None. Given rows are counted and handed through."""
        kind = type(event)
        if kind is Snapshot:
            return self._take(event)
        if event.symbol != self.instrument.symbol:
            raise InputError(f"event of {event.symbol!r} given to the builder of {self.instrument.name}")
        trusted = True
        if kind is DepthUpdate:
            trusted = self._update(event)
        elif kind is Trade:
            self._trade(event)
            return None
        elif kind is DepthSnapshot:
            self._snapshot(event)
        elif kind is Gap:
            self._gapped, self._told = event, None
            self.ledger.gap(event)
            self.counts["gaps"] += 1
        else:
            self.counts["tickers" if kind is BookTicker else "marks"] += 1
            return None
        ts = event.ts_exchange if trusted else min(event.ts_exchange, self._told)
        return self._row(ts, event.ts_receive, trusted)

    def _update(self, event: DepthUpdate) -> bool:
        """Apply a diff; False when its time cannot be trusted."""
        unknown = self._book.apply_ticks(event.sides, event.ticks, event.quantities)
        if unknown:
            self.ledger.count_deletes(unknown, event.symbol)
        self.counts["updates"] += 1
        if self._opened is not None:
            if event.last_id >= 0 and event.ts_receive <= self._opened:
                self._rejoined = self._opened
            self._opened = None
        if self._rejoined is not None:  # it waited, so its receive time is another's; and its row is invalid
            return True
        now, offset = event.ts_exchange, event.ts_receive - event.ts_exchange
        told, before, self._offset = self._told, self._offset, offset
        if told is None:
            self._told = now
            return True
        was_behind, self._behind = self._behind, told - now > MAX_STEP_BACK
        # A lone time far ahead (a damaged digit) would leave all after it behind: the next one must confirm it.
        if not min(now - told, before - offset) > MAX_OFFSET_STEP:
            self._told = max(told, now)
        if self._behind:
            if not was_behind:
                self._jump(event, f"the exchange's time steps back by {(told - now) / SECOND:.3f} s")
            return False
        if abs(offset - before) > MAX_OFFSET_STEP:
            moved = f"from {before / SECOND:.3f} to {offset / SECOND:.3f} s"
            self._jump(event, f"receive minus exchange time goes {moved} between two updates")
            return False
        return True

    def _snapshot(self, event: DepthSnapshot) -> None:
        self._book.snapshot_ticks(event.sides, event.ticks, event.quantities)
        self.counts["snapshots"] += 1
        if self._gapped is not None:
            seconds = (event.ts_receive - self._gapped.ts_receive) / SECOND
            cause = f"the book is whole again {seconds:.3f} s after: {self._gapped.cause}"
            self.ledger.note(event.ts_exchange, "resync", cause, event.symbol)
            self._gapped, self._rejoined = None, event.ts_receive
        elif self._last_ts is None:
            if self._missed:
                self._rejoined = event.ts_receive
            else:
                self._opened = event.ts_receive
        self._told = None

    def _row(self, ts_exchange: int, ts_receive: int, trusted: bool) -> Snapshot:
        book = self._book
        bid, ask = book.best_bid_tick, book.best_ask_tick
        whole = bid is not None and ask is not None and bid < ask
        if whole is (self._broken is not None) and self._gapped is None:
            self._shape(bid, ask, ts_exchange)
        self._sound = whole and self._gapped is None and not self._rules.is_pre_open(ts_exchange)
        self._half_ticks = bid + ask if whole else 0
        if not self._sound:  # trades may have been missed: the tick test starts anew
            self._last_tick, self._direction = None, 0
        valid = self._sound and trusted and not self._missed and self._rejoined is None
        self._missed = False
        if self._rejoined is not None and ts_receive > self._rejoined:
            self._rejoined = None
        if self._last_ts is not None:
            if self._max_hole is not None and ts_exchange - self._last_ts > self._max_hole:
                silence = (ts_exchange - self._last_ts) / SECOND
                self.ledger.note(ts_exchange, "hole", f"{silence:.1f} s without an update", self.instrument.symbol)
                self.counts["holes"] += 1
                valid = False
            ts_exchange = max(ts_exchange, self._last_ts)
        self._last_ts = ts_exchange
        self.counts["rows"] += 1
        self.counts["invalid_rows"] += not valid
        levels = book.top(self.depth)
        levels.flags.writeable = False
        return Snapshot(ts_exchange, ts_receive, levels, self._take_flow(), valid, self.instrument.tick_size)

    def _shape(self, bid: int | None, ask: int | None, ts: int) -> None:
        """Enter that the book stopped being two-sided and uncrossed, or is so again."""
        symbol, price = self.instrument.symbol, self.instrument.price
        if self._broken is not None:
            kind, since = self._broken
            self._broken = None
            self.ledger.note(ts, "restored", f"the book was {kind} for {(ts - since) / SECOND:.3f} s", symbol)
            return
        if self._rules.is_pre_open(ts):  # indicative prices may cross
            return
        if bid is None or ask is None:
            side = "bids and no asks" if bid is None and ask is None else "bids" if bid is None else "asks"
            kind, cause = "one-sided", f"the book has no {side}"
        else:
            kind, relation = ("locked", "equals") if bid == ask else ("crossed", "is above")
            cause = f"best bid {price(bid)} {relation} best ask {price(ask)}"
        self._broken = kind, ts
        self.ledger.note(ts, kind, cause, symbol)

    def _jump(self, event: DepthUpdate, cause: str) -> None:
        self.counts["clock_jumps"] += 1
        self.ledger.note(event.ts_exchange, "clock jump", cause, event.symbol)

    def _take_flow(self) -> np.ndarray:
        if not self._pending:
            self.trades = ()
            return _NO_FLOW
        self.trades = tuple(self._pending)
        self._pending.clear()
        flow = np.array(self._flow)
        flow.flags.writeable = False
        self._flow = [0.0] * len(FLOW_FIELDS)
        return flow

    def _trade(self, trade: Trade) -> None:
        if not trade.market or not self._sound:
            self.counts["trades_aside"] += 1
            self._missed |= trade.market
            return
        self.counts["trades"] += 1
        self._pending.append(trade)
        if self._last_tick is not None and trade.tick != self._last_tick:
            self._direction = 1 if trade.tick > self._last_tick else -1
        self._last_tick = trade.tick
        above = 2 * trade.tick - self._half_ticks
        sign = self._direction if above == 0 else 1 if above > 0 else -1
        price, quantity, flow = self.instrument.price(trade.tick), trade.quantity, self._flow
        mid = (self._book.best_bid + self._book.best_ask) / 2.0
        flow[0] += 1.0
        flow[1] += quantity if trade.side > 0 else 0.0
        flow[2] += quantity if trade.side < 0 else 0.0
        flow[3] += price * quantity
        flow[4] += sign * quantity
        flow[5] += sign * price * quantity
        flow[6] += 2.0 * sign * (price - mid) * quantity

    def _take(self, row: Snapshot) -> Snapshot:
        self._given = row
        self.trades = ()
        self.counts["rows"] += 1
        self.counts["invalid_rows"] += not row.valid
        return row

    def _load(self, row: Snapshot) -> None:
        self._book.clear()
        for code in (0, 1):
            prices, quantities = row.levels[:, 2 * code], row.levels[:, 2 * code + 1]
            held = np.isfinite(prices) & (quantities > 0)
            ticks = np.array([self.instrument.ticks(float(price)) for price in prices[held]], np.int64)
            sides = np.full(len(ticks), code, np.int8)
            self._book.apply_ticks(sides, ticks, np.ascontiguousarray(quantities[held]))
