"""A made-up market whose next moves follow from the sizes at the touch, so that there is something to learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genesis_lib.models.deeplob import DeepLOBConfig
from genesis_lib.training import Label, PurgedKFold, Rows, TrainingConfig, cross_validate
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshots

INSTRUMENT = Instrument("made-up", "PLANTED", 0.5, 1.0)
DAY = 86_400_000_000_000


def planted(rows: int, seed: int, depth: int = 10, signal: float = 1.0, day: int = 0) -> Snapshots:
    """Book rows 50 ms apart; with `signal` 0 the mid is a random walk that nothing foretells."""
    rng = np.random.default_rng(seed)
    pressure = np.zeros(rows)
    shocks = rng.normal(size=rows)
    for i in range(1, rows):
        pressure[i] = 0.96 * pressure[i - 1] + 0.28 * shocks[i]
    up = 1.0 / (1.0 + np.exp(-4.0 * signal * pressure))
    steps = np.where(rng.random(rows) < 0.5, np.where(rng.random(rows) < up, 1, -1), 0)
    touch = 20_000 + np.concatenate([[0], np.cumsum(steps[:-1])])  # the step after a row follows from the row
    level = np.arange(depth)
    levels = np.empty((rows, depth, 4))
    levels[:, :, 0] = (touch[:, None] - level) * 0.5
    levels[:, :, 2] = (touch[:, None] + 1 + level) * 0.5
    noise = np.exp(0.3 * rng.normal(size=(2, rows, depth)))
    levels[:, :, 1] = 20 * np.exp(pressure)[:, None] * noise[0]
    levels[:, :, 3] = 20 * np.exp(-pressure)[:, None] * noise[1]
    time = day * DAY + 50_000_000 * np.arange(rows, dtype=np.int64)
    flow = np.zeros((rows, len(FLOW_FIELDS)))
    return Snapshots(INSTRUMENT, time, time, levels, flow, np.ones(rows, bool), "simulated")


@pytest.fixture(scope="session")
def make_planted():
    return planted


@pytest.fixture(scope="session")
def planted_sessions() -> list[Snapshots]:
    return [planted(2400, 1), planted(2400, 2, day=1)]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """The nets are small and the machine is shared: two threads would only wait for each other."""
    torch.set_num_threads(1)


SMALL = {"window": 20, "channels": 8, "branch": 4, "hidden": 16}


@pytest.fixture(scope="session")
def small_cv(planted_sessions):
    """A cross-validation that takes seconds: (rows, result)."""
    rows = Rows.of(planted_sessions, 3)
    training = TrainingConfig(epochs=14, patience=6, batch_size=64, threads=1, quiet=True)
    result = cross_validate(
        rows, Label(horizon=5), config=DeepLOBConfig(**SMALL), training=training, splitter=PurgedKFold(2), stride=2
    )
    return rows, result


@pytest.fixture
def small_config():
    return DeepLOBConfig(levels=3, **SMALL)
