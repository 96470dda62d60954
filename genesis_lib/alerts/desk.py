"""The desk: which alarms are told, which are repeats or held back, and who has seen them."""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from genesis_lib.alerts.escalation import Repetition, raised
from genesis_lib.alerts.rules import ALL, DetectorRule, Rule
from genesis_lib.clock import NS
from genesis_lib.detectors import DETECTORS, SEVERITIES, Alert
from genesis_lib.errors import InputError

DEDUPLICATE_NS = 5 * NS  # where no rule says otherwise
HISTORY = 500
KEYS = 10_000  # of kind, side and symbol that are remembered; the oldest go first
NEVER = math.inf
_NUMBER = re.compile("[0-9]{1,18}")  # what Python calls a digit is more than what it can read as one

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Notice:
    """What people are told of an alarm, once or again.

    Parameters
    ----------
    id
        Of the alarm in its session, from 1; the same each time it is told.
    cause
        ``new``; ``escalated``: its severity was raised since; ``reminder``: critical, and nobody acknowledged it.
    kind, severity, score, message, evidence
        Of the alarm, see `Alert`; the severity as it is now.
    timestamp
        When this was told, market's time in ns.
    repeats
        Alarms that were merged into it so far.
    """

    id: int
    cause: str
    kind: str
    severity: str
    score: float
    timestamp: int
    message: str
    evidence: Mapping[str, float | int | str | list] = field(default_factory=dict)
    repeats: int = 0


@dataclass(slots=True)
class Entry:
    """An alarm that was told: how severe by now, how often repeated, when told last, and who has seen it."""

    id: int
    alert: Alert
    severity: str
    told: int  # ns, the last time
    repeats: int = 0
    reminders: int = 0
    acknowledged: bool = False
    by: str = ""

    def notice(self, cause: str) -> Notice:
        """What is told of it now."""
        alert = self.alert
        return Notice(
            self.id,
            cause,
            alert.kind,
            self.severity,
            alert.score,
            self.told,
            alert.message,
            alert.evidence,
            self.repeats,
        )


class AlertDesk:
    """Decides which alarms are told, in event time alone: the same stream and commands tell the same alarms.

    Alarms of one kind, side and symbol within the rule's `deduplicate_s` of the last one told are its repeats, whatever
    their severity; a repeat that is worse, or that makes it so by repetition, is told as ``escalated`` when that time
    is over. Then the cooldown holds back what is no worse.

    Parameters
    ----------
    rules
        Name of the alarms -> `Rule`; the empty name is for all that have none.
    history
        Entries kept; the oldest go first.

    Attributes
    ----------
    counts : Counter
        (kind, ``"told"``, ``"repeated"`` or ``"held"``) -> alarms.
    tallies : Counter
        (kind, severity, ``"repeated"`` or ``"held"``) -> alarms since somebody took them down and cleared it.
    due : float
        Event time (ns) at which `tick` has something to tell; infinite when nothing waits.
    """

    def __init__(self, rules: Mapping[str, Rule] | None = None, *, history: int = HISTORY) -> None:
        self.rules = dict(rules or {})
        for name in self.rules:
            if isinstance(self.rules[name], DetectorRule) and name and name not in DETECTORS:
                raise InputError(f"rules: unknown kind {name!r}; known: {', '.join(DETECTORS)}")
        if history < 1:
            raise InputError(f"history must be at least 1, got {history!r}")
        self._otherwise = self.rules.get("", Rule())
        self.history = history
        self.counts: Counter[tuple[str, str]] = Counter()
        self.tallies: Counter[tuple[str, str, str]] = Counter()
        self.due: float = NEVER
        self._entries: dict[int, Entry] = {}  # by number, oldest first
        self._last: dict[Key, tuple[Entry, Repetition]] = {}
        self._waiting: list[tuple[int, int, str]] = []  # heap of (due, entry, cause)
        self._next = 1

    def rule(self, kind: str) -> Rule:
        """The rule that alarms of a kind fall under."""
        return self.rules.get(kind, self._otherwise)

    def push(self, alert: Alert) -> Notice | None:
        """Take an alarm; what is told of it, None if it was merged or held back."""
        rule, ts = self.rule(alert.kind), alert.timestamp
        if not rule.admits(alert):
            return self._count(alert, "held")
        key = alert.kind, str(alert.evidence.get("side", "")), str(alert.evidence.get("symbol", ""))
        last, times = self._last.get(key) or (None, Repetition(rule))
        severity = raised(alert.severity, times.step(ts))
        if last is not None:
            elapsed = ts - last.told
            worse = SEVERITIES.index(severity) > SEVERITIES.index(last.severity)
            is_repeat = 0 <= elapsed < rule.ns("deduplicate_s")
            if is_repeat or (0 <= elapsed < rule.ns("cooldown_s") and not worse):
                last.repeats += 1
                if worse:
                    last.severity, last.acknowledged, last.by = severity, False, ""
                    self._wait(last.told + rule.ns("deduplicate_s"), last, "escalated")
                return self._count(alert, "repeated")
        entry = Entry(self._next, alert, severity, ts)
        self._next += 1
        self._keep(entry, key, times)
        self.counts[alert.kind, "told"] += 1
        return self._tell(entry, "new")

    def tick(self, ts: int) -> list[Notice]:
        """What is due by `ts`: escalations of repeats, and reminders of what is critical and unacknowledged."""
        told = []
        while self._waiting and self._waiting[0][0] <= ts:
            _, number, cause = heapq.heappop(self._waiting)
            entry = self._entries.get(number)
            if entry is None or entry.acknowledged:
                continue
            rule = self.rule(entry.alert.kind)
            if cause == "reminder":
                if entry.told + rule.ns("remind_s") > ts:  # told again since: a later one is waiting
                    continue
                entry.reminders += 1
            entry.told = ts
            told.append(self._tell(entry, cause))
        self.due = self._waiting[0][0] if self._waiting else NEVER
        return told

    def _keep(self, entry: Entry, key: Key, times: Repetition) -> None:
        self._entries[entry.id] = entry
        if len(self._entries) > self.history:
            del self._entries[next(iter(self._entries))]
        self._last.pop(key, None)
        self._last[key] = entry, times
        if len(self._last) > KEYS:
            del self._last[next(iter(self._last))]

    def _tell(self, entry: Entry, cause: str) -> Notice:
        rule = self.rule(entry.alert.kind)
        if entry.severity == SEVERITIES[-1] and entry.reminders < rule.remind_times and rule.remind_s:
            self._wait(entry.told + rule.ns("remind_s"), entry, "reminder")
        return entry.notice(cause)

    def _wait(self, due: int, entry: Entry, cause: str) -> None:
        if (due, entry.id, cause) not in self._waiting:
            heapq.heappush(self._waiting, (due, entry.id, cause))
            if len(self._waiting) > 4 * self.history:  # most are of entries that are gone
                self._waiting = [item for item in self._waiting if item[1] in self._entries]
                heapq.heapify(self._waiting)
        self.due = self._waiting[0][0]

    def _count(self, alert: Alert, outcome: str) -> None:
        self.counts[alert.kind, outcome] += 1
        self.tallies[alert.kind, alert.severity, outcome] += 1

    def forget(self) -> None:
        """Let no alarm of before hold one back or be told again: another time follows. The history stays."""
        self._last.clear()
        self._waiting.clear()
        self.due = NEVER

    def entries(self, *, unacknowledged: bool = False) -> tuple[Entry, ...]:
        """Alarms told, oldest first."""
        return tuple(entry for entry in self._entries.values() if not (unacknowledged and entry.acknowledged))

    def acknowledge(self, what: int | str, by: str = "") -> tuple[Entry, ...]:
        """Mark alarms as seen; those that were not so before.

        Parameters
        ----------
        what
            Number of an alarm, a kind, or ``all``.
        by
            Who has seen them.

        Raises
        ------
        InputError
            For a number that is not (or no longer) in the history, and a kind of which there is none in it.
        """
        found = self._meant(what)
        fresh = tuple(entry for entry in found if not entry.acknowledged)
        for entry in fresh:
            entry.acknowledged, entry.by = True, by
        return fresh

    def _meant(self, what: int | str) -> Iterable[Entry]:
        if what == ALL:
            return self._entries.values()
        if isinstance(what, int) or _NUMBER.fullmatch(what):
            entry = self._entries.get(int(what))
            if entry is None:
                raise InputError(f"no alarm {what} in the last {self.history}")
            return (entry,)
        kinds = {entry.alert.kind for entry in self._entries.values()}
        if what not in kinds:
            there = f"there are some of {', '.join(sorted(kinds))}" if kinds else "there are none at all"
            raise InputError(f"no alarm of kind {what!r} to acknowledge: {there}")
        return [entry for entry in self._entries.values() if entry.alert.kind == what]

    def restore(self, entries: Iterable[Entry]) -> None:
        """Take over what an earlier run of the session told, oldest first; numbers go on after it."""
        for entry in entries:
            evidence = entry.alert.evidence
            key = entry.alert.kind, str(evidence.get("side", "")), str(evidence.get("symbol", ""))
            self._keep(entry, key, Repetition(self.rule(entry.alert.kind)))
            self._next = max(self._next, entry.id + 1)
            if not entry.acknowledged:
                self._tell(entry, "new")
