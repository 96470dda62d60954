import numpy as np
import torch

from genesis_lib.models.scaler import Scaler
from genesis_lib.training.augment import Augmentation
from genesis_lib.training.batches import Batch, ScaledRows, WindowBatches, epoch, gather


def test_gather_finds_each_window_and_holds_each_row_once():
    rows, index = gather(np.array([120, 125, 500]), 100)
    assert len(np.unique(rows)) == len(rows) == 105 + 100
    for end, window in zip((120, 125, 500), rows[index]):
        assert np.array_equal(window, np.arange(end - 99, end + 1))


def test_an_epoch_takes_each_sample_once_and_a_limited_one_none_twice():
    rng = np.random.default_rng(0)
    positions = np.arange(1000)
    assert np.array_equal(np.sort(np.concatenate(list(epoch(positions, 64, rng)))), positions)
    some = np.concatenate(list(epoch(positions, 64, rng, limit=200)))
    assert len(some) == len(np.unique(some)) and 190 <= len(some) <= 200
    alone = list(epoch(positions, 64, rng, together=1))
    assert {len(batch) for batch in alone} == {64, 1000 % 64}


def test_rows_are_scaled_when_asked_for():
    rng = np.random.default_rng(0)
    inputs = rng.normal(3.0, 2.0, (50, 4)).astype(np.float32)
    scaler, at = Scaler.fit(inputs), np.array([3, 3, 40])
    assert np.array_equal(ScaledRows(inputs, scaler)[at], scaler.transform(inputs[at]))
    order, sign = np.array([2, 3, 0, 1]), np.array([-1.0, 1.0, -1.0, 1.0])
    assert np.array_equal(ScaledRows(inputs, scaler, order, sign)[at], scaler.transform(inputs[at][:, order] * sign))


def windows(n=200, window=10, **more):
    rng = np.random.default_rng(1)
    rows, ends = rng.normal(size=(n + window, 3)).astype(np.float32), np.arange(window - 1, n + window - 1)
    return rows, WindowBatches(rows, ends, rng.integers(-1, 3, (n, 2)).astype(np.int8), window, 32, **more)


def test_a_batch_of_windows_holds_their_rows_and_targets():
    rows, batches = windows()
    seen = []
    for chosen in batches.plan(np.random.default_rng(0)):
        batch = batches.load(chosen)
        seen += chosen.tolist()
        shown = batch.x[batch.index].numpy()
        assert all(np.array_equal(each, rows[end - 9 : end + 1]) for each, end in zip(shown, batches.ends[chosen]))
        assert np.array_equal(batch.targets.numpy(), batches.targets[chosen])
        assert batch.count == int((batches.targets[chosen] >= 0).any(axis=1).sum())
    assert sorted(seen) == list(range(200)) and seen != list(range(200))
    assert [len(batch.targets) for batch in batches.in_order()] == [32] * 6 + [8]


def test_validation_is_never_augmented_and_thinning_is_even():
    rows, batches = windows(augmentation=Augmentation(np.full((300, 3), np.nan, np.float32), np.ones(3, bool)))
    for batch in batches.in_order():
        assert torch.isfinite(batch.x).all() and np.isin(batch.x.numpy(), rows).all()
    few = batches.thinned(50)
    assert len(few.ends) == 50 and np.ptp(np.diff(few.ends)) <= 1 and batches.thinned(500) is batches


def test_a_batch_counts_what_has_any_target():
    batch = Batch.of(np.zeros((4, 2), np.float32), None, np.array([[[0, -1], [-1, -1]], [[-1, 2], [1, 1]]]))
    assert batch.count == 3 and batch.index is None
