"""What holds of every kind: the label tells exactly when, and by which orders; what shows is in the other tests."""

from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.feeds.simulation.episode_scripts import SCRIPTS
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import DepthUpdate


@pytest.fixture(scope="module", params=list(SCRIPTS))
def seen(request, published):
    found = published(request.param)
    assert [label["kind"] for label in found.labels] == [request.param] * 2
    return found


def equal(one, other) -> bool:
    return type(one) is type(other) and all(np.array_equal(a, b) for a, b in zip(one, other))


def test_nothing_of_it_is_told_before_its_start(seen):
    ordinary = iter(Simulator(17, minutes=2.0))
    first = next(event for event in seen.events if not equal(event, next(ordinary)))
    label = seen.labels[0]
    assert label["start"] <= first.ts_exchange <= label["end"]


def test_start_and_end_are_those_of_its_first_and_last_action(seen):
    for label in seen.labels:
        times = [order["time"] for order in label["orders"]]
        assert times == sorted(times)
        assert times[0] == label["start"] < label["end"]
        assert times[-1] <= label["end"]
        assert label["actions"] >= len(times) == min(label["actions"], 200)
        assert label["end"] in seen.ts
        assert label["end"] - label["start"] <= 1e6 * SCRIPTS[label["kind"]][1]
        assert label["side"] in ("bid", "ask", "both")
        assert label["parameters"]


def test_its_trades_and_orders_are_in_the_tape(seen):
    taker = {"bid": 1, "ask": -1}
    for label in seen.labels:
        for order in label["orders"]:
            if order["action"] == "trade":
                met = [t for t in seen.trades if t.ts_exchange == order["time"] and t.side == taker[order["side"]]]
                assert sum(t.quantity for t in met) >= order["quantity"] - 1e-9
                assert order["price"] in [seen.instrument.price(t.tick) for t in met]
            elif order["action"] in ("place", "cancel"):
                tick, side = seen.instrument.ticks(order["price"]), ("bid", "ask").index(order["side"])
                told = next(e for e in seen.events if isinstance(e, DepthUpdate) and e.ts_exchange >= order["time"])
                assert ((told.ticks == tick) & (told.sides == side)).any()
                assert told.ts_exchange <= label["end"]


def test_the_market_stays_whole(seen):
    assert (seen.spread > 0).all()
    updates = [event for event in seen.events if isinstance(event, DepthUpdate)]
    assert all(b.prev_id == a.last_id == b.first_id - 1 for a, b in zip(updates, updates[1:]))  # noqa: RUF007
    times = [event.ts_exchange for event in seen.events]
    assert times == sorted(times)


def test_the_plan_keeps_time_for_each():
    for seed in range(3):
        plant = dict.fromkeys(SCRIPTS, 1)
        simulator = Simulator(seed, minutes=4.5, plant=plant)
        for _ in simulator:
            pass
        assert sorted(label["kind"] for label in simulator.labels) == sorted(plant)
        for one, other in zip(simulator.labels, simulator.labels[1:]):
            assert other["start"] - one["end"] > 5_900_000_000
