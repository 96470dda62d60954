"""Events to columns and back: any event, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.storage.event_block import decode, encode
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Gap, Instrument, MarkPrice, Trade

BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)
INT = st.integers(-(2**63), 2**63 - 1)
ID = st.one_of(st.just(-1), st.integers(0, 2**62))
FLOAT = st.one_of(st.floats(width=64), st.integers(0, 10**9).map(lambda lots: lots / 1000), st.just(-0.0))
LEVEL = st.tuples(st.integers(0, 1), st.one_of(st.integers(-(2**50), 2**50), st.integers(0, 10**6)), FLOAT)


def arrays(levels) -> tuple[np.ndarray, ...]:
    columns = zip(*levels) if levels else ((), (), ())
    return tuple(np.array(column, dtype) for column, dtype in zip(columns, (np.int8, np.int64, np.float64)))


LEVELS = st.lists(LEVEL, max_size=6).map(arrays)
SORTED = st.lists(LEVEL, max_size=6).map(lambda levels: arrays(sorted(levels, key=lambda level: level[0])))
BOOK = st.one_of(LEVELS, SORTED)
EVENT = st.one_of(
    st.builds(lambda t, r, f, u, p, x: DepthUpdate("BTCUSDT", t, r, f, u, p, *x), INT, INT, ID, ID, ID, BOOK),
    st.builds(lambda t, r, u, x: DepthSnapshot("BTCUSDT", t, r, u, *x), INT, INT, ID, BOOK),
    st.builds(Trade, st.just("BTCUSDT"), INT, INT, INT, INT, FLOAT, st.integers(-1, 1), st.booleans()),
    st.builds(BookTicker, st.just("BTCUSDT"), INT, INT, INT, INT, FLOAT, INT, FLOAT),
    st.builds(MarkPrice, st.just("BTCUSDT"), INT, INT, FLOAT, FLOAT, FLOAT, INT),
    st.builds(Gap, st.just("BTCUSDT"), INT, INT, st.text(st.characters(exclude_categories=["Cs"])), INT, INT),
)


@settings(max_examples=150, deadline=None)
@given(events=st.lists(EVENT, max_size=12), lot=st.sampled_from([0.001, 1.0, 0.5, 0.00001, 3.0]))
def test_any_events_come_back(events, lot: float) -> None:
    instrument = Instrument("v", "BTCUSDT", 0.1, lot)
    back = list(decode(encode(events, instrument), instrument).events())
    assert len(back) == len(events)
    for one, other in zip(events, back):
        assert type(one) is type(other)
        for a, b in zip(one, other, strict=True):
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype and a.tobytes() == b.tobytes()
            else:
                assert type(a) is type(b) and (
                    np.float64(a).tobytes() == np.float64(b).tobytes() if isinstance(a, float) else a == b
                )


def test_a_real_looking_stream_is_small_numbers(market, same_events) -> None:
    events = market(400)
    stored = encode(events, BTC)
    block = decode(stored, BTC)
    assert same_events(events, block.events())
    assert not len(stored["raw_quantity"]) and not len(stored["side"]) and not len(stored["tick_wide"])
    assert stored["tick"].dtype == stored["lots_quantity"].dtype == np.int32
    assert stored["ts_exchange"][1:].tolist() == [1] * 399, "seconds, since they are what the times have in common"
    update = next(event for event in block.events() if isinstance(event, DepthUpdate))
    with pytest.raises(ValueError, match="read-only"):
        update.ticks[:] = 0


def test_what_does_not_fit_narrow_columns_goes_to_wide_ones(same_events) -> None:
    levels = arrays([(1, 2**40, 0.1 + 0.2), (0, 5, 2.0)])  # an ask first, a far tick, no whole number of lots
    events = [DepthUpdate("BTCUSDT", 1, 1, 1, 1, -1, *levels)]
    stored = encode(events, BTC)
    assert len(stored["tick_wide"]) == len(stored["side"]) == len(stored["raw_quantity"]) == 2
    assert same_events(events, decode(stored, BTC).events())


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (Gap("ETHUSDT", 1, 1, "", 0, 0), "events must be of binance-usdm:BTCUSDT, got one of 'ETHUSDT'"),
        (DepthSnapshot("BTCUSDT", 1, 1, 1, *arrays([(2, 1, 1.0)])), r"a side must be 0 \(bid\) or 1 \(ask\)"),
        (DepthSnapshot("BTCUSDT", 1, 1, 1, *arrays([(1, 1, 1.0)])[:2], np.empty(0)), "must be of one length"),
        ("BTCUSDT", "events must be of DepthUpdate, DepthSnapshot, Trade, BookTicker, MarkPrice, Gap, got str"),
    ],
)
def test_what_is_no_event_of_the_instrument_is_refused(event, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        encode([event], BTC)
