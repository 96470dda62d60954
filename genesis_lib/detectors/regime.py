"""What state the market is in, from what one second after the other looks like beside the last minutes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Alert, Detector, Habit, detector
from genesis_lib.detectors.regime_model import COLUMNS, STATES, RegimeModel, default_model
from genesis_lib.detectors.trades import orders
from genesis_lib.detectors.view import View

MANIPULATIONS = frozenset(
    {"spoofing", "layering", "quote_stuffing", "momentum_ignition", "wash_trading", "iceberg", "flash_crash"}
)
FAST_NS, SLOW_NS = 5 * NS, 600 * NS  # a state is of seconds, beside the last ten minutes
SUSPICION_NS = 15 * NS  # how long an alarm of manipulation is evidence
CLIP = 8.0  # deviations that a feature may show
TELLS = {"Stressed": (0, 1, 2), "Execution Hot": (0, 3)}  # columns that a state is told by
LEAST_DEVIATION = 0.1  # of a habit: all are logarithms or shares, and less is nothing to speak of


class RegimeFeatures:
    """The numbers of each second of event time, in deviations from the habit of the last minutes.

    A row costs some additions; the numbers are worked out when its second is over. Each is a mean over the last five
    seconds (weights falling by 1/e), less the mean and over the deviation of that of the last ten minutes, so that a
    market's own units do not show. The last one is no number of the book: it is what alarms of manipulation say.
    """

    def __init__(self) -> None:
        self._fast: list[float] = []  # plain means: a habit would not follow a shock, and this is to
        self._origin: tuple[float, ...] = ()
        self._closed = 0
        self._slow = [Habit(SLOW_NS) for _ in COLUMNS[:-1]]
        self._suspicion, self._suspected = 0.0, 0
        self.forget()

    def forget(self) -> None:
        """Drop the second that is going on."""
        self._second = 0
        self._clear()

    def _clear(self) -> None:
        self._rows = self._orders = 0
        self._moves = self._spread = self._depth = self._lean = 0.0

    @property
    def ready(self) -> bool:
        """Whether two minutes were seen."""
        return self._slow[0].count >= 60 and self._slow[0].ready_for(120 * NS)

    def heed(self, alerts: Iterable[Alert]) -> None:
        """Take alarms of manipulation as evidence, of a weight of 1 at the highest score."""
        for alert in alerts:
            if alert.kind in MANIPULATIONS:
                self._suspicion = self.suspicion(alert.timestamp) + alert.score / 100.0
                self._suspected = alert.timestamp

    def suspicion(self, ts: int) -> float:
        """What is left of the evidence."""
        return self._suspicion * math.exp(-max(ts - self._suspected, 0) / SUSPICION_NS)

    def push(self, view: View) -> list[float] | None:
        """Take a row; the features of the second before, when this row begins another."""
        second, found = view.ts // NS, None
        if second != self._second:
            if self._rows:
                found = self._close(view.ts)
            self._second = second
            self._clear()
        bid, ask = view.depth(0), view.depth(1)
        self._rows += 1
        self._orders += len(orders(view)) if view.flow[0] > 0.0 else 0
        if view.before is not None:
            self._moves += (view.mid - view.before.mid) ** 2
        self._spread += view.spread
        total = bid + ask
        if total > 0.0:
            self._depth += total
            self._lean += (bid - ask) / total
        return found

    def _close(self, ts: int) -> list[float]:
        rows, orders_ = self._rows, self._orders
        raw = (
            math.log(0.5 + math.sqrt(self._moves)),
            math.log(self._spread / rows),
            -math.log(max(self._depth / rows, 1e-12)),
            math.log1p(orders_),
            abs(self._lean / rows),
            math.log((1.0 + rows) / (1.0 + orders_)),
        )
        if not self._origin:  # units are a constant in a logarithm: taken off, they do not show in the habits
            self._origin = raw
        raw = tuple(value - first for value, first in zip(raw, self._origin))
        weight = 1.0 if not self._fast else -math.expm1(-max(ts - self._closed, 0) / FAST_NS)
        before = self._fast or raw
        self._fast = [old + weight * (value - old) for value, old in zip(raw, before)]
        self._closed = ts
        found = []
        for mean, slow in zip(self._fast, self._slow):
            found.append(min(max(slow.z(mean, LEAST_DEVIATION), -CLIP), CLIP) if slow.count else 0.0)
            slow.learn(ts, mean)
        found.append(-math.expm1(-self.suspicion(ts)))  # more alarms say more, and never more than all
        return found


@detector
class Regime(Detector):
    """Which of four states the market is in, and an alarm when it leaves Calm for long and far enough.

    Each second the features of `RegimeFeatures` are held against the clusters of a frozen `RegimeModel`; nothing is
    fitted here. A state follows when its probability has been above `SURE` for `DWELL_NS`, and lasts at least
    `LEAST_NS`. The alarm is of the change; one that is soon followed by another is not told.

    Parameters
    ----------
    model
        The library's own when left out.

    Attributes
    ----------
    state : str
        One of `STATES`.
    probabilities : dict
        State -> probability, of the last second.
    features : list of float
        Of the last second, in the order of `COLUMNS`; empty before the first.
    """

    kind = "regime"
    summary = "the market left its calm state"
    SURE, DWELL_NS, LEAST_NS, REARM_NS = 0.7, 3 * NS, 10 * NS, 900 * NS
    FAR = 4.0  # deviations: how far the two features that tell the state most must stand out for an alarm
    EVIDENCE = 0.7  # of manipulation, for the same: two alarms shortly after each other, or many

    def __init__(self, model: RegimeModel | None = None) -> None:
        self.model = default_model() if model is None else model
        self.state = STATES[0]
        self.probabilities = dict.fromkeys(STATES, 0.0) | {STATES[0]: 1.0}
        self.features: list[float] = []
        self._rows = RegimeFeatures()
        self._coming, self._since = STATES[0], 0
        self._entered = self._told = -(10**18)

    def forget(self) -> None:
        self._rows.forget()
        self._coming = self.state

    def heed(self, alerts: Sequence[Alert]) -> None:
        """Take what the other detectors said of this row."""
        self._rows.heed(alerts)

    def look(self, view: View) -> Alert | None:
        features = self._rows.push(view)
        if features is None:
            return None
        self.features = features
        if not self._rows.ready:
            return None
        self.probabilities = self.model.probabilities(features)
        ts, likely = view.ts, max(self.probabilities, key=self.probabilities.__getitem__)
        if likely == self.state or self.probabilities[likely] < self.SURE:
            self._coming = self.state
            return self._tell(view)
        if likely != self._coming:
            self._coming, self._since = likely, ts
        if ts - self._since >= self.DWELL_NS and ts - self._entered >= self.LEAST_NS:
            self.state, self._entered = likely, ts
        return self._tell(view)

    @property
    def strength(self) -> float:
        """How far the state's own features stand out, 1 where it is worth an alarm; 0 when calm."""
        if not self.features:
            return 0.0
        if self.state == "Manipulation Suspected":
            return self.features[-1] / self.EVIDENCE
        told = sorted((self.features[k] for k in TELLS.get(self.state, ())), reverse=True)[:2]
        return max(sum(told) / (2.0 * self.FAR), 0.0) if told else 0.0

    def _tell(self, view: View) -> Alert | None:
        strength = self.strength
        if strength < 1.0 or view.ts - self._told < self.REARM_NS:
            return None
        self._told = view.ts
        sure = self.probabilities[self.state]
        seen = dict(zip(COLUMNS, self.features))
        named = max(seen, key=lambda name: seen[name])
        message = f"The market is in state {self.state}: {named.replace('_', ' ')} stands out most."
        return self.alert(
            view,
            strength,
            message,
            state=self.state,
            probability=sure,
            model=self.model.hash,
            seconds=FAST_NS / NS,
            **seen,
        )
