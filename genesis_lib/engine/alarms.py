"""Surveillance, wired to the journal: what people are told, what was merged or held back, and what they have seen."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from genesis_lib.alerts import Notice, Surveillance
from genesis_lib.alerts.history import entries
from genesis_lib.clock import NS
from genesis_lib.engine.trader import Trader
from genesis_lib.journal import Journal
from genesis_lib.journal.commands import acknowledge, called
from genesis_lib.types import Snapshot

TALLY_NS = NS  # market time between two records of what was merged or held back


class Alarms:
    """The watching half of a step: rows and events in; alarms and their record out.

    Parameters
    ----------
    watch
        Detectors, rules and the desk.
    journal
        Takes down what was told; what an earlier run told is taken over from it by `restore`.
    trader
        Whose account is watched.
    """

    def __init__(self, watch: Surveillance, journal: Journal, trader: Trader) -> None:
        self.desk, self._watch, self._journal = watch.desk, watch, journal
        self._next_tally = self._now = 0
        self.observe = watch.observe  # an event before its row
        self.waits = watch.waits  # found in events that made no row
        watch.follow(trader.account, trader.limit, lambda: trader.refusals)

    def step(self, row: Snapshot | None, index: int) -> Sequence[Notice]:
        """Take the row of event `index`, None where it made none; what people are told, taken down."""
        told = self._watch.tell() if row is None else self._watch.step(row)
        if row is not None:
            self._now = row.ts_exchange
        elif told and not self._now:  # before the first row
            self._now = told[-1].timestamp
        for notice in told:
            self._journal.record(
                "alerts", index, timestamp=notice.timestamp, kind=notice.kind, severity=notice.severity,
                message=notice.message, alert_id=notice.id, cause=notice.cause, score=float(notice.score),
                evidence=json.dumps(dict(notice.evidence), sort_keys=True, default=_plain), repeats=notice.repeats,
            )  # fmt: skip
        if self.desk.tallies and not 0 <= self._now - self._next_tally + TALLY_NS < TALLY_NS:
            self.tally(index)
        return told

    def look(self, row: Snapshot | None) -> None:
        """Take a row, None where the event made none, whose alarms are not told: it is of before a restart."""
        if row is not None:
            self._watch.look(row)
        elif self.waits:
            self._watch.pass_over()

    def tally(self, index: int) -> None:
        """Take down what was merged or held back since the last time."""
        self._next_tally = self._now + TALLY_NS
        for (kind, severity, outcome), number in sorted(self.desk.tallies.items()):
            fields = {"kind": kind, "severity": severity, "outcome": outcome, "number": number}
            self._journal.record("alert_tallies", index, timestamp=self._now, **fields)
        self.desk.tallies.clear()

    def acknowledge(self, what: int | str, by: str, index: int) -> tuple[int, ...]:
        """Mark alarms as seen before event `index`; their numbers. Those seen before are none of them."""
        by = called(by)
        fresh = self.desk.acknowledge(what, by)
        if fresh:
            self._journal.record("commands", index, name=acknowledge(what, by))
        for entry in fresh:
            told = {"alert_id": entry.id, "timestamp": self._now, "wall_ns": time.time_ns(), "by": by}
            self._journal.record("acknowledgements", index, **told)
        return tuple(entry.id for entry in fresh)

    def anew(self) -> None:
        """The account begins anew."""
        self._watch.anew()

    def forget(self) -> None:
        """Another time follows; what was told stays in the history."""
        self._watch.forget()

    def restore(self) -> None:
        """Take over from the journal what was told and seen before."""
        told, seen = self._journal.rows("alerts"), self._journal.rows("acknowledgements")
        self.desk.restore(entries(told, seen)[-self.desk.history :])
        self._now = max((row["timestamp"] for row in told), default=0)


def _plain(value: Any) -> Any:
    """What JSON does not know, as a number, a list or at least its words: a detector's slip must end no session."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
