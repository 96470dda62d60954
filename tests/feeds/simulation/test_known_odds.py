from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.known_odds import (
    HORIZON,
    NEUTRAL,
    ONSET,
    SHOWN,
    STATES,
    UP,
    KnownOdds,
    State,
    cells,
)

ACCURACIES = st.floats(0.52, 0.93)


@settings(max_examples=15, deadline=None)
@given(ACCURACIES)
def test_the_ceiling_is_what_was_asked_for(accuracy: float) -> None:
    odds = KnownOdds(accuracy)
    assert odds.ceiling.accuracy == pytest.approx(accuracy, abs=1e-9)
    assert 1 / 3 < odds.ceiling.linear_accuracy < accuracy
    assert 0 < odds.ceiling.log_loss < np.log(3)


@settings(max_examples=15, deadline=None)
@given(ACCURACIES, st.sampled_from(STATES))
def test_a_book_upside_down_has_its_odds_upside_down(accuracy: float, state: State) -> None:
    odds = KnownOdds(accuracy)
    mirrored = state._replace(x=-state.x, y=-state.y)
    assert odds.shown(state) == pytest.approx(odds.shown(mirrored)[::-1])


def test_no_single_sign_tells_what_the_gate_does_to_the_deeper_level() -> None:
    odds = KnownOdds(0.75)
    rise = {state: odds.shown(state)[UP] - odds.shown(state)[0] for state in STATES}
    for name in ("y", "gate"):
        mean = [np.mean([rise[s] for s in STATES if getattr(s, name) == sign]) for sign in (-1, 1)]
        assert mean[0] == pytest.approx(mean[1], abs=1e-12)
    assert np.mean([rise[s] for s in STATES if s.x == 1]) > 0.05
    assert np.mean([rise[s] for s in STATES if s.y * s.gate == 1]) > 0.3


def test_the_cells_are_all_rows() -> None:
    weights, posteriors, signs = cells(KnownOdds(0.7).strength)
    assert weights.sum() == pytest.approx(1.0)
    assert posteriors.sum(axis=1) == pytest.approx(np.ones(len(weights)))
    assert weights[signs[:, 4] > 0].sum() == pytest.approx(SHOWN / (HORIZON + (1 - ONSET) / ONSET))


def test_the_odds_are_those_of_a_long_run_of_rounds() -> None:
    """Rounds thrown with numpy, without any book: label shares by age, the Bayes rule's hits, macro-F1, log-loss."""
    odds, rng = KnownOdds(0.75), np.random.default_rng(11)
    rounds = 40_000
    states = rng.integers(len(STATES), size=rounds)
    table = np.array([odds.shown(state) for state in STATES])
    moves = (rng.random(rounds)[:, None] > np.cumsum(table[states], axis=1)[:, :2]).sum(axis=1)
    waits = rng.geometric(ONSET, rounds) - 1 + HORIZON - SHOWN
    blocks = waits + SHOWN
    number = np.repeat(np.arange(rounds), blocks)
    age = np.arange(blocks.sum()) - np.repeat(np.cumsum(blocks) - blocks, blocks)
    to_move = blocks[number] - age
    classes = np.where(to_move <= HORIZON, moves[number], NEUTRAL)
    pauses = np.array([odds.pause(i) for i in range(HORIZON)])
    posterior = np.where((to_move <= SHOWN)[:, None], table[states[number]], pauses[np.minimum(age, HORIZON - 1)])
    hits = (posterior.argmax(axis=1) == classes).astype(float)
    per_round = np.add.reduceat(hits - odds.ceiling.accuracy, np.cumsum(blocks) - blocks)
    error = per_round.std() * np.sqrt(rounds) / len(hits)
    assert abs(hits.mean() - odds.ceiling.accuracy) < 4 * error < 0.01
    loss = -np.log(posterior[np.arange(len(classes)), classes]).mean()
    assert loss == pytest.approx(odds.ceiling.log_loss, abs=0.01)
    from sklearn.metrics import f1_score

    assert f1_score(classes, posterior.argmax(axis=1), average="macro") == pytest.approx(
        odds.ceiling.macro_f1, abs=0.01
    )
    for since in (0, 1, 2, 5):
        some = classes[(age == since) & (to_move > SHOWN)]
        assert np.bincount(some, minlength=3) / len(some) == pytest.approx(odds.pause(since), abs=0.015)


@pytest.mark.parametrize("accuracy", [0.3, 0.5, 0.96, 1.0, float("nan")])
def test_what_no_strength_gives_is_refused(accuracy: float) -> None:
    with pytest.raises(InputError, match=r"accuracy must lie between 0\.506 .* and 0\.944"):
        KnownOdds(accuracy)
