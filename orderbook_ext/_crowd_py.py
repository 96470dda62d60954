"""The crowd of a simulated market in plain Python: what the compiled one must equal, number for number."""

from __future__ import annotations

from math import exp, log

import numpy as np

from orderbook_ext._crowd_orders_py import ASK, BID, KINDS, OWN, TABLE, UPDATE, CrowdOrders
from orderbook_ext._factors_py import CELL, Factor, uniforms

MINUTES = 1441  # of a day, and the first of the next


class Crowd(CrowdOrders):
    """Everyone in a simulated market but the agents.

    Parameters
    ----------
    book
        An empty `OrderLevelBook`, not strict.
    seeds
        Of the market itself, its own factor, the common factor, and the time messages take.
    p
        Numbers by name, `genesis_lib.feeds.simulation.flow_parameters.FlowParameters`.
    target
        Lots that makers aim for at the touch.
    tables
        Lots of takers, of makers at the touch, close to it and far from it, and distances of far orders, 4,096 each.
    day
        How busy each minute of the day is, 1,441 numbers.
    start
        Event time of the beginning, ms since 1970.
    """

    def __init__(self, book, seeds, p, target: float, tables, day, start: int) -> None:
        if [len(table) for table in tables] != [TABLE] * 5 or len(day) != MINUTES:
            raise ValueError(f"tables must be 5 of {TABLE} numbers, and day {MINUTES} numbers")
        if min(p.near_orders, p.far_orders, p.metaorders) < 1:
            raise ValueError("near_orders, far_orders and metaorders must be at least 1")
        super().__init__(book, p, tables, uniforms(seeds[3]))
        self.day, self.start, self.now, self.target = day, start, start, target
        self.random = uniforms(seeds[0])
        self.own, self.common = Factor(seeds[1], 0.5), Factor(seeds[2], 1.0)
        self.row, self.elapsed = 0, 1
        self.activity = self.value = self.mid = self.burst = 0.0
        self.busy = 1.0
        self.metas = [[BID, 0] for _ in range(p.metaorders)]

    def populate(self, mid: int) -> None:
        """Fill an empty book around a bid at tick `mid`; its changes are not told."""
        for side in (BID, ASK):
            for _ in range(24):
                self._rest(side, mid + side, self.touch_size[int(self.random() * TABLE)])
        self._read_touch()
        for slot in range(len(self.near)):
            self._refresh_near(slot)
        for slot in range(len(self.far)):
            self._refresh_far(slot)
        self.fair = self.mid = mid + 0.5
        self.book.changes()
        self.update_id = self.depth_id = 1_000_000

    def begin(self, pace: float) -> int:
        """Let time pass until the next depth message; gives a time before it (ms), when agents act."""
        r, p = self.random, self.p
        self.row += 1
        usual = p.interval_ms * exp(-0.5 * p.hurry * self.activity)
        u = r()
        if u < 0.10:
            wait = usual * r()
        elif u < 0.15:
            wait = usual * (1.0 - 0.8 * log(1.0 - r()))
        else:
            wait = usual * (1.0 + 0.24 * (r() + r() + r() - 1.5))
        wait *= pace
        before, self.elapsed = self.now, 1 + int(wait if wait < 1500.0 else 1500.0)
        self.now = before + self.elapsed
        self._look()
        return before + 1 + int((self.elapsed - 1) * r())

    def _look(self) -> None:
        """Learn what the hidden factors have become."""
        p, cells = self.p, (self.now - self.start) // CELL
        self.own.advance(cells)
        self.common.advance(cells)
        value = p.shared * self.common.value + p.particular * self.own.value
        self.fair += p.volatility * (value - self.value)
        self.value = value
        self.activity = p.shared * self.common.activity + p.particular * self.own.activity
        minute, rest = divmod(self.now % 86_400_000, 60_000)
        self.busy = self.day[minute] + (self.day[minute + 1] - self.day[minute]) * (rest / 60_000.0)

    def finish(self, push: float, withheld, early: int) -> list[tuple[int, ...]]:
        """Let everyone act until the message; gives trades and touch changes, none before `early`."""
        self.withheld, self.rows = withheld, []
        self.push = push
        if self._read_touch():
            # What others did to the price is believed for the most part.
            self.fair += self.p.permanent * (0.5 * (self.bid + self.ask) - self.mid)
        self.fair += push * self.p.drive * self.elapsed / 1000.0
        self._arrivals(early)
        self._others()
        self._flee(BID)
        self._flee(ASK)
        if self.random() >= self.p.slowness * self.busy:
            self._close_spread()
        self._tell_touch(self.now)
        if self._read_touch():
            self.mid = 0.5 * (self.bid + self.ask)
            self.fair += (self.mid - self.fair) * self.p.forget * self.elapsed / 1000.0
        return self.rows

    def run(self, messages: int):
        """Take so many steps without agents.

        Returns
        -------
        tuple
            Rows int64 (n, 8): kind (0 depth message, 2 trade, 3 touch), ms, time of receipt (ns), id, and: id of the
            message before, number of levels, 0, 0; or tick, lots, side, order; or bid, lots, ask, lots. Then sides,
            ticks and lots of all messages' levels, one after the other.
        """
        rows: list[tuple[int, ...]] = []
        parts = [(np.empty(0, np.int8), np.empty(0, np.int64), np.empty(0, np.int64))]
        for _ in range(messages):
            self.begin(1.0)
            rows += self.finish(0.0, ((1, 0), (1, 0)), 0)
            changes, (received, _, last, previous) = self.depth(self.now)
            rows.append((UPDATE, self.now, received, last, previous, len(changes[0]), 0, 0))
            parts.append(changes)
        return np.array(rows, np.int64).reshape(-1, 8), *(np.concatenate(column) for column in zip(*parts))

    def _arrivals(self, early: int) -> None:
        """Orders at and through the touch until the message: a Hawkes process, thinned (Ogata 1981)."""
        r, p, fast, slow = self.random, self.p, self.fast, self.slow
        fast_decay, slow_decay = p.fast_decay / 1000.0, p.slow_decay / 1000.0
        at, length, begin = 0.0, float(self.elapsed), self.now - self.elapsed
        rates = [0.0] * KINDS
        changed, takers, lean = True, 0.0, 0.0
        while True:
            if changed:
                if not self._read_touch():
                    break
                lean = self._lean()
                pace = self.busy * exp(p.hurry * self.activity)
                takers = p.takers * pace * (1.0 + p.pick_off * abs(lean)) / 1000.0
                for side in (BID, ASK):
                    held = self.asks if side else self.bids
                    willing = (
                        0.5
                        + p.lean_makers * (-lean if side else lean)
                        - p.patience * log(held / (self.target * self.busy))
                    )
                    willing = 0.05 if willing < 0.05 else 0.95 if willing > 0.95 else willing
                    rates[2 + side] = 2.0 * p.makers * pace * willing / 1000.0
                    rates[4 + side] = 2.0 * p.makers * pace * (1.0 - willing) / 1000.0
                changed = False
            quiet = takers + rates[2] + rates[3] + rates[4] + rates[5]
            excited = fast[0] + fast[1] + fast[2] + fast[3] + fast[4] + fast[5] + slow[0] + slow[1]
            bound = quiet + excited
            wait = -log(1.0 - r()) / bound
            wait = wait if at + wait < length else length - at
            fade, fade_slow = exp(-fast_decay * wait), exp(-slow_decay * wait)
            for kind in range(KINDS):
                fast[kind] *= fade
            slow[0] *= fade_slow
            slow[1] *= fade_slow
            at += wait
            if at >= length:
                break
            u = r() * bound
            kind = -1  # a taker of his own accord
            if u >= takers:
                u -= takers
                for kind in range(KINDS):
                    rate = rates[kind] + fast[kind] + (slow[kind] if kind < 2 else 0.0)
                    if u < rate:
                        break
                    u -= rate
                else:
                    continue
            ms = begin + 1 + int(at)
            ms = early if ms < early else ms
            if kind < 2:
                kind = self._take(kind, lean, ms)
            elif kind < 4:
                self._join(kind - 2)
            else:
                self._leave(kind - 4)
            self._excite(kind)
            self._tell_touch(ms)
            changed = True

    def _side(self, lean: float) -> int:
        """Which way a new taker goes."""
        lean = self.p.lean_takers * lean + 2.0 * self.p.lean_imbalance * (self.bids - self.asks) / (
            self.bids + self.asks
        )
        return BID if self.random() < 1.0 / (1.0 + exp(-2.0 * lean)) else ASK

    def _take(self, side: int, lean: float, ms: int) -> int:
        """A market order; one of its own accord is often a part of a long one. Gives its side (0 buys)."""
        r, p = self.random, self.p
        if side < 0:
            if r() < p.split:
                meta = self.metas[int(r() * len(self.metas))]
                if meta[1] == 0:
                    # Pareto lengths: the signs remember as long as the longest orders last (Lillo, Mike, Farmer 2005).
                    meta[0], u = self._side(lean), 1.0 - r()
                    length = exp(-log(u) / p.tail)
                    meta[1] = int(length if length < 2000.0 else 2000.0)
                side, meta[1] = meta[0], meta[1] - 1
            else:
                side = self._side(lean)
        reach = int(-p.reach * log(1.0 - r()))
        lots = self.trade_size[int(r() * TABLE)]
        before = self.bid + self.ask
        self._market(side, lots, self.ask + reach if side == BID else self.bid - reach, ms)
        if self._read_touch() and self.bid + self.ask != before:
            self.fair += 0.5 * p.impact * (self.bid + self.ask - before)
            self._open(ms)
        return side

    def _join(self, side: int) -> None:
        tick = self.ask if side else self.bid
        if self._allowed(side, tick):
            self._rest(side, tick, self.touch_size[int(self.random() * TABLE)])

    def _leave(self, side: int) -> None:
        youngest = self.book.youngest(side, self.ask if side else self.bid)
        if youngest > OWN:
            self.book.cancel(youngest)
            if self._read_touch():
                self._open(0)

    def _open(self, ms: int) -> None:
        """A spread just opened: often somebody is there at once."""
        if self.ask - self.bid > 1 and self.random() < self.p.quick:
            if ms:
                self._tell_touch(ms)
            self._close_spread()

    def _flee(self, side: int) -> None:
        """Makers who stand in the way of the price give up every level up to where they think it goes."""
        p = self.p
        if not self._read_touch():
            return
        lean = (self._off() + self.push) * (1.0 if side else -1.0) - p.calm
        lean = lean if lean < 10.0 else 10.0
        if lean <= 0.0 or self.random() >= 1.0 - exp(-p.fear * lean * lean * self.elapsed / 1000.0):
            return
        best = self.ask if side else self.bid
        width = int(abs(self.fair - best))
        width = width if width < 300 else 300
        if self.random() < p.late:
            # The last one to leave is hit.
            for order, _ in self.book.queue(side, best)[1:]:
                if order > OWN:
                    self.book.cancel(order)
            lots = 8 * self.trade_size[int(self.random() * TABLE)]
            self._market(1 - side, lots, best + width if side else best - width, self.now)
            self._excite(1 - side)
        for tick, _, _ in self.book.levels(side, width + 1).tolist():
            if abs(tick - best) > width:
                break
            self.clear_level(side, tick)

    def _others(self) -> None:
        """Orders behind the touch come and go, in bursts."""
        r, p = self.random, self.p
        self._read_touch()
        span = self.elapsed / p.interval_ms
        span = span if span < 4.0 else 4.0
        self.burst += -p.calming * self.burst + (r() + r() + r() - 1.5) * 2.0 * p.unrest
        pace = span * self.busy
        for _ in range(int(p.near_rate * pace + r())):
            self._refresh_near(int(r() * len(self.near)))
        many = p.far_rate * pace * exp(self.burst)
        for _ in range(int((many if many < 400.0 else 400.0) + r())):
            self._refresh_far(int(r() * len(self.far)))
