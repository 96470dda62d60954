from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshot, Snapshots

BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)


def row(ts: int, bid: float = 100.0, ask: float = 100.1, valid: bool = True) -> Snapshot:
    return Snapshot(ts, ts + 5, np.array([[bid, 1.0, ask, 2.0]]), np.zeros(len(FLOW_FIELDS)), valid, 0.1)


@given(st.integers(1, 10_000_000), st.sampled_from([0.1, 0.01, 0.001, 1e-6, 0.5, 0.25, 1.0, 5.0]))
def test_a_price_is_the_float_nearest_to_its_decimal(ticks: int, tick_size: float) -> None:
    instrument = Instrument("v", "S", tick_size, 1.0)
    decimals = max(0, len(f"{tick_size:.6f}".rstrip("0").split(".")[1]))
    assert instrument.price(ticks) == float(f"{ticks * tick_size:.{decimals}f}")
    assert instrument.ticks(instrument.price(ticks)) == ticks


def test_a_price_off_the_grid_is_refused() -> None:
    with pytest.raises(InputError, match=r"100\.05 of binance-usdm:BTCUSDT is no multiple of its tick size 0\.1"):
        BTC.ticks(100.05)


@pytest.mark.parametrize("price", [float("nan"), float("inf")])
def test_a_price_that_is_no_number_is_refused(price: float) -> None:
    with pytest.raises(InputError, match="finite"):
        BTC.ticks(price)


@pytest.mark.parametrize("bad", [0.0, -0.1, float("nan"), float("inf")])
def test_a_grid_must_be_positive(bad: float) -> None:
    with pytest.raises(InputError, match="tick_size"):
        Instrument("v", "S", bad, 1.0)


def test_rows_stack_and_come_apart_unchanged() -> None:
    rows = [row(1), row(2, 100.1, 100.2), row(3, valid=False)]
    stacked = Snapshots.of(rows, BTC)
    assert len(stacked) == 3
    assert stacked.depth == 1
    for before, after in zip(rows, stacked):
        assert before[0] == after[0]
        assert before.ts_receive == after.ts_receive
        assert np.array_equal(before.levels, after.levels)
        assert before.valid == after.valid
    assert np.array_equal(stacked.mid, [100.05, 100.15, 100.05])
    assert list(stacked[1:].ts_exchange) == [2, 3]
    assert stacked[-1].valid is False


def test_wrong_shapes_are_named() -> None:
    good = Snapshots.of([row(1)], BTC)
    with pytest.raises(InputError, match=r"flow must have shape \(1, 7\), got \(1, 3\)"):
        Snapshots(BTC, good.ts_exchange, good.ts_receive, good.levels, np.zeros((1, 3)), good.valid)


def test_no_rows_and_unknown_provenance_are_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        Snapshots.of([], BTC)
    with pytest.raises(InputError, match="recorded, simulated, live"):
        Snapshots.of([row(1)], BTC, "guessed")
