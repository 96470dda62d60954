"""What a book accepts: the one set of rules, and of messages, for the compiled book and its twin.

The compiled book runs the same rules in C and comes here only to convert unusual arrays and to word an error.
"""

from __future__ import annotations

import math
import operator
from typing import NoReturn

import numpy as np

SIDES = ("bid", "ask")
MAX_TICK = 2**50  # beyond it a float64 price no longer tells a thousandth of a tick
TOLERANCE = 1e-3  # of a tick
MAX_DEPTH = 1000


def grid(tick_size: float, lot_size: float, depth: int) -> tuple[float, float, float, int]:
    """Check a book's parameters; gives tick size, lot size, scale (0 when the tick is no 1/whole) and depth."""
    for name, value in (("tick_size", tick_size), ("lot_size", lot_size)):
        if not (math.isfinite(value) and value > 0 and math.isfinite(1.0 / value)):
            raise ValueError(f"{name} must be a finite number greater than 0, got {value!r}")
    depth = operator.index(depth)
    if not 1 <= depth <= MAX_DEPTH:
        raise ValueError(f"depth must be 1 to {MAX_DEPTH}, got {depth}")
    inverse = 1.0 / tick_size
    whole = round(inverse)
    # Dividing by a whole number rounds once: 281451 / 10 is the float nearest to 28145.1, 281451 * 0.1 is not.
    exact = tick_size < 1 and abs(inverse - whole) < 1e-6 * whole
    return float(tick_size), float(lot_size), float(whole) if exact else 0.0, depth


def side_code(side: str) -> int:
    """0 for "bid", 1 for "ask"."""
    if side == "bid":
        return 0
    if side == "ask":
        return 1
    raise ValueError(f'side must be "bid" or "ask", got {side!r}')


def column(name: str, values, dtype: type) -> np.ndarray:
    """One-dimensional C-contiguous array of `dtype`; widens numbers, never rounds or parses them."""
    array = np.asarray(values)
    kinds = "iuf" if dtype is np.float64 else "iu"
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
    if array.dtype.kind not in kinds and array.size:
        raise TypeError(f"{name} must be an array of {np.dtype(dtype)}, got {array.dtype}")
    if dtype is np.int8 and array.size and not ((array >= 0) & (array <= 1)).all():
        _refuse(name, array, (array >= 0) & (array <= 1), "0 (bid) or 1 (ask)")
    if array.dtype == np.uint64:
        _refuse(name, array, array <= MAX_TICK, f"0 to {MAX_TICK}")
    return np.ascontiguousarray(array, dtype)


def check_batch(sides: np.ndarray, ticks: np.ndarray, quantities: np.ndarray, prices: str = "ticks") -> None:
    """Raise unless all three are equally long and every value is one a book can hold."""
    if not len(sides) == len(ticks) == len(quantities):
        raise ValueError(
            f"sides, {prices} and quantities must be equally long, got {len(sides)}, {len(ticks)} and {len(quantities)}"
        )
    _refuse("sides", sides, (sides == 0) | (sides == 1), "0 (bid) or 1 (ask)")
    _refuse("ticks", ticks, (ticks >= 0) & (ticks <= MAX_TICK), f"0 to {MAX_TICK}")
    _refuse("quantities", quantities, np.isfinite(quantities) & (quantities >= 0), "a finite number of 0 or more")


def ticks_of(prices: np.ndarray, tick_size: float, scale: float, name: str = "prices") -> np.ndarray:
    """Whole ticks of prices, int64; raises for the first that is no price or lies off the grid."""
    with np.errstate(over="ignore"):
        exact = prices * scale if scale else prices / tick_size
    _refuse(name, prices, np.isfinite(exact) & (exact > -0.5) & (exact < MAX_TICK), "a finite price of 0 or more")
    whole = np.floor(exact + 0.5)
    _refuse(name, prices, np.abs(exact - whole) <= TOLERANCE, f"a multiple of the tick size {tick_size!r}")
    return whole.astype(np.int64)


def ladder(name: str, levels) -> tuple[np.ndarray, np.ndarray]:
    """Prices and quantities of one side of a snapshot given as (n, 2)."""
    array = np.asarray(levels)
    if array.size == 0:
        array = np.empty((0, 2))
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} must have shape (n, 2): price, quantity; got shape {array.shape}")
    return column(f"{name}[:, 0]", array[:, 0], np.float64), column(f"{name}[:, 1]", array[:, 1], np.float64)


def snapshot_columns(bids, asks, tick_size: float, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sides, ticks and quantities of a snapshot given as two (n, 2) ladders, checked."""
    prices, quantities, sides = [], [], []
    for code, (name, levels) in enumerate((("bids", bids), ("asks", asks))):
        price, quantity = ladder(name, levels)
        prices.append(ticks_of(price, tick_size, scale, f"{name}[:, 0]"))
        _refuse(f"{name}[:, 1]", quantity, np.isfinite(quantity) & (quantity >= 0), "a finite number of 0 or more")
        quantities.append(quantity)
        sides.append(np.full(len(price), code, np.int8))
    return np.concatenate(sides), np.concatenate(prices), np.concatenate(quantities)


def out_array(out, shape: tuple[int, ...]) -> np.ndarray:
    """`out` itself when it can be written into: float64, C-contiguous, of that shape; a new array for None."""
    if out is None:
        return np.empty(shape)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a numpy array, got {type(out).__name__}")
    if out.dtype != np.float64 or out.shape != shape or not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError(
            f"out must be a writeable C-contiguous float64 array of shape {shape}, got {out.dtype} {out.shape}"
            f"{'' if out.flags.c_contiguous else ', not contiguous'}{'' if out.flags.writeable else ', read-only'}"
        )
    return out


def rows(n: int) -> int:
    """Number of rows asked of `top`, at least 1."""
    n = operator.index(n)
    if n < 1:
        raise ValueError(f"n must be 1 or more, got {n}")
    return n


def price_tick(price: float, tick_size: float, scale: float) -> int:
    """Whole ticks of one price."""
    return int(ticks_of(column("price", [price], np.float64), tick_size, scale, "price")[0])


def check_level(side_code: int, tick: int, quantity: float) -> None:
    """`check_batch` for one level."""
    if side_code not in (0, 1):
        raise ValueError(f"side_code must be 0 (bid) or 1 (ask), got {side_code!r}")
    if not 0 <= tick <= MAX_TICK:
        raise ValueError(f"tick must be 0 to {MAX_TICK}, got {tick!r}")
    if not 0 <= quantity < math.inf:
        raise ValueError(f"quantity must be a finite number of 0 or more, got {quantity!r}")


def explain(sides, places, quantities, tick_size: float, scale: float | None) -> NoReturn:
    """Raise for a batch the compiled book refused; `scale` is None when `places` are ticks."""
    if scale is not None:
        places = ticks_of(column("prices", places, np.float64), tick_size, scale)
    check_batch(
        column("sides", sides, np.int8), column("ticks", places, np.int64), column("quantities", quantities, np.float64)
    )
    raise AssertionError("the compiled book refused a batch that its rules allow")


def _refuse(name: str, values: np.ndarray, good: np.ndarray, allowed: str) -> None:
    if not good.all():
        i = int(np.argmin(good))
        place = name if name == "price" else f"{name}[{i}]"
        raise ValueError(f"{place} must be {allowed}, got {values[i].item()!r}")
