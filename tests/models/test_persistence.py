"""Persistence off a column of returns: the classes that the labels of earlier rows give."""

import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.persistence import Move, PersistenceConfig, PersistenceNet, transitions
from genesis_lib.training.labels import Label, last_known, run_starts

LABELS = [
    Label("smoothed", 5, threshold=1e-5),
    Label("smoothed", 20, threshold=0.0),
    Label("smoothed-past", 7, threshold=1e-5),
    Label("volatility", 4, threshold=0.4, span=30),
]
TABLE = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]])


def walk(n=3000, seed=1):
    """A mid on a grid of halves (sums of its moves are exact) that often stands still and often comes back."""
    rng = np.random.default_rng(seed)
    return 60_000 + 0.5 * np.cumsum(rng.choice([-2, -1, 0, 0, 0, 1, 2], n))


def net(labels, window=1):
    shape = {"kind": "persistence", "inputs": 2, "window": window, "heads": len(labels), "column": 1}
    shape["labels"] = [label.as_dict() for label in labels]
    return PersistenceNet({"transitions": np.stack([TABLE] * len(labels))}, shape)


def inputs(mid):
    returns = np.log(mid / np.concatenate([mid[:1], mid[:-1]]))
    return np.stack([np.zeros(len(mid)), returns], axis=1).astype(np.float32)


@pytest.mark.parametrize("label", LABELS, ids=lambda label: f"{label.kind}-{label.horizon}")
@pytest.mark.parametrize("seed", [1, 2])
def test_knows_what_the_labels_of_earlier_rows_say(label, seed):
    mid = walk(seed=seed)
    starts = run_starts(np.ones(len(mid), bool))
    move, end = label.moves(mid, starts)
    newest = last_known(end, starts)
    known = label.classes(np.where(newest >= 0, move[newest], 0.0))
    answer = net([label]).logits(inputs(mid))[:, 0]
    assert np.array_equal(answer, np.log(TABLE)[known])
    assert len(set(known)) == 3


def test_a_row_a_step_equals_all_at_once():
    made = net(LABELS, window=12)
    rows = inputs(walk(400))
    batch, stream = made.logits(rows), made.stream()
    for _ in range(2):
        single = [stream.step(row) for row in rows]
        assert single[:11] == [None] * 11 and np.isnan(batch[:11]).all()
        assert np.array_equal(batch[11:], np.array(single[11:]))
        stream.reset()
        stream.ahead()


def test_shares_of_what_followed():
    known, classes = np.array([0, 0, 0, 0, 2]), np.array([0, 0, 0, 1, 2])
    table = transitions(known, classes)
    assert np.allclose(table.sum(axis=1), 1) and (table > 0).all()
    assert abs(table[0, 0] - 3.6 / 5) < 0.01 and abs(table[1, 0] - 0.6) < 0.01  # never known: the shares of all


@pytest.mark.parametrize(
    "label",
    [
        Label("triple-barrier", 20),
        Label("smoothed", 20),
        Label("smoothed", threshold=1e-5, seconds=5.0),
        Label("smoothed", 20, threshold="spread"),
    ],
)
def test_labels_that_returns_do_not_tell_are_refused(label):
    with pytest.raises(ModelError, match="persistence: a label must be"):
        Move(label.as_dict())


@pytest.mark.parametrize(
    ("shape", "weights", "cause"),
    [
        ({"labels": []}, {}, "labels must hold one label"),
        ({"column": 2}, {}, r"column must lie in \[0, 2\)"),
        ({}, {"transitions": np.ones((1, 3, 3))}, "add up to 1"),
        ({}, {"transitions": np.ones((3, 3))}, "transitions must have shape"),
    ],
)
def test_damage_is_named(shape, weights, cause):
    good = {"kind": "persistence", "inputs": 2, "window": 1, "heads": 1, "column": 1, "labels": [LABELS[0].as_dict()]}
    with pytest.raises(ModelError, match=cause):
        PersistenceNet({"transitions": TABLE[None]} | weights, good | shape)


def test_a_configuration_reads_back():
    config = PersistenceConfig(inputs=3, column=2)
    assert PersistenceConfig.of(config.as_dict()) == config
