from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.training import gate
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshots


def sessions(*spans: tuple[int, int, int]) -> list[Snapshots]:
    """Sessions of `rows` rows between two times each."""
    instrument = Instrument("test", "X", 0.5, 1.0)
    made = []
    for first, last, rows in spans:
        times = np.linspace(first, last, rows).astype(np.int64)
        levels, flow = np.ones((rows, 1, 4)), np.zeros((rows, len(FLOW_FIELDS)))
        made.append(Snapshots(instrument, times, times, levels, flow, np.ones(rows, bool)))
    return made


def test_sessions_recorded_at_once_are_held_out_from_one_moment_on() -> None:
    fast, slow, later = sessions((0, 1000, 900), (100, 1100, 300), (5000, 6000, 100))
    train, held = gate.hold_out([fast, slow, later], 0.2)
    assert [len(a) + len(b) for a, b in zip(train, held)] == [900, 300, 100], "no row is lost"
    begins = min(held[0].ts_exchange[0], held[1].ts_exchange[0])
    assert max(train[0].ts_exchange[-1], train[1].ts_exchange[-1]) < begins
    assert len(held[0]) + len(held[1]) == pytest.approx(240, abs=1) and len(held[2]) == 20


def test_a_session_that_ends_before_its_groups_moment_is_learnt_from_whole() -> None:
    train, held = gate.hold_out(sessions((0, 1000, 900), (0, 300, 50)), 0.2)
    assert (len(train[1]), len(held[1])) == (50, 0) and len(held[0]) > 0
    with pytest.raises(InputError, match="share"):
        gate.hold_out(train, 1.0)


def forecast(rng, labels: np.ndarray, skill: float) -> np.ndarray:
    p = np.full((len(labels), 3), (1 - skill) / 3) + rng.uniform(0, 0.05, (len(labels), 3))
    p[np.arange(len(labels)), labels] += skill
    return p / p.sum(1, keepdims=True)


def test_a_clearly_better_challenger_is_promoted_and_a_worse_one_never() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 4000)
    good, bad = forecast(rng, labels, 0.4), forecast(rng, labels, 0.05)
    better, worse = gate.judge(bad, good, labels), gate.judge(good, bad, labels)
    assert better.promote
    assert 0 < better.low < better.gain < better.high
    assert not worse.promote
    assert worse.gain == pytest.approx(-better.gain)
    assert "the champion stays" in worse.reason


@given(st.integers(0, 1000))
def test_the_same_forecast_is_never_promoted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 300)
    same = forecast(rng, labels, 0.3)
    verdict = gate.judge(same, same, labels)
    assert not verdict.promote
    assert verdict.gain == 0


def test_without_a_champion_the_first_model_stands() -> None:
    assert gate.judge(None, np.full((5, 3), 1 / 3), np.zeros(5, int)).promote


def test_the_gate_refuses_what_it_cannot_judge() -> None:
    with pytest.raises(InputError, match="held-out rows"):
        gate.judge(None, np.zeros((0, 3)), np.zeros(0, int))
    with pytest.raises(InputError, match=r"must be \(5, 3\)"):
        gate.judge(np.zeros((4, 3)), np.zeros((5, 3)), np.zeros(5, int))
