"""The ledger of what went wrong with a feed: how often, when and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from genesis_lib.clock import iso
from genesis_lib.types import Gap


class Incident(NamedTuple):
    """One entry: when (exchange time, ns), of what kind, and why in words."""

    ts_exchange: int
    kind: str
    cause: str


@dataclass(slots=True)
class Ledger:
    """Counts every incident by kind and keeps the first `keep` of them whole.

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.gap(Gap("BTCUSDT", 0, 0, "pu is 7 where 5 must follow", 5, 7))
    >>> ledger.counts["gap"], ledger.lines()
    (1, ['1970-01-01T00:00:00.000000Z gap: pu is 7 where 5 must follow'])
    """

    keep: int = 1000
    counts: Counter[str] = field(default_factory=Counter)
    incidents: list[Incident] = field(default_factory=list)

    def note(self, ts_exchange: int, kind: str, cause: str) -> None:
        """Enter an incident."""
        self.counts[kind] += 1
        if len(self.incidents) < self.keep:
            self.incidents.append(Incident(ts_exchange, kind, cause))

    def gap(self, gap: Gap) -> None:
        """Enter a gap of the feed."""
        self.note(gap.ts_exchange, "gap", gap.cause)

    def lines(self) -> list[str]:
        """One readable line an incident."""
        return [f"{iso(entry.ts_exchange)} {entry.kind}: {entry.cause}" for entry in self.incidents]

    def as_dict(self) -> dict[str, Any]:
        """Counts and entries, as JSON holds them."""
        return {"counts": dict(self.counts), "incidents": [entry._asdict() for entry in self.incidents]}
