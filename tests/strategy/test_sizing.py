import pytest

from genesis_lib.errors import InputError
from genesis_lib.strategy import FixedSize


def test_lots_are_rounded_down():
    assert FixedSize(1.0, 0.001).lots == 1000
    assert FixedSize(0.3, 0.1).lots == 3  # 0.3 / 0.1 is 2.9999999999999996
    assert FixedSize(1.9, 1.0).lots == 1


@pytest.mark.parametrize("units", [0.0, -1.0, float("nan"), float("inf"), 1.5])
def test_sizes_out_of_range_are_refused(units):
    with pytest.raises(InputError, match="size must be greater than 0 and at most 1"):
        FixedSize(units, 0.1, cap=1.0)


def test_less_than_a_lot_is_refused():
    with pytest.raises(InputError, match="at least one lot"):
        FixedSize(0.5, 1.0)
