"""What a time means, and where it lies."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.clock import NS, iso
from genesis_lib.errors import InputError, RecordingError, StateError
from genesis_lib.feeds.tape.places import clamped, moment, start_of, within

START = 1_721_347_200_000_000_000  # 2024-07-19T00:00:00Z


class Known:
    """As much of a tape as these functions look at."""

    def __init__(self, start=START, end=START + 100 * NS, can_grow=False, failure=None):
        self.start, self.end, self.can_grow, self.failure = start, end, can_grow, failure


@pytest.mark.parametrize(
    ("when", "offset"),
    [
        (START + 7, 7),
        (np.int64(START + 7), 7),
        (str(START + 7), 7),
        ("2024-07-19T00:00:12Z", 12 * NS),
        ("2024-07-19 00:00:12", 12 * NS),  # UTC, wherever the machine stands
        ("2024-07-19T02:00:12+02:00", 12 * NS),
        ("2024-07-19T00:00:12.123456789Z", 12 * NS + 123_456_789),
        ("2024-07-19T00:00:00.5", NS // 2),
        ("2024-07-19", 0),
        (dt.datetime(2024, 7, 19, 0, 0, 3), 3 * NS),
        (dt.datetime(2024, 7, 19, 2, 0, 3, tzinfo=dt.timezone(dt.timedelta(hours=2))), 3 * NS),
        (np.datetime64("2024-07-19T00:00:00.000000009"), 9),
        (dt.timedelta(seconds=1.5), 3 * NS // 2),
        ("+90", 90 * NS),
        ("+0.25", NS // 4),
        ("+1:30", 90 * NS),
        ("+1:00:01.5", 3601 * NS + NS // 2),
        ("-30", 70 * NS),
        ("-0:01", 99 * NS),
    ],
)
def test_times_are_said_in_many_ways(when, offset, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert moment(when, Known()) == START + offset


@given(st.integers(START, START + 10**15))
def test_what_iso_writes_is_understood(ns):
    assert moment(iso(ns), Known()) == ns // 1000 * 1000


@pytest.mark.parametrize("when", ["", "yesterday", "12:30", 1.5, None, True, "+", "+1:2:3:4", "nan", [1], "1721347200"])
def test_anything_else_is_refused_in_words(when):
    with pytest.raises(InputError, match="when must be nanoseconds since 1970, a date and time"):
        moment(when, Known())


@pytest.mark.parametrize(
    "when",
    [
        10**30,
        -(10**30),
        "+" + "9" * 30,
        "-" + "9" * 400,
        dt.timedelta.max,
        np.datetime64("NaT"),
        np.datetime64("NaT", "s"),
        np.datetime64("200000-01-01"),
    ],
)
def test_times_that_no_clock_tells_are_refused_in_words(when):
    with pytest.raises(InputError, match="when must be nanoseconds since 1970"):
        moment(when, Known())


def test_spans_need_the_end_they_count_from():
    with pytest.raises(StateError, match="an end that is not known yet"):
        moment("-30", Known(can_grow=True))
    with pytest.raises(StateError, match="not known yet"):
        start_of(Known(start=None))


def test_a_time_lies_in_the_data_or_is_refused():
    tape = Known()
    assert within(START + 5, tape) == START + 5
    assert within(START - NS // 2, tape) == START and within(START + 100 * NS + NS // 2, tape) == tape.end
    with pytest.raises(
        InputError, match=r"2024-07-18T23:59:00.* lies before the data, which start at 2024-07-19T00:00"
    ):
        within(START - 60 * NS, tape)
    with pytest.raises(InputError, match=r"lies behind the data, which end at 2024-07-19T00:01:40"):
        within(START + 200 * NS, tape)
    assert within(START + 200 * NS, Known(can_grow=True)) is None  # who knows
    with pytest.raises(RecordingError, match="truncated"):
        within(START + 200 * NS, Known(failure="truncated"))
    with pytest.raises(StateError, match="no book row"):
        within(START, Known(start=None, end=None))


def test_the_nearest_time():
    assert [clamped(START + n * NS, Known()) for n in (-1, 5, 101)] == [START, START + 5 * NS, START + 100 * NS]
    assert clamped(START + 101 * NS, Known(can_grow=True)) == START + 101 * NS
