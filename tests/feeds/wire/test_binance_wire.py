from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.feeds.binance import BinanceParser, decode
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire import binance_wire
from genesis_lib.feeds.wire.binance_wire import BinanceWriter, places
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Gap, Instrument, MarkPrice, Trade

GRIDS = {
    "simulator": Instrument("simulator", "SIMBTC", 0.1, 0.001),
    "coarse": Instrument("binance-coinm", "BTCUSD_PERP", 0.5, 1.0),
    "fine": Instrument("binance-usdm", "ABCUSDT", 0.00001, 0.01),
}
MS = st.integers(1_600_000_000_000, 1_900_000_000_000).map(lambda ms: ms * 1_000_000)
IDS = st.integers(0, 2**52)


def same(a, b) -> bool:
    return type(a) is type(b) and all(
        np.array_equal(x, y) and x.dtype == y.dtype if isinstance(x, np.ndarray) else x == y for x, y in zip(a, b)
    )


def back(writer: BinanceWriter, event):
    stamp, _, payload = writer.line(event).partition(" ")
    return BinanceParser(writer.instrument).parse(decode(payload), int(stamp))


def test_example():
    assert doctest.testmod(binance_wire).failed == 0


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(list(GRIDS.values())))
def test_what_is_written_reads_back_as_the_same_event(data, instrument):
    writer, symbol = BinanceWriter(instrument), instrument.symbol
    lots = st.integers(0, 10**7).map(lambda n: instrument.__class__("x", "x", instrument.lot_size, 1.0).price(n))
    ticks = st.integers(1, 10**7)
    ts, received = data.draw(MS), data.draw(st.integers(10**18, 2 * 10**18))
    levels = data.draw(st.lists(st.tuples(ticks, lots), max_size=8))
    bids = data.draw(st.integers(0, len(levels)))
    sides = np.array([0] * bids + [1] * (len(levels) - bids), np.int8)
    columns = (sides, np.array([t for t, _ in levels], np.int64), np.array([q for _, q in levels], np.float64))
    quantity = data.draw(lots.filter(bool))
    events = [
        DepthUpdate(symbol, ts, received, data.draw(IDS), data.draw(IDS), data.draw(IDS), *columns),
        Trade(symbol, ts, received, data.draw(IDS), data.draw(ticks), quantity, data.draw(st.sampled_from((1, -1)))),
        BookTicker(symbol, ts, received, data.draw(IDS), data.draw(ticks), quantity, data.draw(ticks), quantity),
        MarkPrice(symbol, ts, received, 28145.123, 28144.5, 0.0001, ts),
    ]
    for event in events:
        assert same(back(writer, event), event)


def test_a_snapshot_reads_back(recwarn):
    simulator = Simulator(1)
    snapshot = next(iter(simulator))
    assert isinstance(snapshot, DepthSnapshot)
    assert same(back(BinanceWriter(simulator.instrument), snapshot), snapshot)


def test_every_event_of_a_simulation_reads_back():
    simulator = Simulator(2, minutes=0.1)
    writer = BinanceWriter(simulator.instrument)
    parser = BinanceParser(simulator.instrument)
    for event in simulator:
        stamp, _, payload = writer.line(event).partition(" ")
        assert same(parser.parse(decode(payload), int(stamp)), event)


def test_a_gap_is_no_message():
    with pytest.raises(TypeError, match="no message for a Gap"):
        BinanceWriter(GRIDS["fine"]).message(Gap("ABCUSDT", 0, 0, "", 0, 0))


@pytest.mark.parametrize(("step", "decimals"), [(0.1, 1), (0.00001, 5), (1.0, 0), (10.0, 0), (0.25, 2)])
def test_places(step, decimals):
    assert places(step) == decimals
