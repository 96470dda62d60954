import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.alerts import Rule
from genesis_lib.alerts.escalation import Repetition, raised

S = 1_000_000_000


def test_slow_repetition_raises_nothing():
    times = Repetition(Rule(escalate_after=3, escalate_within_s=10.0))
    assert {times.step(k * 4 * S) for k in range(50)} == {0}


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 6))
def test_a_step_up_takes_so_many_repeats(waits, after):
    times, now, found = Repetition(Rule(escalate_after=after, escalate_within_s=20.0)), 0, []
    for wait in waits:
        now += wait * S
        found.append(times.step(now))
    for k, (before, steps) in enumerate(zip([0, *found], found)):
        assert steps in (0, before, before + 1)
        if steps > before:
            assert sum(waits[k - after + 1 : k + 1]) <= 20
        if waits[k] > 20:
            assert steps == 0


@pytest.mark.parametrize(("severity", "steps", "worse"), [("info", 0, "info"), ("info", 9, "critical")])
def test_nothing_is_worse_than_critical(severity, steps, worse):
    assert raised(severity, steps) == worse


def test_never():
    times = Repetition(Rule(escalate_after=0))
    assert {times.step(0) for _ in range(99)} == {0}
