"""Time: int64 nanoseconds everywhere, and the two clocks a session can run on."""

from __future__ import annotations

import datetime as dt
import re
import time
from datetime import UTC, datetime
from typing import Any

import numpy as np

from genesis_lib.errors import InputError

NS = 1_000_000_000
LIMITS = -62_135_596_800 * NS, 253_402_300_800 * NS  # the years 1 to 9999, which can be told


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


def instant(when: Any, name: str = "when") -> int:
    """Nanoseconds since 1970 of a time that somebody names.

    Parameters
    ----------
    when
        A whole number of ns since 1970; a `datetime`, `date` (its first instant) or `numpy.datetime64`; text in ISO
        8601 with the date, up to nine decimals. UTC where it names no zone.
    name
        Of the argument, for the error.

    Raises
    ------
    InputError
        For anything else, and for times that are not of the years 1 to 9999.

    Examples
    --------
    >>> instant("2023-04-04T23:58:20.43")
    1680652700430000000
    """
    try:
        time = _meant(when)
    except (OverflowError, ValueError):
        time = None
    if time is None or not LIMITS[0] <= time < LIMITS[1]:
        raise InputError(
            f"{name} must be whole nanoseconds since 1970, a date or datetime, or text such as 2024-07-18 or "
            f"2024-07-18T23:58:00Z, got {when!r}"
        )
    return time


def _meant(when: Any) -> int | None:
    if isinstance(when, (int, np.integer)):
        return None if isinstance(when, bool) else int(when)
    if isinstance(when, np.datetime64):
        exact = when.astype("datetime64[ns]")  # NaT, or one that 64 bits of nanoseconds do not hold: not equal
        return int(exact.astype(np.int64)) if exact.astype(when.dtype) == when else None
    if isinstance(when, datetime):
        return _meant((when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat())
    if isinstance(when, dt.date):
        return _meant(when.isoformat())
    if not isinstance(when, str):
        return None
    text = when.strip()
    if re.fullmatch(r"\d{17,19}", text):
        return int(text)
    stamp = datetime.fromisoformat(text)
    whole = stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
    fraction = re.search(r"[.,](\d{1,9})", text)
    return int(whole.replace(microsecond=0).timestamp()) * NS + int((fraction[1] if fraction else "0").ljust(9, "0"))


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
