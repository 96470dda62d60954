from __future__ import annotations

import random

import pytest

from genesis_lib.feeds.simulation.episodes import Episode
from genesis_lib.feeds.simulation.flow import OrderFlow
from genesis_lib.feeds.simulation.flow_parameters import MARKETS
from genesis_lib.feeds.simulation.planted import TOLD, Planted


@pytest.fixture
def episode():
    made = Episode("spoofing", 0, random.Random(3))
    made.flow = OrderFlow(1, *MARKETS["SIMBTC"])
    made.instrument = made.flow.instrument
    made.begin()
    return made


def test_a_planted_agent_must_say_how_it_acts():
    with pytest.raises(TypeError, match="abstract"):
        Planted("spoofing", random.Random(1))


def test_what_is_drawn_is_noted_as_it_is_used(episode):
    for _ in range(200):
        assert 0.5 <= episode.draw("seconds", 0.5, 8.0, log=True) <= 8.0
        assert episode.parameters["seconds"] == episode.draw("again", *[episode.parameters["seconds"]] * 2)
        assert episode.whole("ticks", 2, 4) in (2, 3, 4)
    assert set(episode.parameters) == {"seconds", "again", "ticks"}
    drawn = sorted(episode.draw("x", 1.0, 100.0, log=True) for _ in range(400))
    assert 7 < drawn[200] < 14  # half of them lie below the geometric mean
    assert 60 < sum(episode.chance("yes", 0.25) for _ in range(400)) < 140


def test_the_label_counts_all_actions_and_lists_the_first(episode):
    for i in range(TOLD + 5):
        episode.time, episode.now = (i + 1) * 1_000_000, i + 2
        episode.record("place", 0, 300_000, 2_500)
    episode.finish()
    label = episode.label
    assert (label["actions"], len(label["orders"])) == (TOLD + 5, TOLD)
    assert (label["start"], label["end"]) == (1_000_000, (TOLD + 6) * 1_000_000)
    first = {"time": 1_000_000, "action": "place", "side": "bid", "price": 30000.0, "quantity": 2.5}
    assert label["orders"][0] == first
    assert episode.done
