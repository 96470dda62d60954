"""A book that stands on one side for seconds is told once; a lean of a moment, or of everyday, is not."""

import pytest

from genesis_lib.detectors import make_detectors
from genesis_lib.types import Snapshot


def lean(side, share=0.01):
    def change(levels):
        levels[:, 3 - 2 * side] *= share

    return change


@pytest.mark.parametrize("side", [0, 1])
def test_told_once_for_either_side(market, side):
    start = market.ts
    market.add(400, change=lean(side))
    market.add(400)
    (alert,) = market.alarms(make_detectors(["heavy_imbalance"])[0])
    assert alert.evidence["side"] == ("bid", "ask")[side] and 2e9 < alert.timestamp - start < 20e9
    assert abs(alert.evidence["imbalance"]) >= alert.evidence["limit"] >= 0.85
    assert (alert.evidence["imbalance"] > 0) == (side == 0)


def test_a_heavier_book_scores_higher(make_market):
    scores = []
    for share in (0.05, 0.02, 0.002):
        market = make_market()
        market.add(400, change=lean(0, share))
        alarms = market.alarms(make_detectors(["heavy_imbalance"])[0])
        scores.append(max((alert.score for alert in alarms), default=0.0))
    assert scores == sorted(scores) and scores[-1] >= 50


def test_a_second_of_it_is_nothing(market):
    for _ in range(5):
        market.add(20, change=lean(1))
        market.add(100)
    assert market.alarms(make_detectors(["heavy_imbalance"])[0]) == []


def test_a_book_that_always_leans_far_sets_its_own_limit(make_market):
    market = make_market(1)
    for _ in range(30):
        market.add(100, change=lean(0, 0.04))
        market.add(20)
    market.add(1)
    assert market.alarms(make_detectors(["heavy_imbalance"])[0]) == []


def test_after_an_invalid_row_the_seconds_count_anew(market):
    market.add(60, change=lean(0))
    market.add(1, valid=False)
    market.add(60, change=lean(0))
    assert market.alarms(make_detectors(["heavy_imbalance"])[0]) == []


def test_empty_sizes_do_not_divide_by_zero(market):
    levels = market.rows[-1].levels.copy()
    levels[:, 1::2] = 0.0
    market.rows.append(Snapshot(market.ts + 1, 0, levels, market.rows[-1].flow, True, 0.5))
    market.alarms(make_detectors(["heavy_imbalance"])[0])
