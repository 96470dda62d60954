from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.analytics.calibration import (
    COUNTERPARTS,
    INSIDE,
    KNOWN_OFF,
    NEAR,
    OFF,
    STATISTICS,
    UNTOLD,
    Calibration,
    Statistic,
    judge,
    pair,
)
from genesis_lib.errors import InputError

FACTOR, DISTANCE = Statistic("f", "f", times=2.0), Statistic("d", "d", plus=0.1)


@pytest.mark.parametrize(
    ("statistic", "value", "kind", "words"),
    [
        (FACTOR, 15.0, INSIDE, "inside"),
        (FACTOR, 40.0, NEAR, "within 2x"),
        (FACTOR, 41.0, OFF, "OFF: 2.05x too high"),
        (FACTOR, 4.0, OFF, "OFF: 2.5x too low"),
        (FACTOR, 0.0, OFF, "OFF: 10 too low"),
        (FACTOR, -3.0, OFF, "OFF: 13 too low"),
        (DISTANCE, 20.05, NEAR, "within 0.05"),
        (DISTANCE, 9.5, OFF, "OFF: 0.5 too low"),
        (DISTANCE, math.nan, UNTOLD, "cannot be told"),
    ],
)
def test_a_verdict_says_how_far_outside_the_range(statistic, value, kind, words) -> None:
    found = judge(statistic, [20.0, 10.0, math.nan], value)
    assert (found.kind, found.words) == (kind, words)


@given(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=4), st.floats(0.1, 1e6), st.floats(1.1, 5))
def test_a_factor_judges_the_same_in_other_units(recorded, value, unit) -> None:
    once = judge(FACTOR, recorded, value)
    again = judge(FACTOR, [unit * x for x in recorded], unit * value)
    if abs(math.log(value / max(recorded)) - math.log(2)) > 1e-9 < abs(math.log(min(recorded) / value) - math.log(2)):
        assert (once.kind == OFF) == (again.kind == OFF)


def test_each_statistic_is_there_once_with_one_tolerance_and_a_source() -> None:
    assert len({one.key for one in STATISTICS}) == len(STATISTICS)
    assert all((one.times > 1) != (one.plus > 0) and one.source and one.text for one in STATISTICS)
    assert set(KNOWN_OFF) == set(COUNTERPARTS)
    assert all(set(known) <= {one.key for one in STATISTICS} for known in KNOWN_OFF.values())


def _calibration(**simulated: float) -> Calibration:
    base = {one.key: 1.0 for one in STATISTICS}
    return Calibration("SIMBTC", base | simulated, {"a": base, "b": base})


def test_the_table_and_the_sentence_name_what_is_off(monkeypatch) -> None:
    monkeypatch.setitem(KNOWN_OFF, "SIMBTC", {"volatility": "prices are drawn from a hat"})
    found = _calibration(volatility=9.0, kurtosis=50.0)
    assert found.off() == ["volatility", "kurtosis"]
    cells = {line[0]: line for line in found.table()[1:]}
    assert cells["standard deviation of returns of 1 s (bp)"][1:] == [
        "1",
        "1",
        "9",
        "OFF: 9x too high (known: prices are drawn from a hat)",
        "1.5x",
    ]
    assert cells["excess kurtosis of returns of 1 s"][-2] == "OFF: 50x too high"
    assert "2 off: standard deviation of returns of 1 s: 9x too high; excess kurtosis" in found.summary()
    assert found.as_dict()["statistics"]["volatility"]["known"] == "prices are drawn from a hat"


def test_without_recordings_nothing_is_judged() -> None:
    alone = Calibration("SIMBTC", {one.key: 1.0 for one in STATISTICS}, {})
    assert alone.off() == []
    assert {len(line) for line in alone.table()} == {2}
    assert "no recording" in alone.summary()


def test_recordings_meet_their_counterparts() -> None:
    btc, eth, other = ("binance-usdm", "BTCUSDT"), ("binance-usdm", "ETHUSDT"), ("taifex", "TXF")
    assert pair([eth, btc, other, btc]) == {"SIMBTC": [1, 3], "SIMETH": [0]}
    assert pair([]) == {"SIMBTC": []}
    assert pair([btc, other], ["SIMETH"]) == {"SIMETH": [0, 1]}
    with pytest.raises(InputError, match=r"none of the recordings has a simulated counterpart.*--symbol"):
        pair([other])
