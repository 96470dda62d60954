import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from genesis_lib.errors import ModelError
from genesis_lib.features import FeatureSet, model_inputs
from genesis_lib.models.deeplob import DeepLOBConfig
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.streaming import DeepLOBStream, FoldedDeepLOB

SHAPES = [
    DeepLOBConfig(levels=2, window=9, channels=4, branch=3, hidden=5),  # the ends meet in the middle
    DeepLOBConfig(levels=1, window=14, channels=8, branch=4, hidden=16),
    DeepLOBConfig(levels=5, window=100),
    DeepLOBConfig(levels=10, window=100),
]


def torch_windows(net, rows, every=1):
    """Softmax of each window (or every so many) by itself, in the precision of `net`."""
    windows = sliding_window_view(rows, net.config.window, axis=0).transpose(0, 2, 1)[::every]
    kind = next(net.parameters()).dtype
    with torch.inference_mode():
        parts = [torch.tensor(windows[i : i + 64].copy()).to(kind) for i in range(0, len(windows), 64)]
        return torch.cat([torch.softmax(net(part), 2)[:, 0] for part in parts]).numpy()


def stream_all(folded, rows):
    stream = DeepLOBStream(folded)
    return [stream.step(row) for row in rows]


@pytest.mark.parametrize("config", SHAPES, ids=lambda c: f"{c.levels}x{c.window}")
def test_step_and_batch_equal_torch_on_every_window(config, make_lived_in, to_arrays):
    net = make_lived_in(config)
    folded = FoldedDeepLOB(to_arrays(net), config.as_dict())
    rows = 1.5 * np.random.default_rng(1).normal(size=(180, 4 * config.levels)).astype(np.float32)
    steps, batch = stream_all(folded, rows), folded.predict(rows, chunk=37)
    first = config.window - 1
    assert all(step is None for step in steps[:first]) and np.isnan(batch[:first]).all()
    steps = np.array(steps[first:])
    assert steps.std(axis=0).min() > 1e-3, "answers must differ, or equality proves nothing"
    assert np.abs(steps - batch[first:]).max() < 1e-12
    assert np.abs(steps - torch_windows(net, rows)).max() < 5e-6  # torch's own rounding in float32
    assert np.abs(steps - torch_windows(net.double(), rows)).max() < 1e-12


def test_equal_on_a_whole_recording(usdm_2024, make_lived_in, to_arrays):
    from genesis_lib.feeds import read_snapshots

    raw = FeatureSet(model_inputs(10)).batch(read_snapshots(usdm_2024))
    whole = np.isfinite(raw).all(axis=1)
    assert np.flatnonzero(~whole).tolist() == [1, 2], "a diff waited for the snapshot, and the row after it"
    rows = Scaler.fit(raw[whole]).transform(raw[whole])
    net = make_lived_in(DeepLOBConfig())
    folded = FoldedDeepLOB(to_arrays(net), net.config.as_dict())
    steps = np.array(stream_all(folded, rows)[99:])
    assert np.abs(folded.predict(rows)[99:] - steps).max() < 1e-12
    assert np.abs(steps[::25] - torch_windows(net, rows, every=25)).max() < 5e-6


def test_reset_forgets_everything(make_lived_in, to_arrays):
    net = make_lived_in(SHAPES[1])
    folded = FoldedDeepLOB(to_arrays(net), net.config.as_dict())
    rows = np.random.default_rng(2).normal(size=(40, 4)).astype(np.float32)
    fresh = stream_all(folded, rows)
    used = DeepLOBStream(folded)
    for row in 9 * rows[:33]:
        used.step(row)
    used.reset()
    for row, expected in zip(rows, fresh):
        got = used.step(row)
        assert (got is None and expected is None) or np.array_equal(got, expected)


def test_weights_that_do_not_fit_are_named(make_lived_in, to_arrays):
    net = make_lived_in(SHAPES[0])
    weights, shape = to_arrays(net), net.config.as_dict()
    with pytest.raises(ModelError, match=r"dense\.weight must have shape \(5, 120\)"):
        FoldedDeepLOB(weights, shape | {"window": 10})
    with pytest.raises(ModelError, match=r"head\.bias"):
        FoldedDeepLOB({k: v for k, v in weights.items() if k != "head.bias"}, shape)
    with pytest.raises(ModelError, match="slope"):
        FoldedDeepLOB(weights, {k: v for k, v in shape.items() if k != "slope"})
