from dataclasses import replace

import numpy as np
import pytest
import torch

from genesis_lib.errors import InputError
from genesis_lib.models.kinds import build, kind, restore
from genesis_lib.models.linear import fit_linear
from genesis_lib.training.calibration import calibrated
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.dataset import Rows
from genesis_lib.training.labels import Label
from genesis_lib.training.members import Part, augments, class_weights, judged, start_linear, train_network
from genesis_lib.training.samples import HeadSamples


@pytest.fixture(scope="module")
def problem(make_planted):
    """Rows, and three parts of their samples under two labels."""
    rows = Rows.of([make_planted(2400, 1)], 5, ("obi_1", "obi_5", "queue_change"))
    labels = [Label(horizon=5), Label(horizon=20)]
    samples = HeadSamples.of(rows, labels, 100)
    classes = np.stack([each.fit(samples.moves[:, h]).classes(samples.moves[:, h]) for h, each in enumerate(labels)], 1)
    cuts = {"train": slice(0, 1300), "validation": slice(1450, 1800), "test": slice(1950, None)}
    return rows, {name: Part(samples.row[at], classes[at]) for name, at in cuts.items()}


QUICK = TrainingConfig(epochs=2, sequences=4, stretch=64, threads=1, quiet=True, average=0.9, learning_rate=5e-3)


def test_a_part_knows_the_rows_of_its_windows():
    part = Part(np.array([5, 6, 20]), np.zeros((3, 1), np.int8))
    assert np.flatnonzero(part.used(30, 4)).tolist() == [2, 3, 4, 5, 6, 17, 18, 19, 20]
    assert part.thinned(2).row.tolist() == [5, 20] and part.thinned(9) is part


def test_dense_and_windowed_answers_of_one_net_are_the_same(problem):
    rows, parts = problem
    config = kind("causal-16").configure(rows.columns, 2, channels=4, hidden=8)
    dense = train_network(rows, parts, config, QUICK, 7)
    windows = TrainingConfig(epochs=1, windows=64, batch_size=64, dense=False, threads=1, quiet=True)
    other = train_network(rows, parts, config, windows, 7)
    assert dense.proba.shape == other.proba.shape == (len(parts["test"].row), 3)
    for trained in (dense, other):
        net = restore(trained.architecture, trained.weights)
        at = parts["test"].row[:, None] + np.arange(-99, 1)
        with torch.inference_mode():
            logits = net(torch.from_numpy(trained.scaler.transform(rows.inputs[at]))).double().numpy()
        assert np.abs(calibrated(logits, np.array(trained.temperature)) - trained.heads_proba).max() < 1e-5
    assert np.allclose(dense.heads_proba[:, 0], dense.proba, atol=1e-6) and dense.heads_proba.shape[1] == 2


def test_nothing_of_the_other_parts_reaches_what_is_learnt(problem):
    rows, parts = problem
    config = kind("causal-16").configure(rows.columns, 2, channels=4, hidden=8, skip=True)
    trained = train_network(rows, parts, config, QUICK, 7)
    spoiled = Rows(**{name: getattr(rows, name) for name in rows.__dataclass_fields__} | {"inputs": rows.inputs.copy()})
    spoiled.inputs[parts["test"].row[0] - 99 :] += 5.0
    classes = parts | {"test": Part(parts["test"].row, 2 - parts["test"].classes)}
    again = train_network(spoiled, classes, config, QUICK, 7)
    assert all(np.array_equal(trained.weights[name], again.weights[name]) for name in trained.weights)
    assert trained.temperature == again.temperature and np.array_equal(trained.scaler.mean, again.scaler.mean)
    assert not np.allclose(trained.proba, again.proba)


def test_a_net_with_a_linear_path_starts_as_the_regression(problem):
    rows, parts = problem
    train = parts["train"]
    scaler = rows.fit_scaler(train.used(len(rows), 100))
    torch.manual_seed(0)
    net = build(kind("causal-16").configure(rows.columns, 2, channels=4, hidden=8, skip=True)).eval()
    start_linear(net, rows, train, parts["validation"], scaler)
    x = scaler.transform(rows.inputs)
    at = parts["test"].row
    with torch.inference_mode():
        answers = net(torch.from_numpy(x[at[:, None] + np.arange(-99, 1)])).softmax(-1).numpy()
    held = parts["validation"]
    for head in range(2):
        y, truth = train.classes[:, head], held.classes[:, head]
        pairs = [
            (x[part.row[known]], part.classes[known, head]) for part, known in ((train, y >= 0), (held, truth >= 0))
        ]
        coefficients, intercepts = fit_linear(*pairs[0], pairs[1], balanced=False)
        expected = calibrated(x[at] @ coefficients.T + intercepts)
        assert np.abs(expected - answers[:, head]).max() < 1e-5
    shares = np.bincount(train.classes[:, 0], minlength=3) / len(train.classes)
    mine = np.take_along_axis(answers[:, 0], parts["test"].classes[:, :1].astype(int), 1)
    assert -np.log(mine).mean() < -np.log(shares[parts["test"].classes[:, 0]]).mean() - 0.05


def test_temperatures_come_from_validation_alone(problem):
    _, parts = problem
    rng = np.random.default_rng(0)
    logits = {name: 5.0 * rng.normal(size=(len(part.row), 2, 3)) for name, part in parts.items()}
    told = {"seed": 1, "architecture": {}, "weights": {}, "scaler": None, "history": (), "predictions": 0}
    few = judged(logits, parts, began=0.0, **told)
    parts = parts | {"validation": replace(parts["validation"], overlap=1)}
    trained = judged(logits, parts, began=0.0, **told)
    assert min(trained.temperature) > 2.0, "answers of chance are cooled down"
    assert all(1.0 < some < all_ for some, all_ in zip(few.temperature, trained.temperature)), "by what is independent"
    other = judged(logits | {"test": logits["test"] * 9}, parts, began=0.0, **told)
    assert other.temperature == trained.temperature
    for part in ("validation", "test"):
        before, after = (each.scores[part]["log_loss"] for each in (few, trained))
        assert after < before < 1.6, "uncooled they cost more than 2"


def test_augmentation_needs_a_mirror(problem, make_planted):
    rows, _ = problem
    assert not augments(TrainingConfig(), rows) and not augments(TrainingConfig(augment=False), rows)
    with pytest.raises(InputError, match="mirrored=True"):
        augments(TrainingConfig(augment=True), rows)
    turned = Rows.of([make_planted(300, 1)], 5, rows.columns, mirrored=True)
    assert augments(TrainingConfig(), turned) and augments(TrainingConfig(), Rows.of([make_planted(300, 1)], 5))


def test_rare_classes_weigh_more():
    weights = class_weights(np.array([0] * 8 + [1] * 2 + [2] * 2))
    assert weights[1] == weights[2] == 4 * weights[0]
    assert class_weights(np.array([0, 2])).tolist() == [1.0, 0.0, 1.0]
