"""Planted losses of liquidity are found where they are, once, and not after a gap."""

import numpy as np
import pytest

from genesis_lib.detectors import make_detectors

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
