"""Planted losses of liquidity are found where they are, once, and not after a gap."""

import numpy as np
import pytest

from genesis_lib.detectors import make_detectors
from genesis_lib.detectors.evaluation import evaluate_sessions
from genesis_lib.detectors.trials import watch_seed

WIDE = 40


def widen(levels):
    levels[:, 2] += WIDE * 0.5


def thin(levels):
    levels[:, 1::2] *= 0.02


def thin_bids(levels):
    levels[:, 1] *= 0.06


def hollow(levels):
    levels[1:, 0] -= WIDE * 0.5


def lean(levels):
    levels[:, 3] *= 0.005


CASES = [
    ("spread_shock", widen, 40, {"spread_ticks": 41.0}),
    ("depth_shock", thin, 40, {"side": "both"}),
    ("depth_shock", thin_bids, 40, {"side": "bid"}),
    ("liquidity_gap", hollow, 40, {"side": "bid", "level": 1, "gap_ticks": 41.0}),
    ("heavy_imbalance", lean, 400, {"side": "bid"}),
]
each = pytest.mark.parametrize(("kind", "change", "rows", "evidence"), CASES)


@each
def test_found_once_with_its_evidence(market, kind, change, rows, evidence):
    start = market.ts
    market.add(rows, change=change)
    end = market.ts
    market.add(200)
    (alert,) = market.alarms(make_detectors([kind])[0])
    assert start < alert.timestamp <= end and alert.score >= 50
    assert {key: alert.evidence[key] for key in evidence} == evidence


@each
def test_a_flicker_is_no_alarm(market, kind, change, rows, evidence):
    for _ in range(10):
        market.add(1, change=change)
        market.add(20)
    assert market.alarms(make_detectors([kind])[0]) == []


@each
def test_an_invalid_row_ends_what_was_going_on(market, kind, change, rows, evidence):
    for _ in range(rows // 2):
        market.add(1, change=change)
        market.add(1, change=change, valid=False)
    assert market.alarms(make_detectors([kind])[0]) == []


@each
def test_no_alarm_before_the_habit_is_known(make_market, kind, change, rows, evidence):
    market = make_market(5)
    market.add(40, change=change)
    assert market.alarms(make_detectors([kind])[0]) == []


def test_a_wider_spread_scores_higher(make_market):
    scores = []
    for ticks in (8, 12, 40):
        market = make_market()
        market.add(10, change=lambda levels, ticks=ticks: np.add(levels[:, 2], ticks * 0.5, out=levels[:, 2]))
        scores += [alert.score for alert in market.alarms(make_detectors(["spread_shock"])[0])]
    assert len(scores) == 3 and scores == sorted(scores)


def mirror(change):
    """The same of the other side."""

    def mirrored(levels):
        mid = levels[0, 0] + levels[0, 2]
        flipped = np.stack([mid - levels[:, 2], levels[:, 3], mid - levels[:, 0], levels[:, 1]], axis=1)
        change(flipped)
        levels[:] = np.stack([mid - flipped[:, 2], flipped[:, 3], mid - flipped[:, 0], flipped[:, 1]], axis=1)

    return mirrored


@pytest.mark.parametrize(
    ("kind", "change"), [("depth_shock", thin_bids), ("liquidity_gap", hollow), ("spread_shock", widen)]
)
def test_both_sides_are_told_alike(make_market, kind, change):
    found = []
    for edit in (change, mirror(change)):
        market = make_market()
        market.add(40, change=edit)
        market.add(100)
        (alert,) = market.alarms(make_detectors([kind])[0])
        found.append(alert)
    sides = [alert.evidence["side"] for alert in found]
    assert sorted(sides) == ["ask", "bid"] and found[0].timestamp == found[1].timestamp
    assert found[0].score == pytest.approx(found[1].score, abs=8)


def alone(kind):
    """Alarms of the other kinds of this file."""
    return [other for other in ("spread_shock", "depth_shock", "liquidity_gap") if other != kind]


@pytest.mark.parametrize(
    ("kind", "change"), [("spread_shock", widen), ("depth_shock", thin), ("liquidity_gap", hollow)]
)
def test_the_three_are_told_apart(market, kind, change):
    market.add(40, change=change)
    market.add(200)
    assert market.alarms(make_detectors([kind])[0])
    for other in alone(kind):
        assert market.alarms(make_detectors([other])[0]) == [], other


def test_a_large_order_that_goes_is_no_depth_shock(market):
    market.add(100, change=lambda levels: np.put(levels[:, 1], [0, 4], [400.0, 300.0]))
    market.add(200)  # most of the side's quantity is gone, on two levels of ten
    assert market.alarms(make_detectors(["depth_shock"])[0]) == []


def test_a_price_that_moves_into_thin_levels_is_no_depth_shock(market):
    market.bid -= 15
    market.add(40, change=thin_bids)
    market.add(100)
    assert market.alarms(make_detectors(["depth_shock"])[0]) == []


def test_depth_that_ebbs_away_is_no_shock(market):
    for share in np.geomspace(1.0, 0.05, 60):
        market.add(2, change=lambda levels, share=share: np.multiply(levels[:, 1], share, out=levels[:, 1]))
    market.add(100, change=thin_bids)
    assert market.alarms(make_detectors(["depth_shock"])[0]) == []


def test_a_hole_behind_a_new_touch_is_no_gap(market):
    market.bid += WIDE  # someone bids far above the others
    market.add(40, change=hollow)
    market.bid -= WIDE
    market.add(100)
    assert market.alarms(make_detectors(["liquidity_gap"])[0]) == []


def test_a_spread_that_a_move_leaves_is_no_shock(market):
    market.bid -= 3 * WIDE
    market.add(40, change=widen)
    market.bid += 3 * WIDE
    market.add(100)
    assert market.alarms(make_detectors(["spread_shock"])[0]) == []


def test_a_wider_hole_and_a_deeper_fall_score_higher(make_market):
    for kind, edits in {
        "depth_shock": [lambda levels, s=s: np.multiply(levels[:, 3], s, out=levels[:, 3]) for s in (0.15, 0.05, 0.01)],
        "liquidity_gap": [lambda levels, w=w: np.subtract(levels[1:, 0], w, out=levels[1:, 0]) for w in (8, 12, 40)],
    }.items():
        scores = []
        for edit in edits:
            market = make_market()
            market.add(40, change=edit)
            (alert,) = market.alarms(make_detectors([kind])[0])
            scores.append(alert.score)
        assert scores == sorted(scores) and scores[0] >= 50, kind


@pytest.mark.parametrize("kind", ["spread_shock", "depth_shock", "liquidity_gap"])
def test_planted_episodes_are_found_in_simulated_flow(kind):
    watched = watch_seed(7, [kind], minutes=2.5, plant={kind: 4})
    report = evaluate_sessions([watched], [kind])[kind]
    assert report["recall"] >= 0.75 and report["precision"] == 1.0 and report["delay_ms"] < 800


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["spread_shock", "depth_shock", "liquidity_gap"])
def test_reaches_its_target_on_seeds_that_others_share(kind):
    report = evaluate_sessions([watch_seed(seed, [kind]) for seed in range(3)], [kind])[kind]
    assert report["f1"] >= 0.85, report


@pytest.mark.parametrize("name", ["usdm_2023", "usdm_2024", "eth_2024", "coinm_eth"])
def test_real_recordings_raise_next_to_no_alarm(name, request):
    from genesis_lib.detectors.trials import watch_session
    from genesis_lib.feeds.snapshots import open_sessions

    kinds = ["spread_shock", "liquidity_gap", "heavy_imbalance", "unusual_trade_size", "rapid_trading"]
    for session in open_sessions(request.getfixturevalue(name)):
        assert len(watch_session(session, kinds).alerts) <= 1
