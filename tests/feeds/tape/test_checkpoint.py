"""A builder that was put where another stood goes on exactly as that one does."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds import open_source
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.tape import checkpoint
from genesis_lib.feeds.tape.checkpoint import Checkpoint
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Instrument, Snapshot, Trade

X = Instrument("binance-usdm", "X", 0.1, 0.001)


def state(builder):
    return {name: value for name, value in vars(builder).items() if name not in checkpoint._SET_UP}


def equal(one: Snapshot | None, other: Snapshot | None):
    if one is None or other is None:
        return one is other
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other))


def copy(builder, row, given=False):
    saved = Checkpoint.of(builder, row, given)
    other = RowBuilder(builder.instrument, builder.depth)
    assert equal(Checkpoint(json.loads(json.dumps(saved.facts)), saved.columns).restore(other), row)
    return other


def levels(*quads):
    sides, ticks, quantities = zip(*quads)
    return np.array(sides, np.int8), np.array(ticks, np.int64), np.array(quantities, float)


EVENTS = [
    Trade("X", 1, 1, 1, 100, 1.0, 1),
    DepthSnapshot("X", 2, 2, 10, *levels((0, 100, 1.0), (0, 98, 2.5), (1, 103, 0.1), (1, 900_000_000, 3.0))),
    DepthUpdate("X", 3, 2, 11, 12, 10, *levels((0, 101, 1.0))),
    Trade("X", 4, 4, 2, 103, 0.5, 1),
    Trade("X", 4, 4, 3, 102, 0.5, -1),
    DepthUpdate("X", 5, 5, 13, 14, 12, *levels((1, 103, 0.0), (1, 104, 7.0))),
    Trade("X", 6, 6, 4, 102, 0.25, 1),
    Gap("X", 7, 7, "pu is 9 where 14 must follow", 14, 9),
    Trade("X", 8, 8, 5, 104, 1.0, 1),
    DepthSnapshot("X", 9, 9, 30, *levels((0, 100, 1.0), (1, 99, 1.0))),
    DepthUpdate("X", 10, 9, 31, 31, 30, *levels((1, 99, 0.0), (1, 101, 2.0))),
    DepthUpdate("X", 11, 11, 32, 32, 31, *levels((0, 100, 0.0))),
    DepthUpdate("X", 12, 12, 33, 33, 32, *levels((0, 100, 9.0))),
]


@pytest.mark.parametrize("place", range(len(EVENTS) + 1))
def test_between_any_two_events(place):
    """Gaps, resyncs, trades that wait for a row, crossed and one-sided books: nothing that is carried on is lost."""
    builder, row = RowBuilder(X), None
    for event in EVENTS[:place]:
        row = builder.push(event) or row
    other = copy(builder, row)
    assert state(other) == state(builder) and other.trades == builder.trades
    for event in EVENTS[place:]:
        assert equal(other.push(event), builder.push(event))
        assert state(other) == state(builder)
        for side in ("bid", "ask"):
            assert other.book.levels(side).tobytes() == builder.book.levels(side).tobytes()


def test_in_the_middle_of_a_recording(usdm_2023):
    source = open_source(usdm_2023)
    builder, row, events = RowBuilder(source.instrument), None, source.events()
    for event in islice(events, 40_001):
        row = builder.push(event) or row
    other = copy(builder, row)
    assert len(other.book) == len(builder.book) > 7000
    for event in islice(events, 4000):
        assert equal(other.push(event), builder.push(event))
    for side in ("bid", "ask"):
        assert other.book.levels(side).tobytes() == builder.book.levels(side).tobytes()


def test_rows_that_were_given_bring_their_levels():
    row = Snapshot(5, 6, np.array([[10.0, 1.0, 10.1, 2.0]]), np.arange(7.0), True, 0.1)
    builder = RowBuilder(X)
    builder.push(row)
    other = copy(builder, row, given=True)
    assert other.book.top(1).tolist() == builder.book.top(1).tolist() == row.levels.tolist()
    assert state(other) == state(builder)


def test_a_state_that_it_does_not_understand_is_an_error_not_a_loss():
    builder = RowBuilder(X)
    builder.something_new = object()
    with pytest.raises(InputError, match="a checkpoint cannot hold object"):
        Checkpoint.of(builder, None, False)
