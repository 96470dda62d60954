"""Each kind must leave in the published data what its name says; a script that did nothing would fail here."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from genesis_lib.feeds.simulation.episode_scripts import SCRIPTS
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import DepthSnapshot, DepthUpdate, Trade


class Seen:
    """Published events of one simulation with two episodes of a kind: a plain book, rows and trades."""

    def __init__(self, kind: str) -> None:
        simulator = Simulator(17, minutes=2.2, plant={kind: 2})
        book: tuple[dict, dict] = ({}, {})
        self.rows, self.trades, self.biggest = [], [], []
        for event in simulator:
            if isinstance(event, Trade):
                self.trades.append(event)
            elif isinstance(event, (DepthSnapshot, DepthUpdate)):
                for side, tick, quantity in zip(event.sides.tolist(), event.ticks.tolist(), event.quantities.tolist()):
                    book[side].pop(tick, None) if quantity == 0 else book[side].update({tick: quantity})
                bids, asks = sorted(book[0], reverse=True)[:12], sorted(book[1])[:12]
                sizes = (sum(book[0][t] for t in bids[:6]), sum(book[1][t] for t in asks[:6]))
                self.rows.append((event.ts_exchange, bids, asks, sizes))
        self.labels = simulator.labels
        self.ts = np.array([row[0] for row in self.rows])
        self.spread = np.array([row[2][0] - row[1][0] for row in self.rows])
        self.mid = np.array([(row[2][0] + row[1][0]) / 2 for row in self.rows])
        self.depth = np.array([row[3] for row in self.rows])

    def inside(self, label) -> np.ndarray:
        return (self.ts >= label["start"]) & (self.ts < label["end"])

    def before(self, label) -> np.ndarray:
        return (self.ts < label["start"]) & (self.ts >= label["start"] - 5_000_000_000)

    def traded(self, label) -> list[Trade]:
        return [t for t in self.trades if label["start"] - 50_000_000 <= t.ts_exchange <= label["end"]]


@pytest.fixture(scope="module", params=list(SCRIPTS))
def seen(request):
    found = Seen(request.param)
    assert [label["kind"] for label in found.labels] == [request.param] * 2
    return found


def test_it_shows_in_the_published_data(seen):
    for label in seen.labels:
        kind, inside, before = label["kind"], seen.inside(label), seen.before(label)
        seconds = (label["end"] - label["start"]) / 1e9
        assert 0.3 < seconds <= SCRIPTS[kind][1] / 1000
        CHECKS[kind](seen, label, inside, before, seconds)


def false_depth(seen, label, inside, before, seconds):
    side = 0 if label["side"] == "bid" else 1
    assert seen.depth[inside, side].max() > 2.0 * np.median(seen.depth[before, side])
    assert seen.depth[inside, side].max() > 0.8 * label["quantity"]
    after = (seen.ts >= label["end"]) & (seen.ts < label["end"] + 1_000_000_000)
    assert seen.depth[inside, side].max() - np.median(seen.depth[after, side]) > 0.4 * label["quantity"]
    assert label["filled"] < 0.2 * label["quantity"]


def stuffing(seen, label, inside, before, seconds):
    assert inside.sum() / seconds > 5 * before.sum() / 5
    assert label["orders"] > 300


def ignition(seen, label, inside, before, seconds):
    sign = 1 if label["side"] == "ask" else -1
    move = sign * (seen.mid[inside] - seen.mid[inside][0])
    assert move.max() > 15
    burst = [t for t in seen.traded(label) if t.ts_exchange < label["start"] + 1_200_000_000]
    assert sum(t.side == sign for t in burst) > 0.65 * len(burst)


def washing(seen, label, inside, before, seconds):
    equal = Counter((t.tick, t.quantity) for t in seen.traded(label) if t.quantity == label["quantity"])
    assert sum(equal.values()) >= 0.8 * label["trades"] >= 8
    assert max(equal.values()) >= 4


def hidden(seen, label, inside, before, seconds):
    tick = round(label["price"] * 10)
    at_price = sum(t.quantity for t in seen.traded(label) if t.tick == tick)
    assert at_price > 4 * label["shown"]
    assert label["filled"] == pytest.approx(min(label["quantity"], label["filled"]))


def gap(seen, label, inside, before, seconds):
    side = 1 if label["side"] == "bid" else 2
    ladder = np.array([abs(row[side][6] - row[side][0]) for row in seen.rows])
    assert np.median(ladder[inside]) > 2.5 * np.median(ladder[before])


def shock(seen, label, inside, before, seconds):
    assert np.median(seen.depth[inside].sum(axis=1)) < 0.4 * np.median(seen.depth[before].sum(axis=1))


def wide(seen, label, inside, before, seconds):
    assert np.median(seen.spread[inside]) >= 10
    assert np.median(seen.spread[before]) == 1


def crash(seen, label, inside, before, seconds):
    start = seen.mid[inside][0]
    low = seen.mid[inside].min()
    assert (start - low) / start > 0.0015
    assert seen.mid[inside][-1] > low + 0.3 * (start - low)


CHECKS = {
    "spoofing": false_depth,
    "layering": false_depth,
    "quote_stuffing": stuffing,
    "momentum_ignition": ignition,
    "wash_trading": washing,
    "iceberg": hidden,
    "liquidity_gap": gap,
    "depth_shock": shock,
    "spread_shock": wide,
    "flash_crash": crash,
}


def test_every_kind_is_checked():
    assert set(CHECKS) == set(SCRIPTS)
