"""What a detector is, what it reports, and the adaptive baseline that all of them measure against."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import ClassVar

from genesis_lib.clock import NS
from genesis_lib.detectors.view import View
from genesis_lib.errors import InputError

SEVERITIES = ("info", "warning", "critical")
HABIT_NS = 120 * NS  # how long a baseline remembers
WARMUP_NS = 30 * NS  # no alarm before a baseline has seen this much
WARMUP_ROWS = 100
CLIP = 4.0  # standard deviations by which one value may pull a baseline
REARM_NS = 5 * NS
Evidence = float | int | str | list


@dataclass(frozen=True, slots=True)
class Alert:
    """One alarm.

    Parameters
    ----------
    kind
        Key of `DETECTORS`.
    severity
        ``info``, ``warning`` or ``critical``.
    score
        0 to 100; 50 just passes the detector's threshold.
    timestamp
        Exchange time of the row that raised it, ns.
    message
        What happened, one sentence for people.
    evidence
        The numbers behind it: levels (ticks), sizes, times (ns), and ``side`` where it has one.
    """

    kind: str
    severity: str
    score: float
    timestamp: int
    message: str
    evidence: Mapping[str, Evidence] = field(default_factory=dict)

    def as_dict(self) -> dict:
        """Plain values, ready for JSON."""
        return {name: getattr(self, name) for name in ("kind", "severity", "score", "timestamp", "message")} | {
            "evidence": dict(self.evidence)
        }


def score_of(excess: float) -> float:
    """0 to 100 from how many times the threshold was reached: 1 gives 50, 2 gives 75, 3 gives 87.5.

    >>> score_of(1.0), score_of(2.0)
    (50.0, 75.0)
    """
    return round(100.0 * (1.0 - 2.0 ** -max(excess, 0.0)), 1)


def severity_of(score: float) -> str:
    """``info`` below 65, ``critical`` from 85."""
    return SEVERITIES[(score >= 65.0) + (score >= 85.0)]


class Habit:
    """Exponentially weighted mean and deviation in event time: what is normal here.

    A value weighs as much as the time since the one before, so a burst of rows counts no more than its moment. A value
    pulls no further than `CLIP` deviations, so a shock does not become the habit it is measured against; one
    that stays does.

    Parameters
    ----------
    tau_ns
        Time after which a value's weight has fallen to 1/e.
    """

    __slots__ = ("_first", "_last", "count", "mean", "tau_ns", "variance")

    def __init__(self, tau_ns: int = HABIT_NS) -> None:
        self.tau_ns = tau_ns
        self.mean = self.variance = 0.0
        self.count = 0
        self._first = self._last = 0

    @property
    def ready(self) -> bool:
        """Whether enough was seen to call anything unusual."""
        return self.count >= WARMUP_ROWS and self.ready_for(WARMUP_NS)

    def ready_for(self, ns: int) -> bool:
        """Whether values over this much time were seen."""
        return self._last - self._first >= ns

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return math.sqrt(self.variance)

    def z(self, value: float, floor: float = 1e-12) -> float:
        """Deviations from the mean, a deviation being at least `floor`."""
        return (value - self.mean) / max(self.deviation, floor)

    def learn(self, ts: int, value: float) -> None:
        """Take a value in; NaN is left out."""
        if value != value:
            return
        self.count += 1
        if self.count == 1:
            self._first = self._last = ts
            self.mean = value
            return
        elapsed = max(ts - self._last, 0)
        self._last += elapsed
        # The plain mean over time at first, the forgetting one as soon as it remembers less than everything.
        weight = max(1.0 - math.exp(-elapsed / self.tau_ns), elapsed / max(self._last - self._first, 1))
        delta = value - self.mean
        if self.ready:
            limit = CLIP * self.deviation + 1e-9 + 0.01 * abs(self.mean)
            delta = min(max(delta, -limit), limit)
        self.mean += weight * delta
        self.variance = (1.0 - weight) * (self.variance + weight * delta * delta)


class Episode:
    """Turns a condition into alarms: one when it has held for a while, none again until it has long been gone."""

    __slots__ = ("_alarmed", "_since", "_until", "hold_ns", "rearm_ns")

    def __init__(self, hold_ns: int = 0, rearm_ns: int = REARM_NS) -> None:
        self.hold_ns, self.rearm_ns = hold_ns, rearm_ns
        self.clear()

    def clear(self) -> None:
        """Forget the condition."""
        self._since: int | None = None
        self._until: int | None = None
        self._alarmed = False

    def step(self, ts: int, over: bool) -> bool:
        """Whether to raise the alarm now."""
        if over:
            self._since = ts if self._since is None else self._since
            self._until = ts
            if not self._alarmed and ts - self._since >= self.hold_ns:
                self._alarmed = True
                return True
            return False
        self._since = None
        if self._alarmed and ts - self._until >= self.rearm_ns:
            self._alarmed = False
        return False


class Detector:
    """Watches rows for one thing, in event time alone and bounded memory.

    A subclass names its `kind` and a `summary`, and looks at valid rows in `look`; after an invalid row it forgets
    what it was in the middle of (`forget`) and keeps its baselines. `genesis_lib.detectors.watch.Watch` runs them.
    """

    kind: ClassVar[str]
    summary: ClassVar[str]

    def look(self, view: View) -> Alert | None:
        """Judge a valid row."""
        raise TypeError(f"{type(self).__name__} must define look(view)")

    def forget(self) -> None:
        """Drop what depends on the rows just before."""
        raise TypeError(f"{type(self).__name__} must define forget()")

    def heed(self, alerts: Sequence[Alert]) -> None:
        """Take what was told of the row that was just looked at; called only where something was."""

    def alert(self, view: View, excess: float, message: str, **evidence: Evidence) -> Alert:
        """An alarm of this kind at this row."""
        score = score_of(excess)
        return Alert(
            self.kind, severity_of(score), score, view.ts, message, {k: _plain(v) for k, v in evidence.items()}
        )


def _plain(value: Evidence) -> Evidence:
    if isinstance(value, float):
        return round(value, 6)
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


DETECTORS: dict[str, type[Detector]] = {}


def detector(cls: type[Detector]) -> type[Detector]:
    """Enter a detector class into the table."""
    if cls.kind in DETECTORS:
        raise InputError(f"detector {cls.kind!r} is defined twice")
    DETECTORS[cls.kind] = cls
    return cls


def make_detectors(kinds: Iterable[str] | None = None) -> list[Detector]:
    """New detectors of the given kinds, all of them when left out; an unknown kind names the nearest known one."""
    made = []
    for kind in DETECTORS if kinds is None else kinds:
        if kind not in DETECTORS:
            near = get_close_matches(str(kind), list(DETECTORS), 1, 0.0)[0]
            raise InputError(f"unknown detector {kind!r}; did you mean {near!r}? Known: {', '.join(DETECTORS)}")
        made.append(DETECTORS[kind]())
    return made
