import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.linear import (
    ABSENT,
    LogisticConfig,
    LogisticNet,
    MajorityConfig,
    MajorityNet,
    RowNet,
    fit_linear,
    unscaled,
)
from genesis_lib.models.temperature import log_loss

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5000, 4)).astype(np.float32)
Y = np.digitize(X[:, 1] + 0.5 * X[:, 2] + RNG.normal(size=5000), [-0.7, 0.7])
SHAPE = {"kind": "logistic", "inputs": 4, "window": 3, "heads": 2}
WEIGHTS = {"coefficients": RNG.normal(size=(2, 3, 4)), "intercepts": RNG.normal(size=(2, 3))}


def streamed(net, rows):
    stream = net.stream()
    return [stream.step(row) for row in rows]


@pytest.mark.parametrize(
    "net",
    [
        LogisticNet(WEIGHTS, SHAPE),
        MajorityNet({"prior": np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])}, SHAPE | {"kind": "majority"}),
    ],
)
def test_a_row_a_step_equals_all_at_once(net):
    batch = net.logits(X[:50])
    assert batch.shape == (50, 2, 3) and np.isnan(batch[:2]).all() and np.isfinite(batch[2:]).all()
    single = streamed(net, X[:50])
    assert single[:2] == [None, None]
    assert np.allclose(batch[2:], single[2:], rtol=0, atol=1e-12)
    assert np.isnan(net.logits(X[:2])).all() and net.logits(X[:0]).shape == (0, 2, 3)


def test_a_stream_that_was_reset_waits_again():
    stream = LogisticNet(WEIGHTS, SHAPE).stream()
    for _ in range(3):
        answer = stream.step(X[0])
    assert answer is not None
    stream.reset()
    assert [stream.step(X[0]) is None for _ in range(3)] == [True, True, False]
    stream.ahead()


def test_the_logistic_answer_is_linear():
    answer = LogisticNet(WEIGHTS, SHAPE | {"window": 1}).logits(X[:5])
    assert np.allclose(answer[3, 1], WEIGHTS["coefficients"][1] @ X[3] + WEIGHTS["intercepts"][1])


def test_the_majority_says_its_shares():
    logits = MajorityNet({"prior": np.array([[0.2, 0.3, 0.5]])}, SHAPE | {"heads": 1, "window": 1}).logits(X[:4])
    assert np.allclose(np.exp(logits[:, 0]), [0.2, 0.3, 0.5])


@pytest.mark.parametrize(
    ("weights", "shape", "cause"),
    [
        ({}, {}, "coefficients must have shape"),
        ({"coefficients": np.zeros((2, 3, 5)), "intercepts": np.zeros((2, 3))}, {}, r"got \(2, 3, 5\)"),
        ({"coefficients": np.full((2, 3, 4), np.nan), "intercepts": np.zeros((2, 3))}, {}, "must be finite"),
        (WEIGHTS, {"window": "x"}, "architecture"),
        (WEIGHTS, {"window": 0}, "at least 1"),
    ],
)
def test_damage_is_named(weights, shape, cause):
    with pytest.raises(ModelError, match=cause):
        LogisticNet(weights, SHAPE | shape)


def test_shares_must_be_shares():
    with pytest.raises(ModelError, match="add up to 1"):
        MajorityNet({"prior": np.array([[0.2, 0.3, 0.1]])}, SHAPE | {"heads": 1})


def test_a_configuration_reads_back_and_refuses_nonsense():
    config = LogisticConfig(inputs=61, heads=2, balanced=False)
    assert LogisticConfig.of(config.as_dict()) == config and config.as_dict()["kind"] == "logistic"
    assert MajorityConfig.of({"kind": "majority", "inputs": 3, "window": 9, "heads": 1, "later": 1}).window == 9
    with pytest.raises(ModelError, match="window must be a whole number of at least 1, got 0"):
        MajorityConfig(window=0)


def test_fitted_as_scikit_learn_does():
    from sklearn.linear_model import LogisticRegression

    coefficients, intercepts = fit_linear(X, Y, penalty=1e-3, balanced=True)
    model = LogisticRegression(C=1 / (1e-3 * len(Y)), class_weight="balanced", max_iter=300).fit(X.astype(float), Y)
    assert np.array_equal(coefficients, model.coef_) and np.array_equal(intercepts, model.intercept_)


def test_validation_samples_choose_and_teach_nothing():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(150, 40))  # many columns, few rows: without a penalty it learns them by heart
    truth = rng.integers(0, 3, 150)
    held, answers = rng.normal(size=(3000, 40)), rng.choice(3, 3000, p=[0.1, 0.8, 0.1])
    free = fit_linear(noise, truth, penalty=1e-6, balanced=False)
    chosen = fit_linear(noise, truth, (held, answers))
    losses = [log_loss(held @ c.T + i, answers) for c, i in (free, chosen)]
    assert losses[1] < losses[0] and np.abs(chosen[0]).max() < np.abs(free[0]).max() / 3
    again = fit_linear(noise, truth, (held[:1], answers[:1]), penalty=1e-6, balanced=False)
    assert np.array_equal(again[0], free[0])  # one option: validation has nothing to say


def test_one_odd_stretch_does_not_decide_the_penalty():
    odd = (X[:600] * 0.3)[:, ::-1], RNG.integers(0, 3, 600)  # a stretch in which nothing told anything
    coefficients, _ = fit_linear(X, Y, odd, balanced=False)
    free, _ = fit_linear(X, Y, penalty=1e-3, balanced=False)
    assert np.abs(coefficients).max() > 0.5 * np.abs(free).max()


def test_unweighted_where_the_classes_are_rare():
    y = np.where(RNG.random(5000) < 0.9, 1, Y)
    coefficients, intercepts = fit_linear(X[:3000], y[:3000], (X[3000:], y[3000:]))
    weighted = fit_linear(X[:3000], y[:3000], penalty=1e-4, balanced=True)
    assert log_loss(X[3000:] @ coefficients.T + intercepts, y[3000:]) < 0.8 * log_loss(
        X[3000:] @ weighted[0].T + weighted[1], y[3000:]
    )


@pytest.mark.parametrize("present", [[1], [0, 2], [1, 2]])
def test_classes_that_never_occur_are_never_answered(present):
    chosen = np.isin(Y, present)
    coefficients, intercepts = fit_linear(X[chosen], Y[chosen], (X, Y))
    guess = (X @ coefficients.T + intercepts).argmax(axis=1)
    assert set(guess) <= set(present)
    absent = np.setdiff1d([0, 1, 2], present)
    assert (intercepts[absent] == ABSENT).all() and (coefficients[absent] == 0).all()


def test_unscaled_leaves_rows_alone():
    rows = np.array([[1e-12, -3e7, 0.1]], np.float32)
    assert np.array_equal(unscaled(3).transform(rows), rows)


def test_the_base_answers_nothing():
    with pytest.raises(TypeError, match="RowNet must say"):
        RowNet(SHAPE).score(X)
