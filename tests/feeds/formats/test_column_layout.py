"""The order of columns is proven or refused."""

from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.formats.column_layout import LEVELS, is_number, prove, rows_that_hold

FIELDS = ("bid_price", "bid_size", "ask_price", "ask_size")
ROWS = 200


def books(rows: int = ROWS, seed: int = 0) -> np.ndarray:
    """(rows, 10, 4) books on a grid of 0.01."""
    random = np.random.default_rng(seed)
    bid = 1000 + random.integers(-5, 6, rows).cumsum()
    steps = random.integers(1, 4, (rows, 2, LEVELS)).cumsum(axis=2)
    out = np.empty((rows, LEVELS, 4))
    out[:, :, 0], out[:, :, 2] = (bid[:, None] - steps[:, 0]) / 100, (bid[:, None] + steps[:, 1]) / 100
    out[:, :, 1::2] = random.integers(1, 50, (rows, LEVELS, 2)) / 10
    return out


def interleaved(book: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    return book[:, :, list(order)].reshape(len(book), -1)


def blocks(book: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    return book[:, :, list(order)].transpose(0, 2, 1).reshape(len(book), -1)


def by_side(book: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([book[:, :, list(order[i : i + 2])].reshape(len(book), -1) for i in (0, 2)], axis=1)


ORDERS = [(0, 1, 2, 3), (2, 3, 0, 1), (0, 2, 1, 3), (2, 0, 3, 1), (1, 0, 3, 2), (3, 2, 1, 0)]
TIME = np.arange(ROWS)[:, None] * 100.0 + 1_700_000_000_000
TEXT = np.full((ROWS, 1), np.nan)


PLACED = [(place, order) for place in (interleaved, blocks) for order in ORDERS]
PLACED += [(by_side, order) for order in ORDERS if {order[0] // 2, order[1] // 2} != {0, 1}]


@pytest.mark.parametrize(("place", "order"), PLACED)
@pytest.mark.parametrize(
    "around", ["none", "time first", "time last", "time and mid", "time and symbol", "mid, time last"]
)
def test_every_layout_is_found(place, order, around: str) -> None:
    book = books()
    mid = (book[:, :1, 0] + book[:, :1, 2]) / 2
    table = place(book, order)
    parts = {
        "none": [table],
        "time first": [TIME, table],
        "time last": [table, TIME],
        "time and mid": [TIME, table, mid],
        "time and symbol": [TIME, TEXT, table],
        "mid, time last": [mid, table, TIME],
    }[around]
    numbers = np.concatenate(parts, axis=1)
    layout = prove(numbers)
    assert np.array_equal(numbers[:, layout.columns].reshape(book.shape), book)
    assert len(layout.others) == numbers.shape[1] - 40


def test_bad_rows_do_not_hide_the_order() -> None:
    book = books()
    table = interleaved(book, (2, 3, 0, 1))
    table[3, 5] = np.nan
    table[7, 0] = -1.0
    table[9, [0, 2]] = table[9, [2, 0]]  # crossed
    layout = prove(table)
    assert np.flatnonzero(~rows_that_hold(table, layout)).tolist() == [3, 7, 9]


def test_what_cannot_be_proven_is_refused() -> None:
    book = books()
    table = interleaved(book, (0, 1, 2, 3))
    shuffled = table.copy()
    shuffled[:, [0, 4]] = shuffled[:, [4, 0]]
    with pytest.raises(InputError, match="cannot be proven"):
        prove(shuffled)
    half = table.copy()
    half[: ROWS // 2] = blocks(book[: ROWS // 2], (0, 1, 2, 3))
    with pytest.raises(InputError, match="cannot be proven"):
        prove(half)
    with pytest.raises(InputError, match="cannot be proven"):
        prove(np.concatenate([np.full((ROWS, 1), 3.0), table], axis=1))  # a column without a meaning
    for width in (39, 43):
        with pytest.raises(InputError, match=f"{width} columns"):
            prove(np.ones((ROWS, width)))
    with pytest.raises(InputError, match="no rows"):
        prove(np.ones((0, 40)))


def test_two_orders_that_both_fit_are_refused() -> None:
    book = books()
    # Sizes that look like a ladder themselves: either pair of columns may be the prices.
    book[:, :, 1], book[:, :, 3] = book[:, :, 0] / 2, book[:, :, 2] / 2
    with pytest.raises(InputError, match="ambiguous"):
        prove(interleaved(book, (0, 1, 2, 3)))


def names(order: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"{FIELDS[field]}_{level}" for level in range(1, LEVELS + 1) for field in order)


def test_a_header_is_not_believed_but_may_contradict() -> None:
    table = interleaved(books(), (2, 3, 0, 1))
    assert prove(table, names((2, 3, 0, 1))) == prove(table) == prove(table, tuple(f"c{i}" for i in range(40)))
    with pytest.raises(InputError, match=r"calls column 3 'ask_price_1', its values are of a bid"):
        prove(table, names((0, 1, 2, 3)))
    with pytest.raises(InputError, match="to one side"):
        prove(table, tuple(name.replace("bid_size", "ask_size") for name in names((2, 3, 0, 1))))


def test_a_header_that_agrees_on_prices_tells_whose_the_sizes_are() -> None:
    book = books()
    table = interleaved(book, (2, 1, 0, 3))  # ask price, bid size, bid price, ask size
    layout = prove(table, names((2, 1, 0, 3)))
    assert np.array_equal(table[:, layout.columns].reshape(book.shape), book)


def test_numbers() -> None:
    assert is_number("1e5") and is_number(" 1 ") and not is_number("bid")
