"""What the crowd of a simulated market does to the book, in plain Python, and how it is told."""

from __future__ import annotations

from math import log

BID, ASK = 0, 1
OWN = 1 << 48  # the crowd's orders count up from here
UPDATE, TRADE, TICKER = 0, 2, 3  # what a row tells
KINDS = 6  # of what arrives: buyers, sellers, bids, asks, cancelled bids, cancelled asks
TABLE = 4096


class CrowdOrders:
    """The moves that everything else is made of; the lower half of `Crowd`, which is its only use."""

    def __init__(self, book, p, tables, latency) -> None:
        self.book, self.p, self.latency = book, p, latency
        self.trade_size, self.touch_size, self.near_size, self.far_size, self.far_distance = tables
        self.update_id = self.depth_id = self.trade_id = 0
        self.last_order, self.last_receive = OWN, 0
        self.informed = self.fair = self.push = 0.0
        self.last_touch = (0, 0, 0, 0)
        self.rows: list[tuple[int, ...]] = []
        self.near, self.far = [0] * p.near_orders, [0] * p.far_orders
        self.fast, self.slow = [0.0] * KINDS, [0.0, 0.0]
        self.withheld = ((1, 0), (1, 0))
        self.excite = [[rate * p.fast_decay / 1000.0 for rate in row] for row in p.excitation()]
        self.excite_slow = p.excite_slow * p.slow_decay / 1000.0

    def clear_level(self, side: int, tick: int) -> None:
        """Cancel all that the crowd has at a level."""
        if side not in (BID, ASK):
            raise ValueError(f"side must be 0 (bid) or 1 (ask), got {side}")
        for order, _ in self.book.queue(side, tick):
            if order > OWN:
                self.book.cancel(order)

    def receive(self, ts: int) -> int:
        """Receive time (ns) of a message sent now: some 2 ms later, never before the previous one."""
        received = ts + 1_500_000 + int(-600_000.0 * log(1.0 - self.latency()))
        if received <= self.last_receive:
            received = self.last_receive + 1
        self.last_receive = received
        return received

    def tell_touch(self, ms: int) -> list[tuple[int, ...]]:
        """Best prices and what rests there as a row, if that changed since it was told; at most one."""
        self.rows = []
        self._tell_touch(ms)
        return self.rows

    def _tell_touch(self, ms: int) -> None:
        touch = self.book.touch
        if touch != self.last_touch and touch[0] is not None and touch[2] is not None:
            self.last_touch = touch
            self.update_id += 1
            self.rows.append((TICKER, ms, self.receive(ms * 1_000_000), self.update_id, *touch))

    def next_trade(self) -> int:
        """Take the id of a trade that others made."""
        self.trade_id += 1
        return self.trade_id

    def depth(self, ms: int):
        """The levels that changed, and of the message that tells them: time of receipt, first, last, previous id."""
        changes, previous = self.book.changes(), self.depth_id
        self.depth_id = self.update_id = self.update_id + 1
        return changes, (self.receive(ms * 1_000_000), previous + 1, self.update_id, previous)

    def _read_touch(self) -> bool:
        self.bid, self.bids, self.ask, self.asks = self.book.touch
        return self.bid is not None and self.ask is not None

    def _rest(self, side: int, tick: int, lots: int) -> int:
        self.last_order += 1
        self.book.add(self.last_order, side, tick, lots)
        return self.last_order

    def _allowed(self, side: int, tick: int) -> bool:
        nearest, farthest = self.withheld[side]
        opposite = self.bid if side else self.ask
        return farthest < nearest or opposite is None or not nearest <= abs(tick - opposite) <= farthest

    def _off(self) -> float:
        """How far the price is from what the value is thought to be; squared, as nobody can tell a tick or two."""
        x = (self.fair - 0.5 * (self.bid + self.ask)) / self.p.doubt
        return x * abs(x)

    def _lean(self) -> float:
        """Where informed flow points: how far the price is from what they think, and what pushes them."""
        x = self._off()
        self.informed = 3.0 if x > 3.0 else -3.0 if x < -3.0 else x
        return self.informed + self.push

    def _market(self, side: int, lots: int, worst: int, ms: int) -> None:
        for order, tick, filled in self.book.take(1 - side, lots, worst):
            self.trade_id += 1
            received = self.receive(ms * 1_000_000)
            self.rows.append((TRADE, ms, received, self.trade_id, tick, filled, 1 if side == BID else -1, order))

    def _excite(self, kind: int) -> None:
        for other in range(KINDS):
            self.fast[other] += self.excite[kind][other]
        if kind < 2:
            self.slow[kind] += self.excite_slow

    def _step_in(self, side: int, tick: int, left: int) -> None:
        if not self._allowed(side, tick):
            return
        r = self.random
        for order, _ in self.book.queue(side, left):
            if order > OWN:  # makers follow the price: hardly anyone stays behind
                if r() < 0.9:
                    self.book.cancel(order)
                else:
                    slot = int(r() * len(self.far))
                    self.book.cancel(self.far[slot])
                    self.far[slot] = order
        for _ in range(8 + int(r() * 40)):
            self._rest(side, tick, self.touch_size[int(r() * TABLE)])
        self._read_touch()

    def _close_spread(self) -> None:
        """Makers fill a spread wider than a tick, up to where they think the price is."""
        if not self._read_touch() or self.ask - self.bid == 1:
            return
        bid, ask = self.bid, self.ask
        fair = self.fair + self.p.doubt * self.push + (self.random() - 0.5) * self.p.noise
        middle = bid if fair < bid else ask - 1 if fair >= ask else int(fair)
        if middle > bid:
            self._step_in(BID, middle, bid)
        if middle + 1 < ask:
            self._step_in(ASK, middle + 1, ask)

    def _refresh_near(self, slot: int) -> None:
        distance = 1 + int(-self.p.near_span * log(1.0 - self.random()))
        self._refresh(self.near, slot, distance, self.near_size[int(self.random() * TABLE)])

    def _refresh_far(self, slot: int) -> None:
        distance = self.far_distance[int(self.random() * TABLE)]
        self._refresh(self.far, slot, distance, self.far_size[int(self.random() * TABLE)])

    def _refresh(self, slots: list[int], slot: int, distance: int, lots: int) -> None:
        """Cancel the order of a slot and send another one at a distance from the touch; even slots bid."""
        if slots[slot]:
            self.book.cancel(slots[slot])
            self._read_touch()
        side = slot & 1
        best = self.ask if side else self.bid
        if best is None:
            best = (self.bid or 0) + 1 if side else (self.ask or 2) - 1
        tick = best + distance if side else best - distance
        if distance > 60 and self.random() < 0.7:
            tick -= tick % 10  # people like round prices
        if tick > 0 and self._allowed(side, tick):
            slots[slot] = self._rest(side, tick, lots)
        else:
            slots[slot] = 0
