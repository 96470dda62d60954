"""A number against a threshold: for a time, with hysteresis, in event time."""

from __future__ import annotations

from collections import deque

from genesis_lib.alerts.rules import FeatureRule, ThresholdRule


class Crossing:
    """Says when a number has been beyond the threshold of a rule for long enough; once, until it has come back.

    What is not known (NaN) is not beyond: the time begins anew after it. Nor has it come back.

    Examples
    --------
    >>> crossing = Crossing(FeatureRule(feature="spread", above=5.0, clear=2.0))
    >>> [crossing.step(k, value) for k, value in enumerate((4.0, 6.0, 3.0, 6.0, 2.0, 6.0))]
    [False, True, False, False, False, True]
    """

    __slots__ = ("_clear", "_hold", "_limit", "_raised", "_sign", "_since")

    def __init__(self, rule: ThresholdRule) -> None:
        below = rule.above is None and isinstance(rule, FeatureRule)
        limit = rule.below if below else rule.above
        self._sign = -1.0 if below else 1.0
        self._limit = self._sign * limit
        self._clear = self._sign * (limit if rule.clear is None else rule.clear)
        self._hold = rule.ns("for_s")
        self.forget()

    def forget(self) -> None:
        """Start anew, as if nothing had been raised."""
        self._since: int | None = None
        self._raised = False

    def step(self, ts: int, value: float) -> bool:
        """Whether the alarm is raised by the value at `ts` (ns)."""
        value *= self._sign
        if value > self._limit:
            if self._raised:
                return False
            if self._since is None:
                self._since = ts
            self._raised = ts - self._since >= self._hold
            return self._raised
        self._since = None
        if value <= self._clear:
            self._raised = False
        return False


class Recent:
    """How many of something came within the last stretch of event time, in buckets of one sixtieth of it.

    Bounded: at most 61 buckets, however many came.
    """

    __slots__ = ("_buckets", "_width", "part", "total")

    def __init__(self, within_ns: int) -> None:
        self._width = max(within_ns // 60, 1)
        self.forget()

    def forget(self) -> None:
        """Nothing came yet."""
        self._buckets: deque[list[int]] = deque()
        self.total = self.part = 0

    def step(self, ts: int, part: int = 0, number: int = 1) -> None:
        """Count `number` at `ts`, `part` of them of the sort whose share is asked for; 0 lets time pass."""
        bucket, buckets = ts // self._width, self._buckets
        if number:
            if not buckets or buckets[-1][0] < bucket:
                buckets.append([bucket, 0, 0])
            buckets[-1][1] += number
            buckets[-1][2] += part
            self.total += number
            self.part += part
        while buckets and bucket - buckets[0][0] > 59:
            _, was, of_them = buckets.popleft()
            self.total -= was
            self.part -= of_them
