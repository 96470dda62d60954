"""Random plans of streaming networks: every instruction set, built with sanitizers, against the twin in Python.

What the checks let through must stay within its memory, which AddressSanitizer watches, and give the twin's bits; a
write into another register is in bounds for the sanitizer, and shows as a difference.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np

from orderbook_ext import _stream_py
from orderbook_ext._stream_plan import KINDS, Operation, Register, check

ROWS, WINDOW = 9, 3
OFTEN = (0.6, 0.1, 0.1, 0.1, 0.06, 0.04)  # most convolutions fit no registers
ODD = (np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0, 1e-40)  # what a row may hold


def compiled(folder: Path):
    """The module built in `folder`; the package itself must run on its twins."""
    found = folder / "orderbook_ext" / f"_stream{EXTENSION_SUFFIXES[0]}"
    spec = importlib.util.spec_from_file_location("orderbook_ext._stream", found)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def drawn(rng: np.random.Generator) -> tuple[list[Register], list[Operation]]:
    """Registers, and operations that the checks let through."""
    sizes = rng.integers(1, (8, 60), (rng.integers(2, 6), 2)).tolist()
    registers = [Register(rows, width, bool(rng.integers(2))) for rows, width in sizes]
    units = 16 * int(rng.integers(1, 3))
    registers += [Register(3, 4 * units), Register(4, 2 * units), Register(1, 6)]
    operations: list[Operation] = []
    for _ in range(300):
        operation = _operation(rng, registers, units)
        try:
            check(registers, [operation], (len(registers) - 1, 0), WINDOW, 2)
        except ValueError:
            continue
        operations.append(operation)
        if len(operations) == 6:
            break
    return registers, operations


def _operation(rng: np.random.Generator, registers: list[Register], units: int) -> Operation:
    kind = rng.choice(KINDS, p=OFTEN)
    src, add, dst = rng.integers(0, len(registers), 3).tolist()
    to = registers[dst]
    outputs, inputs, taps, positions = (int(rng.integers(1, most)) for most in (40, 20, 12, 6))
    steps = {name: int(rng.integers(0, 40)) for name in ("tap_step", "src_step", "dst_step", "add_step")}
    places = {name: int(rng.integers(0, 30)) for name in ("src_at", "add_at")}
    given = {"taps": taps if rng.integers(2) else 1, "positions": positions if rng.integers(2) else 1}
    dst_at = (to.rows - 1) * to.width if to.ring else int(rng.integers(0, 3))
    add = add if kind == "add" or rng.integers(3) == 0 else -1
    if kind == "lstm":
        src, dst, inputs, outputs = len(registers) - 3, len(registers) - 2, units, 2 * units
        steps = {"tap_step": 4 * units, "add_step": 2 * units, "dst_step": 2 * units}
        places, dst_at = {"add_at": 2 * units * int(rng.integers(2))}, 0
        given = {"taps": 1, "positions": int(rng.integers(1, 4))} if rng.integers(2) else {"taps": 2}
        add = dst if rng.integers(2) else add
    shape = {"conv": (given["taps"], inputs, outputs), "depthwise": (given["taps"], outputs)}
    size = shape.get(kind, (inputs, 4 * inputs))
    bend = {"tanh": bool(rng.integers(2))} if kind == "conv" else {}
    if bend and rng.integers(2):
        bend |= {"gain": rng.normal(size=outputs), "shift": rng.normal(size=outputs)}
    return Operation(
        *(kind, src, places.pop("src_at", 0), dst, dst_at, outputs),
        **{"inputs": inputs, "add": add, "slope": float(rng.choice([1.0, 0.01])), "ahead": rng.integers(4) == 0},
        **{"weight": rng.normal(size=size) / (inputs * given["taps"]), "bias": rng.normal(size=outputs)},
        **given,
        **steps,
        **places,
        **bend,
    )


def one(module, seed: int) -> dict[str, int]:
    """Run one plan on every set; gives how often each kind of operation ran."""
    rng = np.random.default_rng(seed)
    registers, operations = drawn(rng)
    arguments = registers, operations, (len(registers) - 1, 0), WINDOW, 2
    width = registers[0].width
    rows = rng.normal(size=(ROWS, width))
    at = rng.random(rows.shape) < 0.05 / width
    rows[at] = rng.choice(ODD, at.sum())
    scaling = {"mean": rng.normal(size=width), "std": rng.uniform(0.1, 2, width), "clip": 3.0, "head": 1}
    expected = _stream_py.Stream(_stream_py.Plan(*arguments), **scaling).run(rows)
    for name in module.instruction_sets():
        stream = module.Stream(module.Plan(*arguments, instructions=name), **scaling)
        # Each row ends where its memory does, so that a step too far is seen.
        steps = np.array([stream.step(row.copy()) for row in rows])
        stream.reset()
        together = stream.run(rows)
        if not (
            np.array_equal(together, expected, equal_nan=True) and np.array_equal(steps, expected[:, 1], equal_nan=True)
        ):
            raise SystemExit(f"plan {seed}: {name} differs from the twin")
    return {kind: sum(operation.kind == kind for operation in operations) for kind in KINDS}


def fuzz(folder: Path, plans: int, seed: int) -> dict[str, int]:
    """Run `plans` plans; gives how many operations of each kind ran."""
    module, total = compiled(folder), dict.fromkeys(KINDS, 0)
    for number in range(plans):
        for kind, count in one(module, seed * 1_000_000 + number).items():
            total[kind] += count
    return total
