"""Rules over the feed's health: gaps, lost connections, silence, invalid rows, latency; in event time."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from genesis_lib.alerts.crossing import Crossing, Recent
from genesis_lib.alerts.rules import FeedRule
from genesis_lib.clock import NS
from genesis_lib.detectors import Alert
from genesis_lib.types import DepthSnapshot, Event, Gap, Snapshot

FEWEST_ROWS = 20  # a share of fewer says nothing
# Causes of gaps that are the line's, in the words of our connections and of the system.
_LOST = re.compile(r"connect|closed|nothing came|no message|timed? ?out|reset by|no route|unreachable|refused", re.I)


class FeedWatch:
    """Raises the alarms of feed rules.

    A feed that says nothing at all is found out by the first event after it; a live one has by then been given up by
    its connection, whose `Gap` says so.

    Parameters
    ----------
    rules
        At least one.

    Attributes
    ----------
    found : list of Alert
        Raised by events since the last row; the same list always.
    is_patient : bool
        It need not see each event: gaps and snapshots are enough.
    """

    def __init__(self, rules: Sequence[FeedRule]) -> None:
        self._rules = {measure: [rule for rule in rules if rule.measure == measure] for measure in _MEASURES}
        self._late, self._shares = self._rules["latency"], self._rules["invalid_rows"]
        self._stale_ns = [(rule, round(rule.above * NS)) for rule in self._rules["stale"]]
        self._counts = {id(rule): Recent(rule.ns("within_s")) for rule in rules if rule.measure in _WINDOWS}
        self._crossings = {id(rule): Crossing(rule) for rule in rules if rule.measure in ("invalid_rows", "latency")}
        self.found: list[Alert] = []
        self.is_patient = not self._stale_ns
        self.forget()

    def forget(self) -> None:
        """Start anew with the next event."""
        self.found.clear()
        self._gap: Gap | None = None
        self._row: tuple[int, int] | None = None  # exchange and receive time of the newest row
        self._silent: set[int] = set()  # rules that said so since the newest row
        for part in (*self._counts.values(), *self._crossings.values()):
            part.forget()

    def observe(self, event: Event | Snapshot) -> None:
        """Take an event before the row it makes."""
        if self._stale_ns and self._row is not None:
            self._wait(event.ts_receive)
        kind = type(event)
        if kind is Gap:
            self._lose(event)
        elif kind is DepthSnapshot and self._gap is not None:
            self._join(event)

    def step(self, row: Snapshot) -> list[Alert]:
        """Take the next row; the alarms it raised, and those of the events before it."""
        ts = row.ts_exchange
        self._row = ts, row.ts_receive
        if self._silent:
            self._silent.clear()
        if self._gap is not None and row.valid:  # of a source that has rows alone, and no snapshot before them
            self._join(row)
        for rule in self._late:
            value = (row.ts_receive - ts) / 1e6
            if self._crossings[id(rule)].step(ts, value):
                self._raise(rule, ts, f"Rows come {value:.0f} ms after the exchange made them.", latency_ms=value)
        for rule in self._shares:
            recent = self._counts[id(rule)]
            recent.step(ts, not row.valid)
            share = recent.part / recent.total if recent.total >= FEWEST_ROWS else math.nan
            if self._crossings[id(rule)].step(ts, share):
                message = f"{share:.1%} of the rows of the last {rule.within_s:g} s are invalid."
                self._raise(rule, ts, message, share=share, rows=recent.total, invalid=recent.part)
        return self.take()

    def take(self) -> list[Alert]:
        """The alarms since the last call."""
        if not self.found:
            return []
        found = self.found.copy()
        self.found.clear()  # the list stays: whoever runs the events looks at it after each of them
        return found

    def _raise(self, rule: FeedRule, ts: int, message: str, **evidence: float | str) -> None:
        self.found.append(rule.alert(ts, message, measure=rule.measure, threshold=float(rule.above), **evidence))

    def _time(self, event: Event | Snapshot) -> int:
        """Exchange time of an event, on the line of the rows: the two clocks may stand seconds apart."""
        return event.ts_exchange if self._row is None else max(self._row[0], event.ts_exchange)

    def _lose(self, gap: Gap) -> None:
        ts, cause = self._time(gap), " ".join(gap.cause.split())
        self._gap = self._gap or gap  # of several, the book is lost since the first
        lost = _LOST.search(cause) is not None
        for rule in (*self._rules["gap"], *(self._rules["disconnect"] if lost else ())):
            recent = self._counts[id(rule)]
            recent.step(ts)
            if recent.total > rule.above:
                many = f", the {recent.total}. within {rule.within_s:g} s" if rule.above else ""
                what = "Connection lost" if rule.measure == "disconnect" else "Gap in the feed"
                self._raise(rule, ts, f"{what}{many}: {cause}.", cause=cause, number=recent.total)

    def _join(self, event: DepthSnapshot | Snapshot) -> None:
        ts, seconds = self._time(event), (event.ts_receive - self._gap.ts_receive) / NS
        for rule in self._rules["resync"]:
            if seconds > rule.above:
                message = f"The book is whole again {seconds:.1f} s after: {' '.join(self._gap.cause.split())}."
                self._raise(rule, ts, message, seconds=seconds)
        self._gap = None

    def _wait(self, now: int) -> None:
        silence = now - self._row[1]
        for rule, limit in self._stale_ns:
            if silence > limit and id(rule) not in self._silent:
                self._silent.add(id(rule))
                ts, seconds = self._row[0] + silence, silence / NS
                self._raise(rule, ts, f"No book row for {seconds:.1f} s.", seconds=seconds)


_MEASURES = ("gap", "disconnect", "resync", "stale", "invalid_rows", "latency")
_WINDOWS = ("gap", "disconnect", "invalid_rows")
