"""Stylised facts of a market, of one session's typed events in one pass: what a simulated market must have too.

References
----------
R. Cont, "Empirical properties of asset returns: stylized facts and statistical issues", Quantitative Finance 1, 2001.
J.-P. Bouchaud, J. D. Farmer, F. Lillo, "How markets slowly digest changes in supply and demand", in Handbook of
Financial Markets: Dynamics and Evolution, 2009.
F. Lillo, J. D. Farmer, "The Long Memory of the Efficient Market", Studies in Nonlinear Dynamics & Econometrics 8(3),
2004.
R. Cont, A. Kukanov, S. Stoikov, "The Price Impact of Order Book Events", Journal of Financial Econometrics 12(1), 2014.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from genesis_lib.analytics.mid_prices import MidPrices
from genesis_lib.analytics.order_signs import OrderSigns
from genesis_lib.analytics.running_statistics import Quantiles
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.types import DepthUpdate, Event, Instrument, Snapshot, Trade

if TYPE_CHECKING:
    from genesis_lib.feeds.snapshots import FinishedSession

NEAR = 20  # ticks of the touch within which an update is near
WIDEST = 256  # ticks of spread counted one by one; wider ones count as this


class StylisedFacts:
    """Take the events of a session, give its statistics; memory does not grow with them.

    Rows that are not valid are left out, and nothing is measured across them.

    Parameters
    ----------
    instrument
        What the events are of.
    depth
        Levels a side.

    Examples
    --------
    >>> from genesis_lib.feeds.simulation.simulator import Simulator
    >>> market = Simulator(1, minutes=0.2)
    >>> facts = StylisedFacts(market.instrument).of(market)
    >>> bool(facts["spread_one_tick"] > 0.9)
    True
    """

    def __init__(self, instrument: Instrument, depth: int = 10) -> None:
        self.instrument, self.depth = instrument, depth
        self.rows = 0
        self.first_ts: int | None = None  # exchange time of the first valid row
        self.seconds = 0.0
        self._builder = RowBuilder(instrument, depth)
        self._last_ts: int | None = None  # of the last valid row
        self._touch: tuple[int, int] | None = None  # ticks of the best prices after it
        self._spreads = np.zeros(WIDEST + 1, np.int64)
        self.gaps = Quantiles(0.1, 1e7)  # ms between depth messages
        self._gap_squares = 0.0
        self.updates = Quantiles(0.5, 1e6)  # levels a message
        self._levels = self._near = self._deleted = 0
        self.sizes = [Quantiles(1e-6, 1e9, 1.02) for _ in range(depth)]
        self._reach = Quantiles(0.5, 1e6)  # ticks from the touch to the last level
        self._wide_since: int | None = None
        self._recovery = Quantiles(0.1, 1e7)  # ms until a spread above one tick is one again
        self.orders = OrderSigns()
        self.mids = MidPrices()

    def of(self, events: Iterable[Event | Snapshot]) -> dict[str, float]:
        """Take all events, give the statistics."""
        for event in events:
            self.observe(event)
        return self.facts()

    def observe(self, event: Event | Snapshot) -> None:
        """Take the next event of the session."""
        kind = type(event)
        if kind is Trade:
            if event.market and self._touch is not None:
                self.orders.observe(event)
        elif kind is DepthUpdate and self._touch is not None:
            self._count_levels(event)
        row = self._builder.push(event)
        if row is not None:
            self._row(row, kind is DepthUpdate)

    def facts(self) -> dict[str, float]:
        """Statistics by name, see `calibration.STATISTICS`; NaN what the data cannot tell."""
        spreads, seconds = self._spreads, self.seconds or np.nan
        counted = spreads.sum() or np.nan
        near, deleted = (part / self._levels if self._levels else np.nan for part in (self._near, self._deleted))
        sums = np.cumsum(spreads)
        mean = self.gaps.mean or np.nan
        found = {
            "minutes": self.seconds / 60,
            "rows": float(self.rows),
            "spread_mean": float(np.arange(WIDEST + 1) @ spreads / counted),
            "spread_one_tick": float(spreads[1] / counted),
            **{f"spread_p{p}": float(np.searchsorted(sums, p / 100 * counted)) for p in (50, 95, 99)},
            "messages_per_second": self.gaps.n / seconds,
            "gap_cv": float(np.sqrt(max(self._gap_squares / max(self.gaps.n, 1) - mean**2, 0.0)) / mean),
            **{f"gap_p{p}": self.gaps.at(p / 100) for p in (50, 95, 99)},
            **{f"updates_p{p}": _whole(self.updates.at(p / 100)) for p in (50, 95)},
            "updates_mean": self.updates.mean,
            "updates_near": near,
            "updates_deleted": deleted,
            **{f"size_{i}": held.at(0.5) for i, held in enumerate(self.sizes, 1)},
            "last_level_ticks": _whole(self._reach.at(0.5)),
            "recovery_p50": self._recovery.at(0.5),
            "recovery_p95": self._recovery.at(0.95),
        }
        return found | self.orders.facts(seconds) | self.mids.facts(seconds)

    def spread_shares(self) -> np.ndarray:
        """Share of rows with a spread of 0, 1, 2, ... ticks; the last stands for all wider ones."""
        return self._spreads / max(self._spreads.sum(), 1)

    def _count_levels(self, event: DepthUpdate) -> None:
        bid, ask = self._touch
        away = np.where(event.sides == 0, bid - event.ticks, event.ticks - ask)
        self.updates.add(len(away))
        self._levels += len(away)
        self._near += int((np.abs(away) <= NEAR).sum())
        self._deleted += int((event.quantities == 0).sum())

    def _row(self, row: Snapshot, is_update: bool) -> None:
        if not row.valid:
            self._forget()
            return
        ts, levels, tick = row.ts_exchange, row.levels, row.tick_size
        self.rows += 1
        self.first_ts = ts if self.first_ts is None else self.first_ts
        if self._last_ts is not None:
            gap = (ts - self._last_ts) / 1e6
            self.seconds += gap / 1e3
            if is_update or type(row) is Snapshot:
                self.gaps.add(gap)
                self._gap_squares += gap * gap
        self._last_ts = ts
        bid, ask = round(float(levels[0, 0]) / tick), round(float(levels[0, 2]) / tick)
        self._touch = bid, ask
        self._spreads[min(ask - bid, WIDEST)] += 1
        for held, pair in zip(self.sizes, levels[:, 1::2].tolist()):
            held.add(pair[0])
            held.add(pair[1])
        self._reach.add(bid - levels[-1, 0] / tick)
        self._reach.add(levels[-1, 2] / tick - ask)
        if ask - bid > 1:
            self._wide_since = ts if self._wide_since is None else self._wide_since
        elif self._wide_since is not None:
            self._recovery.add((ts - self._wide_since) / 1e6)
            self._wide_since = None
        touch = (bid, float(levels[0, 1]), ask, float(levels[0, 3]))
        self.orders.quote(touch)
        self.mids.quote(ts, touch)

    def _forget(self) -> None:
        self._last_ts = self._touch = self._wide_since = None
        self.orders.forget()
        self.mids.forget()


def _whole(value: float) -> float:
    """The whole number that a bin of whole numbers stands for, where bins are that narrow."""
    return value if value != value or value > 50 else float(round(value))


def measure(session: FinishedSession, depth: int = 10) -> StylisedFacts:
    """Take all events of a session."""
    facts = StylisedFacts(session.instrument, depth)
    for event in session.events():
        facts.observe(event)
    return facts
