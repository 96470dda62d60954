from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.execution import Fees, Money
from genesis_lib.types import Instrument

GRIDS = [(0.1, 0.001), (0.01, 0.00001), (1.0, 1.0), (0.25, 10.0), (5.0, 1.0)]


@given(st.sampled_from(GRIDS), st.integers(-(10**12), 10**12))
def test_values_are_the_decimal_rounded(grid, ticklots):
    tick, lot = grid
    exact = Decimal(str(tick)) * Decimal(str(lot)) * ticklots
    assert Money(Instrument("test", "X", tick, lot)).value(ticklots) == pytest.approx(float(exact), rel=4e-16, abs=0)


@given(st.sampled_from(GRIDS), st.integers(0, 10**9))
def test_lots_come_back_from_the_quantity(grid, lots):
    money = Money(Instrument("test", "X", *grid))
    assert money.lots(money.quantity(lots)) == lots


def test_lots_are_never_rounded_up():
    assert Money(Instrument("test", "X", 0.1, 0.001)).lots(0.0019) == 1


def test_quantities_that_are_none_are_refused():
    with pytest.raises(InputError, match="quantity"):
        Money(Instrument("test", "X", 0.1, 0.001)).lots(float("nan"))


def test_fees_are_basis_points_of_the_turnover():
    fees = Fees(taker_bps=5.0, maker_bps=-1.0)
    assert fees.of(taker=10_000.0) == 5.0
    assert fees.of(maker=10_000.0) == -1.0
    with pytest.raises(InputError, match="taker_bps"):
        Fees(taker_bps=float("nan"))
