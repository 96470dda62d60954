import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from genesis_lib.models.kinds import build, kind
from genesis_lib.training.callbacks import NORM, Judge, freeze_norms, measure_norms
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.dense import DenseBatches
from genesis_lib.training.lit import Lessons, LitNetwork, fit
from genesis_lib.training.passes import FoldData, Passes

COLUMNS = ("obi_1", "obi_5", "spread", "return_10")


@pytest.fixture
def net():
    torch.manual_seed(0)
    return build(kind("causal-16").configure(COLUMNS, 1, channels=4, hidden=8, dropout=0.5))


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(800, 4)).astype(np.float32)
    targets = np.digitize(rows[:, :1], [-0.4, 0.4]).astype(np.int8)
    targets[:99] = -1
    return DenseBatches(rows, targets, np.array([[0, 800]]), 100, 64, 4)


def test_measured_statistics_are_those_of_the_inputs(net, batches):
    whole = DenseBatches(batches.values, batches.targets, batches.spans, 100, 701, 1)
    first = net.extra.norm
    first.running_mean.fill_(99.0)
    modes = [module.training for module in net.modules()]
    with torch.no_grad():
        measure_norms(net, whole)
        inputs = net.extra.conv(torch.from_numpy(batches.values)[None].transpose(1, 2))[0]
    assert torch.allclose(first.running_mean, inputs.mean(1), atol=1e-5)
    assert torch.allclose(first.running_var, inputs.var(1), rtol=1e-4)
    assert modes == [module.training for module in net.modules()] and first.momentum == 0.1
    again = {name: value.clone() for name, value in net.state_dict().items() if "running" in name}
    with torch.no_grad():
        measure_norms(net, whole)
    assert all(torch.equal(net.state_dict()[name], value) for name, value in again.items()), "no dropout, no chance"


def test_the_average_is_what_is_validated_and_kept(net, batches):
    config = TrainingConfig(epochs=3, average=0.9, threads=1, quiet=True, learning_rate=0.02)
    steps = []

    class Recorder(Judge):
        def on_train_batch_end(self, trainer, module, *rest):
            super().on_train_batch_end(trainer, module, *rest)
            steps.append([p.detach().clone() for p in module.net.parameters()])

    passes = Passes(batches, config, 701, True)
    judge = Recorder(config, passes, batches.thinned(256))
    start = [p.detach().clone() for p in net.parameters()]
    trainer = pl.Trainer(
        accelerator="cpu", devices=1, max_epochs=-1, callbacks=[judge], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(LitNetwork(net, config, passes.budget), FoldData(passes, batches.thinned(256)))
    mean = start
    for number, each in enumerate(steps, 1):
        decay = min(0.9, (1 + number) / (10 + number))
        mean = [decay * a + (1 - decay) * b for a, b in zip(mean, each)]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(judge.mean, mean))
    live = [p.detach() for p in net.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(live, steps[-1])), "training goes on with its own weights"
    best = {name: judge.best[name] for name, _ in net.named_parameters()}
    assert not all(torch.equal(a, b) for a, b in zip(best.values(), live))


def test_without_an_average_the_weights_themselves_are_kept(net, batches):
    config = TrainingConfig(epochs=2, average=0.0, threads=1, quiet=True)
    fitted = fit(net, Lessons(batches, batches.thinned(256), 701), config)
    assert len(fitted.history) == 2 and all(np.isfinite(list(each.values())).all() for each in fitted.history)


def test_a_row_does_not_see_its_future_while_training(batches):
    net = build(kind("causal-16").configure(COLUMNS, 1, channels=4, hidden=8, dropout=0.0))
    net.train()
    freeze_norms(net, batches)
    x = torch.from_numpy(batches.values[None, :160].copy())
    later = x.clone()
    later[:, 130:] += 3.0
    with torch.no_grad():
        before, after = net.dense(x), net.dense(later)
        alone = net(x[:, :100])
    assert torch.equal(before[:, : 130 - 99], after[:, : 130 - 99]) and not torch.equal(before, after)
    assert torch.allclose(before[:, 0], alone, atol=1e-6), "dense or by windows, training computes the same"


def test_dense_training_leaves_frozen_statistics_alone(net, batches):
    start = {name: value.clone() for name, value in net.state_dict().items()}
    fit(net, Lessons(batches, batches.thinned(256), 701), TrainingConfig(epochs=2, average=0.9, threads=1, quiet=True))
    torch.manual_seed(0)
    fresh = build(net.config)
    fresh.load_state_dict(start)
    freeze_norms(fresh, batches.thinned(16_384))
    layers = [(a, b) for a, b in zip(net.modules(), fresh.modules()) if isinstance(a, NORM)]
    assert layers
    for trained, measured in layers:
        assert torch.equal(trained.running_mean, measured.running_mean)
        assert torch.equal(trained.running_var, measured.running_var)
        assert not torch.equal(trained.weight, measured.weight)
