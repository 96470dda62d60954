"""Definitions of features as data: what a model was trained on, kept beside it, so that it can be asked for ever.

A feature is a formula, and a formula compiles to a list of instructions. That list is written down with a model, so a
later version of this library that defines a column of the same name otherwise, or no longer, serves the model with the
definitions that it knows. What the instructions themselves compute is held against a witness: the columns' sums over
a small made-up stream.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.features.base import FeatureSet, lookup
from genesis_lib.features.compiling import instructions
from genesis_lib.features.expression import Row
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshots
from orderbook_ext import Program
from orderbook_ext._layout import OPS

WITNESS_ROWS = 400
TOLERANCE = 1e-9  # of a column's witness: exp, sin and cos come from the machine's own mathematics library
MAX_INSTRUCTIONS = 100_000
MAX_SPAN = 1_000_000  # rows; what a file may ask memory for


@dataclass(frozen=True)
class Definitions:
    """An ordered set of features, written down.

    Parameters
    ----------
    names
        Of the columns.
    levels
        Levels a side that are read.
    constants, code, outputs
        Of `orderbook_ext.Program`; an instruction is (operation by name, registers, span, parameter).
    warmup, warmup_seconds
        As of `FeatureSet`.
    """

    names: tuple[str, ...]
    levels: int
    constants: tuple[float, ...]
    code: tuple[tuple[str, tuple[int, ...], int, float], ...]
    outputs: tuple[int, ...]
    warmup: int
    warmup_seconds: float

    @classmethod
    def of(cls, names: Iterable[str], levels: int) -> Definitions:
        """Write down features as this version of the library defines them.

        Raises
        ------
        InputError
            For an unknown name, or one that needs more levels.
        """
        columns = FeatureSet(names, levels)
        row = Row(levels)
        constants, code, outputs = instructions(levels, [lookup(name).build(row) for name in columns.names])
        return cls(
            columns.names,
            levels,
            tuple(map(float, constants)),
            tuple((OPS[op], tuple(args), int(span), float(value)) for op, args, span, value in code),
            tuple(outputs),
            columns.warmup,
            columns.warmup_seconds,
        )

    def as_dict(self) -> dict[str, object]:
        """Plain lists, as a file holds them."""
        return {
            "names": list(self.names),
            "levels": self.levels,
            "constants": list(self.constants),
            "code": [[op, list(args), span, value] for op, args, span, value in self.code],
            "outputs": list(self.outputs),
            "warmup": self.warmup,
            "warmup_seconds": self.warmup_seconds,
        }

    @classmethod
    def read(cls, table: Mapping[str, object]) -> Definitions:
        """Read back what `as_dict` gave; `InputError` for anything else."""
        try:
            result = cls(
                tuple(map(str, table["names"])),
                int(table["levels"]),
                tuple(map(float, table["constants"])),
                tuple((str(op), tuple(map(int, args)), int(span), float(v)) for op, args, span, v in table["code"]),
                tuple(map(int, table["outputs"])),
                int(table["warmup"]),
                float(table["warmup_seconds"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"definitions of features: damaged: {type(error).__name__} {error}") from error
        result._check()
        return result

    def _check(self) -> None:
        if unknown := sorted({op for op, *_ in self.code} - set(OPS)):
            raise InputError(f"definitions of features: this version has no operation {', '.join(unknown)}")
        if not (1 <= self.levels <= 1000 and len(self.code) <= MAX_INSTRUCTIONS):
            raise InputError(f"definitions of features: absurd: {self.levels} levels, {len(self.code)} instructions")
        if sum(max(span, 0) for _, _, span, _ in self.code) > MAX_SPAN or not 0 <= self.warmup <= MAX_SPAN:
            raise InputError(f"definitions of features: all windows together may hold no more than {MAX_SPAN} rows")
        if not self.names or len(self.names) != len(self.outputs):
            raise InputError(f"definitions of features: {len(self.names)} names for {len(self.outputs)} columns")
        self.program()

    def program(self) -> Program:
        """The instructions, ready to run."""
        code = [(OPS.index(op), args, span, value) for op, args, span, value in self.code]
        try:
            return Program(self.levels, list(self.constants), code, list(self.outputs))
        except (ValueError, OverflowError) as error:
            raise InputError(f"definitions of features: {error}") from error

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of each column's formula, whatever else is computed beside it and in which order."""
        inputs = 4 * self.levels + len(FLOW_FIELDS) + 3
        known = [f"input {i if i < 4 * self.levels else i - inputs}" for i in range(inputs)]
        known += [f"constant {value!r}" for value in self.constants]
        for op, args, span, value in self.code:
            text = "|".join((op, str(span), repr(value), *(known[i] for i in args)))
            known.append(hashlib.sha256(text.encode()).hexdigest())
        return tuple(known[i] for i in self.outputs)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all columns' names and formulas, in order."""
        lines = [str(self.levels), *(f"{name} {digest}" for name, digest in zip(self.names, self.hashes))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def changed(self) -> tuple[str, ...]:
        """Columns that this version of the library defines otherwise, or not at all."""
        names = []
        for name, digest in zip(self.names, self.hashes):
            try:
                same = Definitions.of((name,), self.levels).hashes[0] == digest
            except InputError:
                same = False
            names += [] if same else [name]
        return tuple(names)

    def witness(self) -> list[list[float]]:
        """What the columns add up to on the made-up stream: (weighted sum, sum of sizes, missing values) each.

        Of a column that has no value on the short stream, on the long one.
        """
        sums = self._sums(WITNESS_ROWS)
        if any(missing == WITNESS_ROWS for _, _, missing in sums):
            longer = self._sums(5 * WITNESS_ROWS)
            sums = [far if near[2] == WITNESS_ROWS else near for near, far in zip(sums, longer)]
        return sums

    def _sums(self, rows: int) -> list[list[float]]:
        stream = made_up_stream(self.levels, rows)
        values = self.program().run(
            stream.levels, stream.flow, stream.ts_exchange, stream.instrument.tick_size, stream.valid
        )
        weights = np.sin(np.arange(len(values)) + 1.0)[:, None]
        terms = np.where(np.isfinite(values), values, 0.0) * weights
        missing = (~np.isfinite(values)).sum(axis=0)
        sums = zip(terms.sum(axis=0), np.abs(terms).sum(axis=0), missing)
        return [[float(total), float(size), int(absent)] for total, size, absent in sums]

    def computed_otherwise(self, witness: Sequence[Sequence[float]]) -> tuple[str, ...]:
        """Columns whose instructions give other numbers here than where `witness` was taken."""
        if not isinstance(witness, (list, tuple)) or len(witness) != len(self.names):
            size = len(witness) if isinstance(witness, (list, tuple)) else repr(witness)[:80]
            raise InputError(f"definitions of features: a witness of {size} for {len(self.names)} columns")
        for name, sums in zip(self.names, witness):
            if not (isinstance(sums, (list, tuple)) and len(sums) == 3 and all(map(_plain_number, sums))):
                raise InputError(f"definitions of features: {name}'s witness must be three numbers, got {sums!r:.80}")
        pairs = zip(self.names, self.witness(), witness)
        return tuple(name for name, here, there in pairs if not _alike(here, there))

    def features(self) -> FrozenFeatureSet:
        """The columns, as a set that steps and runs."""
        return FrozenFeatureSet(self)


class FrozenFeatureSet(FeatureSet):
    """A `FeatureSet` that computes what was written down, whatever its names mean by now."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.names = definitions.names
        self.depth = definitions.levels
        self._program = None

    def __reduce__(self):
        return FrozenFeatureSet, (self.definitions,)

    @property
    def features(self) -> tuple:
        """The entries of the table under these names, where they still exist."""
        return tuple(map(lookup, self.names))

    @property
    def warmup(self) -> int:
        return self.definitions.warmup

    @property
    def warmup_seconds(self) -> float:
        return self.definitions.warmup_seconds

    def _compiled(self, levels: int) -> Program:
        return self.definitions.program()


def _plain_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _alike(here: Sequence[float], there: Sequence[float]) -> bool:
    limit = TOLERANCE * max(here[1], there[1])
    return here[2] == there[2] and math.isclose(here[0], there[0], rel_tol=0.0, abs_tol=limit)


@lru_cache(maxsize=8)
def made_up_stream(levels: int, rows: int) -> Snapshots:
    """Book rows a quarter of a second apart, the same on every machine for ever: whole numbers of a fixed generator."""
    draws = np.random.PCG64(20_240_718).random_raw(rows * (4 * levels + 8))
    draws = (draws >> np.uint64(40)).astype(np.int64).reshape(rows, -1)
    touch = 20_000 + np.cumsum(draws[:, 0] % 5 - 2)
    wide = 1 + (draws[:, 1] % 8 == 0) + (draws[:, 1] % 32 == 0)
    book = np.empty((rows, levels, 4))
    gaps = 1 + draws[:, 8 : 8 + 2 * levels].reshape(rows, 2, levels) % 3 // 2
    steps = np.cumsum(gaps, axis=2) - gaps[:, :, :1]
    sizes = 1 + draws[:, 8 + 2 * levels :].reshape(rows, 2, levels) % 400
    book[:, :, 0] = (touch[:, None] - steps[:, 0]) * 0.5
    book[:, :, 2] = ((touch + wide)[:, None] + steps[:, 1]) * 0.5
    book[:, :, 1], book[:, :, 3] = sizes[:, 0] / 8.0, sizes[:, 1] / 8.0
    traded = draws[:, 2] % 3 == 0
    bought, sold = traded * (draws[:, 3] % 64) / 8.0, traded * (draws[:, 4] % 64) / 8.0
    price = touch * 0.5
    flow = np.stack(
        [
            *(traded * (1 + draws[:, 5] % 4), bought, sold, (bought + sold) * price),
            *(bought - sold, (bought - sold) * price, (bought + sold) * 0.25 * wide),
        ],
        axis=1,
    ).astype(np.float64)
    valid = np.ones(rows, bool)
    valid[20] = False  # windows begin anew behind it
    time = 1_700_000_000_000_000_000 + 250_000_000 * np.arange(rows, dtype=np.int64)
    return Snapshots(Instrument("made-up", "WITNESS", 0.5, 0.125), time, time, book, flow, valid, "simulated")
