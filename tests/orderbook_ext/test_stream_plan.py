"""What a plan may not touch is refused by name; what is let through runs, whatever was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook_ext import Operation, Plan, Register, Stream
from orderbook_ext._stream_plan import KINDS, LARGEST, check

REGISTERS = [Register(1, 8), Register(3, 16, True), Register(2, 40), Register(1, 70)]
WEIGHT, BIAS = np.zeros((2, 8, 16)), np.zeros(16)
SOUND = Operation("conv", 0, 0, 1, 32, 16, taps=1, inputs=8, weight=WEIGHT[:1], bias=BIAS)


def refused(operation, registers=REGISTERS, output=(3, 0), window=3, heads=1):
    with pytest.raises(ValueError) as error:
        check(registers, [operation], output, window, heads)
    return str(error.value)


def test_a_sound_plan_passes():
    registers, operations = check(REGISTERS, [SOUND], (3, 0), 3, 2)
    assert registers == tuple(REGISTERS) and operations[0].weight.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"kind": "fft"}, "kind must be one of conv, depthwise, max, add, copy, lstm, got 'fft'"),
        ({"src": 9}, "src must be a register from 0 to 3, got 9"),
        ({"src": -1}, "src must be a register from 0 to 3, got -1"),
        ({"src_at": 1}, "src: 8 floats from 1 on reach beyond the 8 of register 0"),
        ({"src_at": -1}, "src_at must be a whole number of at least 0, got -1"),
        ({"dst": 0}, "dst"),
        ({"dst": 1, "dst_at": 31}, "dst_at must lie in the newest row of ring 1, got 31"),
        ({"dst_at": 33}, "dst: 16 floats from 33 on reach beyond the 48 of register 1"),
        ({"dst": 3, "outputs": 71}, "dst: 71 floats"),
        ({"taps": 2, "tap_step": 1, "weight": WEIGHT}, "src: 9 floats"),
        ({"taps": 0}, "taps must be a whole number of at least 1, got 0"),
        ({"taps": True}, "taps must be a whole number"),
        ({"inputs": 1.0}, "inputs must be a whole number"),
        ({"taps": LARGEST, "tap_step": LARGEST}, "reach beyond"),
        ({"positions": 2}, "dst_step must be at least the 16 outputs, got 0"),
        ({"slope": 1.5}, r"slope must lie in [0, 1], got 1.5"),
        ({"slope": float("nan")}, "slope"),
        ({"weight": None}, "weight must have shape (1, 8, 16), got (0,)"),
        ({"weight": np.full((1, 8, 16), 1e39)}, "weight must be finite in float32"),
        ({"bias": np.zeros(3)}, "bias must have shape (16,), got (3,)"),
        ({"gain": BIAS}, "gain and shift must be given together"),
        ({"gain": BIAS, "shift": np.zeros(3)}, "shift must have shape (16,), got (3,)"),
        ({"kind": "max", "tanh": True, "outputs": 8}, "tanh, gain and shift belong to a conv, not to max"),
        ({"add": 7}, "add must be a register"),
        ({"add": 0}, "add: 16 floats from 0 on reach beyond the 8 of register 0"),
        ({"add": 1, "bias": None}, "add must not be the target, got 1"),
        ({"ahead": True}, "dst must be no ring"),
        ({"kind": "max", "positions": 2}, "positions must be 1 for max, got 2"),
        ({"kind": "add", "outputs": 8}, "add must name a register, got -1"),
        ({"kind": "lstm", "inputs": 8}, "a multiple of 16 units"),
        ({"kind": "lstm", "inputs": 272, "outputs": 544}, "at most 256"),
    ],
)
def test_refusals_name_the_operation_and_the_cause(changes, cause):
    message = refused(SOUND._replace(**changes))
    assert message.startswith("operation 0: ") and cause in message


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({}, None),
        ({"add_at": 0}, None),  # each state into its own place
        ({"add_at": 31}, "add must not be the target, got 1"),
        ({"dst_at": 32, "add_at": 0}, "add must not be the target, got 1"),
        ({"taps": 2}, "an lstm of several positions takes one row of gates"),
        ({"add": -1}, "states that stand apart"),
        ({"add_step": 31}, "states that stand apart"),
        ({"positions": 4}, "add: 128 floats from 32 on reach beyond the 128 of register 1"),
    ],
)
def test_states_may_move_down_and_nowhere_else(changes, cause):
    registers = [Register(1, 64), Register(4, 32), Register(1, 3)]
    move = Operation(
        *("lstm", 0, 0, 1, 0, 32),
        **{"inputs": 16, "positions": 3, "add": 1, "add_at": 32, "add_step": 32, "dst_step": 32},
        weight=np.zeros((16, 64)),
    )
    if cause is None:
        check(registers, [move._replace(**changes)], (2, 0), 1, 1)
    else:
        assert cause in refused(move._replace(**changes), registers, output=(2, 0))


def test_registers_and_output_are_looked_at_too():
    assert "registers must not be empty" in refused(SOUND, registers=[])
    assert "register 1: rows and width" in refused(SOUND, registers=[(1, 8), (0, 4)])
    assert "register 0: rows and width" in refused(SOUND, registers=[(LARGEST, 2)])
    assert "output: 6 floats from 65" in refused(SOUND, output=(3, 65), heads=2)
    assert "window must be" in refused(SOUND, window=0)
    assert "heads must be" in refused(SOUND, heads=-1)


SMALL = st.integers(-2, 60)
PLACES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        **dict.fromkeys(("src", "dst"), st.integers(-1, 4)),
        "add": st.integers(-2, 4),
        **dict.fromkeys(("src_at", "dst_at", "add_at"), SMALL),
        **dict.fromkeys(("taps", "outputs", "inputs", "positions"), st.integers(0, 20) | st.sampled_from([16, 32])),
        **dict.fromkeys(("tap_step", "src_step", "dst_step", "add_step"), SMALL),
        "ahead": st.booleans(),
    }
)


@given(operations=st.lists(PLACES, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_whatever_is_let_through_runs(operations):
    plan = []
    for given_ in operations:
        op = Operation(**given_)
        shape = {"conv": (op.taps, op.inputs, op.outputs), "depthwise": (op.taps, op.outputs)}
        weight = np.full(np.maximum(shape.get(op.kind, (op.inputs, 4 * op.inputs)), 0), 0.1)
        op = op._replace(weight=weight, bias=np.zeros(max(op.outputs, 0)))
        try:
            check(REGISTERS, [op], (3, 0), 3, 1)
        except ValueError as error:
            assert str(error).startswith("operation 0: ")
        else:
            plan.append(op)
    stream = Stream(Plan(REGISTERS, plan, (3, 0), 3))
    stream.run(np.ones((9, 8)))
    stream.ahead()
    assert stream.remaining == 0
