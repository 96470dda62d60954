from __future__ import annotations

import random

import numpy as np
import pytest

from genesis_lib.feeds.simulation.overlay import Told
from genesis_lib.feeds.simulation.overlay_book import OverlaidBook
from genesis_lib.feeds.simulation.overlay_episodes import PATIENCE, OverlayEpisode
from genesis_lib.types import DepthSnapshot, DepthUpdate, Instrument


@pytest.fixture
def book():
    made = OverlaidBook(Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001))
    ticks = np.array([*range(1000, 980, -1), *range(1001, 1021)])
    sides = np.repeat(np.array([0, 1], np.int8), 20)
    made.apply(DepthSnapshot("BTCUSDT", 0, 0, 1, sides, ticks, np.full(40, 2.0)))
    return made


@pytest.fixture
def episode(book):
    made = OverlayEpisode("spoofing", 0, random.Random(1))
    made.begin()
    for second in range(200):
        made.watch(book, second * 1_000_000_000, 1000, 1001)
    return made


def test_sizes_follow_the_touch_and_the_reach_follows_the_levels(episode):
    assert episode.lots(3.0) == pytest.approx(6000, rel=0.01)
    assert episode.reach == pytest.approx(9, rel=0.05)
    later = OverlayEpisode("layering", 0, random.Random(2))
    later.follow(episode)
    assert later.usual == episode.usual > 0


def test_an_order_rests_behind_the_touch_only(episode, book):
    assert episode.tick_of(episode.rest(0, 1000, 5)) == 999
    assert episode.tick_of(episode.rest(0, 1007, 5)) == 999
    assert episode.tick_of(episode.rest(1, 990, 5)) == 1002
    assert episode.tick_of(episode.rest(1, 1005, 5)) == 1005
    assert book.told(0, 999, 2.0) == 2.01


def test_what_the_price_comes_to_is_pulled_and_what_it_passes_is_filled(episode, book):
    order = episode.rest(0, 997, 500)
    episode.watch(book, 300, 998, 1001)
    assert episode.tick_of(order) == 997
    episode.watch(book, 300, 997, 1001)
    assert (episode.tick_of(order), episode.open_lots(order), book.told(0, 997, 2.0)) == (None, 500, 2.0)
    assert episode.cancel(order) == 500
    passed = episode.rest(0, 997, 500)
    episode.watch(book, 300, 995, 997)
    assert (episode.tick_of(passed), episode.open_lots(passed)) == (None, 0)
    assert episode.cancel(passed) == 0
    assert book.untouched
    sold = episode.rest(1, 1003, 500)
    episode.watch(book, 300, 1003, 1004)
    assert episode.cancel(sold) == 0
    assert book.untouched


def test_a_trade_waits_a_while_for_a_touch_that_holds_it(episode, book):
    told = Told(book, [])
    told._last = DepthUpdate("BTCUSDT", 0, 0, 1, 1, 0, np.array([0], np.int8), np.array([990]), np.array([2.0]))
    episode._told = told
    assert episode.trade(1, 1500) == 1500
    assert [episode.trade(1, 3000) for _ in range(PATIENCE + 1)] == [0] * PATIENCE + [2000]
    assert [(event.tick, event.quantity, event.side) for event in told._out] == [(1000, 1.5, -1), (1000, 2.0, -1)]
