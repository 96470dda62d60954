"""Time: int64 nanoseconds everywhere, and the two clocks a session can run on."""

from __future__ import annotations

import time
from datetime import UTC, datetime

NS = 1_000_000_000


def iso(ns: int) -> str:
    """UTC time of nanoseconds since 1970, to the microsecond.

    >>> iso(1_680_652_700_430_000_000)
    '2023-04-04T23:58:20.430000Z'
    """
    whole, rest = divmod(ns, NS)
    stamp = datetime.fromtimestamp(whole, UTC).replace(microsecond=rest // 1000)
    return stamp.isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """Nanoseconds since 1970 of what `iso` wrote.

    >>> from_iso("2023-04-04T23:58:20.430000Z")
    1680652700430000000
    """
    stamp = datetime.fromisoformat(text)
    return int(stamp.replace(microsecond=0).timestamp()) * NS + stamp.microsecond * 1000


class WallClock:
    """The machine's clock."""

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()


class EventClock:
    """A clock that stands where the last event put it; decisions read this one, so replay equals live."""

    def __init__(self, start: int = 0) -> None:
        self._now = start

    def now(self) -> int:
        """Nanoseconds since 1970 of the newest event seen."""
        return self._now

    def advance(self, ns: int) -> int:
        """Move to an event's time; a time that lies back leaves the clock where it is."""
        if ns > self._now:
            self._now = ns
        return self._now

    def clear(self) -> None:
        """Stand at the beginning of time: what follows may lie before what was."""
        self._now = 0
