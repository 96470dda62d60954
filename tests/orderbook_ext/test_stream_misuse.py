"""Streams and plans in wrong hands: refused with a word, never a step into memory that is not theirs."""

from __future__ import annotations

import copy
import pickle
import re
import shutil
import subprocess

import numpy as np
import pytest

import orderbook_ext
from orderbook_ext import Operation, Plan, Register, Stream
from orderbook_ext._stream_plan import check

REGISTERS, COPY = [Register(1, 3), Register(1, 3)], Operation("copy", 0, 0, 1, 0, 3)
needs_compiled = pytest.mark.skipif(
    not orderbook_ext.COMPILED, reason="the twin is Python: it has no memory to protect"
)


@pytest.fixture
def stream():
    return Stream(Plan(REGISTERS, [COPY], (1, 0), 1))


@pytest.mark.filterwarnings("error")  # of numpy's integers that wrap around
@pytest.mark.parametrize(
    ("changes", "registers", "heads"),
    [
        ({"kind": "max", "taps": np.int32(65537), "tap_step": np.int32(65536)}, REGISTERS, 1),
        ({"kind": "max", "taps": np.int8(127), "tap_step": np.int8(127)}, REGISTERS, 1),
        ({"src_at": np.int8(126)}, REGISTERS, 1),
        ({}, REGISTERS, np.int8(100)),
        ({}, [Register(np.int32(65536), np.int32(65536)), Register(1, 3)], 1),
    ],
)
def test_integers_that_wrap_around_slip_through_no_check(changes, registers, heads):
    with pytest.raises(ValueError, match=r"reach beyond|together"):
        check(registers, [COPY._replace(**changes)], (1, 0), 1, heads)


def test_what_is_checked_is_what_runs():
    given = [Register(np.int64(1), 3, 0.5), Register(np.uint8(4), np.int16(3), "yes")]
    registers, (operation,) = check(given, [COPY._replace(dst_at=np.int16(9), taps=np.int64(1))], (1, 0), 1, 1)
    assert registers == ((1, 3, True), (4, 3, True)) and all(type(each.ring) is bool for each in registers)
    assert all(type(getattr(operation, name)) is int for name in ("dst_at", "taps", "inputs"))
    with pytest.raises(ValueError, match=r"slope must lie in \[0, 1\], got 'half'"):
        check(REGISTERS, [COPY._replace(slope="half")], (1, 0), 1, 1)


@needs_compiled
def test_what_was_never_made_does_nothing():
    nothing, plan = Stream.__new__(Stream), Plan.__new__(Plan)
    for use in (
        lambda: nothing.step(np.zeros(3)),
        lambda: nothing.run(np.zeros((2, 3))),
        lambda: nothing.remaining,
        lambda: nothing.logits,
        lambda: nothing.probabilities,
        nothing.reset,
        nothing.ahead,
        lambda: Stream(plan),
    ):
        with pytest.raises(RuntimeError, match="never made"):
            use()


@needs_compiled
def test_neither_copied_nor_pickled(stream):
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        for thing in (stream, stream.plan):
            with pytest.raises(TypeError):
                way(thing)


def test_rows_wherever_they_lie(stream):
    row = np.array([0.5, 2.0, -1.0])
    expected = stream.step(row)
    apart = np.ndarray((3,), np.float64, buffer=bytearray(25), offset=1)
    apart[:] = row
    assert not apart.flags.aligned
    for form in (apart, row.astype(">f8"), memoryview(row), np.repeat(row, 2)[::2]):
        assert np.array_equal(stream.step(form), expected)
    table = np.ndarray((1, 3), np.float64, buffer=bytearray(25), offset=1)
    table[:] = row
    assert np.array_equal(stream.run(table)[0, 0], expected)


def test_wrong_shapes_are_named_whatever_they_come_in(stream):
    for rows in ([[1.0, 2.0]], [1.0, 2.0, 3.0], np.zeros((1, 1, 3))):
        with pytest.raises(ValueError, match=re.escape(f"rows must have shape (n, 3), got {np.shape(rows)}")):
            stream.run(rows)
    with pytest.raises(ValueError, match=r"valid must have the 2 elements of rows, got shape \(2, 1\)"):
        stream.run(np.zeros((2, 3)), np.ones((2, 1), bool))


def test_a_row_that_uses_its_reader(stream):
    class Meddler:
        def __array__(self, dtype=None, copy=None):
            stream.reset()
            stream.run(np.ones((5, 3)))
            return np.array([0.5, 2.0, -1.0])

    power = np.exp([0.5, 2.0, -1.0])
    assert np.allclose(stream.step(Meddler()), power / power.sum(), rtol=0, atol=1e-15) and stream.remaining == 0


@needs_compiled
@pytest.mark.skipif(shutil.which("objdump") is None, reason="no objdump to read the machine code with")
def test_only_what_is_chosen_at_run_time_needs_more_than_the_plainest_machine():
    from orderbook_ext import _stream

    code = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", _stream.__file__], capture_output=True, text=True, check=True
    ).stdout
    if "x86-64" not in code:
        pytest.skip("not the machine code of an x86-64")
    wide = {
        function.partition(">")[0]
        for function in re.split(r"^[0-9a-f]+ <", code, flags=re.M)[1:]
        if re.search(r"%[yz]mm|\tv[a-z]{2}", function)
    }
    assert wide, "nothing is wide: then this test reads the wrong thing"
    assert all(re.match("avx2_|avx512_", name) for name in wide), sorted(wide)
