from __future__ import annotations

import doctest

import pytest

from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.live.exchange_info import instrument_of
from genesis_lib.feeds.wire.local import symbol_info
from genesis_lib.feeds.wire.local.playback import Playback
from genesis_lib.feeds.wire.local.symbol_info import exchange_info


def test_example():
    assert doctest.testmod(symbol_info).failed == 0


@pytest.mark.parametrize("market", ["binance-usdm", "binance-coinm", "binance-spot"])
def test_the_grid_reads_back(market):
    playback = Playback(Simulator(1, "SIMETH"), market)
    told = exchange_info(market, [playback], 5, 2400)
    found = instrument_of(market, "SIMETH", told)
    assert (found.tick_size, found.lot_size) == (0.01, 0.001)
    assert told["serverTime"] == 5
    assert ("contractType" in told["symbols"][0]) == (market != "binance-spot")
