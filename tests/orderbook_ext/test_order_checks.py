"""The rules of `_order_checks`, where the books alone do not show them."""

from __future__ import annotations

import numpy as np
import pytest

from orderbook_ext import OrderAction
from orderbook_ext import _order_checks as rules


def test_scales_of_ticks_and_of_lots():
    assert rules.scales(0.01, 0.001, 10) == (0.01, 100.0, 0.001, 1000.0, 10)
    assert rules.scales(5, 100, 3) == (5.0, 0.0, 100.0, 0.0, 3)
    with pytest.raises(ValueError, match=r"lot_size must be a finite number greater than 0, got -1"):
        rules.scales(1.0, -1, 10)


def test_the_actions_are_numbered_without_gaps():
    assert [action.value for action in OrderAction] == list(range(len(OrderAction)))
    assert rules.VERBS[OrderAction.EXECUTE_AT] == "execute_at"


def test_columns_widen_and_never_wrap():
    columns = rules.columns([0], [2**64 - 1], [1], np.array([5], np.int32), [7])
    assert [column.dtype.name for column in columns] == ["int8", "uint64", "int8", "int64", "int64"]
    assert columns[1][0] == 2**64 - 1
    assert [len(column) for column in rules.columns([], [], [], [], [])] == [0] * 5


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (([0], [-3], [0], [1], [1]), ValueError, r"ids\[0\] must be 0 to 18446744073709551615, got -3"),
        (([0], [1.5], [0], [1], [1]), TypeError, "ids must be an array of uint64 or int64, got float64"),
        (([0], [1], [0], [1.0], [1]), TypeError, "ticks must be an array of int64, got float64"),
        (([300], [1], [0], [1], [1]), ValueError, "actions must fit into int8, got 300 to 300"),
        (([0, 0], [1], [0], [1], [1]), ValueError, "must be equally long, got 2, 1, 1, 1 and 1"),
        (([0], [[1]], [0], [1], [1]), ValueError, r"ids must be one-dimensional, got shape \(1, 1\)"),
        (([0], [1], [0], [[1]], [1]), ValueError, r"ticks must be one-dimensional, got shape \(1, 1\)"),
    ],
)
def test_columns_that_no_book_can_follow(columns, error, message):
    with pytest.raises(error, match=message):
        rules.columns(*columns)


def test_a_row_is_held_to_what_its_action_uses():
    rules.row(0, OrderAction.CANCEL, -1, -1, 0)
    rules.row(0, OrderAction.EXECUTE, 9, -5, 1)
    rules.row(0, OrderAction.CLEAR, 9, -5, -1)
    with pytest.raises(ValueError, match=r"sides\[4\] must be 0 \(bid\) or 1 \(ask\), got 2"):
        rules.row(4, OrderAction.ADD, 2, 1, 1)
    with pytest.raises(ValueError, match=r"ticks\[4\] must be 0 to 1125899906842624, got -1"):
        rules.row(4, OrderAction.MODIFY, 2, -1, 1)
    with pytest.raises(ValueError, match=r"quantities\[4\] must be 1 to 1125899906842624, got 0"):
        rules.row(4, OrderAction.EXECUTE_HIDDEN, 2, -1, 0)
    with pytest.raises(ValueError, match=r"actions\[4\] must be one of 0 ADD, .*8 CLEAR; got 9"):
        rules.row(4, 9, 0, 0, 1)


def test_ends_of_groups():
    assert rules.ends([0, 2, 2, 3], 3).tolist() == [0, 2, 2, 3]
    assert len(rules.ends([], 0)) == 0
    for wrong in ([], [2], [3, 2, 3], [-1, 3], [4]):
        with pytest.raises(ValueError, match="ends must"):
            rules.ends(wrong, 3)
