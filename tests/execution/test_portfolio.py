from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError, StateError
from genesis_lib.execution import Account, Fees
from genesis_lib.types import Instrument

X = Instrument("test", "X", 0.5, 0.1)


def account(**fees):
    return Account(X, Fees(**fees))


def test_a_long_by_hand():
    a = account(taker_bps=10.0)
    entry = a.fill(1, +1, [(200, 10)], 0.7)  # 1.0 at 100.0
    assert entry == (1, 1, "BUY", 100.0, 1.0, "ENTRY", 0.7, 0.0)
    a.mark(203, 204)
    assert (a.position, a.entry_price, a.unrealized, a.realized, a.total) == (1.0, 100.0, 1.5, 0.0, 1.5)
    leave = a.fill(2, -1, [(206, 4), (205, 6)], 0.6)  # 0.4 at 103.0, 0.6 at 102.5
    assert leave[:2] == (2, 2) and leave.type == "EXIT" and leave.side == "SELL"
    assert leave.price == pytest.approx(102.7) and leave.pnl == pytest.approx(0.4 * 3.0 + 0.6 * 2.5)
    assert (a.position, a.entry_price, a.unrealized) == (0.0, None, 0.0)
    assert a.fees == pytest.approx((100.0 + 102.7) * 10 / 10_000)
    assert a.equity == pytest.approx(a.realized - a.fees)


def test_a_short_is_marked_to_the_ask():
    a = account()
    a.fill(1, -1, [(200, 10)], 0.5)
    a.mark(195, 197)
    assert a.position == -1.0 and a.unrealized == pytest.approx(1.5)
    assert a.fill(2, +1, [(202, 10)], 0.5).pnl == pytest.approx(-1.0)


def test_without_a_book_nothing_is_unrealised():
    a = account()
    a.fill(1, +1, [(200, 10)], 0.5)
    assert a.unrealized == 0.0


def test_clear_forgets_all_but_the_ids():
    a = account()
    a.fill(1, +1, [(200, 10)], 0.5)
    a.clear()
    assert (a.position, a.realized, a.fees, a.total, a.trades) == (0.0, 0.0, 0.0, 0.0, [])
    assert a.fill(2, +1, [(200, 10)], 0.5).id == 2


@pytest.mark.parametrize("parcels", [[], [(200, 0)], [(200, -1)]])
def test_empty_fills_are_refused(parcels):
    with pytest.raises(InputError, match="parcels"):
        account().fill(1, +1, parcels, 0.5)


def test_a_position_is_never_turned_round_in_one_go():
    a = account()
    a.fill(1, +1, [(200, 10)], 0.5)
    with pytest.raises(StateError, match="turn it round"):
        a.fill(2, -1, [(200, 11)], 0.5)
    with pytest.raises(InputError, match="direction"):
        a.fill(2, 0, [(200, 1)], 0.5)


fills = st.lists(
    st.tuples(st.sampled_from([1, -1]), st.lists(st.tuples(st.integers(1, 10**7), st.integers(1, 10**6)), min_size=1)),
    max_size=30,
)


@given(fills, st.integers(1, 10**7), st.integers(0, 1000))
def test_equity_is_cash_plus_the_position_at_the_exit_side(orders, bid, spread):
    """The plain account: cash of buys and sales, and what is left valued at the touch, in exact fractions."""
    a, cash, turnover = account(taker_bps=5.0), Fraction(0), Fraction(0)
    for direction, parcels in orders:
        if a.lots * direction < 0:
            left, kept = abs(a.lots), []
            for tick, lots in parcels:
                if left:
                    kept.append((tick, min(lots, left)))
                    left -= kept[-1][1]
            parcels = kept
        a.fill(0, direction, parcels, 0.5)
        value = sum(Fraction(tick * lots) for tick, lots in parcels) / 20  # tick 1/2, lot 1/10
        cash -= direction * value
        turnover += value
    a.mark(bid, bid + spread)
    worth = cash + Fraction(a.lots * (bid if a.lots > 0 else bid + spread), 20)
    assert a.total == float(worth)
    assert a.total == pytest.approx(a.realized + a.unrealized, rel=1e-12, abs=1e-3)
    assert a.equity == pytest.approx(float(worth - turnover * 5 / 10_000), rel=1e-9, abs=1e-3)
    assert sum(t.pnl for t in a.trades) == pytest.approx(a.realized, rel=1e-9, abs=1e-3)
