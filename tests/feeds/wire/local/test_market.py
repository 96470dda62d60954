from __future__ import annotations

import json

import numpy as np
import pytest

from genesis_lib.feeds.binance import BinanceParser, synchronize
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.playback import Playback
from genesis_lib.types import DepthUpdate


def play(wanted, market=None, minutes=0.3):
    """Data of each wanted stream, and the playback at its end."""
    playback = Playback(Simulator(5, minutes=minutes), market)
    out = {key: [] for key in wanted}
    for message in playback:
        for update in playback.take(message, wanted):
            if update.key in out:
                out[update.key].append(json.loads(update.data))
    for update in playback.market.flush():
        if update.key in out:
            out[update.key].append(json.loads(update.data))
    return out, playback


@pytest.mark.parametrize("market", ["binance-usdm", "binance-spot", "binance-coinm"])
@pytest.mark.parametrize("key", ["simbtc@depth", "simbtc@depth@100ms", "simbtc@depth@500ms"])
def test_diffs_of_any_speed_give_the_true_book(market, key):
    start = json.loads(Playback(Simulator(5, minutes=0.3), market).market.depth(5000))
    out, playback = play([key], market)
    parser = BinanceParser(playback.instrument)
    events = [parser.parse(start, 0), *(parser.parse(told, 1) for told in out[key])]
    builder = RowBuilder(playback.instrument)
    for event in synchronize(events, "spot" if market == "binance-spot" else "futures"):
        builder.push(event)
    assert builder.counts["gaps"] == 0
    assert out[key][-1]["u"] == playback.last_id
    assert np.array_equal(builder.book.top(50), playback.top(50))
    assert ("pu" in out[key][0]) == (market != "binance-spot")
    if key != "simbtc@depth":
        steps = np.diff([told["E"] // int(key.split("@")[2][:-2]) for told in out[key]])
        assert (steps > 0).all(), "one message a window"


def test_faster_streams_have_more_messages_and_all_end_at_the_same_book():
    keys = ["simbtc@depth", "simbtc@depth@100ms", "simbtc@depth@500ms"]
    out, _ = play(keys)
    counts = [len(out[key]) for key in keys]
    assert counts[0] > 2 * counts[1] > 4 * counts[2] > 0
    assert len({out[key][-1]["u"] for key in keys}) == 1


@pytest.mark.parametrize(("market", "names"), [("binance-usdm", ("b", "a")), ("binance-spot", ("bids", "asks"))])
def test_partial_depth_is_the_best_levels(market, names):
    out, playback = play(["simbtc@depth5@100ms"], market)
    last = out["simbtc@depth5@100ms"][-1]
    told = np.array([[*map(float, b), *map(float, a)] for b, a in zip(last[names[0]], last[names[1]], strict=True)])
    assert np.array_equal(told, playback.top(5))
    assert {len(each[names[0]]) for each in out["simbtc@depth5@100ms"]} == {5}


def test_trades_are_told_three_ways_that_agree():
    out, playback = play(["simbtc@trade", "simbtc@aggTrade", "simbtc@ticker", "simbtc@kline_1m"], minutes=1.2)
    trades, aggregates = out["simbtc@trade"], out["simbtc@aggTrade"]
    assert [a["f"] for a in aggregates[1:]] == [a["l"] + 1 for a in aggregates[:-1]]
    assert (aggregates[0]["f"], aggregates[-1]["l"]) == (trades[0]["t"], trades[-1]["t"])
    total = sum(float(t["q"]) for t in trades)
    assert sum(float(a["q"]) for a in aggregates) == pytest.approx(total)
    assert playback.market.statistics.day().volume == pytest.approx(total)
    assert out["simbtc@ticker"][-1]["L"] <= trades[-1]["t"]
    klines = out["simbtc@kline_1m"]
    assert len({k["k"]["t"] for k in klines}) == 2
    assert [k["k"]["L"] for k in klines] == sorted(k["k"]["L"] for k in klines)
    assert len(out["simbtc@ticker"]) <= 74, "one a second"


def test_an_older_book_is_one_that_was_true_once():
    playback = Playback(Simulator(5, minutes=0.3))
    true = {playback.last_id: playback.top(20)}
    for message in playback:
        list(playback.take(message))
        if isinstance(message.event, DepthUpdate):
            true[playback.last_id] = playback.top(20)
    ids = []
    for age in (0, 1, 5, 1000):
        told = json.loads(playback.market.depth(20, age))
        levels = np.array([[*map(float, b), *map(float, a)] for b, a in zip(told["bids"], told["asks"], strict=True)])
        assert np.array_equal(levels, true[told["lastUpdateId"]])
        ids.append(told["lastUpdateId"])
    assert ids == sorted(set(ids), reverse=True)
