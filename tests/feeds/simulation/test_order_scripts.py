from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.feeds.simulation.flow_parameters import MARKETS

SEEDS = (17, pytest.param(18, marks=pytest.mark.slow))
TOUCH = MARKETS["SIMBTC"][1].touch_target


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "levels", "least"), [("spoofing", 1, 2.9), ("layering", 3, 0.4)])
def test_false_orders_stand_behind_the_touch_and_are_pulled(published, side_of, kind, levels, least, seed):
    seen = published(kind, seed)
    for label in seen.labels:
        (side,) = side_of[label["side"]]
        placed = [order for order in label["orders"] if order["action"] == "place"]
        prices = {order["price"] for order in placed[: label["parameters"].get("layers", 1)]}
        assert len(prices) >= levels
        for order in placed:
            assert order["quantity"] > least * TOUCH
        inside = seen.inside(label)
        gained = seen.depth[inside, side].max() - np.median(seen.depth[seen.before(label), side])
        lost = seen.depth[inside, side].max() - np.median(seen.depth[seen.after(label), side])
        assert min(gained, lost) > 0.5 * label["quantity"]
        assert label["filled"] <= 0.1 * label["placed"]
        last = label["orders"][-1]
        assert (last["action"], last["side"]) == ("trade", ("ask", "bid")[side])


@pytest.mark.parametrize("seed", [*SEEDS, pytest.param(19, marks=pytest.mark.slow)])
def test_stuffing_is_carried_by_the_messages_and_the_crowd_goes_on(published, side_of, seed):
    seen = published("quote_stuffing", seed)
    for label in seen.labels:
        (side,) = side_of[label["side"]]
        drawn, start = label["parameters"], label["start"]
        seconds = (label["end"] - start) / 1e9
        assert label["placed"] == pytest.approx(drawn["orders_per_second"] * seconds, rel=0.35)
        span = max(seconds, 0.5)
        inside = seen.near(side, start, label["end"], drawn["ticks"]) / seconds
        usual = [
            seen.near(side, start - i * 1e9, start - i * 1e9 + span * 1e9, drawn["ticks"]) / span for i in range(2, 9)
        ]
        assert inside > 1.5 * np.median(usual)
        messages = seen.inside(label).sum() / seconds, seen.before(label).sum() / 5
        assert messages[0] < messages[1] * 2.5 + (1000 / drawn["message_ms"] if drawn["more_messages"] else 0)
