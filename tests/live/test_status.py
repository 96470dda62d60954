import json

import pytest

from genesis_lib.config import Config, Feeds
from genesis_lib.engine import Engine
from genesis_lib.feeds import open_source
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.venue import LocalVenue
from genesis_lib.live.messages import plain
from genesis_lib.live.picture import Picture
from genesis_lib.live.status import status


def test_before_the_first_row_there_are_no_prices_and_after_it_they_are_the_books():
    source = open_source("simulator", seed=1, minutes=0.2)
    engine, picture = Engine.build(source.instrument), Picture()
    empty = plain(status(engine, source, picture))
    assert empty["mid"] is None and empty["spread"] is None and empty["ts"] is None and empty["valid"] is False
    assert empty["signal"] == {"class": "NONE", "confidence": 0.0, "p": None} and empty["model"] is None
    assert empty["warmup"] == 0, "no model, nothing to wait for"
    for event in source.events():
        if (step := engine.step(event)) is not None:
            picture.add(step)
    full = plain(status(engine, source, picture))
    book = engine.builder.book
    assert full["mid"] == pytest.approx(book.mid) and full["spread"] == pytest.approx(book.spread)
    assert full["events"] == engine.events and full["rows"] == engine.rows and full["provenance"] == "simulated"
    assert set(full) == set(empty) and json.dumps(full, allow_nan=False)
    assert full["feed"] is None, "a recording has no health of connections"


def test_a_model_that_warms_up_says_for_how_many_rows_more(uniform):
    class Slow(type(uniform)):
        remaining = 7

    source = open_source("simulator", seed=1, minutes=0.1)
    engine = Engine.build(source.instrument, artifact=Slow())
    assert status(engine, source, Picture())["warmup"] == 7
    source.close()


def test_the_health_of_a_live_market_stands_in_the_status():
    with LocalVenue(Simulator(1), speed=10.0) as venue:
        source = open_source("binance-usdm:SIMBTC", config=Config(feeds=Feeds(venue.rest_url, venue.websocket_url)))
        told = plain(status(Engine.build(source.instrument), source, Picture()))["feed"]
        source.close()
    assert (told["gaps"], told["recovery_ms"], told["faults"]) == (0, None, {})
    assert json.dumps(told, allow_nan=False)
