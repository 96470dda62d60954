"""Estimators on simulated rows: fitted on some samples, chosen on others, served as an artifact would serve them."""

import numpy as np
import pytest

from genesis_lib.errors import InputError, ModelError
from genesis_lib.features import OFI_INPUTS
from genesis_lib.models.temperature import log_loss
from genesis_lib.training import Rows, gather_sessions
from genesis_lib.training.dataset import Samples
from genesis_lib.training.estimators import ESTIMATORS, configure_estimator, estimator_logits, fit_estimator
from genesis_lib.training.labels import Label

COLUMNS = (*OFI_INPUTS(10), "log_return_1")


@pytest.fixture(scope="module")
def rows():
    return Rows.of(gather_sessions(["simulator", "simulator"], 10, minutes=1), 10, inputs=",".join(COLUMNS))


@pytest.fixture(scope="module")
def parts(rows):
    label = Label(horizon=10)
    samples = Samples.of(rows, label, 100, 2)
    cut = [int(len(samples) * share) for share in (0.5, 0.7)]
    fitted = label.fit(samples.move[: cut[0]])
    classes, known = fitted.classes(samples.move), fitted.classes(samples.known)
    train, held, rest = np.split(np.arange(len(samples)), cut)
    return samples, fitted, classes, known, train, held, rest


def fit(kind, rows, parts, **more):
    samples, label, classes, known, train, held, _ = parts
    x = rows.inputs[samples.row]
    more = {"known": known[train], "labels": [label], "config": {"rounds": 8} if kind == "boosted" else {}} | more
    return fit_estimator(kind, x[train], classes[train], x[held], classes[held], rows.columns, **more)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_answers_as_it_is_served(kind, rows, parts):
    made = fit(kind, rows, parts)
    samples = parts[0]
    logits = estimator_logits(made, rows, samples.row)
    assert logits.shape == (len(samples), 1, 3) and np.isfinite(logits).all()
    assert made.architecture["kind"] == kind and made.architecture["window"] == 100
    streak = np.flatnonzero(rows.starts == rows.starts[samples.row[0]])[:300]
    scaled = made.scaler.transform(rows.inputs[streak])
    batch, stream = made.net.logits(scaled), made.net.stream()
    single = [stream.step(row) for row in scaled]
    inside = np.isin(streak, samples.row)
    at = np.searchsorted(samples.row, streak[inside])
    assert np.allclose(batch[inside], logits[at], atol=1e-9) and inside.sum() > 50
    assert np.allclose(np.array(single[99:]), batch[99:], atol=1e-9)


def test_what_the_rows_tell_is_found():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6000, 4)).astype(np.float32)
    y = np.digitize(x[:, 0] + 2 * (x[:, 1] * x[:, 2] > 0) + rng.normal(size=6000), [0.4, 1.6])
    losses = {}
    for kind in ("majority", "logistic", "boosted"):
        made = fit_estimator(kind, x[:3000], y[:3000], x[3000:4000], y[3000:4000], tuple("abcd"), config={"window": 1})
        losses[kind] = log_loss(made.net.logits(made.scaler.transform(x[4000:]))[:, 0], y[4000:])
    assert losses["majority"] > losses["logistic"] + 0.05 > losses["boosted"] + 0.1  # a product is not linear


def test_persistence_is_the_baseline_of_that_name(rows, parts):
    samples, _, _, known, _, _, rest = parts
    made = fit("persistence", rows, parts)
    served = estimator_logits(made, rows, samples.row[rest])[:, 0]
    table = np.log(made.weights["transitions"][0])
    assert np.array_equal(served, table[known[rest]])


def test_several_heads_are_fitted_each_by_itself(rows, parts):
    samples, _, classes, _, train, held, _ = parts
    x = rows.inputs[samples.row]
    both = np.stack([classes, 2 - classes], axis=1)
    both[::5, 1] = -1  # the longer horizon has no label there
    for kind in ("majority", "logistic", "boosted"):
        few = {"config": {"rounds": 6} if kind == "boosted" else {}}
        joint = fit_estimator(kind, x[train], both[train], x[held], both[held], rows.columns, **few)
        alone = fit_estimator(kind, x[train], both[train, 0], x[held], both[held, 0], rows.columns, **few)
        answers = [estimator_logits(made, rows, samples.row[:500]) for made in (joint, alone)]
        assert answers[0].shape == (500, 2, 3) and np.allclose(answers[0][:, :1], answers[1])
        assert not np.allclose(answers[0][:, 0], answers[0][:, 1])
        assert joint.parameters > alone.parameters


@pytest.mark.parametrize(
    ("changes", "cause", "error"),
    [
        ({"kind": "forest"}, "estimator must be one of majority", ModelError),
        ({"config": {"leafs": 3}}, "boosted has no 'leafs'; it has", ModelError),
        ({"columns": ("obi_1",)}, r"x must have shape \(\d+, 1\)", InputError),
        ({"kind": "persistence", "known": None}, "newest known classes", InputError),
        ({"kind": "persistence", "labels": [Label("triple-barrier")]}, "persistence: a label must be", ModelError),
        ({"classes": -1}, "head 0 has no labelled training sample", InputError),
    ],
)
def test_what_cannot_be_fitted_is_told(rows, parts, changes, cause, error):
    samples, label, classes, known, train, held, _ = parts
    x = rows.inputs[samples.row]
    given = {"kind": "boosted", "columns": rows.columns, "known": known[train], "labels": [label], "classes": 0}
    given |= changes
    y = np.where(given.pop("classes"), -1, classes[train])
    kind, columns = given.pop("kind"), given.pop("columns")
    with pytest.raises(error, match=cause):
        fit_estimator(kind, x[train], y, x[held], classes[held], columns, **given)


def test_persistence_asks_for_its_column():
    with pytest.raises(ModelError, match="persistence reads log_return_1"):
        configure_estimator("persistence", ("obi_1", "obi_5"))
    assert configure_estimator("persistence", ("obi_1", "log_return_1")).column == 1
