"""What every kind that answers live must keep: the numbers of its training, in batch and row by row, without torch."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from genesis_lib.errors import ModelError
from genesis_lib.features import OFI_INPUTS
from genesis_lib.models import predictor
from genesis_lib.models.ensemble import Member, assemble
from genesis_lib.models.kinds import KINDS, config_of, restore
from genesis_lib.models.linear import unscaled
from genesis_lib.training.estimators import fit_estimator
from genesis_lib.training.labels import Label

each_kind = pytest.mark.parametrize("name", list(KINDS))
COLUMNS = (*OFI_INPUTS(2)[:5], "log_return_1")


@pytest.fixture(scope="module")
def models(make_tiny, make_lived_in):
    """Every kind as (architecture, weights), of two heads, as a manifest would give them back."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, len(COLUMNS))), rng.integers(0, 3, (400, 2))
    known, labels = rng.integers(0, 3, (400, 2)), [Label(horizon=h, threshold=0.5) for h in (3, 5)]
    made = {}
    for name, item in KINDS.items():
        if item.torch:
            net = make_lived_in(make_tiny(name))
            made[name] = net.config.as_dict(), net.arrays()
        elif name != "ensemble":
            given = {"rounds": 3, "least": 5, "leaves": 4} if name == "boosted" else {}
            config = {"window": 7, **given}
            fitted = fit_estimator(
                name, x[:300], y[:300], x[300:], y[300:], COLUMNS, known=known[:300], labels=labels, config=config
            )
            made[name] = fitted.architecture, fitted.weights
    made["ensemble"] = ensemble(made["logistic"], made["majority"], made["causal-16"])
    return {name: (json.loads(json.dumps(shape)), weights) for name, (shape, weights) in made.items()}


def ensemble(*models):
    """Members that read different columns of a row, one after the other."""
    members, at = [], 0
    for (shape, weights), weight in zip(models, (0.5, 0.3, 0.2)):
        width = shape["inputs"]
        columns = tuple(range(at, at + width))
        members.append(Member(shape, weights, unscaled(width), (1.0, 1.5), columns, weight))
        at += width
    return assemble(members, at)


def rows_for(shape, n=40, seed=1) -> np.ndarray:
    """A streak of scaled rows, somewhat longer than the window."""
    return np.random.default_rng(seed).normal(size=(shape["window"] + n, shape["inputs"])).astype(np.float32)


def softmax(logits):
    power = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


def walked(stream, rows, ahead=False) -> list:
    answers = []
    for row in rows:
        answers.append(stream.step(row))
        if ahead:
            stream.ahead()
    return [None if answer is None else np.array(answer) for answer in answers]


def test_every_kind_is_served():
    assert set(predictor.SERVED) == {item.architecture for item in KINDS.values()}
    with pytest.raises(ModelError, match=r"kind must be one of .*got 'lstm'"):
        predictor.folded({}, {"kind": "lstm"})


@each_kind
def test_batch_is_what_it_says(name, models):
    shape, weights = models[name]
    net, rows = predictor.folded(weights, shape), rows_for(shape)
    assert (net.window, net.width, net.heads) == (shape["window"], shape["inputs"], 2)
    logits = net.logits(rows)
    assert logits.shape == (len(rows), 2, 3) and logits.dtype == np.float64
    assert np.isnan(logits[: net.window - 1]).all() and np.isfinite(logits[net.window - 1 :]).all()
    assert np.isnan(net.logits(rows[: net.window - 1])).all() and net.logits(rows[:0]).shape == (0, 2, 3)
    assert np.array_equal(net.logits(rows), logits, equal_nan=True)


@each_kind
def test_row_by_row_is_the_batch(name, models):
    shape, weights = models[name]
    net, rows = predictor.folded(weights, shape), rows_for(shape)
    steps, batch = walked(net.stream(), rows), net.logits(rows)
    first = net.window - 1
    assert all(step is None for step in steps[:first]) and all(step.shape == (2, 3) for step in steps[first:])
    assert np.abs(softmax(np.array(steps[first:])) - softmax(batch[first:])).max() < 1e-6
    # An answer must not depend on when the work was done that could be done ahead, nor on another stream of the net.
    for other in (walked(net.stream(), rows, ahead=True), walked(net.stream(), rows)):
        assert all(np.array_equal(a, b) for a, b in zip(steps[first:], other[first:]))


@each_kind
def test_the_window_is_all_it_knows(name, models):
    shape, weights = models[name]
    net, rows = predictor.folded(weights, shape), rows_for(shape)
    fresh, used = net.stream(), net.stream()
    expected = walked(fresh, rows[-net.window :])[-1]
    assert np.abs(softmax(walked(used, rows)[-1]) - softmax(expected)).max() < 1e-6
    used.reset()
    again = walked(used, rows[-net.window :])
    assert all(answer is None for answer in again[:-1]) and np.array_equal(again[-1], expected)
    assert np.abs(softmax(net.logits(rows[-net.window :])[-1]) - softmax(expected)).max() < 1e-6


@pytest.mark.parametrize("name", [name for name, item in KINDS.items() if item.torch])
def test_a_network_answers_as_torch_does(name, models):
    shape, weights = models[name]
    net, rows = restore(shape, weights).double(), rows_for(shape)
    assert net.config == config_of(shape)
    windows = np.lib.stride_tricks.sliding_window_view(rows, shape["window"], axis=0).transpose(0, 2, 1)
    with torch.inference_mode():
        expected = torch.softmax(net(torch.from_numpy(windows.astype(np.float64))), 2).numpy()
    assert expected.std(axis=0).min() > 1e-4, "answers must differ, or equality proves nothing"
    served = predictor.folded(weights, shape)
    first = shape["window"] - 1
    assert np.abs(softmax(served.logits(rows)[first:]) - expected).max() < 1e-6
    assert np.abs(softmax(np.array(walked(served.stream(), rows)[first:])) - expected).max() < 1e-6


@each_kind
def test_weights_that_do_not_fit_are_named(name, models):
    shape, weights = models[name]
    gone = sorted(weights)[0]
    with pytest.raises(ModelError, match=gone.removeprefix("member0.").rsplit(".", 1)[0]):
        predictor.folded({key: array for key, array in weights.items() if key != gone}, shape)
    for key in ("window", "heads"):
        if name != "ensemble":
            with pytest.raises(ModelError):
                predictor.folded(weights, {k: v for k, v in shape.items() if k not in (key, "inputs", "levels")})


def test_serving_needs_neither_torch_nor_scikit_learn():
    code = (
        "import sys, importlib; from genesis_lib.models import predictor;"
        "[importlib.import_module(place.split(':')[0]) for place in predictor.SERVED.values()];"
        "print([name for name in ('torch', 'pytorch_lightning', 'sklearn', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
