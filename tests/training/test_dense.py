from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.models.kinds import KINDS, build
from genesis_lib.training.augment import Augmentation
from genesis_lib.training.dense import DenseBatches, lay_out, runs
from genesis_lib.training.labels import run_starts
from genesis_lib.training.lit import loss_of

DENSE = [name for name, item in KINDS.items() if item.dense]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 90), st.booleans()), min_size=1, max_size=8),
    st.integers(2, 12),
    st.sampled_from([1, 4, 16, 20]),
    st.integers(0, 40),
    st.integers(0, 2**32 - 1),
)
def test_every_wanted_answer_counts_once_and_no_stretch_leaves_its_run(pieces, window, stretch, shift, seed):
    used = np.concatenate([np.full(length, use) for length, use in pieces])
    valid = np.random.default_rng(seed).random(len(used)) < 0.98
    starts = run_starts(valid)
    spans = runs(used, starts)
    inside = used & valid
    assert sum(last - first for first, last in spans) == inside.sum()
    able = np.zeros(len(used), bool)
    for first, last in spans:
        assert inside[first:last].all() and len(set(starts[first:last])) == 1
        able[first + window - 1 : last] = True
    wanted = able & (np.random.default_rng(seed + 1).random(len(used)) < 0.7)
    plan = lay_out(spans, window, stretch, shift, wanted)
    counted = np.zeros(len(used), int)
    for first, length, low, high in zip(plan.first, plan.length, plan.low, plan.high):
        assert 0 <= low < high <= length <= stretch
        last = first + window - 1 + length
        assert any(a <= first and last <= b for a, b in spans), "all its rows are of one run"
        counted[first + window - 1 + low : first + window - 1 + high] += 1
    assert (counted[wanted] == 1).all() and counted.max(initial=0) <= 1 and not counted[~able].any()


def test_rows_of_a_purged_stretch_are_not_even_looked_at():
    used = np.ones(1000, bool)
    used[400:520] = False
    values = np.zeros((1000, 3), np.float32)
    values[400:520] = np.nan
    targets = np.where(used, 1, -1).astype(np.int8)[:, None]
    targets[:19] = targets[520:539] = -1
    batches = DenseBatches(values, targets, runs(used, np.zeros(1000, np.int64)), 20, 64, 4)
    rng = np.random.default_rng(0)
    loaded = [batches.load(plan, rng) for plan in batches.plan(rng)]
    assert all(torch.isfinite(batch.x).all() for batch in loaded)
    assert sum(batch.count for batch in loaded) == int((targets >= 0).sum())


def test_a_row_between_two_samples_gives_no_loss():
    targets = np.full((300, 1), -1, np.int8)
    targets[[50, 60, 200]] = 2
    batches = DenseBatches(np.zeros((300, 2), np.float32), targets, np.array([[0, 300]]), 20, 32, 4)
    loaded = list(batches.in_order())
    assert sum(batch.count for batch in loaded) == 3
    assert sum(int((batch.targets >= 0).sum()) for batch in loaded) == 3


def test_batches_are_shuffled_cut_anew_and_alike_in_length():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, (2000, 1)).astype(np.int8)
    targets[:9] = targets[1800:1809] = -1
    batches = DenseBatches(np.zeros((2000, 2), np.float32), targets, np.array([[0, 1800], [1800, 1837]]), 10, 64, 4)
    one, other = (batches.plan(np.random.default_rng(seed)) for seed in (1, 2))
    assert all(len(set(plan.length.tolist())) == 1 for plan in one)
    firsts = [np.concatenate([plan.first for plan in plans]).tolist() for plans in (one, other)]
    assert firsts[0] != sorted(firsts[0]) and set(firsts[0]) != set(firsts[1])
    limited = batches.plan(np.random.default_rng(1), limit=300)
    count = sum(batches.load(plan).count for plan in limited)
    assert 300 <= count <= 364
    few = batches.thinned(256)
    shown = np.concatenate([batches_rows for plan in few.plan() for batches_rows in [few.answered(plan)[1]]])
    assert len(np.unique(shown)) == len(shown) <= 256 and np.ptp(shown) > 1500, "spread over all of it"


def test_augmentation_happens_in_training_alone():
    values = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
    targets = np.zeros((400, 1), np.int8)
    plain = DenseBatches(values, targets, np.array([[0, 400]]), 20, 64, 4)
    varied = replace(plain, augmentation=Augmentation(-values, np.zeros(2, bool)))
    for one, other in zip(plain.in_order(), varied.in_order()):
        assert torch.equal(one.x, other.x)
    plan = varied.plan()[0]
    turned = varied.load(plan, np.random.default_rng(1))
    flipped = (turned.targets == 2).any(dim=1).any(dim=1)
    assert 0 < flipped.sum() < len(flipped)
    assert torch.equal(turned.x[flipped], -varied.load(plan).x[flipped])


@pytest.mark.parametrize("name", DENSE)
def test_a_batch_of_stretches_equals_its_windows_one_by_one(name):
    """Outputs and gradients, in evaluation mode: what training densely learns is what windows would teach."""
    columns = ("obi_1", "obi_5", "spread", "return_10")
    torch.manual_seed(0)
    net = build(KINDS[name].configure(columns, 2, channels=4, dropout=0.0)).double().eval()
    rng = np.random.default_rng(0)
    for layer in net.modules():  # statistics as after some training
        if hasattr(layer, "running_mean"):
            layer.running_mean.uniform_(-0.3, 0.3)
            layer.running_var.uniform_(0.5, 2.0)
    rows = rng.normal(size=(600, 4)).astype(np.float32)
    targets = rng.integers(-1, 3, (600, 2)).astype(np.int8)
    targets[:99] = targets[350:449] = -1
    batches = DenseBatches(rows, targets, np.array([[0, 350], [350, 600]]), 100, 16, 3)
    window = net.config.window
    net.zero_grad()
    for plan in batches.plan(np.random.default_rng(1))[:2]:
        batch = batches.load(plan)
        logits = net.dense(batch.x.double())
        counts, at = batches.answered(plan)
        alone = net(torch.from_numpy(rows[at[:, None] + np.arange(1 - window, 1)]).double())
        assert float((logits[torch.from_numpy(counts)] - alone).abs().max().detach()) < 1e-9
        loss_of(logits, batch.targets).backward()
        dense = [p.grad.clone() for p in net.parameters()]
        net.zero_grad()
        mine = torch.from_numpy(targets[at].astype(np.int64))
        loss_of(alone, mine).backward()
        for one, other in zip(dense, [p.grad for p in net.parameters()]):
            assert float((one - other).abs().max()) < 1e-9
        net.zero_grad()


def test_a_single_answer_is_no_training_batch():
    """It has no variance: a normalisation could not be trained on it."""
    used = np.ones(60, bool)
    used[[20, 41]] = False
    spans = runs(used, np.zeros(60, np.int64))
    batches = DenseBatches(np.zeros((60, 3), np.float32), np.ones((60, 1), np.int8), spans[1:2], 20, 16, 4)
    assert [len(plan) for plan in batches.plan()] == [1] and batches.plan(np.random.default_rng(0)) == []
    both = DenseBatches(batches.values, batches.targets, spans[:2], 20, 16, 4)
    assert [int(plan.length.sum()) for plan in both.plan(np.random.default_rng(0))] == [2]
