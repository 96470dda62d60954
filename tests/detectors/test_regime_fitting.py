"""Fitting: clusters where they were put, the same model for the same seconds, and what the library's says of itself."""

import json

import numpy as np
import pytest

from genesis_lib.detectors.regime_fitting import Collector, fit, gather, write_model
from genesis_lib.detectors.regime_model import COLUMNS, default_model
from genesis_lib.detectors.watch import Watch
from genesis_lib.errors import InputError

PLACES = {
    "Calm": ([0, 0, 0, 0, 0, 0, 0], 2000),
    "Stressed": ([1, 5, 0.5, 0, 0, 0, 0], 100),
    "thin": ([0, 0, 4, 0, 0, 0, 0], 100),
    "Execution Hot": ([4, 0, 0, 3, 0, -2, 0], 200),
    "Manipulation Suspected": ([0, 0, 0, 0, 0, 0, 0.7], 150),
}


@pytest.fixture(scope="module")
def seconds():
    rng = np.random.default_rng(3)
    made = [rng.normal(place, 0.3, (count, len(COLUMNS))) for place, count in PLACES.values()]
    for part, name in zip(made, PLACES):
        part[:, -1] = rng.normal(0.7, 0.05, len(part)) * (name == "Manipulation Suspected")
    return np.concatenate(made)


def test_finds_the_clusters_that_are_there(seconds):
    model = fit(seconds, ["a"])
    assert model.states == ("Calm", "Stressed", "Stressed", "Execution Hot", "Manipulation Suspected")
    assert np.allclose(model.centres, [place for place, _ in PLACES.values()], atol=0.15)
    assert np.allclose(model.weights, [count / len(seconds) for _, count in PLACES.values()], atol=0.005)
    for state, (place, _) in zip(model.states, PLACES.values()):
        odds = model.probabilities(place)
        assert max(odds, key=odds.get) == state and sum(odds.values()) == pytest.approx(1.0)


def test_the_same_seconds_give_the_same_model_in_any_order_nearly(seconds):
    assert fit(seconds).hash == fit(seconds.tolist()).hash
    shuffled = np.random.default_rng(1).permutation(seconds)
    assert np.allclose(fit(shuffled).centres, fit(seconds).centres, atol=1e-3)


def test_too_little_is_said(seconds):
    with pytest.raises(InputError, match="at least 200 rows of 7 numbers, got shape"):
        fit(seconds[:10])
    with pytest.raises(InputError, match="seconds that stand out, got 0"):
        fit(np.zeros((500, 7)))


def test_a_model_is_written_whole(tmp_path, seconds):
    path, model = tmp_path / "m.json", fit(seconds)
    write_model(model, path)
    assert json.loads(path.read_text()) == json.loads(json.dumps(model.as_dict()))
    assert [item.name for item in tmp_path.iterdir()] == ["m.json"]


def test_collects_a_row_for_each_second_after_the_warm_up(make_market):
    market, collector = make_market(140), Collector()
    watch = Watch([collector])
    for row in market.rows:
        assert watch.step(row) == []
    assert 15 <= len(collector.seconds) <= 21 and {len(second) for second in collector.seconds} == {7}


def test_the_model_of_the_library_says_what_it_was_fitted_on():
    model = default_model()
    assert [name.rsplit(" ", 1)[-1] for name in model.fitted_on if "seed" in name] == [str(k) for k in range(10)]
    assert not any("taifex" in name.lower() or "txf" in name.lower() for name in model.fitted_on)
    by_state = dict(zip(model.states, model.centres))
    assert by_state["Execution Hot"][COLUMNS.index("trade_rate")] > 1
    assert by_state["Manipulation Suspected"][-1] > 0.4 and model.weights[0] > 0.5


@pytest.mark.slow
def test_a_model_can_be_gathered_from_simulated_sessions():
    model = gather([3, 4])
    assert model.fitted_on == ("simulator:SIMBTC seed 3", "simulator:SIMBTC seed 4") and model.states[0] == "Calm"
