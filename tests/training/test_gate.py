from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.features import OFI_INPUTS
from genesis_lib.models import registry
from genesis_lib.models.baseline import Baselines
from genesis_lib.models.scaler import Scaler
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


LABEL = {"kind": "smoothed", "horizon": 5, "threshold": 1e-5, "span": 100, "width": 1.0}


def reader(root, columns, coefficients, labels=(LABEL,), head=0, **architecture):
    """A registered logistic regression with hand-made coefficients (heads, 3, columns)."""
    rng = np.random.default_rng(0)
    flow, classes = rng.normal(size=(100, len(OFI_INPUTS(3)))), rng.integers(0, 3, 100)
    return registry.register(
        "reader",
        weights={"coefficients": np.array(coefficients, float), "intercepts": np.zeros((len(labels), 3))},
        scaler=Scaler(np.zeros(len(columns)), np.ones(len(columns))),
        baselines=Baselines.fit(flow, classes, classes, OFI_INPUTS(3), Scaler.fit(flow)).as_dict(),
        architecture={"kind": "logistic", "inputs": len(columns), "window": 1, "heads": len(labels)} | architecture,
        columns=columns,
        label=labels[head],
        labels=labels,
        head=head,
        levels=3,
        metrics={},
        data_hash="",
        provenance="simulated",
        data=[],
        training={},
        seed=0,
        root=root,
    )


SEES, BLIND, WRONG = [[-2], [0], [2]], [[0], [0], [0]], [[2], [0], [-2]]


def test_models_of_other_columns_and_kinds_are_held_against_each_other(tmp_path, make_planted) -> None:
    held = [make_planted(1500, 31, depth=5, day=3), make_planted(1500, 32, depth=5, day=4)]
    good, blind = reader(tmp_path, ("obi_1",), [SEES]), reader(tmp_path, ("log_spread",), [BLIND], window=7)
    verdict = gate.challenge(good, blind, held)
    assert verdict.promote and verdict.gain > 0.05 and verdict.low < verdict.gain < verdict.high
    back = gate.challenge(blind, good, held)
    assert not back.promote and back.gain == pytest.approx(-verdict.gain, abs=0.02)
    assert gate.challenge(good, None, held).promote


def test_a_champion_of_several_heads_answers_what_was_asked(tmp_path, make_planted) -> None:
    held = [make_planted(2000, 33, depth=5, day=3)]
    longer = LABEL | {"horizon": 50}
    champion = reader(tmp_path, ("obi_1",), [WRONG, SEES], labels=(longer, LABEL | {"threshold": 3e-5}))
    assert gate.same_question(champion, LABEL) == 1 and gate.same_question(champion, longer) == 0
    assert gate.same_question(champion, LABEL | {"kind": "volatility"}) == 0, "the primary one, where none was asked it"
    same = gate.challenge(reader(tmp_path, ("obi_1",), [SEES]), champion, held)
    assert same.gain == pytest.approx(0.0, abs=1e-9) and not same.promote
    alone = reader(tmp_path, ("obi_1",), [WRONG])
    assert gate.challenge(reader(tmp_path, ("obi_1",), [SEES]), alone, held).promote


def test_too_few_rows_show_nothing() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 300)
    verdict = gate.judge(forecast(rng, labels, 0.05), forecast(rng, labels, 0.4), labels, block=100)
    assert verdict.gain > 0 and not verdict.promote and "too few for an interval: the champion stays" in verdict.reason
