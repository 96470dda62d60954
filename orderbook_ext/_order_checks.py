"""What an order-level book accepts: the rules, the codes and the messages of the compiled book and its twin.

The compiled book runs the same rules in C and comes here only to convert unusual arrays and to word an error.
"""

from __future__ import annotations

import math
import operator
from enum import IntEnum
from typing import NoReturn

import numpy as np

from orderbook_ext import _checks

MAX_TICK = _checks.MAX_TICK
MAX_QUANTITY = 2**50  # of one order
MAX_LEVEL = 2**62  # of all orders of a level together
MAX_ID = 2**64 - 1


class OrderAction(IntEnum):
    """What a row of `OrderLevelBook.apply` does; the compiled book compares with the same numbers."""

    ADD = 0
    MODIFY = 1  # a new price or more quantity loses the place in the queue
    MODIFY_KEEP = 2  # only a new price does
    REDUCE = 3
    CANCEL = 4
    EXECUTE = 5
    EXECUTE_AT = 6  # the oldest orders at a price
    EXECUTE_HIDDEN = 7
    CLEAR = 8


ADD, MODIFY, MODIFY_KEEP, REDUCE, CANCEL, EXECUTE, EXECUTE_AT, EXECUTE_HIDDEN, CLEAR = OrderAction
VERBS = tuple(action.name.lower() for action in OrderAction)
SIDED, PRICED, SIZED = (
    {ADD, EXECUTE_AT},
    {ADD, MODIFY, MODIFY_KEEP, EXECUTE_AT},
    {ADD, MODIFY, MODIFY_KEEP, REDUCE, EXECUTE, EXECUTE_AT, EXECUTE_HIDDEN},
)


def scales(tick_size: float, lot_size: float, depth: int) -> tuple[float, float, float, float, int]:
    """Check a book's parameters; gives tick size, its scale, lot size, its scale (0 where it is no 1/whole), depth."""
    tick_size, lot_size, tick_scale, depth = _checks.grid(tick_size, lot_size, depth)
    return tick_size, tick_scale, lot_size, _checks.grid(lot_size, 1.0, 1)[2], depth


def whole(name: str, value, low: int, high: int) -> int:
    """`value` as a whole number from `low` to `high`; never rounds."""
    value = operator.index(value)
    if not low <= value <= high:
        raise ValueError(f"{name} must be {low} to {high}, got {value}")
    return value


def order_id(value) -> int:
    """An order's id, 0 to 2**64 - 1."""
    return whole("order_id", value, 0, MAX_ID)


def side(value) -> int:
    """A side's code."""
    value = operator.index(value)
    if value not in (0, 1):
        raise ValueError(f"side_code must be 0 (bid) or 1 (ask), got {value}")
    return value


def tick(value) -> int:
    """A price in ticks."""
    return whole("tick", value, 0, MAX_TICK)


def quantity(value) -> int:
    """A quantity in lots."""
    return whole("quantity", value, 1, MAX_QUANTITY)


def refuse_unknown(verb: str, order: int) -> NoReturn:
    """Raise for a message about an order that the book does not hold."""
    raise ValueError(f"{verb}: order_id {order} is not in the book")


def refuse_duplicate(verb: str, order: int, held: tuple[int, int, int]) -> NoReturn:
    """Raise for an order whose id is taken; `held` is the side, tick and quantity of the one that has it."""
    raise ValueError(
        f"{verb}: order_id {order} is already in the book: quantity {held[2]} at tick {held[1]} of the "
        f"{_checks.SIDES[held[0]]} side"
    )


def refuse_excess(verb: str, order: int, asked: int, held: int) -> NoReturn:
    """Raise for a quantity larger than what an order has open."""
    raise ValueError(f"{verb}: quantity must be 1 to {held}, what order_id {order} has open, got {asked}")


def refuse_short(verb: str, side_code: int, place: int, asked: int, held: int) -> NoReturn:
    """Raise for a quantity larger than what rests at a price."""
    raise ValueError(
        f"{verb}: quantity must be 1 to {held}, what rests at tick {place} of the {_checks.SIDES[side_code]} side, "
        f"got {asked}"
    )


def refuse_total(verb: str, order: int, asked: int, held: int) -> NoReturn:
    """Raise for a quantity with which a level would hold more than a sum can tell."""
    raise ValueError(
        f"{verb}: order_id {order} of quantity {asked} would bring its level, which holds {held}, over {MAX_LEVEL}"
    )


def ids_column(values) -> np.ndarray:
    """Order ids as a C-contiguous uint64 array; negative ones are refused, not wrapped around."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"ids must be one-dimensional, got shape {array.shape}")
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"ids must be an array of uint64 or int64, got {array.dtype}")
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        at = int(np.argmax(array < 0))
        raise ValueError(f"ids[{at}] must be 0 to {MAX_ID}, got {array[at]}")
    return np.ascontiguousarray(array, np.uint64)


def columns(actions, ids, sides, ticks, quantities) -> tuple[np.ndarray, ...]:
    """The five columns of a batch as int8, uint64, int8, int64, int64 arrays of one length."""
    whole_numbers = []
    for name, values, dtype in (
        ("actions", actions, np.int8), ("sides", sides, np.int8), ("ticks", ticks, np.int64),
        ("quantities", quantities, np.int64),
    ):  # fmt: skip
        array = np.asarray(values)
        if array.ndim != 1:
            raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
        if array.size and (array.dtype.kind not in "iu" or not np.can_cast(array.dtype, dtype)):
            limits = np.iinfo(dtype)
            if array.dtype.kind not in "iu":
                raise TypeError(f"{name} must be an array of {np.dtype(dtype)}, got {array.dtype}")
            if array.min() < limits.min or array.max() > limits.max:
                raise ValueError(f"{name} must fit into {np.dtype(dtype)}, got {array.min()} to {array.max()}")
        whole_numbers.append(np.ascontiguousarray(array, dtype))
    actions, sides, ticks, quantities = whole_numbers
    ids = ids_column(ids)
    lengths = [len(column) for column in (actions, ids, sides, ticks, quantities)]
    if len(set(lengths)) > 1:
        raise ValueError(
            "actions, ids, sides, ticks and quantities must be equally long, got {}, {}, {}, {} and {}".format(*lengths)
        )
    return actions, ids, sides, ticks, quantities


def row(i: int, action: int, side_code: int, place: int, amount: int) -> None:
    """Raise unless row `i` of a batch is one a book can follow; what its action does not use may hold anything."""
    if not 0 <= action < len(OrderAction):
        named = ", ".join(f"{code} {code.name}" for code in OrderAction)
        raise ValueError(f"actions[{i}] must be one of {named}; got {action}")
    if action in SIDED and side_code not in (0, 1):
        raise ValueError(f"sides[{i}] must be 0 (bid) or 1 (ask), got {side_code}")
    if action in PRICED and not 0 <= place <= MAX_TICK:
        raise ValueError(f"ticks[{i}] must be 0 to {MAX_TICK}, got {place}")
    if action in SIZED and not 1 <= amount <= MAX_QUANTITY:
        raise ValueError(f"quantities[{i}] must be 1 to {MAX_QUANTITY}, got {amount}")


def ends(values, n: int) -> np.ndarray:
    """Ends of the groups of a batch of `n` rows: int64, ascending, the last one `n`."""
    array = _checks.column("ends", values, np.int64)
    if n and not len(array):
        raise ValueError(f"ends must end with the number of rows, {n}, got an empty array")
    if len(array) and (array[0] < 0 or (np.diff(array) < 0).any() or array[-1] != n):
        raise ValueError(f"ends must ascend from 0 on and end with the number of rows, {n}, got {array.tolist()[:8]}")
    return array


def price(ticks: int, tick_size: float, scale: float) -> float:
    """Price of a number of ticks (or quantity of a number of lots), rounded once."""
    return math.nan if ticks is None else ticks / scale if scale else ticks * tick_size
