import errno
import os
import signal
import threading
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch.nn import functional

from genesis_lib.errors import InputError
from genesis_lib.models.deeplob import DeepLOB
from genesis_lib.models.kinds import build, kind
from genesis_lib.training.batches import WindowBatches
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.dense import DenseBatches
from genesis_lib.training.lit import Lessons, LitNetwork, fit, logits_at, loss_of, one_cycle

QUIET = {"threads": 1, "quiet": True, "batch_size": 64}
COLUMNS = ("obi_1", "obi_5", "spread", "return_10")


@pytest.fixture
def problem(small_config):
    """Rows whose sixth column, summed over the window's last rows, tells the class."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(900, 12)).astype(np.float32)
    ends = np.arange(19, 900)
    sums = np.array([rows[end - 3 : end + 1, 5].sum() for end in ends])
    classes = np.digitize(sums, [-0.9, 0.9]).astype(np.int8)[:, None]
    torch.manual_seed(0)

    def lessons(train, held, together=8, **more):
        made = (WindowBatches(rows, ends[at], classes[at], 20, 64, together) for at in (train, held))
        return Lessons(*made, len(train), **more)

    return DeepLOB(small_config), lessons


@pytest.fixture
def dense_problem():
    """A small causal net, and stretches whose classes follow from the first column."""
    config = kind("causal-16").configure(COLUMNS, 2, channels=4, hidden=8, dropout=0.2)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1600, 4)).astype(np.float32)
    targets = np.digitize(rows[:, :2] + 0.3 * rng.normal(size=(1600, 2)), [-0.4, 0.4]).astype(np.int8)

    def batches(first, last, **more):
        wanted = targets.copy()
        wanted[: first + 99], wanted[last:] = -1, -1
        return DenseBatches(rows, wanted, np.array([[first, last]]), 100, 64, 4, **more)

    return config, batches


def loss_at(net, batches):
    """Mean log-loss of the primary head over windows."""
    config = TrainingConfig(**QUIET)
    logits = logits_at(net, batches, batches.ends, config)[:, 0]
    return float(functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(batches.targets[:, 0]).long()))


def test_it_can_learn_a_few_windows_by_heart(problem):
    net, lessons = problem
    few = np.arange(0, 640, 10)
    net.drop.p = 0.0  # by heart means by heart
    made = lessons(few, few, together=1)
    before = loss_at(net.eval(), made.train)
    fitted = fit(net, made, TrainingConfig(epochs=150, patience=150, average=0.9, **QUIET))
    assert before > 1.0 and loss_at(net, made.train) < 0.2
    assert fitted.history[-1]["validation_accuracy"] > 0.97 and fitted.predictions == 150 * len(few)


def test_the_best_is_kept_and_patience_counts_predictions(problem):
    net, lessons = problem
    made = lessons(np.arange(0, 500, 5), np.arange(560, 880, 2))
    config = TrainingConfig(epochs=60, patience=2, average=0.0, schedule="constant", learning_rate=3e-3, **QUIET)
    fitted = fit(net, made, config)
    losses = [each["validation_loss"] for each in fitted.history]
    best = int(np.argmin(losses))
    assert fitted.predictions < 60 * 100, "so few windows are soon learnt by heart"
    assert fitted.predictions - fitted.history[best]["predictions"] >= 200
    assert loss_at(net, made.validation) == pytest.approx(losses[best], abs=1e-5) and not net.training


def test_validations_come_as_often_as_asked(problem):
    net, lessons = problem
    made = lessons(np.arange(0, 512), np.arange(560, 880, 4), together=1)
    fitted = fit(net, made, TrainingConfig(epochs=2, check=128, **QUIET))
    assert [each["predictions"] for each in fitted.history] == list(range(128, 1025, 128))


def test_the_same_seed_trains_the_same_net_and_leaves_nothing_behind(
    problem, small_config, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    _, lessons = problem
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    found = []
    for seed in (3, 3, 4):
        torch.manual_seed(11)
        net = DeepLOB(small_config)
        torch.random.set_rng_state(state)
        made = lessons(np.arange(300), np.arange(400, 600))
        fit(net, made, TrainingConfig(epochs=2, windows=128, seed=seed, **QUIET))
        found.append(net.arrays())
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])
    assert not all(np.array_equal(found[0][name], found[2][name]) for name in found[0])
    assert torch.equal(torch.random.get_rng_state(), state) and torch.get_num_threads() == threads
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out == ""


def test_progress_goes_to_standard_error(problem, capfd):
    net, lessons = problem
    made = lessons(np.arange(100), np.arange(100, 200), title="fold 3")
    fit(net, made, TrainingConfig(epochs=1, threads=1, batch_size=64))
    said = capfd.readouterr()
    assert said.out == "" and "fold 3" in said.err and "100%" in said.err


def test_training_goes_on_to_the_same_net_after_an_interruption(dense_problem, tmp_path):
    config, batches = dense_problem
    training = TrainingConfig(epochs=4, check=300, average=0.9, **QUIET)

    def trained(keep=None, stop_after=None):
        torch.manual_seed(1)
        net = build(config)
        made = Lessons(batches(0, 1000), batches(1100, 1500), 901, keep=keep, key="k")
        if stop_after is not None:
            made = replace(made, train=Interrupting(**made.train.__dict__))
            made.train.left.append(stop_after)
        return net, fit(net, made, training)

    class Interrupting(DenseBatches):
        left: ClassVar[list] = []

        def load(self, plan, rng=None):
            if rng is not None and self.left:
                self.left[0] -= 1
                if self.left[0] < 0:
                    self.left.clear()
                    raise KeyboardInterrupt
            return super().load(plan, rng)

    whole, told = trained()
    keep = tmp_path / "fold-0.training"
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        trained(keep, stop_after=9)
    assert keep.exists() and signal.getsignal(signal.SIGINT) is handler
    again, resumed = trained(keep)
    assert resumed == told
    assert all(np.array_equal(whole.arrays()[name], values) for name, values in again.arrays().items())


def test_a_real_interrupt_comes_out_as_one(problem):
    net, lessons = problem
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a command run here may have left its own
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(net, lessons(np.arange(500), np.arange(560, 880)), TrainingConfig(epochs=2_000, patience=1e9, **QUIET))
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_loss_is_a_mean_over_heads_and_leaves_out_what_has_no_target():
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(4, 6, 2, 3)))
    targets = torch.from_numpy(rng.integers(-1, 3, (4, 6, 2)))
    weights = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    for given in (None, weights):
        each = [
            functional.cross_entropy(
                logits[..., head, :][targets[..., head] >= 0], targets[..., head][targets[..., head] >= 0], given
            )
            for head in range(2)
        ]
        assert float(loss_of(logits, targets, given)) == pytest.approx(float(sum(each) / 2))
    logits.requires_grad_()
    loss_of(logits, torch.full_like(targets, -1)).backward()
    assert float(logits.grad.abs().max()) == 0.0, "no target, no gradient, and no NaN"


def test_a_missing_label_of_one_head_teaches_the_others(dense_problem):
    config, batches = dense_problem
    made = batches(0, 600)
    alone = made.targets.copy()
    alone[:, 1] = -1
    net = build(config).double().eval()
    batch = replace(made, targets=alone).load(made.plan()[0])
    loss_of(net.dense(batch.x.double()), batch.targets).backward()
    head = net.head.weight.grad
    assert head[:3].abs().max() > 0 and head[3:].abs().max() == 0


def test_rates_follow_the_predictions_seen():
    assert one_cycle(0.0) == pytest.approx(0.04) and one_cycle(0.25) == pytest.approx(1.0)
    assert one_cycle(1.0) == pytest.approx(1e-4) == one_cycle(1.3)
    up, down = [one_cycle(at) for at in np.linspace(0, 0.25, 9)], [one_cycle(at) for at in np.linspace(0.25, 1, 9)]
    assert up == sorted(up) and down == sorted(down, reverse=True)


def test_normalisations_and_biases_do_not_decay(dense_problem):
    config, _ = dense_problem
    module = LitNetwork(build(config), TrainingConfig(weight_decay=0.1), 100)
    decays, free = module.configure_optimizers().param_groups
    assert decays["weight_decay"] == 0.1 and free["weight_decay"] == 0.0
    assert {p.ndim for p in free["params"]} == {1} and min(p.ndim for p in decays["params"]) == 2


def test_a_full_disk_is_told_once_and_training_goes_on(dense_problem, tmp_path, capfd, monkeypatch):
    config, batches = dense_problem
    training = TrainingConfig(epochs=2, check=300, **QUIET)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    def trained(keep):
        torch.manual_seed(1)
        net = build(config)
        return net, fit(net, Lessons(batches(0, 1000), batches(1100, 1500), 901, keep=keep, key="k"), training)

    whole, told = trained(None)
    monkeypatch.setattr(os, "fsync", full)
    again, same = trained(tmp_path / "fold-0.training")
    assert same == told and len(told.history) > 3
    assert all(np.array_equal(whole.arrays()[name], values) for name, values in again.arrays().items())
    assert list(tmp_path.iterdir()) == [], "nothing half written"
    assert capfd.readouterr().err.count("No space left on device") == 1


def test_training_that_diverges_is_an_error_and_ends_at_once(dense_problem):
    config, batches = dense_problem
    made = batches(0, 1000)
    rows = np.array(made.values)
    rows[:] = np.inf
    made = replace(made, values=rows)
    seen = []

    class Counting(DenseBatches):
        def load(self, plan, rng=None):
            seen.append(rng is not None)
            return super().load(plan, rng)

    lessons = Lessons(Counting(**made.__dict__), batches(1100, 1500), 901)
    with pytest.raises(InputError, match=r"training diverged: no validation loss was finite; learning_rate 0.001"):
        fit(build(config), lessons, TrainingConfig(epochs=40, patience=40, **QUIET))
    assert sum(seen) < 15, "one pass, not forty"


def test_gradients_are_cut_to_their_largest_norm(dense_problem):
    config, batches = dense_problem
    found = []
    for clip in (1e-9, 1e9):  # far below what moves Adam, whose smallest step is 1e-8; and no limit
        torch.manual_seed(1)
        net = build(config)
        before = net.arrays()["head.weight"].copy()
        training = TrainingConfig(epochs=1, clip=clip, average=0.0, **QUIET)
        fit(net, Lessons(batches(0, 500), batches(600, 900), 401), training)
        found.append(float(np.abs(net.arrays()["head.weight"] - before).max()))
    assert found[0] < 0.2 * found[1], found
