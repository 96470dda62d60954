"""Where a book and its rows stand after an event, small enough to be kept every so often."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.tape.columns import KINDS, Columns
from genesis_lib.types import Snapshot

BOOK = ("sides", "ticks", "quantities")
# All else that a builder holds is carried over, so that whatever rule it gains is not forgotten here. Its ledger tells
# of a whole pass and starts anew.
_SET_UP = {"instrument", "depth", "ledger", "_rules", "_max_hole", "_book", "_given"}
_NAMED = {kind.__name__: kind for kind in KINDS}


class Checkpoint(NamedTuple):
    """A `RowBuilder` between two events: its state, every level of its book, and its newest row."""

    facts: dict[str, Any]  # as JSON holds it
    columns: Columns

    @classmethod
    def of(cls, builder: RowBuilder, row: Snapshot | None, given: bool) -> Checkpoint:
        """Take down where a builder stands; it goes on undisturbed.

        Parameters
        ----------
        builder
            Between two events.
        row
            The newest row it made; None before the first.
        given
            Whether that row came as a row, not out of the book.
        """
        state = {name: _plain(value) for name, value in vars(builder).items() if name not in _SET_UP}
        facts = {"builder": state, "row": None}
        columns: Columns = {}
        if row is not None:
            facts["row"] = [row.ts_exchange, row.ts_receive, row.valid]
            columns["flow"] = row.flow
        if given:
            columns["levels"] = row.levels
        else:
            columns.update(_levels(builder))
        return cls(facts, columns)

    def restore(self, builder: RowBuilder) -> Snapshot | None:
        """Put a fresh builder of the same instrument where the other stood.

        Returns
        -------
        Snapshot or None
            Its newest row, None where there was none.
        """
        row, levels = None, self.columns.get("levels")
        if levels is None:
            builder.book.clear()
            builder.book.apply_ticks(*(self.columns[name] for name in BOOK))
            levels = builder.book.top(builder.depth)
        if self.facts["row"] is not None:
            ts_exchange, ts_receive, valid = self.facts["row"]
            levels, flow = np.array(levels), np.array(self.columns["flow"])
            levels.flags.writeable = flow.flags.writeable = False
            row = Snapshot(ts_exchange, ts_receive, levels, flow, valid, builder.instrument.tick_size)
        if "levels" in self.columns:
            builder.push(row)  # leaves the row's levels in the book
        for name, value in self.facts["builder"].items():
            setattr(builder, name, _lively(value))
        return row


def _levels(builder: RowBuilder) -> Columns:
    sides, ticks, quantities = [], [], []
    for code, side in enumerate(("bid", "ask")):
        levels = builder.book.levels(side)
        exact = levels[:, 0] / builder.instrument.tick_size
        whole = np.rint(exact)
        if len(exact) and np.abs(exact - whole).max() > 1e-3:
            raise InputError(f"a level of the book lies off the grid of {builder.instrument.name}")
        sides.append(np.full(len(whole), code, np.int8))
        ticks.append(whole.astype(np.int64))
        quantities.append(levels[:, 1])
    return dict(zip(BOOK, map(np.concatenate, (sides, ticks, quantities))))


def _plain(value: Any) -> Any:
    """A value as JSON holds it, so that `_lively` gives an equal one of the same type."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value)
    if isinstance(value, Counter):
        return {"Counter": dict(value)}
    if type(value).__name__ in _NAMED:
        return {type(value).__name__: [_plain(item) for item in value]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(item) for item in value]}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    raise InputError(f"a checkpoint cannot hold {type(value).__name__} {value!r}")


def _lively(value: Any) -> Any:
    if isinstance(value, list):
        return [_lively(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((name, held),) = value.items()
    if name == "Counter":
        return Counter(held)
    return tuple(_lively(held)) if name == "tuple" else _NAMED[name](*_lively(held))
