"""A book with rows set aside: never whole too early, whole again as soon as it is known."""

from __future__ import annotations

import numpy as np

from genesis_lib.feeds.formats.mending import Mender
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Instrument

INSTRUMENT = Instrument("v", "X", 0.5, 1.0)


def levels(*rows: tuple[int, int, float]) -> tuple[np.ndarray, ...]:
    sides, ticks, quantities = zip(*rows)
    return np.array(sides, np.int8), np.array(ticks, np.int64), np.array(quantities, float)


def update(*rows: tuple[int, int, float]) -> DepthUpdate:
    return DepthUpdate("X", 5, 6, -1, -1, -1, *levels(*rows))


def opened() -> Mender:
    mender = Mender(INSTRUMENT)
    mender.push(DepthSnapshot("X", 1, 2, -1, *levels((0, 200, 1.0), (1, 202, 2.0))))
    return mender


def test_what_is_sound_passes_untouched() -> None:
    event = update((0, 201, 3.0))
    assert opened().push(event) is event


def test_the_whole_book_comes_with_the_last_doubt() -> None:
    mender = opened()
    (gap,) = mender.lose(3, 4, "a.csv:7: negative")
    assert gap == Gap("X", 3, 4, "a.csv:7: negative", -1, -1) and mender.lose(3, 4, "another") == ()
    mender.doubt(0, 200)
    mender.doubt(1, 203)
    assert type(mender.push(update((1, 203, 9.0)))) is DepthUpdate
    whole = mender.push(update((0, 200, 0.0), (0, 199, 4.0)))
    assert type(whole) is DepthSnapshot and (whole.ts_exchange, whole.ts_receive) == (5, 6)
    found = sorted(zip(whole.sides.tolist(), whole.ticks.tolist(), whole.quantities.tolist()))
    assert found == [(0, 199, 4.0), (1, 202, 2.0), (1, 203, 9.0)]
    assert type(mender.push(update((0, 200, 1.0)))) is DepthUpdate


def test_a_message_that_is_not_whole_settles_nothing() -> None:
    mender = opened()
    mender.lose(3, 4, "lost")
    assert type(mender.push(update((0, 200, 2.0)), whole=False)) is DepthUpdate
    assert type(mender.push(update((0, 200, 2.0)))) is DepthSnapshot


def test_only_a_snapshot_helps_when_the_level_is_unknown() -> None:
    mender = opened()
    mender.lose(3, 4, "lost")
    mender.doubt_all()
    assert type(mender.push(update((0, 200, 2.0)))) is DepthUpdate
    mender.push(DepthSnapshot("X", 7, 8, -1, *levels((0, 200, 1.0), (1, 202, 2.0))))
    assert type(mender.push(update((0, 200, 2.0)))) is DepthUpdate and mender.lose(9, 9, "again")
