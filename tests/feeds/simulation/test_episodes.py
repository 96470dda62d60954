from __future__ import annotations

import random

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.episode_scripts import SCRIPTS
from genesis_lib.feeds.simulation.episodes import PAUSE_MS, WARM_UP_MS, Episode, schedule
from genesis_lib.feeds.simulation.flow import EPOCH, OrderFlow
from genesis_lib.feeds.simulation.flow_parameters import MARKETS


def test_episodes_lie_apart_and_inside():
    plant = {kind: 2 for kind in SCRIPTS}
    episodes = schedule(plant, 12.0, seed=4)
    assert sorted(e.kind for e in episodes) == sorted([*SCRIPTS, *SCRIPTS])
    assert episodes[0].start >= EPOCH + WARM_UP_MS
    for one, other in zip(episodes, episodes[1:]):  # noqa: RUF007
        assert other.start - one.start > SCRIPTS[one.kind][1]
    assert episodes[-1].start + SCRIPTS[episodes[-1].kind][1] <= EPOCH + 12 * 60_000


def test_the_seed_decides_the_plan():
    plans = [[(e.kind, e.start, e.side) for e in schedule({"spoofing": 3, "layering": 3}, 5.0, s)] for s in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        ({"painting": 1}, "knows no kind 'painting'; allowed: spoofing, layering, .*flash_crash"),
        ({"spoofing": -1}, "count of spoofing must not be negative, got -1"),
        ({"iceberg": 50}, "50 episodes need 23.5 minutes, got 5"),
    ],
)
def test_what_cannot_be_planted_is_named(plant, message):
    with pytest.raises(InputError, match=message):
        schedule(plant, 5.0, 1)


def test_an_episode_waits_for_its_time_and_leaves_the_market_as_it_was():
    flow = OrderFlow(1, *MARKETS["SIMBTC"])
    episode = Episode("spread_shock", EPOCH + 2_000, random.Random(1))
    while not episode.done:
        flow.step([episode])
        assert flow.now >= EPOCH + 2_000 or not episode.label
    assert (flow.push, flow.pace, flow.withheld, flow.owned) == (0.0, 1.0, {}, set())
    assert episode.label["start"] >= (EPOCH + 2_000) * 1_000_000
    assert episode.label["end"] > episode.label["start"]


def test_an_episode_waits_for_both_sides_and_for_the_one_before():
    flow = OrderFlow(1, *MARKETS["SIMBTC"])
    first = Episode("wash_trading", EPOCH, random.Random(1))
    second = Episode("wash_trading", EPOCH, random.Random(2), first)
    for tick, _ in flow.engine.levels(0):
        flow.engine.cancel_level(0, tick)
    first.act(flow, [], (flow.now + 1) * 1_000_000)
    assert not first.label
    while not second.done:
        flow.step([first, second])
    assert first.done
    assert second.label["start"] >= first.label["end"] + PAUSE_MS * 1_000_000


def test_an_order_that_would_trade_rests_beside_the_other_side():
    flow = OrderFlow(1, *MARKETS["SIMBTC"])
    episode = Episode("iceberg", EPOCH, random.Random(1))
    while not episode.label:
        flow.step([episode])
    bid, _, ask, _ = flow.engine.book.touch
    order = episode.rest(0, ask + 5, 7)
    assert flow.engine.book.order(order) == (0, ask - 1, 7)
    assert episode.cancel(order) == 7
    order = episode.rest(1, flow.engine.best[0] - 5, 7)
    assert flow.engine.book.order(order)[:2] == (1, flow.engine.best[0] + 1)
    assert bid < ask


def test_sides_are_drawn_evenly():
    plan = schedule({"layering": 400}, 200.0, 3)
    assert 160 < sum(episode.side for episode in plan) < 240
