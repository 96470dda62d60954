import subprocess
import sys

import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.predictor import CLASSES, SERVED, Predictor, folded, predict_heads, softmax
from genesis_lib.models.scaler import Scaler


@pytest.fixture(scope="module")
def artifact(make_registered, tmp_path_factory):
    return make_registered(tmp_path_factory.mktemp("models"))[1]


def test_step_equals_batch_through_gaps(artifact):
    rows = np.random.default_rng(3).normal(size=(200, 8))
    rows[70, 3] = np.nan
    rows[75] = np.nan
    valid = np.ones(200, bool)
    batch = artifact.predict(rows, valid)
    predictor = artifact.predictor()
    steps = np.array([predictor.step(row) for row in rows])
    assert np.array_equal(np.isnan(steps), np.isnan(batch))
    assert np.nanmax(np.abs(steps - batch)) < 1e-12
    full = np.flatnonzero(np.isfinite(steps[:, 0]))
    assert full.tolist() == [*range(19, 70), *range(76 + 19, 200)], "a window never holds a row that is not there"
    assert np.allclose(steps[full].sum(axis=1), 1) and len(CLASSES) == 3


def test_rows_marked_invalid_are_as_good_as_missing(artifact):
    rows = np.random.default_rng(4).normal(size=(100, 8))
    valid = np.ones(100, bool)
    valid[50] = False
    missing = rows.copy()
    missing[50] = np.nan
    assert np.array_equal(artifact.predict(rows, valid), artifact.predict(missing), equal_nan=True)


def test_answers_are_fresh_arrays(artifact):
    predictor = artifact.predictor()
    rows = np.random.default_rng(5).normal(size=(22, 8))
    first, second = [predictor.step(row) for row in rows][-2:]
    assert not np.shares_memory(first, second) and not np.array_equal(first, second)


def test_the_future_changes_nothing(artifact):
    rows = np.random.default_rng(6).normal(size=(120, 8))
    before = artifact.predict(rows)[:80]
    rows[80:] = 7.0
    assert np.abs(np.nan_to_num(artifact.predict(rows)[:80] - before)).max() < 1e-12


def test_wrong_shapes_are_refused(artifact):
    with pytest.raises(ModelError, match=r"\(8,\)"):
        artifact.predictor().step(np.zeros(7))
    with pytest.raises(ModelError, match=r"\(n, 8\)"):
        artifact.predict(np.zeros((5, 7)))
    with pytest.raises(ModelError, match="valid"):
        artifact.predict(np.zeros((5, 8)), np.ones(4, bool))
    with pytest.raises(ModelError, match="kind must be one of deeplob"):
        folded({}, {"kind": "oracle"})


@pytest.fixture(scope="module", params=["causal-16", "tabl"], ids=["compiled", "numpy"])
def served(request, make_tiny, make_lived_in):
    """A network of two heads, ready to answer, one of either way of running."""
    net = make_lived_in(make_tiny(request.param))
    return folded(net.arrays(), net.config.as_dict())


def rows_of(net, n=12, seed=7):
    return 3.0 + 2.0 * np.random.default_rng(seed).normal(size=(net.window + n, net.width))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_warm_up_is_said_and_begins_anew_at_a_row_that_is_not_finite(served, bad):
    rows = rows_of(served, served.window + 8)
    at = served.window + 3
    rows[at, 1] = bad
    predictor = Predictor(served, Scaler.fit(np.delete(rows, at, axis=0)))
    assert predictor.remaining == predictor.warmup == served.window and np.isnan(predictor.heads).all()
    for number, row in enumerate(rows):
        answer = predictor.step(row)
        since = number + 1 if number < at else number - at
        assert predictor.remaining == max(served.window - since, 0)
        assert np.isnan(answer).all() == np.isnan(predictor.heads).all() == (predictor.remaining > 0)
    batch = predict_heads(served, Scaler.fit(np.delete(rows, at, axis=0)), rows)
    assert np.array_equal(np.isfinite(batch[:, 0, 0]), [since >= served.window for since in streaks(rows)])


def streaks(rows):
    """How many finite rows end at each row."""
    count, found = 0, []
    for row in rows:
        count = count + 1 if np.isfinite(row).all() else 0
        found.append(count)
    return found


def test_every_head_has_its_temperature(served):
    rows = rows_of(served)
    scaler = Scaler.fit(rows)
    predictor = Predictor(served, scaler, temperature=[0.5, 2.0], head=1)
    answers = np.array([predictor.step(row) for row in rows])
    plain = served.logits(scaler.transform(rows))
    expected = softmax(plain[-1] / np.array([[0.5], [2.0]]))
    assert np.abs(predictor.heads - expected).max() < 1e-9 and np.array_equal(answers[-1], predictor.heads[1])
    batch = predict_heads(served, scaler, rows, temperature=[0.5, 2.0])
    assert batch.shape == (len(rows), 2, 3) and np.abs(np.nan_to_num(batch[:, 1] - answers)).max() < 1e-9


def test_what_was_given_out_is_nobody_s_memory(served):
    rows = rows_of(served)
    predictor = Predictor(served, Scaler.fit(rows))
    for row in rows:
        answer = predictor.step(row)
        predictor.heads[:] = 0.0
        answer_again = predictor.heads[0]
        assert np.array_equal(answer, answer_again, equal_nan=True)
    predictor.reset()
    predictor.heads[:] = 0.0
    assert np.isnan(predictor.step(rows[0])).all()


def test_reset_and_working_ahead_change_no_answer(served):
    rows = rows_of(served)
    scaler = Scaler.fit(rows)
    plain, busy = Predictor(served, scaler), Predictor(served, scaler)
    for row in 7.0 * rows:
        busy.step(row)
        busy.ahead()
    busy.reset()
    assert busy.remaining == busy.warmup and np.isnan(busy.heads).all()
    for row in rows:
        busy.ahead()
        assert np.array_equal(plain.step(row), busy.step(row), equal_nan=True)
        busy.ahead()


def test_what_does_not_fit_is_refused(served):
    scaler = Scaler(np.zeros(served.width), np.ones(served.width))
    with pytest.raises(ModelError, match=f"scaler has 3 columns, the network takes {served.width}"):
        Predictor(served, Scaler(np.zeros(3), np.ones(3)))
    with pytest.raises(ModelError, match="head must be from 0 to 1, got 2"):
        Predictor(served, scaler, head=2)
    for temperature in ([1.0], [1.0, 0.0], [1.0, np.nan], [1.0, -2.0]):
        with pytest.raises(ModelError, match="temperature must hold 2 positive numbers"):
            Predictor(served, scaler, temperature)
    predictor = Predictor(served, scaler)
    for row in (np.zeros(served.width + 1), np.zeros((1, served.width)), np.zeros(0)):
        with pytest.raises(ModelError, match=rf"row must have shape \({served.width},\)"):
            predictor.step(row)


def test_each_kind_has_its_place():
    for kind, place in SERVED.items():
        module, name = place.split(":")
        assert module.startswith("genesis_lib.models.") and name.isidentifier(), kind


def test_serving_needs_neither_torch_nor_scikit_learn():
    code = (
        "import sys, genesis_lib.models, genesis_lib.models.registry, genesis_lib.models.streaming;"
        "print([name for name in ('torch', 'pytorch_lightning', 'sklearn', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
