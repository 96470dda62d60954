"""Streaming networks: each operation against numpy in float64, every instruction set and the twin to the last bit."""

from __future__ import annotations

import importlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook_ext import Operation, Register, _stream_py

try:
    _stream = importlib.import_module("orderbook_ext._stream")
    WAYS = [(_stream, name) for name in _stream.instruction_sets()] + [(_stream_py, "python")]
except ImportError:
    _stream, WAYS = None, [(_stream_py, "python")]
every = pytest.mark.parametrize("way", WAYS, ids=lambda way: way[1])
needs_compiled = pytest.mark.skipif(_stream is None, reason="orderbook_ext._stream is not built")
WINDOW = 7


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * 0.4


def made(way, registers, operations, output, window=WINDOW, heads=1, **options):
    """A stream on one instruction set, and its plan."""
    module, name = way
    plan = module.Plan(registers, operations, output, window, heads, instructions=name)
    return module.Stream(plan, **options)


def network(seed=0, width=11, channels=17, units=16):
    """Every kind of operation in one plan, of sizes that fill no vector; two heads."""
    registers = [
        Register(1, width),
        Register(4, 6 * 5, True),
        Register(6, channels + 3, True),
        Register(1, 40),
        Register(1, 4 * units),
        Register(2, 2 * units),
        Register(1, 6),
        Register(1, 2 * units),
    ]
    ring = 5 * (channels + 3)
    operations = [
        Operation(
            *("conv", 0, 1, 1, 90, 5),
            **{"inputs": 2, "positions": 5, "src_step": 2, "dst_step": 6, "slope": 0.01},
            **{"weight": numbers(seed, 1, 2, 5), "bias": numbers(seed + 1, 5)},
        ),
        Operation(
            *("conv", 1, 1, 2, ring, channels),
            **{"taps": 4, "tap_step": 30, "inputs": 27, "slope": 0.01},
            **{"weight": numbers(seed + 2, 4, 27, channels), "bias": numbers(seed + 3, channels)},
        ),
        Operation(
            *("depthwise", 2, 0, 3, 0, channels + 2),
            **{"taps": 6, "tap_step": channels + 3},
            **{"weight": numbers(seed + 4, 6, channels + 2), "bias": numbers(seed + 5, channels + 2)},
        ),
        Operation("max", 2, channels + 3, 3, 20, 18, taps=3, tap_step=channels + 3),
        Operation("copy", 3, 0, 3, 38, 2),
        Operation("add", 3, 0, 6, 0, 6, add=3, add_at=5, slope=0.5),
        Operation(
            *("conv", 3, 0, 4, 0, 4 * units),
            **{"inputs": 40, "weight": numbers(seed + 6, 1, 40, 4 * units), "bias": numbers(seed + 7, 4 * units)},
            **{"tanh": True, "gain": numbers(seed + 12, 4 * units), "shift": numbers(seed + 13, 4 * units)},
        ),
        Operation(
            *("lstm", 4, 0, 5, 2 * units, 2 * units),
            **{"taps": 2, "tap_step": 0, "inputs": units, "add": 7, "weight": numbers(seed + 8, units, 4 * units)},
        ),
        Operation(
            *("conv", 5, 2 * units, 6, 0, 6),
            **{"inputs": 2 * units, "weight": numbers(seed + 9, 1, 2 * units, 6), "bias": numbers(seed + 10, 6)},
        ),
        Operation("lstm", 4, 0, 7, 0, 2 * units, inputs=units, weight=numbers(11, units, 4 * units), ahead=True),
    ]
    return registers, operations, (6, 0)


def answers(way, rows, seed=0, **options):
    scaling = {"mean": np.full(11, 0.1), "std": np.full(11, 1.3), "clip": 1.5, "temperature": [1.2, 0.7], "head": 1}
    return made(way, *network(seed), heads=2, **(scaling | options)).run(rows)


@needs_compiled
@given(seed=st.integers(0, 10_000), gap=st.integers(0, 40), size=st.sampled_from([1e-3, 1.0, 1e4]))
@settings(max_examples=15, deadline=None)
def test_every_set_gives_the_same_bits(seed, gap, size):
    rows = np.random.default_rng(seed).normal(size=(40, 11)) * size
    rows[gap:, 3] = np.where(np.arange(40 - gap) == 0, np.nan, rows[gap:, 3])
    first, *others = (answers(way, rows, seed) for way in WAYS)
    answered = np.isfinite(first[:, 0, 0])
    assert answered.sum() == max(0, gap - WINDOW + 1) + max(0, 40 - gap - 1 - WINDOW + 1)
    assert np.allclose(first[answered].sum(axis=2), 1, atol=1e-12)
    for other in others:
        assert np.array_equal(first, other, equal_nan=True)


@every
def test_a_step_is_a_row_of_a_run(way):
    rows = numbers(1, 30, 11) * 3
    rows[12] = np.inf
    stream = made(way, *network(), heads=2, head=1)
    steps, heads, logits, left = [], [], [], []
    for number, row in enumerate(rows):
        steps.append(stream.step(row))
        heads.append(stream.probabilities)
        logits.append(stream.logits)
        left.append(stream.remaining)
        if number % 3 == 0:
            stream.ahead()
    together = made(way, *network(), heads=2).run(rows)
    assert np.array_equal(np.array(heads), together, equal_nan=True)
    assert np.array_equal(np.array(steps), together[:, 1], equal_nan=True)
    assert np.array_equal(np.array(logits), made(way, *network(), heads=2).run(rows, logits=True), equal_nan=True)
    assert left[:8] == [6, 5, 4, 3, 2, 1, 0, 0] and left[12:20] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert not np.shares_memory(steps[-1], steps[-2]) and steps[-1].flags.writeable


@every
def test_rows_marked_invalid_and_reset_leave_no_trace(way):
    rows = numbers(2, 40, 11)
    valid = np.ones(40, bool)
    valid[15] = False
    stream = made(way, *network(), heads=2)
    got = stream.run(1e6 * rows)
    stream.reset()
    got = stream.run(rows, valid)
    assert np.array_equal(got[16:], made(way, *network(), heads=2).run(rows[16:]), equal_nan=True)
    missing = rows.copy()
    missing[15, 0] = np.nan
    assert np.array_equal(got, made(way, *network(), heads=2).run(missing), equal_nan=True)


@every
@pytest.mark.parametrize("inputs", [1, 2, 3, 4, 27, 64])
@pytest.mark.parametrize("outputs", [1, 3, 16, 33])
def test_convolution_is_what_numpy_says(way, inputs, outputs):
    taps, positions, dilation = 3, 5, 2
    weight, bias = numbers(3, taps, inputs, outputs), numbers(4, outputs)
    gain, shift = numbers(14, outputs), numbers(15, outputs)
    width = positions * inputs
    registers = [Register(1 + dilation * (taps - 1), width, True), Register(1, positions * outputs + 3)]
    shape = {"taps": taps, "tap_step": dilation * width, "inputs": inputs, "positions": positions}
    operation = Operation(
        *("conv", 0, 0, 1, 0, outputs),
        **shape,
        **{"src_step": inputs, "dst_step": outputs, "weight": weight, "bias": bias, "slope": 0.1},
        **{"tanh": True, "gain": gain, "shift": shift},
    )
    rows = numbers(5, 12, width)
    window = registers[0].rows
    got = made(way, registers, [operation], (1, 0), window).run(rows, logits=True)[:, 0]
    history = rows.reshape(12, positions, inputs)
    for t in range(window - 1, 12):
        want = bias + sum(history[t - dilation * (taps - 1 - k)] @ weight[k] for k in range(taps))
        want = (np.tanh(np.where(want > 0, want, 0.1 * want)) * gain + shift).reshape(-1)
        assert np.abs(got[t, : min(3, len(want))] - want[:3]).max() < 1e-5


@every
def test_lstm_is_what_its_formula_says(way):
    units = 32
    weight, state = numbers(6, units, 4 * units), numbers(7, 2 * units)
    registers = [Register(3, 4 * units, True), Register(1, 2 * units), Register(1, 2 * units)]
    operations = [
        Operation(
            *("conv", 0, 2 * 4 * units, 1, 0, 2 * units),
            **{"inputs": 1, "weight": np.zeros((1, 1, 2 * units)), "bias": state},
        ),
        Operation(
            *("lstm", 0, 0, 2, 0, 2 * units),
            **{"taps": 3, "tap_step": 4 * units, "inputs": units, "add": 1, "weight": weight},
        ),
    ]
    rows = numbers(8, 3, 4 * units) * 10
    for place in (0, units - 2, units, 2 * units - 3):
        got = made(way, registers, operations, (2, place), 3).run(rows, logits=True)[-1, 0]
        h, c = state[:units], state[units:]
        for row in rows:
            i, f, g, o = (row + h @ weight).reshape(4, units)
            i, f, o = (1 / (1 + np.exp(-x)) for x in (i, f, o))
            c = f * c + i * np.tanh(g)
            h = o * np.tanh(c)
        assert np.abs(got - np.concatenate([h, c])[place : place + 3]).max() < 1e-6


@every
@pytest.mark.parametrize("count", [1, 2, 7])
def test_many_states_take_one_step_and_move_down(way, count):
    units = 16
    weight, begin = numbers(16, units, 4 * units), numbers(17, (count + 1) * 2 * units)
    registers = [Register(1, 4 * units), Register(1, 1), Register(count + 1, 2 * units), Register(1, 3)]
    fill = {"inputs": 1, "weight": np.zeros((1, 1, begin.size)), "bias": begin}
    move = {"inputs": units, "positions": count, "add": 2, "add_at": 2 * units, "weight": weight}
    operations = [
        Operation("conv", 1, 0, 2, 0, begin.size, **fill),
        Operation("lstm", 0, 0, 2, 0, 2 * units, **move, add_step=2 * units, dst_step=2 * units),
    ]
    row = numbers(18, 4 * units)
    for state in range(count):
        for place in (0, units, 2 * units - 3):
            copy = Operation("copy", 2, 2 * units * state + place, 3, 0, 3)
            got = made(way, registers, [*operations, copy], (3, 0), 1).run(row[None], logits=True)[0, 0]
            h, c = begin.reshape(count + 1, 2, units)[state + 1]
            i, f, g, o = (row + h @ weight).reshape(4, units)
            i, f, o = (1 / (1 + np.exp(-x)) for x in (i, f, o))
            c = f * c + i * np.tanh(g)
            assert np.abs(got - np.concatenate([o * np.tanh(c), c])[place : place + 3]).max() < 1e-6


@every
def test_probabilities_are_a_softmax(way):
    registers, operations = [Register(1, 3), Register(1, 3)], [Operation("copy", 0, 0, 1, 0, 3)]
    for row in ([0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [-700.0, 50.0, 49.5], [1e4, -1e4, 0.0], [1e-3, 0.0, -1e-3]):
        got = made(way, registers, operations, (1, 0), 1, temperature=[1.5]).step(np.array(row))
        scaled = np.float32(row).astype(np.float64) / 1.5
        want = np.exp(scaled - scaled.max())
        assert np.abs(got - want / want.sum()).max() < 1e-15


@every
def test_rows_come_in_any_form(way):
    row = numbers(9, 11)
    streams = [made(way, *network(), heads=2) for _ in range(4)]
    backwards = np.ascontiguousarray(row[::-1])[::-1]
    forms = (row, row.astype(np.float32).astype(np.float64), backwards, row.tolist())
    for _ in range(WINDOW):
        got = [stream.step(form) for stream, form in zip(streams, forms)]
    assert np.array_equal(got[0], got[2]) and np.array_equal(got[0], got[3]) and np.allclose(got[0], got[1], atol=1e-5)
    single = made(way, *network(), heads=2)
    for _ in range(WINDOW):
        last = single.step(row.astype(np.float32))
    assert np.array_equal(last, got[1])


@every
def test_wrong_rows_are_refused(way):
    stream = made(way, *network(), heads=2)
    for row in (np.zeros(10), np.zeros(12), np.zeros((11, 1)), np.zeros((1, 11)), np.zeros(0)):
        with pytest.raises(ValueError, match=r"row must have shape \(11,\)"):
            stream.step(row)
    with pytest.raises(ValueError, match=r"rows must have shape \(n, 11\)"):
        stream.run(np.zeros((4, 12)))
    with pytest.raises(ValueError, match="valid must have the 4 elements"):
        stream.run(np.zeros((4, 11)), np.ones(5, bool))
    assert stream.run(np.zeros((0, 11))).shape == (0, 2, 3)
    assert stream.remaining == WINDOW, "a refused row is no row"


@every
def test_what_overflows_is_said_and_harms_nobody(way):
    stream = made(way, *network(), heads=2)
    with np.errstate(all="ignore"):
        for _ in range(WINDOW + 2):
            stream.step(np.full(11, 1e300))
        stream.reset()
        calm = stream.run(numbers(10, 20, 11))
    assert np.array_equal(calm, made(way, *network(), heads=2).run(numbers(10, 20, 11)), equal_nan=True)


@needs_compiled
def test_a_stream_is_not_shared_between_threads_while_it_runs():
    import threading

    stream = made(WAYS[0], *network(), heads=2)
    rows, refused = np.zeros((60_000, 11)), []
    thread = threading.Thread(target=stream.run, args=(rows,))
    thread.start()
    while thread.is_alive() and not refused:
        try:
            stream.step(rows[0])
        except RuntimeError as error:
            refused.append(str(error))
    thread.join()
    assert refused and "another thread" in refused[0]


@needs_compiled
def test_plans_and_streams_are_made_once():
    stream = made(WAYS[0], *network(), heads=2)
    with pytest.raises(RuntimeError, match="once"):
        stream.__init__(stream.plan)
    with pytest.raises(RuntimeError, match="once"):
        stream.plan.__init__(*network(), WINDOW, 2)


@needs_compiled
def test_the_environment_chooses_the_instruction_set():
    code = "import orderbook_ext; print(orderbook_ext.instruction_set(), *orderbook_ext.instruction_sets())"

    def asked(name):
        env = {k: v for k, v in os.environ.items() if k not in ("GENESIS_NO_EXTENSIONS", "GENESIS_INSTRUCTIONS")}
        env |= {} if name is None else {"GENESIS_INSTRUCTIONS": name}
        return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)

    chosen, *present = asked(None).stdout.split()
    assert present[0] == "portable" and chosen == present[-1]
    assert asked("portable").stdout.split()[0] == "portable"
    wrong = asked("altivec")
    assert wrong.returncode != 0 and "GENESIS_INSTRUCTIONS must be one of portable" in wrong.stderr
    with pytest.raises(ValueError, match="altivec"):
        _stream.Plan(*network(), WINDOW, 2, instructions="altivec")


@pytest.mark.parametrize("shape", [(1,), (2,), (4,), (1, 4, 1), (3, 4, 5)])
@pytest.mark.parametrize("count", [0, 1, 9, 200])
def test_the_twin_adds_one_after_the_other(shape, count):
    terms = np.random.default_rng(count).normal(size=(count, *shape)).astype(np.float32)
    total = np.zeros(shape, np.float32)
    for term in terms:
        total = total + term
    assert np.array_equal(_stream_py._add_up(terms), total)


@needs_compiled
def test_a_single_column_weighed_over_many_rows_is_the_twin_s():
    registers = [Register(1, 1), Register(64, 1, True), Register(1, 3)]
    operations = [Operation("copy", 0, 0, 1, 63, 1)] + [
        Operation("depthwise", 1, 0, 2, k, 1, taps=64, tap_step=1, weight=numbers(k, 64, 1), bias=numbers(k, 1))
        for k in range(3)
    ]
    rows = numbers(20, 80, 1)
    first, *others = (made(way, registers, operations, (2, 0), 64).run(rows) for way in WAYS)
    assert all(np.array_equal(first, other, equal_nan=True) for other in others)


def test_the_power_of_the_softmax_is_exact_to_two_units():
    for x in np.concatenate([-np.geomspace(1e-12, 690, 4000), [0.0]]):
        assert abs(_stream_py._power(float(x)) - math.exp(x)) <= 2 * math.ulp(math.exp(x))
    assert _stream_py._power(-701.0) == 0.0


def test_activations_are_exact_to_a_few_units():
    x = np.linspace(-80, 80, 20_001).astype(np.float32)
    wide = x.astype(np.float64)
    assert np.abs(_stream_py.exponential(x) / np.exp(wide) - 1).max() < 2.5e-7
    assert np.abs(_stream_py.sigmoid(x) - 1 / (1 + np.exp(-wide))).max() < 1.2e-7
    assert np.abs(_stream_py.tangent(x) - np.tanh(wide)).max() < 1.2e-7


@every
def test_what_a_step_leaves_of_a_ring_is_what_stood_there(way):
    """A column of the newest row that nothing has written yet holds what came as many rows ago as the ring has."""
    registers = [Register(1, 3), Register(4, 3, True), Register(1, 3)]
    operations = [Operation("copy", 1, 9, 2, 0, 3), Operation("copy", 0, 0, 1, 9, 3)]
    rows = numbers(21, 12, 3).astype(np.float32)
    got = made(way, registers, operations, (2, 0), 1).run(rows, logits=True)[:, 0]
    assert np.array_equal(got[4:], rows[:-4]) and not got[:4].any()
