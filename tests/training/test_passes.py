import numpy as np
import pytest
import torch

from genesis_lib.errors import InputError
from genesis_lib.training.batches import WindowBatches
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.dense import DenseBatches
from genesis_lib.training.passes import Passes

QUIET = {"threads": 1, "quiet": True, "batch_size": 64}


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1600, 4)).astype(np.float32)

    def made(first, last):
        targets = rng.integers(0, 3, (1600, 2)).astype(np.int8)
        targets[: first + 99], targets[last:] = -1, -1
        return DenseBatches(rows, targets, np.array([[first, last]]), 100, 64, 4)

    return made


def test_batches_go_on_where_they_stopped(batches):
    config = TrainingConfig(epochs=3, check=250, **QUIET)
    whole, parts = (Passes(batches(0, 1000), config, 901, True) for _ in range(2))
    first = [batch.x for _ in range(8) for batch in whole]
    taken = [batch.x for _ in range(3) for batch in parts]
    other = Passes(batches(0, 1000), config, 901, True)
    other.number, other.place, other.seen = parts.number, parts.place, parts.seen
    taken += [batch.x for _ in range(5) for batch in other]
    assert len(first) == len(taken) and all(torch.equal(a, b) for a, b in zip(first, taken))
    assert whole.seen == other.seen


def test_each_pass_shows_every_sample_once_and_a_limited_one_fewer(batches):
    passes = Passes(batches(0, 1000), TrainingConfig(epochs=2, check=901, **QUIET), 901, True)
    for _ in range(2):
        assert sum(batch.count for batch in passes) == 901
    limited = Passes(batches(0, 1000), TrainingConfig(epochs=1, windows=300, **QUIET), 901, True)
    assert 300 <= sum(batch.count for batch in limited) < 300 + 64 * 4


def test_nothing_to_learn_from_is_an_error_and_not_an_endless_loop():
    one = WindowBatches(np.zeros((30, 4), np.float32), np.array([25]), np.zeros((1, 1), np.int8), 20, 64)
    with pytest.raises(InputError, match="not one batch"):
        list(Passes(one, TrainingConfig(**QUIET), 1, False))
