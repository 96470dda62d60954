from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.feeds.simulation.flow import TRADE, OrderFlow
from genesis_lib.feeds.simulation.simulator import Simulator

SEEDS = (17, pytest.param(18, marks=pytest.mark.slow))
LATE = 52  # of this one the crowd takes the last part


@pytest.mark.parametrize("seed", SEEDS)
def test_ignition_moves_the_price_by_takers_and_returns(published, seed):
    seen = published("momentum_ignition", seed)
    for label in seen.labels:
        up, drawn = 1 if label["side"] == "ask" else -1, label["parameters"]
        inside = seen.inside(label)
        path = up * (seen.mid[inside] - seen.instrument.ticks(label["price"]))
        assert path.max() >= drawn["ticks"] - 2
        assert path.max() - path[-1] >= 0.8 * drawn["returns"] * drawn["ticks"] - 2
        top = seen.ts[inside][path.argmax()]
        burst = [trade for trade in seen.traded(label) if trade.ts_exchange <= top]
        way = sum(trade.quantity for trade in burst if trade.side == up)
        assert way > 0.6 * sum(trade.quantity for trade in burst)


@pytest.mark.parametrize("seed", SEEDS)
def test_wash_trades_are_alike_and_change_nothing(published, side_of, seed):
    seen = published("wash_trading", seed)
    for label in seen.labels:
        own = [order for order in label["orders"] if order["action"] == "trade"]
        assert len(own) == label["trades"] == label["parameters"]["trades"] >= 8
        jitter = label["parameters"]["jitter"]
        assert all(abs(o["quantity"] / label["quantity"] - 1) <= jitter + 0.01 for o in own)
        assert len({o["side"] for o in own}) == 1
        (side,) = side_of[label["side"]]
        for order in own:
            row = np.searchsorted(seen.ts, order["time"], side="left") - 1  # the book before it
            assert seen.instrument.ticks(order["price"]) == seen.prices[row, 0, side]
        assert label["price"] in [o["price"] for o in own]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_iceberg_trades_many_times_what_it_shows(published, side_of, seed):
    seen = published("iceberg", seed)
    for label in seen.labels:
        tick, (side,) = seen.instrument.ticks(label["price"]), side_of[label["side"]]
        hit = sum(t.quantity for t in seen.traded(label) if t.tick == tick and t.side == (-1, 1)[side])
        assert hit >= label["filled"] > 4 * label["shown"]
        assert label["filled"] >= 0.8 * label["quantity"] or label["end"] - label["start"] > 19e9
        assert label["refilled"] >= 5
        shown = [o["quantity"] for o in label["orders"] if o["action"] == "place"]
        jitter = label["parameters"]["jitter"]
        if jitter:
            assert max(shown) <= (1 + jitter) * label["shown"] + 0.001
        else:
            assert shown == [label["quantity"]]
            levels = seen.at(side, label["price"])[seen.inside(label)]
            assert np.median(levels) < label["quantity"]


def test_the_label_of_an_iceberg_holds_every_fill_of_it(monkeypatch):
    """Also the last ones, which the crowd brings after the agent himself has done his last."""
    own, fills = set(), []

    def tell(flow, rows, events):
        own.update(flow.watchers)
        fills.extend((row[1] * 1_000_000, row[5]) for row in rows if row[0] == TRADE and row[7] in own)
        told(flow, rows, events)

    told = OrderFlow._tell
    monkeypatch.setattr(OrderFlow, "_tell", tell)
    simulator = Simulator(LATE, minutes=0.8, plant={"iceberg": 1})
    end = list(simulator)[-1].ts_exchange
    (label,) = simulator.labels
    assert label["end"] < end
    assert all(label["start"] <= ts <= label["end"] for ts, _ in fills)
    assert sum(lots for _, lots in fills) == pytest.approx(label["filled"] * 1000)
    assert label["end"] > max(order["time"] for order in label["orders"]) + 50_000_000
