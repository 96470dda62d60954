"""Repetition: what comes again and again is worse than one of it."""

from __future__ import annotations

from collections import deque

from genesis_lib.alerts.rules import Rule
from genesis_lib.detectors import SEVERITIES


class Repetition:
    """Counts the alarms of one key and says by how many steps their severity is raised.

    Every `escalate_after` repeats within `escalate_within_s` raise it by one; when none came for that long, the next
    one is as severe as it says itself again.

    Examples
    --------
    >>> times = Repetition(Rule(escalate_after=2, escalate_within_s=10.0))
    >>> [times.step(second * 10**9) for second in (0, 1, 2, 3, 4, 20)]
    [0, 0, 1, 1, 2, 0]
    """

    __slots__ = ("_last", "_times", "_within", "raised")

    def __init__(self, rule: Rule) -> None:
        self._within = rule.ns("escalate_within_s")
        self._times: deque[int] = deque(maxlen=int(rule.escalate_after) + 1)
        self._last: int | None = None
        self.raised = 0

    def step(self, ts: int) -> int:
        """Take one that came at `ts` (ns); the steps by which the severity is raised now."""
        times = self._times
        if times.maxlen < 2:
            return 0
        if self._last is not None and not 0 <= ts - self._last <= self._within:
            times.clear()
            self.raised = 0
        self._last = ts
        times.append(ts)
        if len(times) == times.maxlen and ts - times[0] <= self._within:
            self.raised += 1
            times.clear()
            times.append(ts)
        return self.raised


def raised(severity: str, steps: int) -> str:
    """A severity some steps up; nothing is worse than the worst.

    >>> raised("info", 1), raised("warning", 5)
    ('warning', 'critical')
    """
    return SEVERITIES[min(SEVERITIES.index(severity) + steps, len(SEVERITIES) - 1)]
