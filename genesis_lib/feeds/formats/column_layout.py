"""Which column is what in a table of top-10 books: proof from the values, never a guess from position or name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from genesis_lib.errors import InputError

LEVELS = 10
MOST_OTHERS = 2
PROVEN = 0.6  # share of rows in which the true order holds; the rest are bad rows
CHANCE = 0.05  # share of rows in which a wrong order may hold by chance
REACH = 10.0  # a price of the ladder lies within this factor of the best bid


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the levels stand: `columns` (40,) in the order of `Snapshot.levels`, and the columns that are `others`."""

    name: str
    columns: tuple[int, ...]
    others: tuple[int, ...]


def prove(numbers: np.ndarray, header: tuple[str, ...] | None = None) -> Layout:
    """Find the one order of columns that the values allow.

    Parameters
    ----------
    numbers
        (rows, 40 to 42) float64, NaN where a field is no number.
    header
        Names of the columns where the file has them. They are never believed, but they may contradict.

    Raises
    ------
    InputError
        When no order or several fit the values, or the header says otherwise than they do.

    Notes
    -----
    An order holds in a row when all 40 numbers are finite, prices are positive and within a factor of ten of the best
    bid, sizes not negative, bids strictly descend, asks strictly ascend, and best bid < best ask. It is proven when it
    holds in at least 60 % of rows, every other column is explained (a time, a text, the mid, the spread, a row number),
    and no other order that explains the columns holds in more than 5 %. Values cannot tell whose sizes are whose: the
    first size belongs to the side whose price comes first, as in every layout known, unless a header that agrees with
    the prices names them the other way round.
    """
    rows, width = numbers.shape
    spare = width - 4 * LEVELS
    if not 0 <= spare <= MOST_OTHERS:
        raise InputError(f"{width} columns; a table of ten levels a side has 40, and at most {MOST_OTHERS} more")
    if rows == 0:
        raise InputError("no rows")
    shares = []
    for layout in _candidates(width):
        share = float(rows_that_hold(numbers, layout).mean())
        if share > CHANCE and all(_is_explained(numbers, column, layout) for column in layout.others):
            shares.append((share, layout))
    shares.sort(key=lambda item: -item[0])
    if not shares or shares[0][0] < PROVEN:
        best = f"the best, {shares[0][1].name}, in {shares[0][0]:.1%} of rows" if shares else "none in more than 5 %"
        raise InputError(
            "the order of columns cannot be proven: bids must descend, asks ascend and best bid be below best ask, "
            f"which holds for no known layout ({best})"
        )
    if len(shares) > 1:
        names = " and ".join(layout.name for _, layout in shares[:2])
        raise InputError(f"the order of columns is ambiguous: {names} both fit the values")
    return _compare(shares[0][1], header)


def rows_that_hold(numbers: np.ndarray, layout: Layout) -> np.ndarray:
    """(rows,) bool: where the numbers, read by this layout, are a book."""
    book = numbers[:, layout.columns].reshape(-1, LEVELS, 4)
    bid, ask = book[:, :, 0], book[:, :, 2]
    holds = np.isfinite(book).all(axis=(1, 2)) & (book >= 0).all(axis=(1, 2)) & (bid[:, -1] > 0)
    with np.errstate(invalid="ignore", over="ignore"):
        holds &= (np.diff(bid, axis=1) < 0).all(axis=1) & (np.diff(ask, axis=1) > 0).all(axis=1)
        holds &= (bid[:, 0] < ask[:, 0]) & (ask[:, -1] < REACH * bid[:, 0]) & (bid[:, -1] > bid[:, 0] / REACH)
    return holds


def is_number(text: str) -> bool:
    """Whether a field reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _candidates(width: int) -> Iterator[Layout]:
    spare = width - 4 * LEVELS
    for before in range(spare + 1):
        others = (*range(before), *range(before + 4 * LEVELS, width))
        for name, columns in _orders():
            placed = f"{name}, after {before} other columns" if spare else name
            yield Layout(placed, tuple(before + column for column in columns), others)


def _orders() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each order as the columns of (bid price, bid size, ask price, ask size) of level 1, then level 2 ..."""
    for places in permutations(range(4)):
        bid_price, bid_size, ask_price, ask_size = places
        if (bid_price < ask_price) != (bid_size < ask_size):
            continue
        fields = dict(zip(places, ("bid price", "bid size", "ask price", "ask size")))
        text = ", ".join(fields[place] for place in range(4))
        yield f"interleaved ({text})", tuple(4 * level + place for level in range(LEVELS) for place in places)
        yield f"in blocks ({text})", tuple(LEVELS * place + level for level in range(LEVELS) for place in places)
    for first_ask in (0, 1):
        for first_size in (0, 1):
            bid, ask = (2 * LEVELS * first_ask, 2 * LEVELS * (1 - first_ask))
            price, size = first_size, 1 - first_size
            text = ("asks, then bids" if first_ask else "bids, then asks") + ("; size first" if first_size else "")
            starts = (bid + price, bid + size, ask + price, ask + size)
            yield f"by side ({text})", tuple(2 * level + start for level in range(LEVELS) for start in starts)


def _is_explained(numbers: np.ndarray, column: int, layout: Layout) -> bool:
    values = numbers[:, column]
    if not np.isfinite(values).any():
        return True  # text: a symbol or a written time
    holds = rows_that_hold(numbers, layout)
    values, book = values[holds], numbers[holds][:, layout.columns]
    bid, ask = book[:, 0], book[:, 2]
    for meaning in ((bid + ask) / 2.0, ask - bid):
        if np.allclose(values, meaning, rtol=1e-6, atol=1e-9):
            return True
    values, ask = values[np.isfinite(values)], ask[np.isfinite(values)]
    steps = np.diff(values)
    if len(steps) and (steps == 1).all() and values[0] in (0, 1):
        return True  # a row number
    # A time: large beside any price, and it mostly moves on (one that jumps back is told later, with its line).
    moves_on = not len(steps) or (steps >= 0).mean() > 0.5
    return bool((values >= 1e8).all() and (values > 100 * ask).all() and moves_on)


def _compare(layout: Layout, header: tuple[str, ...] | None) -> Layout:
    """Hold a header against the proven order; take the sides of the sizes from one that agrees on the prices."""
    if header is None:
        return layout
    swapped = list(layout.columns)
    for level in range(LEVELS):
        places = layout.columns[4 * level : 4 * level + 4]
        says = [_meaning(header[place]) for place in places]
        for place, said, found in zip(places, says, ("bid price", "bid size", "ask price", "ask size")):
            if said is not None and (said[4:] != found[4:] or (said[4:] == "price" and said != found)):
                raise InputError(f"the header calls column {place + 1} {header[place]!r}, its values are of a {found}")
        if says[1] == "ask size" and says[3] == "bid size":
            swapped[4 * level + 1], swapped[4 * level + 3] = places[3], places[1]
        elif says[1] == "ask size" or says[3] == "bid size":
            raise InputError(f"the header gives columns {places[1] + 1} and {places[3] + 1} to one side")
    return Layout(layout.name, tuple(swapped), layout.others)


def _meaning(name: str) -> str | None:
    """``"bid price"`` and the like, where a name says so beyond doubt."""
    words = set(re.findall(r"[a-z]+", name.lower()))
    text = name.lower()
    sides = [side for side in ("bid", "ask") if side in text]
    kinds = [kind for kind, hints in KINDS.items() if words & hints or any(len(h) > 2 and h in text for h in hints)]
    return f"{sides[0]} {kinds[0]}" if len(sides) == 1 and len(kinds) == 1 else None


KINDS = {"price": {"price", "px", "p"}, "size": {"size", "qty", "quantity", "vol", "volume", "amount", "sz", "q"}}
