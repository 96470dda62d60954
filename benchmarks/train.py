"""Training, ns a window: rows shared by neighbouring windows against each window by itself, on the same net."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, per_unit
from benchmarks.predictor import feature_rows

BATCH = 256
TOGETHER = 8  # neighbouring windows, as `genesis train` draws them
REPEATS = 3
THREADS = 2


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure forward and backward of one batch both ways; loss and gradients must agree."""
    import torch
    from torch.nn import functional

    from genesis_lib.models.deeplob import DeepLOB, DeepLOBConfig
    from genesis_lib.training.dataset import gather

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    config = DeepLOBConfig(dropout=0.0)
    net = DeepLOB(config).eval()  # as training, but for the statistics of a batch, which sharing rows may weigh anew
    rng = np.random.default_rng(1)
    first = np.sort(rng.choice(20_000 // TOGETHER, BATCH // TOGETHER, replace=False)) * TOGETHER + config.window
    ends = (first[:, None] + np.arange(TOGETHER)).ravel()
    scaled = feature_rows(4 * config.levels, 20_000 + 2 * config.window).astype(np.float32) / 50
    classes = torch.from_numpy(rng.integers(0, 3, len(ends)))
    numbers, index = gather(ends, config.window)
    rows, places = torch.from_numpy(scaled[numbers]), torch.from_numpy(index)
    windows = rows[places]

    def shared() -> float:
        return backward(net, functional.cross_entropy(net.windows(rows, places)[:, 0], classes))

    def alone() -> float:
        return backward(net, functional.cross_entropy(net(windows)[:, 0], classes))

    losses, gradients = [], []
    for way in (alone, shared):
        losses.append(way())
        gradients.append(torch.cat([p.grad.ravel() for p in net.parameters()]))
    apart = (gradients[0] - gradients[1]).abs().max() / gradients[0].abs().max()
    if not (abs(losses[0] - losses[1]) < 1e-5 and apart < 1e-4):
        raise AssertionError(f"the two ways differ: losses {losses}, gradients {apart:.2g}; the times mean nothing")
    peer = Row("train", "each window by itself", per_unit(alone, len(ends), REPEATS))
    return [peer, Row("train", f"{TOGETHER} neighbours share rows", per_unit(shared, len(ends), REPEATS)).against(peer)]


def backward(net, loss) -> float:
    """Clear, then compute, the gradients; the loss."""
    net.zero_grad()
    loss.backward()
    return float(loss.detach())
