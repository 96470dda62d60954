"""Training, ns a prediction: long stretches in one pass against each window by itself, on the same net in one run."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, per_unit

NETS = ("causal-16", "causal-32")
BATCH = 256  # windows a step, drawn one by one
SEQUENCES, STRETCH = 16, 128  # a dense step, as `genesis train` takes it
REPEATS = 3
CHECKED = 128  # windows whose outputs and gradients are compared
THREADS = (1, 2)
CLOSE = 1e-6  # of the largest gradient, in double precision


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure forward and backward of a step both ways; outputs and gradients must agree."""
    import_module("genesis_lib.training")  # before torch: it says how threads wait
    import torch

    from genesis_lib.models.kinds import KINDS, build

    rows, before = [], torch.get_num_threads()
    try:
        for name in NETS:
            torch.manual_seed(0)
            net = build(KINDS[name].configure(_columns(), dropout=0.0))
            for threads in THREADS:
                torch.set_num_threads(threads)
                rows += _both_ways(net, f"{name}, {threads} thread{'s' * (threads > 1)}")
    finally:
        torch.set_num_threads(before)
    return rows


def _columns() -> tuple[str, ...]:
    from genesis_lib.features import input_columns

    return input_columns("book", 10)


def _both_ways(net, name: str) -> list[Row]:
    from genesis_lib.training.batches import WindowBatches
    from genesis_lib.training.dense import DenseBatches
    from genesis_lib.training.lit import answer, loss_of

    rng = np.random.default_rng(1)
    window, total = net.config.window, SEQUENCES * STRETCH + net.config.window - 1
    values = rng.normal(size=(total, net.config.inputs)).astype(np.float32)
    targets = rng.integers(0, 3, (total, 1)).astype(np.int8)
    targets[: window - 1] = -1
    ends = np.arange(window - 1, total)
    dense = DenseBatches(values, targets, np.array([[0, total]]), window, STRETCH, SEQUENCES)
    windows = WindowBatches(values, ends, targets[ends], window, BATCH, together=1)
    (plan,) = dense.plan()

    def step(batches, part) -> float:
        net.zero_grad()
        batch = batches.load(part)
        loss = loss_of(answer(net, batch), batch.targets)
        loss.backward()
        return float(loss.detach())

    _agree(net, values, targets)
    net.train()
    chosen = windows.plan(rng)[0]
    peer = Row("train", f"{name}: {BATCH} windows", per_unit(lambda: step(windows, chosen), BATCH, REPEATS))
    many = Row(
        "train", f"{name}: {SEQUENCES} stretches of {window - 1 + STRETCH} rows",
        per_unit(lambda: step(dense, plan), SEQUENCES * STRETCH, 5 * REPEATS),
    )  # fmt: skip
    return [peer, many.against(peer)]


def windowed_step(name: str, threads: int) -> float:
    """Time of a prediction, ns, of one kind of net trained on windows."""
    import torch

    from genesis_lib.models.kinds import KINDS, build

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return _both_ways(build(KINDS[name].configure(_columns(), dropout=0.0)), name)[0].ns
    finally:
        torch.set_num_threads(before)


def _agree(net, values, targets) -> None:
    """Refuse to time two ways that do not compute the same outputs and gradients, in double precision."""
    import torch

    from genesis_lib.training.batches import WindowBatches
    from genesis_lib.training.dense import DenseBatches
    from genesis_lib.training.lit import answer, loss_of

    window = net.config.window
    ends = np.arange(window - 1, window - 1 + CHECKED)
    used = slice(0, int(ends[-1]) + 1)
    dense = DenseBatches(values[used], targets[used], np.array([[0, used.stop]]), window, CHECKED, 1)
    windows = WindowBatches(values, ends, targets[ends], window, CHECKED, together=1)
    net.double().eval()
    found = []
    for batches in (windows, dense):
        net.zero_grad()
        (batch,) = batches.in_order()
        logits = answer(net, batch._replace(x=batch.x.double()))
        loss_of(logits, batch.targets).backward()
        found.append((logits.detach().reshape(-1, 3), torch.cat([p.grad.ravel() for p in net.parameters()])))
    net.float()
    (one, slope), (other, steep) = found
    apart = float((one - other).abs().max()), float((slope - steep).abs().max() / slope.abs().max())
    if not max(apart) < CLOSE:
        said = f"outputs by {apart[0]:.2g}, gradients by {apart[1]:.2g}"
        raise AssertionError(f"the two ways differ, {said}; the times mean nothing")
