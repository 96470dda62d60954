from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from genesis_lib.errors import InputError
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.simulation.known_odds import HORIZON, SHOWN, State
from genesis_lib.feeds.simulation.predictable import INSTRUMENT, JUMP, PredictableMarket, signs_of
from genesis_lib.feeds.snapshots import collect
from genesis_lib.training.labels import DOWN, NEUTRAL, UP, Label, run_starts
from genesis_lib.types import BookTicker, DepthUpdate, Snapshots, Trade


def taken(seed: int, accuracy: float, minutes: float) -> tuple[PredictableMarket, Snapshots]:
    market, builder = PredictableMarket(seed, accuracy, minutes), RowBuilder(INSTRUMENT)
    rows = (row for row in map(builder.push, market) if row is not None)
    return market, collect(rows, INSTRUMENT, market.provenance)


@pytest.fixture(scope="module")
def run() -> tuple[PredictableMarket, Snapshots]:
    return taken(3, 0.75, 6.0)


def test_a_row_has_its_odds(run) -> None:
    market, rows = run
    assert np.array_equal(rows.ts_exchange, market.truth.time)
    assert rows.valid.all() and rows.provenance == "simulated"
    assert np.isfinite(rows.levels).all()


def test_the_odds_are_a_function_of_what_the_book_has_shown(run) -> None:
    """Nothing but visible books, up to the row itself, is needed to say a row's odds: they hold no secret."""
    market, rows = run
    expected, age = np.empty((len(rows), 3)), -1
    for i, signs in enumerate(signs_of(rows.levels).tolist()):
        age = -1 if signs[4] > 0 else age + 1
        expected[i] = market.odds.shown(State(*signs[:4])) if signs[4] > 0 else market.odds.pause(age)
    assert np.abs(market.truth.odds - expected).max() < 1e-12


def test_rounds_are_shown_for_their_rows_and_moves_keep_their_distance(run) -> None:
    _, rows = run
    live = signs_of(rows.levels)[:, 4] > 0
    starts, ends = np.flatnonzero(~live[:-1] & live[1:]) + 1, np.flatnonzero(live[:-1] & ~live[1:]) + 1
    assert set((ends - starts[: len(ends)]).tolist()) == {SHOWN}
    assert (starts[1:] - ends[: len(starts) - 1]).min() == HORIZON - SHOWN
    moves = np.flatnonzero(np.diff(rows.mid)) + 1
    assert set(moves.tolist()) <= set(ends.tolist())
    assert np.diff(moves).min() >= HORIZON
    assert set(np.rint(np.abs(np.diff(rows.mid)[moves - 1]) / 0.1).astype(int).tolist()) == {JUMP}


def labelled(rows: Snapshots, label: Label) -> np.ndarray:
    moves, _ = label.moves(rows.mid, run_starts(rows.valid))
    return label.fit(moves).classes(moves)


def test_the_ordinary_label_is_the_one_whose_odds_are_told(run) -> None:
    _, rows = run
    balanced, plain = Label(), Label(threshold=0.0)
    assert (balanced.kind, balanced.horizon) == ("smoothed", HORIZON)
    moves, _ = balanced.moves(rows.mid, run_starts(rows.valid))
    assert balanced.fit(moves).threshold == 0.0  # more than a third of the rows do not move
    classes = labelled(rows, plain)
    moved = np.concatenate([np.diff(rows.mid), [0.0]])
    for i in range(0, len(rows) - HORIZON, 7):
        ahead = moved[i : i + HORIZON]
        direction = UP if (ahead > 0).any() else DOWN if (ahead < 0).any() else NEUTRAL
        assert classes[i] == direction


def compare(market: PredictableMarket, rows: Snapshots) -> tuple[float, int, float, float]:
    """Chi-square of the labels against the odds and its degrees; hits of the Bayes rule less expected, in errors."""
    classes, odds = labelled(rows, Label(threshold=0.0)), market.truth.odds
    live = signs_of(rows.levels)[:, 4] > 0
    # One row a round and one a pause: the rows of a round share one draw.
    firsts = np.flatnonzero(~live[:-1] & live[1:]) + 1
    firsts = firsts[classes[firsts] >= 0]
    observed: dict[tuple, np.ndarray] = {}
    for row in firsts:
        key = tuple(np.round(odds[row], 12))
        observed.setdefault(key, np.zeros(3))[classes[row]] += 1
    statistic, degrees = 0.0, 0
    for key, counts in observed.items():
        expected, order = counts.sum() * np.array(key), np.argsort(key)
        while len(order) > 1 and expected[order[0]] < 5:  # the rarest classes together
            first, second = order[:2]
            expected[second] += expected[first]
            counts[second] += counts[first]
            order = order[1:]
        if len(order) > 1:
            statistic += ((counts[order] - expected[order]) ** 2 / expected[order]).sum()
            degrees += len(order) - 1
    known = classes >= 0
    excess = (odds.argmax(axis=1) == classes).astype(float) - odds.max(axis=1)
    groups = np.concatenate([[0], np.cumsum(~live[1:] & live[:-1])])[known]  # by the move that decides
    sums = np.bincount(groups, excess[known])
    return statistic, degrees, float(sums.sum() / np.sqrt((sums**2).sum())), float(odds[known].max(axis=1).mean())


def test_labels_come_with_their_odds(run) -> None:
    statistic, degrees, errors, expected = compare(*run)
    assert degrees >= 6
    assert statistic < chi2.ppf(0.9999, degrees)
    assert abs(errors) < 4
    assert expected == pytest.approx(0.75, abs=0.03)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**9), st.floats(0.53, 0.93))
def test_labels_come_with_their_odds_whatever_is_asked_for(seed: int, accuracy: float) -> None:
    statistic, degrees, errors, expected = compare(*taken(seed, accuracy, 8.0))
    assert degrees == 0 or statistic < chi2.ppf(0.99999, degrees)
    assert abs(errors) < 5
    assert expected == pytest.approx(accuracy, abs=0.04)


def test_odds_of_another_strength_do_not_pass_for_the_truth(run) -> None:
    market, rows = run
    other = PredictableMarket(3, 0.9, 6.0)
    other._times, other._odds = list(market.truth.time), []
    flat = {tuple(np.round(market.odds.shown(s), 12)): other.odds.shown(s) for s in market.odds._shown}
    other._odds = [flat.get(tuple(np.round(row, 12)), row) for row in market.truth.odds]
    statistic, degrees, errors, _ = compare(other, rows)
    assert statistic > chi2.ppf(0.9999, degrees) or abs(errors) > 4


def test_messages_are_those_of_a_venue(run) -> None:
    events = list(PredictableMarket(5, 0.6, 0.5))
    assert [type(e).__name__ for e in events].count("DepthSnapshot") == 1
    updates = [e for e in events if isinstance(e, DepthUpdate)]
    assert all(b.prev_id == a.last_id and b.first_id == a.last_id + 1 for a, b in pairwise(updates))
    received = [e.ts_receive for e in events]
    assert received == sorted(received)
    trades = [e for e in events if isinstance(e, Trade)]
    assert 0.2 < len(trades) / len(updates) < 0.4
    assert any(isinstance(e, BookTicker) for e in events)


def test_trades_say_nothing(run) -> None:
    _, rows = run
    classes = labelled(rows, Label(threshold=0.0))
    signed = rows.flow[:, 1] - rows.flow[:, 2]
    some = (classes >= 0) & (signed != 0)
    assert abs(np.corrcoef(np.sign(signed[some]), classes[some] - 1)[0, 1]) < 0.08


def test_a_seed_decides_everything() -> None:
    def told(seed: int) -> list[str]:
        return [repr(event) for event in PredictableMarket(seed, 0.7, 0.05)]

    assert told(1) == told(1) != told(2)
    hashes = {PredictableMarket(*made).data_hash for made in ((1, 0.7, 1.0), (2, 0.7, 1.0), (1, 0.8, 1.0), (1, 0.7, 2))}
    assert len(hashes) == 4


def test_a_length_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="minutes must be finite, got inf"):
        PredictableMarket(minutes=math.inf)
    with pytest.raises(InputError, match="minutes must be greater than 0, got -1"):
        PredictableMarket(1, 0.7, -1)
