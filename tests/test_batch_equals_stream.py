"""Every feature, row by row and at once, on real recordings and on the simulator: the same bits."""

from itertools import islice

import numpy as np
import pytest

from genesis_lib.features import FEATURES, OFI_INPUTS, FeatureSet, model_inputs
from genesis_lib.feeds import RowBuilder, read_snapshots
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.snapshots import build_rows, collect, open_sessions
from genesis_lib.types import Snapshots


def check(rows: Snapshots, names) -> np.ndarray:
    columns = FeatureSet(names)
    batch = columns.batch(rows)
    stream = np.stack([columns.step(row) for row in rows])
    assert np.array_equal(batch, stream, equal_nan=True)
    assert np.isnan(batch[~rows.valid]).all()
    return batch


@pytest.mark.parametrize("session", ["usdm_2023", "usdm_2024", "eth_2024", "coinm_btc", "coinm_eth"])
def test_on_the_recordings(session, request):
    rows = read_snapshots(request.getfixturevalue(session))
    batch = check(rows, list(FEATURES))
    assert len(batch) > 8_000 and np.isfinite(batch[rows.valid]).mean() > 0.9
    cut = len(rows) // 2
    assert np.array_equal(FeatureSet(FEATURES).batch(rows[:cut]), batch[:cut], equal_nan=True)


def test_on_the_simulator():
    simulator = Simulator(seed=5, minutes=2)
    builder = RowBuilder(simulator.instrument)
    rows = Snapshots.of(filter(None, map(builder.push, simulator)), simulator.instrument, "simulated")
    batch = check(rows, list(FEATURES))
    inputs = FeatureSet([*model_inputs(), *OFI_INPUTS()])
    assert np.isfinite(inputs.batch(rows)[inputs.warmup :]).all()
    assert len(batch) > 1_000 and np.isfinite(batch[-1, list(FEATURES).index("vpin")])


def test_on_five_levels(taifex):
    path = sorted(taifex.glob("TXFD6*.parquet"))[0]
    rows = collect(islice(build_rows(open_sessions(path)[0], 5), 20_000), open_sessions(path)[0].instrument)
    names = [name for name in FEATURES if FEATURES[name].levels <= 5]
    assert rows.depth == 5 and np.isfinite(check(rows, names)).any()
    inputs = FeatureSet(OFI_INPUTS(5))
    assert np.isfinite(inputs.batch(rows)).all(axis=1).mean() > 0.9
