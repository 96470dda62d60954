"""What a column program is made of: the names of its operations, what fits together, where its columns are kept."""

from __future__ import annotations

from collections.abc import Sequence

FLOW = 7  # columns of a row's flow
STATELESS = (
    "add", "sub", "mul", "div", "ratio", "min2", "max2", "ge", "le", "abs", "sqrt", "log", "log1p", "slog", "rint",
    "or_zero", "select", "sin", "cos", "exp",
)  # fmt: skip
WINDOWS = ("lag", "sum", "min", "max", "var")
KERNELS = ("vpin", "ema", "decay", "seconds", "hold", "since", "component", "move")
OPS = (*STATELESS, *WINDOWS, *KERNELS)  # their places are the codes of instructions
SPANNED = {*WINDOWS, "vpin", "ema", "component", "move"}
TIMED = {"decay", "seconds"}  # their parameter is a number of seconds
ARITY = {"select": 3, "move": 3} | dict.fromkeys(
    ("add", "sub", "mul", "div", "ratio", "min2", "max2", "ge", "le", "vpin", "decay", "seconds", "since"), 2
)

Instruction = tuple[int, tuple[int, ...], int, float]  # op, registers, span, parameter


def check(levels: int, constants: Sequence[float], code: Sequence[Instruction], outputs: Sequence[int]) -> None:
    """Raise `ValueError` for a program that reads what does not exist or remembers nothing where it must."""
    first = 4 * levels + FLOW + 3 + len(constants)
    for i, (op, args, span, param) in enumerate(code):
        if not (0 <= op < len(OPS) and args and all(0 <= a < first + i for a in args)):
            raise ValueError(f"instruction {i} must name an op and earlier registers, got {(op, args, span, param)}")
        name = OPS[op]
        if name != "component" and len(args) != ARITY.get(name, 1):
            raise ValueError(f"instruction {i} ({name}) must have {ARITY.get(name, 1)} args, got {len(args)}")
        if name in SPANNED and span < 1:
            raise ValueError(f"instruction {i} ({name}) must have a span of at least 1, got {span!r}")
        if name in TIMED and not 1e-3 <= param <= 1e6:
            raise ValueError(f"instruction {i} ({name}) must have a parameter of 0.001 to 1e6 seconds, got {param!r}")
    if any(not 0 <= o < first + len(code) for o in outputs):
        raise ValueError("outputs must be registers of the program")


def place(
    levels: int, constants: Sequence[float], code: Sequence[Instruction], outputs: Sequence[int]
) -> tuple[list[int], int]:
    """Give each register a slot of the scratch, and how many slots that takes.

    A slot is used again once its register was read for the last time; an input that nobody reads has none (-1).
    Constants and outputs keep theirs.
    """
    inputs = 4 * levels + FLOW + 3
    first = inputs + len(constants)
    last = {register: i for i, (_, args, _, _) in enumerate(code) for register in args}
    kept = {*range(inputs, first), *outputs}
    slots = [-1] * (first + len(code))
    free: list[int] = []
    count = 0

    def take(register: int) -> None:
        nonlocal count
        if free:
            slots[register] = free.pop()
        else:
            slots[register] = count
            count += 1

    for register in range(first):
        if register in last or register in kept:
            take(register)
    for i, (_, args, _, _) in enumerate(code):
        take(first + i)  # before the last reads are given up: a result never overlaps what it is made from
        free += [slots[a] for a in dict.fromkeys(args) if last[a] == i and a not in kept]
        if first + i not in last and first + i not in kept:
            free.append(slots[first + i])
    return slots, max(count, 1)
