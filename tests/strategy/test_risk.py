import math

import pytest

from genesis_lib.errors import InputError
from genesis_lib.strategy import Enter, RiskLimits, View

GOOD = View(True, True, False, 0.2, 0.3, 0.5, 0, 0, 0, 1, 0)
LONG = Enter(+1, 0.5, "up")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"active": False}, "not active"),
        ({"valid": False}, "invalid book"),
        ({"age_ns": 5_000_000_001}, "stale book"),
        ({"up": math.nan}, "no prediction"),
        ({"position": 1}, "position limit"),
        ({"position": -1}, ""),
    ],
)
def test_what_is_refused_and_why(change, reason):
    assert RiskLimits(max_lots=10).refuse(LONG, 10, GOOD._replace(**change)) == reason


def test_limits_must_be_positive():
    with pytest.raises(InputError):
        RiskLimits(max_lots=0)
