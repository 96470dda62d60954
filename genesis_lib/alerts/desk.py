"""Alarms on their way to people: repeats merged, noise held back, what is left kept, told and acknowledged."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from genesis_lib.clock import NS
from genesis_lib.detectors import DETECTORS, SEVERITIES, Alert
from genesis_lib.detectors.watch import Watch
from genesis_lib.errors import InputError
from genesis_lib.types import Event, Instrument, Snapshot

DEDUPLICATE_NS = 5 * NS
HISTORY = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """What of a kind of alarm is let through.

    Parameters
    ----------
    least_severity
        ``info``, ``warning`` or ``critical``; what is below is held back.
    least_score
        0 to 100.
    cooldown_ns
        Silence after an alarm of this kind, in event time. A higher severity breaks it.
    enabled
        False holds back the whole kind.
    """

    least_severity: str = "info"
    least_score: float = 0.0
    cooldown_ns: int = 0
    enabled: bool = True

    def __post_init__(self) -> None:
        if self.least_severity not in SEVERITIES:
            raise InputError(f"least_severity must be one of {', '.join(SEVERITIES)}, got {self.least_severity!r}")
        if not 0.0 <= self.least_score <= 100.0:
            raise InputError(f"least_score must be between 0 and 100, got {self.least_score!r}")
        if self.cooldown_ns < 0:
            raise InputError(f"cooldown_ns must not be negative, got {self.cooldown_ns!r}")

    def admits(self, alert: Alert) -> bool:
        """Whether the alarm is loud enough."""
        return (
            self.enabled
            and alert.score >= self.least_score
            and SEVERITIES.index(alert.severity) >= SEVERITIES.index(self.least_severity)
        )


@dataclass(slots=True)
class Entry:
    """An alarm that was let through: its number, how often it was repeated, whether someone has seen it."""

    id: int
    alert: Alert
    repeats: int = 0
    acknowledged: bool = False


@dataclass(slots=True)
class AlertDesk:
    """Decides which alarms are told, in event time alone: the same stream tells the same alarms.

    Alarms of one kind within five seconds of the last one told are its repeats. After that the kind's rule decides.

    Parameters
    ----------
    rules
        Kind -> `Rule`; a kind without one gets ``Rule()``.
    sinks
        Called with each `Alert` that is told. One that raises is counted in `sink_failures` and stops nobody else.
    history
        Entries kept; the oldest go first.

    Attributes
    ----------
    counts : Counter
        (kind, ``"told"``, ``"repeated"`` or ``"held"``) -> alarms.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    sinks: list[Callable[[Alert], None]] = field(default_factory=list)
    history: int = HISTORY
    counts: Counter = field(default_factory=Counter)
    sink_failures: int = 0
    _entries: deque[Entry] = field(init=False, repr=False)
    _last: dict[str, Entry] = field(default_factory=dict, init=False, repr=False)
    _next: int = field(default=1, init=False, repr=False)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.rules) - set(DETECTORS))
        if unknown:
            raise InputError(f"rules: unknown kind {unknown[0]!r}; known: {', '.join(DETECTORS)}")
        if self.history < 1:
            raise InputError(f"history must be at least 1, got {self.history!r}")
        self._entries = deque(maxlen=self.history)

    def push(self, alert: Alert) -> Alert | None:
        """Take an alarm; give it back if it is told, None if it was merged or held back."""
        rule, last = self.rules.get(alert.kind, Rule()), self._last.get(alert.kind)
        if not rule.admits(alert):
            self.counts[alert.kind, "held"] += 1
            return None
        if last is not None:
            elapsed = alert.timestamp - last.alert.timestamp
            worse = SEVERITIES.index(alert.severity) > SEVERITIES.index(last.alert.severity)
            if elapsed < DEDUPLICATE_NS or (elapsed < rule.cooldown_ns and not worse):
                last.repeats += 1
                self.counts[alert.kind, "repeated"] += 1
                return None
        entry = Entry(self._next, alert)
        self._next += 1
        self._entries.append(entry)
        self._last[alert.kind] = entry
        self.counts[alert.kind, "told"] += 1
        for sink in self.sinks:
            try:
                sink(alert)
            except Exception:
                # A broken pager must not stop a trading session; the count tells that it is broken.
                self.sink_failures += 1
        return alert

    def forget(self) -> None:
        """Let no alarm of before hold one back: another time follows. The history stays."""
        self._last.clear()

    def entries(self, *, unacknowledged: bool = False) -> tuple[Entry, ...]:
        """Alarms told, oldest first."""
        return tuple(entry for entry in self._entries if not (unacknowledged and entry.acknowledged))

    def acknowledge(self, id: int) -> Entry:
        """Mark an alarm as seen; `InputError` for one that is not (or no longer) in the history."""
        for entry in self._entries:
            if entry.id == id:
                entry.acknowledged = True
                return entry
        raise InputError(f"no alarm {id!r} in the last {self.history}")


class Surveillance:
    """All detectors and the desk, fed with book rows.

    Parameters
    ----------
    instrument
        What the rows are of; for the record.
    kinds
        Detectors to run; all of them when left out.
    desk
        Where alarms go.

    Examples
    --------
    >>> Surveillance(kinds=["spread_shock"]).kinds
    ('spread_shock',)
    """

    def __init__(
        self,
        instrument: Instrument | None = None,
        *,
        kinds: Iterable[str] | None = None,
        desk: AlertDesk | None = None,
    ) -> None:
        self.instrument = instrument
        self.desk = AlertDesk() if desk is None else desk
        self._watch = Watch(kinds)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is watched for."""
        return self._watch.kinds

    def forget(self) -> None:
        """Start anew with the next row: it is of another time."""
        self._watch.forget()
        self.desk.forget()

    def observe(self, event: Event) -> None:
        """Show an event to the detectors before its row."""
        self._watch.observe(event)

    def step(self, row: Snapshot) -> tuple[Alert, ...]:
        """Show a row to every detector; the alarms that are told."""
        told = (self.desk.push(alert) for alert in self._watch.step(row))
        return tuple(alert for alert in told if alert is not None)
