"""What a plan of a streaming network is made of, and what its operations may touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

KINDS = ("conv", "depthwise", "max", "add", "copy", "lstm")  # as the enum in _stream.h
SCALE = ("gain", "shift")
COUNTS = dict.fromkeys(("outputs", "taps", "inputs", "positions"), 1)  # least
COUNTS |= dict.fromkeys(("src_at", "dst_at", "add_at", "tap_step", "src_step", "dst_step", "add_step"), 0)
LARGEST = 1 << 28  # floats of a register: keeps every product of two sizes within 64 bits
LARGEST_LSTM = 256  # units
VARIABLE = "GENESIS_INSTRUCTIONS"  # of the environment: names the instruction set to use


class Register(NamedTuple):
    """A block of `rows` rows of `width` float32.

    A ring moves on by one row a step: its last row is the newest, and only that one is written. Any other block stays
    as it was written. All begin as zeros, and are zeros again after a reset.
    """

    rows: int
    width: int
    ring: bool = False


class Operation(NamedTuple):
    """What one operation reads and writes; places are counted in floats from a register's oldest row.

    Parameters
    ----------
    kind
        ``conv``: `positions` times, sums over `taps` and `inputs` with `weight` (taps, inputs, outputs), begun with the
        bias or with what `add` holds. ``depthwise``: sums over `taps` with `weight` (taps, outputs), and the bias.
        ``max``: maximum over `taps`. ``add``: src plus add. ``copy``: as it is. ``lstm``: `taps` rows of what
        the inputs give to the gates (input, forget, cell, output), through a cell of `inputs` units with the recurrent
        `weight` (inputs, 4 * inputs), from the state that `add` holds (zeros without); gives hidden, then cell values.
        With `positions`, one such row and so many states, each into its next; states may move down in their register.
    src, src_at, dst, dst_at, add, add_at
        Registers and places; `add` is -1 for none. Register 0 is the scaled row and is never written.
    outputs
        Floats written, at each position.
    taps, tap_step, positions, src_step, dst_step, add_step
        How many, and how far apart.
    slope
        Of a leaky rectifier below zero; 1 leaves sums as they are.
    tanh, gain, shift
        What a conv may do after that: bend with a tanh, then times `gain` (outputs,) plus `shift` (outputs,).
    ahead
        Runs after the answer, before the rings move on: for what the next answer needs of rows that are known.
    """

    kind: str
    src: int
    src_at: int
    dst: int
    dst_at: int
    outputs: int
    taps: int = 1
    tap_step: int = 0
    inputs: int = 1
    positions: int = 1
    src_step: int = 0
    dst_step: int = 0
    add: int = -1
    add_at: int = 0
    add_step: int = 0
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    slope: float = 1.0
    tanh: bool = False
    gain: np.ndarray | None = None
    shift: np.ndarray | None = None
    ahead: bool = False


def check(
    registers: Sequence[Register], operations: Sequence[Operation], output: tuple[int, int], window: int, heads: int
) -> tuple[tuple[Register, ...], tuple[Operation, ...]]:
    """Refuse whatever would touch memory that is not its own; weights come back as float32.

    Raises
    ------
    ValueError
        One line that names the operation, and what does not fit.
    """
    registers = tuple(_register(number, Register(*register)) for number, register in enumerate(registers))
    if not registers:
        raise ValueError("registers must not be empty: the first takes the row")
    _count("window", window, 1)
    heads = _count("heads", heads, 1)
    checked = []
    for number, operation in enumerate(operations):
        try:
            checked.append(_operation(Operation(*operation), registers))
        except ValueError as error:
            raise ValueError(f"operation {number}: {error}") from None
    _extent("output", registers, *output, 3 * heads)
    return registers, tuple(checked)


def _whole(value: object, least: int) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least


def _count(name: str, value: object, least: int) -> int:
    """The value as Python's own integer: products of numpy's may wrap around, and a wrapped extent seems to fit."""
    if not (_whole(value, least) and value <= LARGEST):
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def _register(number: int, register: Register) -> Register:
    rows, width, ring = register
    if not (_whole(rows, 1) and _whole(width, 1) and int(rows) * int(width) <= LARGEST):
        raise ValueError(
            f"register {number}: rows and width must be whole numbers of at least 1, together {LARGEST} at most, "
            f"got {register}"
        )
    return Register(int(rows), int(width), bool(ring))


def _operation(op: Operation, registers: Sequence[Register]) -> Operation:
    if op.kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {op.kind!r}")
    op = op._replace(**{name: _count(name, getattr(op, name), least) for name, least in COUNTS.items()})
    if not (isinstance(op.slope, (int, float, np.floating)) and 0.0 <= op.slope <= 1.0):
        raise ValueError(f"slope must lie in [0, 1], got {op.slope!r}")
    if op.positions > 1 and op.kind not in ("conv", "lstm"):
        raise ValueError(f"positions must be 1 for {op.kind}, got {op.positions}")
    if op.positions > 1 and op.kind == "lstm" and (op.taps > 1 or op.add == -1 or op.add_step < op.outputs):
        raise ValueError("an lstm of several positions takes one row of gates, and states that stand apart")
    if op.positions > 1 and op.dst_step < op.outputs:
        raise ValueError(f"dst_step must be at least the {op.outputs} outputs, got {op.dst_step}")
    if op.kind == "lstm" and (op.inputs % 16 or op.inputs > LARGEST_LSTM or op.outputs != 2 * op.inputs):
        raise ValueError(
            f"an lstm has a multiple of 16 units, at most {LARGEST_LSTM}, and twice as many outputs, "
            f"got {op.inputs} and {op.outputs}"
        )
    reads = {"conv": op.inputs, "lstm": 4 * op.inputs}.get(op.kind, op.outputs)
    far = (op.taps - 1) * op.tap_step if op.kind not in ("add", "copy") else 0
    across = (op.positions - 1) * op.src_step if op.kind == "conv" else 0
    _extent("src", registers, op.src, op.src_at, far + across + reads)
    written = (op.positions - 1) * op.dst_step + op.outputs
    _extent("dst", registers, op.dst, op.dst_at, written)
    target = registers[op.dst]
    if op.dst == 0 or (op.dst == op.src and op.kind != "copy"):
        raise ValueError(f"dst must be neither register 0 nor the source, got {op.dst}")
    if target.ring and op.dst_at < (target.rows - 1) * target.width:
        raise ValueError(f"dst_at must lie in the newest row of ring {op.dst}, got {op.dst_at}")
    if target.ring and (op.ahead or op.kind == "lstm"):
        raise ValueError(f"dst must be no ring where work runs ahead and for an lstm, got {op.dst}")
    if op.add == -1 and op.kind == "add":
        raise ValueError("add must name a register, got -1")
    if op.add != -1:
        _extent("add", registers, op.add, op.add_at, (op.positions - 1) * op.add_step + op.outputs)
        if op.add == op.dst and not (op.kind == "lstm" and _moves_down(op)):
            raise ValueError(f"add must not be the target, got {op.add}")
    if (op.tanh or op.gain is not None or op.shift is not None) and op.kind != "conv":
        raise ValueError(f"tanh, gain and shift belong to a conv, not to {op.kind}")
    if (op.gain is None) != (op.shift is None):
        raise ValueError("gain and shift must be given together")
    scale = {} if op.gain is None else {name: _floats(name, getattr(op, name), (op.outputs,)) for name in SCALE}
    return op._replace(weight=_weight(op), bias=_bias(op), tanh=bool(op.tanh), ahead=bool(op.ahead), **scale)


def _moves_down(op: Operation) -> bool:
    """Whether no state is written over before it was read."""
    if op.add_at == op.dst_at:
        return op.positions == 1 or op.add_step == op.dst_step
    return op.add_at >= op.dst_at + op.outputs and op.add_step == op.dst_step


def _extent(name: str, registers: Sequence[Register], register: int, at: int, count: int) -> None:
    if not (_whole(register, 0) and register < len(registers)):
        raise ValueError(f"{name} must be a register from 0 to {len(registers) - 1}, got {register!r}")
    size = registers[register].rows * registers[register].width
    if not (_whole(at, 0) and int(at) + count <= size):
        raise ValueError(f"{name}: {count} floats from {at!r} on reach beyond the {size} of register {register}")


def _weight(op: Operation) -> np.ndarray | None:
    shapes = {
        "conv": (op.taps, op.inputs, op.outputs),
        "depthwise": (op.taps, op.outputs),
        "lstm": (op.inputs, 4 * op.inputs),
    }
    return _floats("weight", op.weight, shapes[op.kind]) if op.kind in shapes else None


def _bias(op: Operation) -> np.ndarray | None:
    if op.kind == "depthwise" or (op.kind == "conv" and op.add == -1):
        return _floats("bias", op.bias, (op.outputs,))
    return None


def _floats(name: str, array: object, shape: tuple[int, ...]) -> np.ndarray:
    got = np.asarray(array, np.float64) if array is not None else np.empty(0)
    if got.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {got.shape}")
    with np.errstate(over="ignore"):
        made = got.astype(np.float32)
    if not np.isfinite(made).all():
        raise ValueError(f"{name} must be finite in float32")
    return made
