"""Orders that show only a part of themselves: icebergs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from genesis_lib.clock import NS
from genesis_lib.detectors.base import WARMUP_NS, Alert, Detector, Episode, detector
from genesis_lib.detectors.manipulation import SIDES
from genesis_lib.detectors.view import View

GROUPS = 256  # prices followed at a time
HOUR = 3600 * NS


@dataclass(slots=True)
class Refills:
    """What happened lately at a price whose whole quantity was taken and that stood all the same."""

    times: list[int] = field(default_factory=list)  # ns
    volumes: list[float] = field(default_factory=list)  # taken
    added: list[float] = field(default_factory=list)  # what came in its place
    told: bool = False


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
    A refill: what traded at the best price since the row before is at least what it showed there, and it is the best
    price still. Refills at one price count that are alike within a factor of two. The alarm comes when so many would
    come by chance less than once an hour, by how often refills come and come again in this market.

    References
    ----------
    Frey and Sandas (2009), The impact of iceberg orders in limit order books. Christensen and Woodmansey (2013),
    Prediction of hidden liquidity in the limit order book of GLOBEX futures.
    """

    kind = "iceberg"
    summary = "a price that was taken whole several times and refilled"
    SPAN_NS, TAU_NS = 20 * NS, 900 * NS
    TAKEN, ALIKE, LEAST, PER_HOUR = 0.98, 2.0, 3, 1.0

    def __init__(self) -> None:
        self._chance = Chance(self.TAU_NS)
        self._groups: dict[tuple[int, int], Refills] = {}
        self._warm = 0
        self._episode = Episode(0, 5 * NS)

    def forget(self) -> None:
        self._groups.clear()
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts, found = view.ts, None
        self._warm = self._warm or ts + WARMUP_NS
        if view.before is not None and (view.trades or view.flow[0] > 0.0):
            for (side, tick), volume in view.taken.items():
                then, now = view.before.sides[side][0], view.sides[side][0]
                if then[0] == tick == now[0] and volume >= self.TAKEN * then[1]:
                    found = self._refilled(ts, side, tick, volume, now[1] - then[1] + volume) or found
        if not self._episode.step(ts, found is not None and ts >= self._warm):
            return None
        (side, tick), group, alike, chance = found
        group.told = True
        volume = sum(group.volumes)
        shown = sorted(alike)[len(alike) // 2]
        message = (
            f"What the {SIDES[side]} at tick {tick} showed was taken whole {len(group.times)} times within "
            f"{(ts - group.times[0]) / NS:.1f} s and came again, about {shown:g} each time; {volume:g} traded."
        )
        return self.alert(
            view,
            1.0 + math.log(self.PER_HOUR / max(chance, 1e-9)) / 6.0,
            message,
            side=SIDES[side],
            tick=tick,
            refills=len(group.times),
            shown=shown,
            sizes=list(group.added),
            volume=volume,
            times=list(group.times),
            chance_per_hour=chance,
        )

    def _refilled(self, ts: int, side: int, tick: int, volume: float, added: float):
        """Take in a refill; the price, its refills, the alike ones and their chance where that is small."""
        self._leave(ts)
        key = side, tick
        group = self._groups.setdefault(key, Refills())
        group.times.append(ts)
        group.volumes.append(volume)
        group.added.append(added)
        alike = max(
            ([size for size in group.added if one / self.ALIKE <= size <= one * self.ALIKE] for one in group.added),
            key=len,
        )
        chance = self._chance.per_hour(ts, len(alike))
        if len(alike) < self.LEAST or chance > self.PER_HOUR:
            return None
        return key, group, alike, chance

    def _leave(self, ts: int) -> None:
        """Prices without a refill for long become habit, those told of do not."""
        for key, group in list(self._groups.items()):
            if ts - group.times[-1] > self.SPAN_NS or len(self._groups) >= GROUPS or len(group.times) >= GROUPS:
                del self._groups[key]
                if not group.told:
                    self._chance.learn(ts, len(group.times))
