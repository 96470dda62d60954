"""Baselines, episodes, scores, and the contract every detector keeps."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.detectors import DETECTORS, Alert, Detector, make_detectors
from genesis_lib.detectors.base import Episode, Habit, detector, score_of, severity_of
from genesis_lib.detectors.watch import Watch
from genesis_lib.errors import InputError

NS = 1_000_000_000
each = pytest.mark.parametrize("kind", list(DETECTORS))


@each
def test_says_what_it_watches_for(kind):
    cls = DETECTORS[kind]
    assert cls.kind == kind and cls.summary and cls.__doc__


@each
def test_a_quiet_market_is_quiet(kind, make_market):
    assert make_market(120).alarms(make_detectors([kind])[0]) == []


def shifted(alert, by):
    """An alert with all of its times moved."""

    def move(value):
        if isinstance(value, list):
            return [move(item) for item in value]
        return value + by if isinstance(value, int) and value > 10**18 else value

    evidence = {key: move(value) for key, value in alert.evidence.items()}
    return dataclasses.replace(alert, timestamp=alert.timestamp + by, evidence=evidence)


@each
def test_only_event_time_counts_and_the_same_rows_give_the_same(kind, market):
    for _ in range(3):
        market.add(10, buys=500.0, trades=40.0)
        market.bid += 20
        market.add(20, change=lambda levels: np.put(levels[:, 3], [1, 2, 3, 4], 400.0))
        market.bid -= 18
        market.add(120)
    first = market.alarms(make_detectors([kind])[0])
    assert first == market.alarms(make_detectors([kind])[0])
    later = [row._replace(ts_exchange=row.ts_exchange + 7 * NS, ts_receive=0) for row in market.rows]
    watch = Watch([kind])
    again = [alert for row in later for alert in watch.step(row)]
    assert [shifted(alert, -7 * NS) for alert in again] == first


@each
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_survives_any_valid_row(kind, data, make_market):
    market = make_market(40, seed=data.draw(st.integers(0, 99)))
    for _ in range(30):
        empty = data.draw(st.integers(1, 10))
        factor = data.draw(st.sampled_from([1e-6, 1.0, 1e6]))

        def change(levels, empty=empty, factor=factor):
            levels[empty:, 2:] = math.nan
            levels[:, 1] *= factor

        market.bid += data.draw(st.integers(-50, 50))
        market.add(2, change=change, buys=factor, step=data.draw(st.sampled_from([0, 1, NS])))
        market.add(1, valid=data.draw(st.booleans()))
    for alert in market.alarms(make_detectors([kind])[0]):
        assert isinstance(alert, Alert) and alert.kind == kind and 50.0 <= alert.score <= 100.0
        assert alert.severity == severity_of(alert.score) and alert.message.endswith(".")
        assert all(isinstance(v, str | int | list) or math.isfinite(v) for v in alert.evidence.values())
        assert alert.as_dict()["evidence"] == alert.evidence


def test_alerts_are_frozen():
    alert = Alert("spread_shock", "info", 50.0, 1, "x.")
    with pytest.raises(dataclasses.FrozenInstanceError):
        alert.score = 1.0


def test_scores_grow_with_the_excess():
    scores = [score_of(x) for x in (0.0, 1.0, 1.5, 3.0, 50.0)]
    assert scores == sorted(scores) and scores[:2] == [0.0, 50.0] and scores[-1] == 100.0
    assert [severity_of(s) for s in (50.0, 64.9, 65.0, 84.9, 85.0)] == ["info"] * 2 + ["warning"] * 2 + ["critical"]


def test_habit_is_the_plain_mean_at_first():
    habit, values = Habit(), np.random.default_rng(0).normal(5, 2, 400)
    for k, value in enumerate(values):
        habit.learn(k * 100_000, value)  # 40 ms in all: next to nothing of the memory's 120 s
    assert habit.mean == pytest.approx(values[1:].mean())
    assert habit.deviation == pytest.approx(values[1:].std())
    assert not habit.ready


def test_habit_forgets_in_event_time_and_is_not_pulled_by_a_shock():
    habit = Habit()
    for k in range(2000):
        habit.learn(k * NS // 10, 10.0 + (k % 2))
    calm = habit.mean
    assert habit.ready
    habit.learn(200 * NS, 1e6)
    assert abs(habit.mean - calm) < 0.1 and habit.z(1e6) > 1000
    for k in range(20_000):
        habit.learn(200 * NS + k * NS // 10, 30.0)
    assert habit.mean == pytest.approx(30.0, abs=0.1), "what stays becomes the habit"


def test_habit_leaves_nan_out_and_time_never_runs_back():
    habit = Habit()
    habit.learn(10, 1.0)
    habit.learn(20, math.nan)
    habit.learn(5, 3.0)
    assert habit.count == 2 and habit.mean == 1.0
    habit.learn(15, 3.0)
    assert habit.count == 3 and habit.mean == 3.0


def test_a_burst_weighs_as_much_as_its_moment():
    habit = Habit()
    for k in range(20):
        habit.learn(k * NS, 0.0)
    for k in range(1000):
        habit.learn(19 * NS + k * NS // 1000, 1.0)
    assert habit.mean == pytest.approx(0.05, abs=0.005)


def test_episode_alarms_once_when_held_and_again_after_a_pause():
    episode = Episode(hold_ns=10, rearm_ns=100)
    over = [
        (0, True),
        (5, True),
        (10, True),
        (20, True),
        (30, False),
        (40, True),
        (60, True),
        (61, False),
        (161, False),
    ]
    assert [ts for ts, is_over in over if episode.step(ts, is_over)] == [10]
    assert [ts for ts in (170, 175, 180, 190) if episode.step(ts, True)] == [180]


def test_unknown_and_doubled_kinds_are_explained():
    with pytest.raises(InputError, match="did you mean 'spoofing'"):
        make_detectors(["spofing"])
    with pytest.raises(InputError, match="'spoofing' is defined twice"):
        detector(type("Again", (Detector,), {"kind": "spoofing"}))
