"""Programs that do not fit are refused by name; slots are used again, and never while they are needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook_ext._layout import ARITY, FLOW, OPS, SPANNED, STATELESS, TIMED, check, place

INPUTS = 4 + FLOW + 3


def code(op, *args, span=0, param=0.0):
    return OPS.index(op), args, span, param


@pytest.mark.parametrize(
    ("instruction", "message"),
    [
        ((99, (0,), 0, 0.0), "must name an op"),
        (code("add", 0, INPUTS), "earlier registers"),
        (code("add", 0, -1), "earlier registers"),
        (code("component", span=3), "earlier registers"),
        (code("add", 0), r"\(add\) must have 2 args, got 1"),
        (code("log", 0, 1), r"\(log\) must have 1 args, got 2"),
        (code("sum", 0), r"\(sum\) must have a span of at least 1, got 0"),
        (code("decay", 0, 1), "0.001 to 1e6 seconds, got 0.0"),
        (code("seconds", 0, 1, param=float("nan")), "seconds, got nan"),
    ],
)
def test_what_does_not_fit_is_named(instruction, message):
    with pytest.raises(ValueError, match=message):
        check(1, [], [instruction], [0])


def test_outputs_must_exist():
    check(1, [2.0], [code("log", INPUTS)], [INPUTS + 1])
    with pytest.raises(ValueError, match="outputs"):
        check(1, [2.0], [code("log", INPUTS)], [INPUTS + 2])


def test_every_operation_is_known_once():
    assert len(set(OPS)) == len(OPS) and set(ARITY) | SPANNED | TIMED <= set(OPS)


@given(st.data())
def test_a_slot_is_never_taken_while_it_is_needed(data):
    constants = data.draw(st.integers(0, 3))
    first = INPUTS + constants
    program = []
    for i in range(data.draw(st.integers(0, 25))):
        op = data.draw(st.sampled_from(STATELESS))
        program.append(code(op, *(data.draw(st.integers(0, first + i - 1)) for _ in range(ARITY.get(op, 1)))))
    outputs = data.draw(st.lists(st.integers(0, first + len(program) - 1), max_size=5))
    slots, count = place(1, [1.0] * constants, program, outputs)
    assert max(slots) < count
    holds = {slots[r]: r for r in range(first) if slots[r] >= 0}  # every input and constant is there at the start
    assert len(holds) == sum(s >= 0 for s in slots[:first])
    for i, (_, args, _, _) in enumerate(program):
        assert all(holds[slots[a]] == a for a in args)
        assert slots[first + i] not in {slots[a] for a in args}, "a result may not overlap what it is made from"
        holds[slots[first + i]] = first + i
    assert all(holds[slots[r]] == r for r in [*outputs, *range(INPUTS, first)])


def test_slots_are_used_again():
    chain = [code("abs", 0 if i == 0 else INPUTS + i - 1) for i in range(100)]
    assert place(1, [], chain, [INPUTS + 99])[1] <= 3
