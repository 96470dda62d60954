"""The crowd of the simulated market, told as a venue tells it: trades, best prices, depth messages.

Notes
-----
What the crowd does is `orderbook_ext.Crowd`. A hidden value wanders and jumps: a factor that all symbols share and one
of its own, both functions of seed and event time, both the more restless the more active the market is. *Takers* are
a Hawkes process: every market order excites others, of its side above all. Those of their own accord lean to where
the value is (informed flow) and to the thin side of the touch; many are parts of long orders, whose power-law lengths
give their signs a long memory. *Makers* add to and cancel from the best levels at intensities that depend on the queue
(queue-reactive) and on the informed flow, excited by each other and by takers; where the price is far off they give up
every level up to the value, and close the spread around it. *Others* fill the book close by and far out, in bursts.
The price moves only when queues at the touch are used up or given up. The value never leaves this module: whoever
wants it must infer it from the flow.

References
----------
Hawkes (1971), Spectra of some self-exciting and mutually exciting point processes. Bacry, Mastromatteo and Muzy (2015),
Hawkes processes in finance. Huang, Lehalle and Rosenbaum (2015), Simulating and analyzing order book data: the
queue-reactive model. Lillo, Mike and Farmer (2005), Theory for long memory in supply and demand. Cont, Stoikov and
Talreja (2010), A stochastic model for order book dynamics.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from genesis_lib.errors import InputError, StateError
from genesis_lib.feeds.simulation.flow_parameters import FlowParameters, day_profile, distance_table, size_table
from genesis_lib.feeds.simulation.matching import Fill, MatchingEngine
from genesis_lib.types import ASK, BID, BookTicker, DepthSnapshot, DepthUpdate, Event, Instrument, Trade
from orderbook_ext import Crowd

EPOCH = 1_735_689_600_000  # 2025-01-01 00:00 UTC, ms: every simulation starts here
MS = 1_000_000
TRADE = 2  # how a row of the crowd tells a trade
ANYWHERE = (1, 0)  # distances at which nobody is kept from placing orders


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
        Ids of orders that agents and outsiders name as theirs. The crowd never cancels an order that is not its own.
    watchers : dict
        Order id -> whom to call when it fills, with order id, tick, lots, trade id and exchange time (ns).
    told : list
        Events that outsiders caused since the last step; the next one gives them first.
    """

    def __init__(self, seed: int, instrument: Instrument, parameters: FlowParameters | None = None) -> None:
        self.p = p = parameters or FlowParameters()
        self.instrument = instrument
        self.engine = MatchingEngine()
        self.now = EPOCH
        self.push, self.pace = 0.0, 1.0
        self.withheld: dict[int, tuple[int, int]] = {}
        self.owned: set[int] = set()
        self.watchers: dict[int, Callable[[int, int, int, int, int], None]] = {}
        self.told: list[Event] = []
        lot, mid = instrument.lot_size, round(p.price / instrument.tick_size)
        self._per_unit = round(1 / lot) if lot < 1 else 0
        sizes = ((p.trade_size, 2.2), (p.touch_size, 2.2), (p.near_size, 1.9), (p.far_size, 1.5))
        tables = [size_table(median, sigma, lot, 10.0 * p.target) for median, sigma in sizes]
        symbol = instrument.symbol
        seeds = [number_of(f"{seed}/{name}") for name in (symbol, f"{symbol}/factor", "factor", f"{symbol}/latency")]
        tables.append(distance_table(0.8 * mid))
        self.crowd = Crowd(self.engine.book, seeds, p, p.target / lot, tables, day_profile(), EPOCH)
        self.crowd.populate(mid)

    @property
    def informed(self) -> float:
        """The informed flow as it was last: how far the price is off the hidden value, from -3 to 3."""
        return self.crowd.informed

    @property
    def trade_id(self) -> int:
        """Id of the last trade."""
        return self.crowd.trade_id

    @property
    def update_id(self) -> int:
        """Id of the last change that was told of the book."""
        return self.crowd.update_id

    def lots(self, quantity: float) -> int:
        """Whole lots nearest to a quantity, at least one."""
        return max(1, round(quantity / self.instrument.lot_size))

    def quantity(self, lots: int) -> float:
        """Quantity of a number of lots: the float64 nearest to the decimal."""
        return lots / self._per_unit if self._per_unit else lots * self.instrument.lot_size

    def clear_level(self, side: int, tick: int) -> None:
        """Cancel all that the crowd has at a level."""
        self.crowd.clear_level(side, tick)

    def snapshot(self) -> DepthSnapshot:
        """The whole book as it stands."""
        ts, bids, asks = self.now * MS, self.engine.book.levels(BID), self.engine.book.levels(ASK)
        ticks, lots, _ = np.concatenate([bids, asks]).T
        sides = np.repeat(np.array([BID, ASK], np.int8), [len(bids), len(asks)])
        received = self.crowd.receive(ts)
        return DepthSnapshot(
            self.instrument.symbol, ts, received, self.update_id, sides, ticks.copy(), self.quantities(lots)
        )

    def step(self, agents=()) -> list[Event]:
        """Let everyone act once; returns trades and touch changes in the order they came, the depth message last."""
        crowd = self.crowd
        early = crowd.begin(self.pace)
        self.now = crowd.now
        events, self.told = self.told, []
        acted = bool(events)
        for agent in agents:
            acted |= agent.act(self, events, early * MS)
        if events:
            self.tell_touch(events, early * MS)
        withheld = self.withheld.get(BID, ANYWHERE), self.withheld.get(ASK, ANYWHERE)
        # What the crowd does after an agent has acted cannot be told of a time before that.
        self._tell(crowd.finish(self.push, withheld, early if acted else 0), events)
        events.append(self.depth(self.now * MS))
        return events

    def run(self, messages: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Take so many steps in which nobody but the crowd acts, as arrays: rows, and all levels' sides, ticks, lots.

        `orderbook_ext.Crowd.run` says what the rows are; `blocks` makes typed columns of them.

        Raises
        ------
        InputError
            For `messages` below 1.
        StateError
            While somebody else acts: what he did, and what fills of his, would be told to nobody.
        """
        if messages < 1:
            raise InputError(f"messages must be at least 1, got {messages}")
        if self.told or self.owned or self.watchers or self.withheld or (self.push, self.pace) != (0.0, 1.0):
            raise StateError("blocks have no room for what outsiders and agents do: take steps, or iterate")
        made = self.crowd.run(messages)
        self.now = self.crowd.now
        return made

    def depth(self, ts: int) -> DepthUpdate:
        """The depth message of all levels that changed since the one before (agents may have one told in between)."""
        (sides, ticks, lots), ids = self.crowd.depth(ts // MS)
        return DepthUpdate(self.instrument.symbol, ts, *ids, sides, ticks, self.quantities(lots))

    def trade(self, side: int, lots: int, ts: int, events: list[Event], worst: int | None = None) -> int:
        """Send a market order and tell its trades; returns the lots that traded."""
        return self.tell_trades(side, self.engine.market(side, lots, worst), ts, events)

    def tell_trades(self, side: int, fills: list[Fill], ts: int, events: list[Event]) -> int:
        """Tell the trades of an order that took from the book; returns the lots that traded."""
        crowd, aggressor, done, rows = self.crowd, 1 if side == BID else -1, 0, []
        for order, tick, filled in fills:
            done += filled
            number, received = crowd.next_trade(), crowd.receive(ts)
            rows.append((TRADE, ts // MS, received, number, tick, filled, aggressor, order))
        self._tell(rows, events)
        return done

    def tell_touch(self, events: list[Event], ts: int) -> None:
        """Tell best prices and what rests there, if that changed since it was told."""
        self._tell(self.crowd.tell_touch(ts // MS), events)

    def _tell(self, rows: list[tuple[int, ...]], events: list[Event]) -> None:
        """Make events of the crowd's rows."""
        symbol, quantity, watchers = self.instrument.symbol, self.quantity, self.watchers
        for kind, ms, received, number, a, b, c, d in rows:
            ts = ms * MS
            if kind == TRADE:
                events.append(Trade(symbol, ts, received, number, a, quantity(b), c))
                if d in watchers:
                    watchers[d](d, a, b, number, ts)
            else:
                events.append(BookTicker(symbol, ts, received, number, a, quantity(b), c, quantity(d)))

    def quantities(self, lots: np.ndarray) -> np.ndarray:
        """`quantity` of an array."""
        return lots / self._per_unit if self._per_unit else lots * self.instrument.lot_size


def number_of(text: str) -> int:
    """64 bits that follow from a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
