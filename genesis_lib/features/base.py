"""What a feature is, the table of all of them, and ordered sets that compute rows (`step`) and arrays (`batch`)."""

from __future__ import annotations

import copy
import difflib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.features.compiling import compile_program
from genesis_lib.features.expression import Formula, Row
from genesis_lib.types import FLOW_FIELDS, Snapshot, Snapshots
from orderbook_ext import Program

TOTAL_LEVELS = 10  # a "total" adds up this many levels, or all where the book has fewer
SPARSE = "NaN while the window holds no trade"


@dataclass(frozen=True, slots=True)
class Feature:
    """One named column: what it is, what it is made of, and where it comes from.

    Parameters
    ----------
    name, unit, summary
        What it is called, what its numbers count, and one sentence.
    formula
        The definition as people write it; `build` is the same as the machine computes it.
    source
        Where the definition comes from.
    levels
        Levels a side that the book must have.
    sparse
        True where NaN can also mean that what it measures did not happen in its window (no trade, no shock, nothing
        cancelled); every other feature is finite after its warm-up on a full book.
    """

    name: str
    unit: str
    formula: str
    source: str
    summary: str
    build: Callable[[Row], Formula] = field(repr=False)
    levels: int = 1
    sparse: bool = False

    @property
    def warmup(self) -> int:
        """Rows after a reset that are NaN for want of history (a sparse feature may wait longer)."""
        return _built(self).warmup

    @property
    def warmup_seconds(self) -> float:
        """Seconds of the exchange's clock after a reset that are NaN as well; 0 for what counts rows alone."""
        return _built(self).warmup_seconds

    def __reduce__(self):
        return lookup, (self.name,)


FEATURES: dict[str, Feature] = {}
DEEPER: dict[str, Feature] = {}  # model inputs below the tenth level: usable by name, not part of the standard table


def feature(
    name: str, *, unit: str, formula: str, source: str, levels: int = 1, sparse: bool = False, table=FEATURES
) -> Callable:
    """Enter a function of a `Row` into the table; its docstring is the feature's summary."""

    def register(build: Callable[[Row], Formula]) -> Callable[[Row], Formula]:
        if name in FEATURES or name in DEEPER:
            raise InputError(f"feature {name!r} is defined twice")
        summary = " ".join((build.__doc__ or "").split())
        table[name] = Feature(name, unit, formula, source, summary, build, levels, sparse)
        return build

    return register


@lru_cache(maxsize=1024)
def _built(item: Feature) -> Formula:
    return item.build(Row(max(item.levels, 1)))


def lookup(name: str) -> Feature:
    """The feature of that name; `InputError` names the nearest known one."""
    found = FEATURES.get(name) or DEEPER.get(name)
    if found is None:
        near = difflib.get_close_matches(str(name), list(FEATURES), 1, 0.0)[0]
        raise InputError(f"unknown feature {name!r}; did you mean {near!r}? FEATURES lists all {len(FEATURES)}")
    return found


@lru_cache(maxsize=64)
def _compiled(names: tuple[str, ...], levels: int) -> Program:
    row = Row(levels)
    for item in map(lookup, names):
        if item.levels > levels:
            raise InputError(f"feature {item.name!r} needs {item.levels} levels a side, the rows have {levels}")
    return compile_program(levels, [lookup(name).build(row) for name in names])


class FeatureSet:
    """An ordered set of features, computed a row at a time or for a whole recording, to the same bits.

    A row that is not valid gives NaN in every column and resets every window: what follows warms up anew. A feature is
    NaN while its own window warms up; one without a window never is. A level that is empty makes NaN whatever reads
    that level alone, and counts as no quantity in sums over levels.

    A copy, and what arrives in another process, computes the same columns and has seen no row.

    Parameters
    ----------
    names
        Keys of `FEATURES`, in the order of the columns; at least one, none twice.
    depth
        Levels a side to read of rows that have more; all of them when left out. What adds up the whole book is another
        number on a deeper one, so a model reads as many levels as it was trained on.

    Raises
    ------
    InputError
        For an unknown name (naming the nearest known one), a repeated one, or one that needs more than `depth` levels.

    Examples
    --------
    >>> columns = FeatureSet(["mid", "obi_1", "return_10"])
    >>> columns.warmup
    10
    """

    def __init__(self, names: Iterable[str], depth: int | None = None) -> None:
        if isinstance(names, str):
            raise InputError(f"names must be a sequence of feature names, got the single string {names!r}")
        self.names: tuple[str, ...] = tuple(names)
        if not self.names:
            raise InputError("names must hold at least one feature, got none")
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise InputError(f"names must not repeat, got {', '.join(repeated)} more than once")
        self.features = tuple(map(lookup, self.names))
        self.depth = depth
        for item in self.features:
            if depth is not None and item.levels > depth:
                raise InputError(f"feature {item.name!r} needs {item.levels} levels a side, depth is {depth!r}")
        self._program: Program | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __reduce__(self):
        # Two sets must never share the windows of one stream.
        return FeatureSet, (self.names, self.depth)

    def __repr__(self) -> str:
        return f"FeatureSet({len(self.names)} features, {self.columns_hash[:12]})"

    @property
    def levels(self) -> int:
        """Levels a side that a row must have at least."""
        return self.depth or max(item.levels for item in self.features)

    @property
    def warmup(self) -> int:
        """Rows after a reset in which at least one column is NaN (the row of this index is the first full one)."""
        return max(item.warmup for item in self.features)

    @property
    def warmup_seconds(self) -> float:
        """Seconds of the exchange's clock after a reset in which at least one column is NaN; counts beside `warmup`."""
        return max(item.warmup_seconds for item in self.features)

    @property
    def columns_hash(self) -> str:
        """SHA-256 of the ordered names; artifacts carry it and refuse any other."""
        return columns_hash(self.names)

    def _fresh(self, levels: int) -> Program:
        """A program that has seen nothing, for rows of `levels` levels a side."""
        if self.depth is not None and levels != self.depth:
            raise InputError(f"rows must have {self.depth} levels a side or more, got {levels}")
        return self._compiled(levels).fresh()

    def _compiled(self, levels: int) -> Program:
        return _compiled(self.names, levels)

    def reset(self) -> None:
        """Forget all history, and the depth of the rows."""
        self._program = None

    def step(self, snapshot: Snapshot) -> np.ndarray:
        """Values (F,) float64 of the next row.

        Raises
        ------
        InputError
            Where the row has fewer levels than a feature needs, or another number of them than the row before.
        """
        levels, flow = snapshot.levels, snapshot.flow
        if self.depth is not None:
            levels = levels[: self.depth]
        if self._program is None:
            self._program = self._fresh(levels.shape[0])
        try:
            return self._program.push(levels, flow, snapshot.ts_exchange, snapshot.tick_size, snapshot.valid)
        except ValueError:
            if levels.shape != (self._program.levels, 4) or flow.shape != (len(FLOW_FIELDS),):
                raise InputError(
                    f"a row must have levels ({self._program.levels}, 4) and flow ({len(FLOW_FIELDS)},) like the rows "
                    f"before it, got {levels.shape} and {flow.shape}; call reset() before another stream"
                ) from None
            # Read in place otherwise: a strided view or another dtype is worth one copy.
            levels, flow = (np.ascontiguousarray(a, np.float64) for a in (levels, flow))
            return self._program.push(levels, flow, snapshot.ts_exchange, snapshot.tick_size, snapshot.valid)

    def batch(self, snapshots: Snapshots | Iterable[Snapshot]) -> np.ndarray:
        """Values (rows, F) float64 of a whole stream from its beginning; what `step` has seen stays untouched.

        Parameters
        ----------
        snapshots
            Rows as arrays, or single ones in order (as slow as stepping through them).

        Raises
        ------
        InputError
            Where the rows have fewer levels than a feature needs, or not all the same number of them.
        """
        if not isinstance(snapshots, Snapshots):
            stream = copy.copy(self)
            return np.array([stream.step(row) for row in snapshots]).reshape(-1, len(self))
        return next(self.pieces(snapshots, max(len(snapshots), 1)))

    def pieces(self, snapshots: Snapshots, size: int = 1 << 16) -> Iterator[np.ndarray]:
        """What `batch` gives, `size` rows at a time: a long recording never stands in memory as float64."""
        program = self._fresh(snapshots.levels[:, : self.depth].shape[1])
        for first in range(0, max(len(snapshots), 1), size):
            piece = snapshots[first : first + size]
            yield program.run(
                np.ascontiguousarray(piece.levels[:, : self.depth], np.float64),
                np.ascontiguousarray(piece.flow, np.float64),
                np.asarray(piece.ts_exchange, np.int64),
                float(piece.instrument.tick_size),
                np.asarray(piece.valid, bool),
            )


def columns_hash(names: Iterable[str]) -> str:
    """SHA-256 (hex) of an ordered list of column names."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
