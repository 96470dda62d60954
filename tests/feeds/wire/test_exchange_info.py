from __future__ import annotations

import doctest

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.wire import exchange_info
from genesis_lib.feeds.wire.exchange_info import instrument_of


def answer(**filters) -> dict:
    return {"symbols": [{"symbol": "BTCUSDT", "filters": [{"filterType": k, **v} for k, v in filters.items()]}]}


FULL = answer(PRICE_FILTER={"tickSize": "0.10"}, LOT_SIZE={"stepSize": "0.00100000"}, MIN_NOTIONAL={"notional": "5"})


def test_example():
    assert doctest.testmod(exchange_info).failed == 0


def test_tick_and_lot_size_come_from_the_filters():
    instrument = instrument_of("binance-usdm", "BTCUSDT", FULL)
    assert (instrument.name, instrument.tick_size, instrument.lot_size) == ("binance-usdm:BTCUSDT", 0.1, 0.001)


def test_an_unlisted_symbol_is_refused_naming_near_ones():
    with pytest.raises(InputError, match="knows no symbol 'BTCUSDC'; near are BTCUSDT"):
        instrument_of("binance-usdm", "BTCUSDC", FULL)


@pytest.mark.parametrize(
    "wrong",
    [{}, [], {"symbols": 1}, answer(LOT_SIZE={"stepSize": "1"}), answer(PRICE_FILTER={"tickSize": "x"}, LOT_SIZE={})],
)
def test_an_unreadable_answer_is_one_clear_error(wrong):
    with pytest.raises(InputError, match="binance-usdm tells no readable grid for BTCUSDT"):
        instrument_of("binance-usdm", "BTCUSDT", wrong)
