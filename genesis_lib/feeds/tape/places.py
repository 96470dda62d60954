"""Places on a tape: what a time means, where it lies, and the way there."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from genesis_lib.clock import LIMITS, NS, instant, iso
from genesis_lib.errors import InputError, RecordingError, StateError
from genesis_lib.feeds.tape.checkpoint import Checkpoint
from genesis_lib.feeds.tape.file import Tape
from genesis_lib.types import Event, Snapshot

FARTHEST_NS = 86_400 * NS  # an endless stream is made on the way to a time: weeks would fill the disk
SLACK_NS = NS  # so far beyond either end a time still means the end
_CLOCK = re.compile(r"(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d+)?)")


class Approach(NamedTuple):
    """The way to a place: a book, the events that lead on from it, and those just before the place."""

    checkpoint: Checkpoint
    lead: Iterator[Event | Snapshot]
    last: Iterator[Event | Snapshot]


def approach(tape: Tape, position: int, rows: int = 0) -> Approach:
    """Find the way to a place in a stream from the checkpoint before it, with its `rows` last rows apart."""
    begin = tape.position_after(tape.rows_at(position) - rows) if rows else position
    checkpoint, first = tape.checkpoint_before(begin)
    return Approach(checkpoint, tape.read(first, begin), tape.read(begin, position))


def moment(when: Any, tape: Tape) -> int:
    """Exchange time, ns, that somebody means.

    Parameters
    ----------
    when
        A time as `clock.instant` takes it (ns since 1970, a `datetime`, text in ISO 8601 with the date); a span from
        the start, as a `timedelta` or as text such as ``+90``, ``+12.5`` or ``+1:30:00`` (seconds, or hours, minutes
        and seconds); ``-30``: so long before the end.
    tape
        Knows where the stream starts and how far it is known.

    Raises
    ------
    InputError
        For anything else.
    StateError
        For a span from an end that is not known.
    """
    try:
        time = _meant(when, tape)
    except (OverflowError, InputError):
        raise _unclear(when) from None
    if not LIMITS[0] <= time < LIMITS[1]:
        raise _unclear(when)
    return time


def _meant(when: Any, tape: Tape) -> int:
    if isinstance(when, dt.timedelta):
        return start_of(tape) + (when // dt.timedelta(microseconds=1)) * 1000
    text = when.strip() if isinstance(when, str) else ""
    if text[:1] not in ("+", "-") or not (found := _CLOCK.fullmatch(text[1:])):
        return instant(when)
    first, second, seconds = found.groups()
    hours, minutes = (first or 0, second or 0) if second else (0, first or 0)
    span = (int(hours) * 3600 + int(minutes) * 60) * NS + round(float(seconds) * NS)
    if text[0] == "+":
        return start_of(tape) + span
    if tape.can_grow or tape.end is None:
        raise StateError(f"when {when!r} counts back from an end that is not known yet")
    return tape.end - span


def start_of(tape: Tape) -> int:
    """Exchange time of the first row; `StateError` while that is not known."""
    if tape.start is None:
        raise StateError("where the data start is not known yet; ask again in a moment")
    return tape.start


def _unclear(when: Any) -> InputError:
    return InputError(
        "when must be nanoseconds since 1970, a date and time such as 2024-07-18T23:58:00Z, a span from the start such "
        f"as +90 or +1:30:00, or one before the end such as -30; got {when!r}"
    )


def within(time: int, tape: Tape, *, is_endless: bool = False) -> int | None:
    """The same time where the tape knows it (an end that is missed by less than a second stands for it).

    Parameters
    ----------
    is_endless
        The tape never ends; a time may lie at most `FARTHEST_NS` beyond what there is of it.

    Returns
    -------
    int or None
        None where the tape is not made that far yet.

    Raises
    ------
    InputError
        For a time that is not in the data at all.
    RecordingError
        For one behind the place where the data are broken.
    """
    if tape.start is not None and tape.start - SLACK_NS <= time < tape.start:
        return tape.start
    if tape.start is not None and time < tape.start:
        raise InputError(f"{iso(time)} lies before the data, which start at {iso(tape.start)}")
    if tape.end is not None and time <= tape.end:
        return time
    if tape.can_grow and is_endless and tape.end is not None and time > tape.end + FARTHEST_NS:
        raise InputError(f"{iso(time)} lies more than a day ahead of {iso(tape.end)}; go there in steps")
    if tape.can_grow:
        return None
    if tape.failure is not None:
        raise RecordingError(tape.failure)
    if tape.end is None:
        raise StateError("the data hold no book row: there is nothing to go to")
    if time > tape.end + SLACK_NS:
        raise InputError(f"{iso(time)} lies behind the data, which end at {iso(tape.end)}")
    return tape.end


def clamped(time: int, tape: Tape) -> int:
    """The nearest time that the data hold, as far as their ends are known."""
    if tape.start is not None:
        time = max(time, tape.start)
    return time if tape.can_grow or tape.end is None else min(time, tape.end)
