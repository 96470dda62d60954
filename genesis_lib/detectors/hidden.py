"""Orders that show only a part of themselves: icebergs."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from genesis_lib.clock import NS
from genesis_lib.detectors.base import WARMUP_NS, Alert, Detector, Episode, Habit, detector
from genesis_lib.detectors.manipulation import SIDES
from genesis_lib.detectors.view import View

GROUPS = 256  # prices followed at a time
WIDER = 10
PARTS = 10  # refills that one row may tell
LEARN_NS = NS // 10  # a baseline of minutes needs no more values than this
HOUR = 3600 * NS


@dataclass(slots=True)
class Refills:
    """What happened lately at a price whose whole quantity was taken and that stood all the same."""

    times: list[int] = field(default_factory=list)  # ns
    added: list[float] = field(default_factory=list)  # what came each time
    volume: float = 0.0  # taken
    most: int = 1  # the most of one size that came
    told: bool = False


Found = tuple[tuple[int, int], Refills, list[float], float]  # price, its refills, the alike ones, their chance


class Chance:
    """How often refills come, and come again at the same price, in a market without icebergs.

    Parameters
    ----------
    tau_ns
        Time after which a refill's weight has fallen to 1/e.

    Notes
    -----
    It starts from `PRIOR` refills of which one in twenty came again, so that the first minutes are no surprise.
    """

    PRIOR, AGAIN, PER_HOUR = 10.0, 0.05, 300.0

    def __init__(self, tau_ns: int) -> None:
        self.tau_ns = tau_ns
        self._refills = self._again = 0.0
        self._at: int | None = None
        self._first = 0

    def learn(self, ts: int, refills: int) -> None:
        """Take in a price at which this many refills came, one after the other."""
        if self._at is None:
            self._at = self._first = ts
        fade = math.exp(-max(ts - self._at, 0) / self.tau_ns)
        self._at = max(ts, self._at)
        self._refills = self._refills * fade + refills
        self._again = self._again * fade + refills - 1

    def per_hour(self, ts: int, refills: int) -> float:
        """How many times an hour this many refills come at one price by chance."""
        again = (self._again + self.PRIOR * self.AGAIN) / (self._refills + self.PRIOR)
        if self._at is None:
            return self.PER_HOUR * again ** (refills - 1)
        seen = self.tau_ns * (1.0 - math.exp(-max(ts - self._first, 1) / self.tau_ns))
        prior = self.PRIOR * HOUR / self.PER_HOUR
        fade = math.exp(-max(ts - self._at, 0) / self.tau_ns)
        rate = (self._refills * fade + self.PRIOR) / (seen + prior) * HOUR
        return rate * again ** (refills - 1)


@detector
class Iceberg(Detector):
    """All that a best price shows is taken, and the price still stands, refilled alike, several times within seconds.

    Notes
    -----
    Three traces of a refill, all of which need that what traded at the best price since the row before is at least
    what it showed: (a) it is the best price still; (b) it is so again within `BACK_NS`; (c) it is not, but more traded
    than it showed, in fills of one size that make up most of the excess: a taker met one hidden part after the other.
    Refills at one price count that are alike. A fourth trace, where others rest there too: (d) what came at the price
    while it traded is the same quantity again and again, and not that of a trade (who trades with himself adds what he
    takes). The alarm comes when so many would come by chance less than once in two
    hours, by how often refills come and come again in this market.

    References
    ----------
    Frey and Sandas (2009), The impact of iceberg orders in limit order books. Christensen and Woodmansey (2013),
    Prediction of hidden liquidity in the limit order book of GLOBEX futures.
    """

    kind = "iceberg"
    summary = "a price that was taken whole several times and refilled"
    SPAN_NS, TAU_NS = 20 * NS, 900 * NS
    BACK_NS = 200 * NS // 1000
    TAKEN, ALIKE, SAME, LEAST, PER_HOUR = 0.98, 1.6, 0.01, 4, 0.5
    NATS, UNSEEN = 12.0, 0.15
    FILLS, EXPLAINED, SMALL = 3, 0.6, 0.02  # equal fills; their share of the excess; of the habitual best level

    def __init__(self) -> None:
        self._chance, self._same = Chance(self.TAU_NS), Chance(self.TAU_NS)
        self._added: dict[tuple[int, int], Refills] = {}  # what came at prices while they traded
        self._swept = 0
        self._groups: dict[tuple[int, int], Refills] = {}
        self._gone: dict[tuple[int, int], tuple[int, float]] = {}  # prices that were taken whole: when, how much
        self._best = Habit()
        self._warm = self._learnt = 0
        self._episode = Episode(0, 5 * NS)

    def forget(self) -> None:
        self._groups.clear()
        self._gone.clear()
        self._added.clear()
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts, found = view.ts, None
        self._warm = self._warm or ts + WARMUP_NS
        if ts - self._learnt >= LEARN_NS:
            self._learnt = ts
            self._best.learn(ts, (view.bids[0][1] + view.asks[0][1]) / 2.0)
        if self._gone:
            found = self._returned(view)
        if view.before is not None and (view.trades or view.flow[0] > 0.0):
            for (side, tick), volume in view.taken.items():
                then = view.before.sides[side][0]
                if then[0] == tick and volume >= self.TAKEN * then[1]:
                    found = self._taken_whole(view, side, tick, volume, then[1]) or found
                if then[0] == tick == view.sides[side][0][0]:
                    found = self._came(view, side, tick, volume, view.sides[side][0][1] - then[1] + volume) or found
        if not self._episode.step(ts, found is not None and ts >= self._warm):
            return None
        (side, tick), group, alike, chance = found
        group.told = True
        shown = sorted(alike)[len(alike) // 2]
        message = (
            f"The {SIDES[side]} at tick {tick} was refilled {len(alike)} times within "
            f"{(ts - group.times[0]) / NS:.1f} s as it traded, by about {shown:g} each time; {group.volume:g} traded."
        )
        return self.alert(
            view,
            1.0 + math.log(self.PER_HOUR / max(chance, 1e-12)) / 6.0,
            message,
            side=SIDES[side],
            tick=tick,
            refills=len(alike),
            shown=shown,
            sizes=list(group.added),
            volume=group.volume,
            times=list(group.times),
            chance_per_hour=chance,
        )

    def _returned(self, view: View) -> Found | None:
        """Prices that were taken whole and are the best ones again."""
        found = None
        for (side, tick), (at, volume) in list(self._gone.items()):
            best, quantity = view.sides[side][0]
            if best == tick or view.ts - at > self.BACK_NS:
                del self._gone[side, tick]
            if best == tick and view.ts - at <= self.BACK_NS:
                found = self._refilled(view.ts, side, tick, volume, [quantity]) or found
        return found

    def _taken_whole(self, view: View, side: int, tick: int, volume: float, showed: float) -> Found | None:
        """A best price of which all was taken that it showed."""
        best, quantity = view.sides[side][0]
        if best == tick and abs(quantity - showed) <= 0.01 * showed and volume > 1.02 * showed:
            return None  # what stood there was not what traded: somebody met himself
        if best == tick:
            return self._refilled(view.ts, side, tick, volume, [quantity - showed + volume])
        self._gone[side, tick] = view.ts, volume
        fills = Counter(trade.quantity for trade in view.trades if trade.tick == tick)
        if not fills:
            return None
        size, count = max(fills.items(), key=lambda fill: (fill[0] * fill[1], fill[0]))
        excess = volume - showed
        parts = min(int(excess / size + 1e-6), count, PARTS)
        if count < self.FILLS or size * count < self.EXPLAINED * excess or size < self.SMALL * self._best.mean:
            return None
        if parts < 2:
            return None
        del self._gone[side, tick]
        return self._refilled(view.ts, side, tick, volume, [size] * parts)

    def _refilled(self, ts: int, side: int, tick: int, volume: float, added: list[float]) -> Found | None:
        """Take in refills; the price, its refills, the alike ones and their chance where that is small."""
        self._leave(ts)
        key = side, tick
        group = self._groups.setdefault(key, Refills())
        group.times += [ts] * len(added)
        group.added += added
        group.volume += volume
        alike = max(
            ([size for size in group.added if one / self.ALIKE <= size <= one * self.ALIKE] for one in group.added),
            key=len,
        )
        chance = self._chance.per_hour(ts, len(alike))
        if len(alike) < self.LEAST or chance > self.PER_HOUR:
            return None
        return key, group, alike, chance

    def _came(self, view: View, side: int, tick: int, volume: float, added: float) -> Found | None:
        """Take in what came at a best price while it traded."""
        ts = view.ts
        if added < self.SMALL * self._best.mean or any(abs(t.quantity - added) <= 0.01 * added for t in view.trades):
            return None
        if ts - self._swept >= NS:
            self._swept = ts
            self._drop(ts)
        group = self._added.setdefault((side, tick), Refills())
        group.times.append(ts)
        group.added.append(added)
        group.volume += volume
        while group.times[0] <= ts - self.SPAN_NS:
            del group.times[0], group.added[0]
        same = [size for size in group.added if abs(size - added) <= self.SAME * added]
        group.most = max(group.most, len(same))
        chance = self._same.per_hour(ts, len(same))
        if len(same) < self.LEAST or chance > self.PER_HOUR:
            return None
        # Sizes close by tell how many would be the same by chance.
        wide = sum(abs(size - added) <= WIDER * self.SAME * added for size in group.added)
        usual = max((wide - len(same)) / (WIDER - 1), self.UNSEEN)
        nats = len(same) * math.log(len(same) / usual) - (len(same) - usual) if len(same) > usual else 0.0
        return ((side, tick), group, same, chance) if nats >= self.NATS else None

    def _drop(self, ts: int) -> None:
        """`_leave`, of what came while a price traded."""
        for key, group in list(self._added.items()):
            if ts - group.times[-1] > self.SPAN_NS or len(self._added) >= GROUPS or len(group.times) >= GROUPS:
                del self._added[key]
                if not group.told:
                    self._same.learn(ts, min(group.most, self.LEAST))

    def _leave(self, ts: int) -> None:
        """Prices without a refill for long become habit, those told of do not."""
        for key, group in list(self._groups.items()):
            if ts - group.times[-1] > self.SPAN_NS or len(self._groups) >= GROUPS or len(group.times) >= GROUPS:
                del self._groups[key]
                if not group.told:
                    self._chance.learn(ts, min(len(group.times), self.LEAST))
