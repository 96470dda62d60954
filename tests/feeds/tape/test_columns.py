"""Events through columns come back equal to the last bit, whatever they hold."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.feeds import open_source
from genesis_lib.feeds.tape.columns import from_bytes, pack_events, to_bytes, unpack_events
from genesis_lib.types import (
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    Gap,
    MarkPrice,
    Snapshot,
    Trade,
)

WHOLE = st.integers(-(1 << 63), (1 << 63) - 1)
NUMBER = st.floats(allow_nan=True, allow_infinity=True)
WORD = st.text(max_size=8)


@st.composite
def levels(draw):
    n = draw(st.integers(0, 6))
    sides = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    ticks = draw(st.lists(WHOLE, min_size=n, max_size=n))
    some = st.one_of(st.sampled_from([0.0, -0.0, 0.001, 12.5, 1e8, 0.1 + 0.2, 5e-324]), NUMBER)
    quantities = draw(st.lists(some, min_size=n, max_size=n))
    return np.array(sides, np.int8), np.array(ticks, np.int64), np.array(quantities, np.float64)


EVENTS = st.one_of(
    st.builds(lambda s, a, b, c, d, e, x: DepthUpdate(s, a, b, c, d, e, *x), WORD, *[WHOLE] * 5, levels()),
    st.builds(lambda s, a, b, c, x: DepthSnapshot(s, a, b, c, *x), WORD, *[WHOLE] * 3, levels()),
    st.builds(Trade, WORD, WHOLE, WHOLE, WHOLE, WHOLE, NUMBER, WHOLE, st.booleans()),
    st.builds(BookTicker, WORD, *[WHOLE] * 4, NUMBER, WHOLE, NUMBER),
    st.builds(MarkPrice, WORD, WHOLE, WHOLE, NUMBER, NUMBER, NUMBER, WHOLE),
    st.builds(Gap, WORD, WHOLE, WHOLE, WORD, WHOLE, WHOLE),
    st.builds(
        lambda a, b, n, f, v, t: Snapshot(a, b, np.full((n, 4), f), np.full(7, f), v, t),
        WHOLE, WHOLE, st.integers(0, 3), NUMBER, st.booleans(), NUMBER,
    ),
)  # fmt: skip


def bits(value):
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return (type(value), struct.pack("d", value)) if isinstance(value, float) else (type(value), value)


def same(one, other):
    return type(one) is type(other) and [bits(value) for value in one] == [bits(value) for value in other]


@given(st.lists(EVENTS, max_size=12))
@settings(deadline=None, max_examples=150)
def test_any_events_come_back(events):
    back = unpack_events(*from_bytes(to_bytes(*pack_events(events))))
    assert len(back) == len(events) and all(map(same, events, back))


def test_a_recording_comes_back_in_some_six_bytes_a_level(usdm_2024):
    events, size, count = list(open_source(usdm_2024).events()), 0, 0
    for first in range(0, len(events), 3 * 2048):
        part = events[first : first + 2048]
        data = to_bytes(*pack_events(part))
        assert all(map(same, part, unpack_events(*from_bytes(data))))
        size, count = size + len(data), count + sum(len(e.ticks) for e in part if hasattr(e, "ticks"))
    assert size / count < 6.5


def test_books_take_the_arrays_as_they_come(tmp_path):
    from orderbook_ext import OrderBook

    update = DepthUpdate("X", 1, 1, 1, 1, 1, np.array([0], np.int8), np.array([7]), np.array([1 / 3]))
    (back,) = unpack_events(*from_bytes(to_bytes(*pack_events([update]))))
    book = OrderBook(1.0, 1.0)
    book.apply_ticks(back.sides, back.ticks, back.quantities)
    assert book.levels("bid").tolist() == [[7.0, 1 / 3]]


def test_what_is_no_event_is_refused():
    with pytest.raises(InputError, match=r"events must be of DepthUpdate, .*, got <class 'int'>"):
        pack_events([1])


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:20], lambda b: b[:9] + b"\0\0\0" + b[12:]])
def test_damaged_bytes_are_refused(damage):
    data = to_bytes(*pack_events([Trade("X", 1, 2, 3, 4, math.pi, 1)]))
    with pytest.raises(InputError, match="columns cannot be read"):
        from_bytes(damage(data))
