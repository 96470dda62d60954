from __future__ import annotations

import sys
from itertools import islice

import numpy as np
import pytest

from genesis_lib.analytics.calibration import STATISTICS
from genesis_lib.analytics.stylised import StylisedFacts, measure
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.snapshots import build_rows, collect, open_sessions
from genesis_lib.types import DepthUpdate, Gap


@pytest.fixture(scope="module")
def simulated() -> list:
    return list(Simulator(4, minutes=0.6))


def rows_of(events: list, instrument):
    builder = RowBuilder(instrument)
    return collect((row for row in map(builder.push, events) if row is not None), instrument, "simulated")


def test_the_book_s_statistics_are_those_of_its_rows(simulated) -> None:
    instrument = Simulator(4).instrument
    facts = StylisedFacts(instrument).of(simulated)
    rows = rows_of(simulated, instrument)
    spread = np.rint((rows.levels[:, 0, 2] - rows.levels[:, 0, 0]) / instrument.tick_size)
    assert facts["spread_mean"] == pytest.approx(spread.mean())
    assert facts["spread_one_tick"] == pytest.approx((spread == 1).mean())
    gaps = np.diff(rows.ts_exchange) / 1e6
    assert facts["gap_cv"] == pytest.approx(gaps.std() / gaps.mean())
    assert facts["messages_per_second"] == pytest.approx(1e3 / gaps.mean())
    for level in (1, 4, 10):
        both = rows.levels[:, level - 1, 1::2]
        assert facts[f"size_{level}"] == pytest.approx(np.nanmedian(both), rel=0.05)
    updates = [event for event in simulated if isinstance(event, DepthUpdate)]
    levels = sum(len(event.ticks) for event in updates)
    assert facts["updates_mean"] == pytest.approx(levels / len(updates))
    assert facts["updates_deleted"] == pytest.approx(sum((e.quantities == 0).sum() for e in updates) / levels)


def test_every_statistic_of_the_table_is_measured(simulated) -> None:
    facts = StylisedFacts(Simulator(4).instrument).of(simulated)
    assert {one.key for one in STATISTICS} <= set(facts)


def test_updates_are_near_by_their_distance_from_the_touch_before() -> None:
    simulator = Simulator(1)
    instrument, events = simulator.instrument, iter(simulator)
    first = next(events)
    facts = StylisedFacts(instrument)
    facts.observe(first)
    bid = int(first.ticks[first.sides == 0].max())
    ts = first.ts_exchange + 50_000_000
    sides, ticks = np.zeros(2, np.int8), np.array([bid - 20, bid - 21])
    facts.observe(
        DepthUpdate("SIMBTC", ts, ts, first.last_id + 1, first.last_id + 1, first.last_id, sides, ticks, np.ones(2))
    )
    assert facts.facts()["updates_near"] == 0.5


def test_nothing_is_measured_across_a_gap(simulated) -> None:
    instrument = Simulator(4).instrument
    half = len(simulated) // 2
    before = simulated[half]
    facts = StylisedFacts(instrument)
    for event in simulated[:half]:
        facts.observe(event)
    seconds = facts.seconds
    facts.observe(Gap("SIMBTC", before.ts_exchange, before.ts_receive, "lost", -1, -1))
    for event in simulated[half:]:
        facts.observe(event)
    assert facts.seconds == seconds  # no snapshot came: all after it is invalid
    assert facts.gaps.n == facts.rows - 1


def test_memory_does_not_grow() -> None:
    def held(minutes: float) -> int:
        facts = StylisedFacts(Simulator(2).instrument)
        facts.of(Simulator(2, minutes=minutes))
        parts = [facts, facts.orders, facts.mids, facts.orders.signs, facts.mids.absolute, facts.gaps]
        return sum(sys.getsizeof(value) for part in parts for value in vars(part).values())

    assert held(1.4) <= held(1.2) * 1.01


def test_a_recording_is_measured_as_its_rows_are(usdm_2024) -> None:
    events = list(islice(open_sessions(usdm_2024)[0].events(), 6_000))
    instrument = open_sessions(usdm_2024)[0].instrument
    facts, rows = StylisedFacts(instrument).of(events), rows_of(events, instrument)
    spread = np.rint((rows.levels[:, 0, 2] - rows.levels[:, 0, 0])[rows.valid] / 0.1)
    assert facts["rows"] == rows.valid.sum() > 500
    assert facts["spread_one_tick"] == pytest.approx((spread == 1).mean())


@pytest.mark.slow
def test_a_recording_is_measured_as_its_readers_know_it(usdm_2024) -> None:
    (session,) = open_sessions(usdm_2024)
    facts = measure(session).facts()
    rows = collect(build_rows(open_sessions(usdm_2024)[0]), session.instrument)
    spread = np.rint((rows.levels[:, 0, 2] - rows.levels[:, 0, 0])[rows.valid] / 0.1)
    assert facts["spread_one_tick"] == pytest.approx((spread == 1).mean())
    assert facts["rows"] == rows.valid.sum()
    assert 0.04 < facts["updates_near"] < 0.07  # 5 % within 20 ticks, as the recordings' own README says
    assert 22 < facts["trades_per_second"] < 23  # 10,701 trades in 479 s
