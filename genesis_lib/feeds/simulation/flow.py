"""The crowd of the simulated market: orders, cancellations and trades whose intensities depend on the book.

Notes
-----
Four groups act between two depth messages. *Takers* send market orders; their side leans to the hidden informed flow
``x`` (an Ornstein-Uhlenbeck process) and to the thin side of the touch. *Makers* add to and cancel from the best
levels, less willingly where ``x`` stands against them, and close a spread that opened. *Others* fill the book with
small orders close by and *far* orders out to thousands of ticks, each with a random lifetime. The price moves only when
a queue at the touch is used up. ``x`` never leaves this module: whoever wants it must infer it from the flow.

References
----------
Cont, Stoikov and Talreja (2010), A stochastic model for order book dynamics. Huang, Lehalle and Rosenbaum (2015),
Simulating and analyzing order book data: the queue-reactive model.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from math import exp, log, sqrt

import numpy as np

from genesis_lib.feeds.simulation.flow_parameters import FlowParameters, size_table
from genesis_lib.feeds.simulation.matching import Fill, MatchingEngine
from genesis_lib.types import ASK, BID, BookTicker, DepthSnapshot, DepthUpdate, Event, Instrument, Trade

EPOCH = 1_735_689_600_000  # 2025-01-01 00:00 UTC, ms: every simulation starts here
MS = 1_000_000
_WHEEL = 8192  # longest lifetime of an order, in depth messages


class OrderFlow:
    """One run of the simulated market; `snapshot` first, then `step` for ever.

    Attributes
    ----------
    engine : MatchingEngine
        The true book.
    now : int
        Event time of the last message, ms since 1970.
    push : float
        Added to the informed flow (planted episodes use it).
    withheld : dict
        Side -> (nearest, farthest) distance from the best opposite price, in ticks, where nobody places orders.
    pace : float
        Multiplies the time between messages.
    owned : set
        Ids of orders that belong to agents and to outsiders: the crowd leaves them alone.
    watchers : dict
        Order id -> whom to call when it fills, with order id, tick, lots, trade id and exchange time (ns).
    told : list
        Events that outsiders caused since the last step; the next one gives them first.
    """

    def __init__(self, seed: int, instrument: Instrument, parameters: FlowParameters | None = None) -> None:
        self.p = p = parameters or FlowParameters()
        self.instrument = instrument
        self.random = random.Random(seed)
        self.engine = MatchingEngine()
        self.now, self.row = EPOCH, 0
        self.push, self.pace = 0.0, 1.0
        self.withheld: dict[int, tuple[int, int]] = {}
        self.owned: set[int] = set()
        self.watchers: dict[int, Callable[[int, int, int, int, int], None]] = {}
        self.told: list[Event] = []
        self.update_id = self._depth_id = self.trade_id = 0  # the depth id ends the last depth message
        self.informed = self.activity = 0.0
        lot = instrument.lot_size
        self._per_unit = round(1 / lot) if lot < 1 else 0
        self._trade = size_table(p.trade_size, 1.9, lot)
        self._touch = size_table(p.touch_size, 1.3, lot)
        self._near = size_table(p.near_size, 1.9, lot)
        self._far = size_table(p.far_size, 1.5, lot)
        self._target = p.touch_target / lot
        self._shake = sqrt(2.0 / p.memory)
        self._wheel: list[list[int]] = [[] for _ in range(_WHEEL)]
        self._last_touch = (0, 0, 0, 0)
        self._last_receive = 0
        self._populate(round(p.price / instrument.tick_size))

    def lots(self, quantity: float) -> int:
        """Whole lots nearest to a quantity, at least one."""
        return max(1, round(quantity / self.instrument.lot_size))

    def quantity(self, lots: int) -> float:
        """Quantity of a number of lots: the float64 nearest to the decimal."""
        return lots / self._per_unit if self._per_unit else lots * self.instrument.lot_size

    def clear_level(self, side: int, tick: int) -> None:
        """Cancel all that the crowd has at a level."""
        for order, _ in self.engine.book.queue(side, tick):
            if order not in self.owned:
                self.engine.book.cancel(order)

    def receive(self, ts_exchange: int) -> int:
        """Receive time of a message sent now: some 2 ms later, never before the previous one."""
        received = ts_exchange + 1_500_000 + int(-600_000 * log(1.0 - self.random.random()))
        if received <= self._last_receive:
            received = self._last_receive + 1
        self._last_receive = received
        return received

    def _populate(self, mid: int) -> None:
        engine, r, p = self.engine, self.random.random, self.p
        for side, touch, away in ((BID, mid, -1), (ASK, mid + 1, 1)):
            for _ in range(24):
                engine.rest(side, touch, self._touch[int(r() * 4096)])
            for _ in range(int(p.near_life)):
                order = engine.rest(side, touch + away * self._near_distance(r()), self._near[int(r() * 4096)])
                self._expire(order, p.near_life)
            for _ in range(int(p.far_life / 2)):
                order = engine.rest(side, touch + away * self._far_distance(r()), self._far[int(r() * 4096)])
                self._expire(order, p.far_life)
        engine.book.changes()
        self.update_id = self._depth_id = 1_000_000

    def _near_distance(self, u: float) -> int:
        return 1 + int(-self.p.near_span * log(1.0 - u))

    def _far_distance(self, u: float) -> int:
        return 20 + int(self.p.far_span * u * u)

    def _expire(self, order: int, mean: float) -> None:
        life = 1 + int(-mean * log(1.0 - self.random.random()))
        self._wheel[(self.row + (life if life < _WHEEL else _WHEEL - 1)) % _WHEEL].append(order)

    def snapshot(self) -> DepthSnapshot:
        """The whole book as it stands."""
        ts, bids, asks = self.now * MS, self.engine.book.levels(BID), self.engine.book.levels(ASK)
        ticks, lots, _ = np.concatenate([bids, asks]).T
        sides = np.repeat(np.array([BID, ASK], np.int8), [len(bids), len(asks)])
        received = self.receive(ts)
        return DepthSnapshot(
            self.instrument.symbol, ts, received, self.update_id, sides, ticks.copy(), self._quantities(lots)
        )

    def step(self, agents=()) -> list[Event]:
        """Let everyone act once; returns trades and touch changes in the order they came, the depth message last."""
        r, p = self.random.random, self.p
        self.row += 1
        gauss = (r() + r() + r() - 1.5) * 2.0
        self.informed += -self.informed / p.memory + gauss * self._shake
        self.activity += -self.activity / 900.0 + (r() - 0.5) * 0.06
        wait = -p.interval_ms * self.pace * exp(-self.activity) * log(1.0 - r())
        elapsed = 1 + int(wait if wait < 1500.0 else 1500.0)
        before, self.now = self.now, self.now + elapsed
        events, self.told = self.told, []
        early = (before + 1 + int((elapsed - 1) * r())) * MS
        for agent in agents:
            agent.act(self, events, early)
        self._takers(events, early)
        if events:
            self.tell_touch(events, self.now * MS)
        slot = self._wheel[self.row % _WHEEL]
        cancel = self.engine.book.cancel
        for order in slot:
            cancel(order)
        slot.clear()
        self._makers(BID)
        self._makers(ASK)
        self._others()
        self._close_spread()
        ts = self.now * MS
        self.tell_touch(events, ts)
        events.append(self.depth(ts))
        return events

    def trade(self, side: int, lots: int, ts: int, events: list[Event], worst: int | None = None) -> int:
        """Send a market order and tell its trades; returns the lots that traded."""
        return self.tell_trades(side, self.engine.market(side, lots, worst), ts, events)

    def tell_trades(self, side: int, fills: list[Fill], ts: int, events: list[Event]) -> int:
        """Tell the trades of an order that took from the book; returns the lots that traded."""
        done, aggressor, watchers = 0, 1 if side == BID else -1, self.watchers
        for order, tick, filled in fills:
            self.trade_id += 1
            done += filled
            received, quantity = self.receive(ts), self.quantity(filled)
            events.append(Trade(self.instrument.symbol, ts, received, self.trade_id, tick, quantity, aggressor))
            if order in watchers:
                watchers[order](order, tick, filled, self.trade_id, ts)
        return done

    def _takers(self, events: list[Event], ts: int) -> None:
        r, p = self.random.random, self.p
        chance = p.trades / (1.0 + p.trades)
        if r() >= chance:
            return
        book, lean = self.engine.book, self.informed + self.push
        bid, bids, ask, asks = book.touch
        if bid is None or ask is None:
            return
        lean = p.lean_takers * lean + 2.0 * p.lean_imbalance * (bids - asks) / (bids + asks)
        buy = 1.0 / (1.0 + exp(-2.0 * lean))
        while True:
            side = BID if r() < buy else ASK
            reach = int(-p.reach * log(1.0 - r()))
            worst = ask + reach if side == BID else bid - reach
            self.trade(side, self._trade[int(r() * 4096)], ts, events, worst)
            if r() >= chance:
                return
            bid, ask = book.best_bid_tick, book.best_ask_tick
            if bid is None or ask is None:
                return

    def _makers(self, side: int) -> None:
        """Add to or cancel from the touch of a side, by the informed flow and by how long the queue is."""
        r, engine, p = self.random.random, self.engine, self.p
        book = engine.book
        tick = book.best_ask_tick if side else book.best_bid_tick
        if tick is None:
            return
        favour = (self.informed + self.push) * (1.0 if side == BID else -1.0)
        for _ in range(2 if r() < 0.6 else 1):
            held = book.level(side, tick)[0]
            if not held:
                return
            willing = 0.5 + p.lean_makers * favour - p.patience * log(held / self._target)
            if r() < willing:
                if self._allowed(side, tick):
                    engine.rest(side, tick, self._touch[int(r() * 4096)])
            else:
                youngest = book.youngest(side, tick)
                if youngest not in self.owned:
                    book.cancel(youngest)
                # A queue that is nearly gone is run from: who stands last is hit by the next move.
                if held < p.rush * self._target and favour < 0 and r() < 0.5:
                    self.clear_level(side, tick)
                    return

    def _others(self) -> None:
        r, engine, p = self.random.random, self.engine, self.p
        for side, away in ((BID, -1), (ASK, 1)):
            touch, opposite = engine.book.best_bid_tick, engine.book.best_ask_tick
            if side == ASK:
                touch, opposite = opposite, touch
            if touch is None:
                touch = opposite + away if opposite is not None else round(p.price / self.instrument.tick_size)
            tick = touch + away * self._near_distance(r())
            if self._allowed(side, tick):
                self._expire(engine.rest(side, tick, self._near[int(r() * 4096)]), p.near_life)
            if r() < 0.5:
                tick = touch + away * self._far_distance(r())
                if self._allowed(side, tick) and tick > 0:
                    self._expire(engine.rest(side, tick, self._far[int(r() * 4096)]), p.far_life)

    def _allowed(self, side: int, tick: int) -> bool:
        if side not in self.withheld:
            return True
        opposite = self.engine.book.best_ask_tick if side == BID else self.engine.book.best_bid_tick
        if opposite is None:
            return True
        nearest, farthest = self.withheld[side]
        return not nearest <= abs(tick - opposite) <= farthest

    def _close_spread(self) -> None:
        """Makers fill a spread wider than a tick, on the side the informed flow (or mere chance) favours."""
        r, engine, p = self.random.random, self.engine, self.p
        bid, ask = engine.book.best_bid_tick, engine.book.best_ask_tick
        if bid is None or ask is None or ask - bid == 1 or r() < 0.04:
            return
        side = BID if r() < 1.0 / (1.0 + exp(-4.0 * p.follow * (self.informed + self.push))) else ASK
        tick = ask - 1 if side == BID else bid + 1
        if not self._allowed(side, tick):
            side, tick = 1 - side, (bid + 1 if side == BID else ask - 1)
            if not self._allowed(side, tick):
                return
        left = bid if side == BID else ask
        for order, _ in engine.book.queue(side, left):
            if order not in self.owned:
                self._expire(order, 6.0)  # makers follow the price: the old touch empties within some messages
        for _ in range(8):
            engine.rest(side, tick, self._touch[int(r() * 4096)])

    def tell_touch(self, events: list[Event], ts: int) -> None:
        """Tell best prices and what rests there, if that changed since it was told."""
        touch = self.engine.book.touch
        bid, _, ask, _ = touch
        if touch == self._last_touch or bid is None or ask is None:
            return
        self._last_touch = touch
        self.update_id += 1
        bids, asks = self.quantity(touch[1]), self.quantity(touch[3])
        received = self.receive(ts)
        events.append(BookTicker(self.instrument.symbol, ts, received, self.update_id, bid, bids, ask, asks))

    def depth(self, ts: int) -> DepthUpdate:
        """The depth message of all levels that changed since the one before (agents may have one told in between)."""
        sides, ticks, lots = self.engine.book.changes()
        previous = self._depth_id
        self.update_id = self._depth_id = self.update_id + 1
        ids = previous + 1, self.update_id, previous
        return DepthUpdate(self.instrument.symbol, ts, self.receive(ts), *ids, sides, ticks, self._quantities(lots))

    def _quantities(self, lots: np.ndarray) -> np.ndarray:
        """`quantity` of an array."""
        return lots / self._per_unit if self._per_unit else lots * self.instrument.lot_size
