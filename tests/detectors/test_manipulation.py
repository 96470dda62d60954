"""Planted manipulation is found; its innocent relatives are not; the simulator's scripted agents mostly are."""

import numpy as np
import pytest

from genesis_lib.alerts import Surveillance
from genesis_lib.detectors import make_detectors
from genesis_lib.detectors.evaluation import evaluate

SIZE = 500.0


def bid_at(*distances):
    def change(levels):
        for distance in distances:
            levels[distance, 1] += SIZE

    return change


def test_spoofing(market):
    market.add(20, change=bid_at(3), buys=2.0, sells=0.0)
    market.add(100)
    (alert,) = market.alarms(make_detectors(["spoofing"])[0])
    assert alert.evidence["side"] == "bid" and alert.evidence["distance_ticks"] == 3
    assert alert.evidence["life_ms"] == pytest.approx(1000) and alert.evidence["size"] == pytest.approx(SIZE, abs=10)


def test_a_large_order_that_moves_nobody_is_no_spoof(market):
    market.add(20, change=bid_at(3), buys=0.0, sells=0.0)
    market.add(100, buys=0.0, sells=0.0)
    assert market.alarms(make_detectors(["spoofing"])[0]) == []


def test_a_fleeting_order_is_no_spoof(market):
    market.add(1, change=bid_at(3), buys=5.0, sells=0.0)
    market.add(100)
    assert market.alarms(make_detectors(["spoofing"])[0]) == []


def test_layering(market):
    market.add(20, change=bid_at(2, 3, 4, 5))
    market.add(100)
    (alert,) = market.alarms(make_detectors(["layering"])[0])
    assert alert.evidence["levels"] == 4 and alert.evidence["side"] == "bid"


def test_layers_that_are_moved_are_quotes(market):
    market.add(20, change=bid_at(2, 3, 4))
    market.add(20, change=bid_at(5, 6, 7))  # in the same message: requoted, not withdrawn
    assert market.alarms(make_detectors(["layering"])[0]) == []


def test_layers_that_go_one_by_one_are_no_layering(market):
    for left in ((2, 3, 4), (2, 3), (2,)):
        market.add(20, change=bid_at(*left))
    market.add(100)
    assert market.alarms(make_detectors(["layering"])[0]) == []


def test_quote_stuffing(market):
    market.add(400, buys=0.0, sells=0.0, step=1_000_000)
    market.add(100)
    (alert,) = market.alarms(make_detectors(["quote_stuffing"])[0])
    assert alert.evidence["messages"] >= 40 and alert.evidence["usual"] == pytest.approx(10, abs=1)


def test_a_burst_of_messages_with_trades_is_trading(market):
    market.add(400, buys=1.0, sells=1.0, trades=2.0, step=1_000_000)
    assert market.alarms(make_detectors(["quote_stuffing"])[0]) == []


def test_a_burst_of_messages_with_a_move_is_news(market):
    for _ in range(400):
        market.bid += 1
        market.add(1, buys=0.0, sells=0.0, step=1_000_000)
    assert market.alarms(make_detectors(["quote_stuffing"])[0]) == []


def test_a_quiet_recording_alarms_rarely(usdm_2024):
    from genesis_lib.feeds import read_snapshots

    rows = read_snapshots(usdm_2024)
    watch = Surveillance(rows.instrument)
    alarms = [alert.kind for row in rows for alert in watch.step(row)]
    hours = (rows.ts_exchange[-1] - rows.ts_exchange[0]) / 3.6e12
    assert len(alarms) < 120 * hours, alarms
    assert not {"spoofing", "layering", "quote_stuffing", "liquidity_gap", "heavy_imbalance"} & set(alarms)


def test_the_simulators_agents_are_found():
    from genesis_lib.feeds import RowBuilder
    from genesis_lib.feeds.simulation.episodes import schedule
    from genesis_lib.feeds.simulation.simulator import Simulator

    planted = {"quote_stuffing": 3, "spread_shock": 3, "liquidity_gap": 3, "spoofing": 3}
    simulator = Simulator(seed=11)
    flow, builder, watch = simulator.open(), RowBuilder(simulator.instrument), Surveillance(kinds=planted)
    builder.push(flow.snapshot())
    for _ in range(1_800):  # a minute of ordinary market first: the habits
        for row in filter(None, map(builder.push, flow.step())):
            watch.step(row)
    episodes, alerts = schedule(planted, 3.0, 11), []
    shift = flow.now - min(episode.start for episode in episodes) + 1000
    for episode in episodes:
        episode.start += shift
    begin = flow.now
    while not all(episode.done for episode in episodes):
        agents = [episode for episode in episodes if not episode.done]
        for row in filter(None, map(builder.push, flow.step(agents))):
            alerts += watch.step(row)
    report = evaluate(alerts, [episode.label for episode in episodes], (flow.now - begin) / 3.6e6)
    found = sum(report[kind]["recall"] * count for kind, count in planted.items())
    assert report["quote_stuffing"]["recall"] == 1.0
    assert found >= 8, {kind: report[kind] for kind in planted}
    assert np.median([report[kind]["delay_ms"] for kind in ("spread_shock", "liquidity_gap")]) < 500
