from __future__ import annotations

import doctest

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.wire.local import fault_plan
from genesis_lib.feeds.wire.local.fault_plan import REST_KINDS, STREAM_KINDS, VALUES, FaultPlan


def test_example():
    assert doctest.testmod(fault_plan).failed == 0


def test_every_kind_is_of_a_stream_or_of_rest():
    assert set(STREAM_KINDS) | set(REST_KINDS) == set(VALUES)
    assert not set(STREAM_KINDS) & set(REST_KINDS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drop", "faults must be KIND=RATE"),
        ("drop=often", "faults must be KIND=RATE"),
        ("drop=0.1:x", "faults must be KIND=RATE"),
        ("drpo=0.1", r"no fault is called 'drpo' \(did you mean drop\?\)"),
        ("drop=1.5", "the rate of drop must be 0 to 1, got 1.5"),
        ("drop=-0.1", "the rate of drop must be 0 to 1, got -0.1"),
        ("drop=nan", "the rate of drop must be 0 to 1, got nan"),
        ("drop=0.6,delay=0.6", "may not add up to more than 1"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        FaultPlan.parse(text)


def test_a_plan_says_how_often_and_how_much():
    plan = FaultPlan.parse(" drop=0.25:3, http429=1:0.5 ", seed=7, streams="*@depth*")
    assert plan == FaultPlan({"drop": 0.25, "http429": 1.0}, {"drop": 3.0, "http429": 0.5}, "*@depth*", 7)
    assert FaultPlan.parse("") == FaultPlan()
