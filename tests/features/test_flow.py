"""Order flow and trades against plain, slow readings of the papers."""

import numpy as np
import pandas as pd
import pytest

from genesis_lib.features import FeatureSet


def column(rows, *names):
    return FeatureSet(names).batch(rows).T


def plain_ofi(levels: np.ndarray) -> np.ndarray:
    """Cont, Kukanov and Stoikov's e_n by their case distinction, (n, L)."""
    out = np.full(levels.shape[:2], np.nan)
    for n in range(1, len(levels)):
        for i in range(levels.shape[1]):
            (pb0, qb0, pa0, qa0), (pb, qb, pa, qa) = levels[n - 1, i], levels[n, i]
            bid = qb if pb > pb0 else -qb0 if pb < pb0 else qb - qb0
            ask = -qa0 if pa > pa0 else qa if pa < pa0 else qa - qa0
            out[n, i] = bid - ask
    return out


@pytest.fixture(scope="module")
def ofi(rows):
    return plain_ofi(rows.levels)


def slog(x):
    return np.sign(x) * np.log1p(np.abs(x))


def test_order_flow_of_each_level(rows, ofi):
    values = column(rows, *(f"ofi_{i}" for i in range(1, 11)))
    np.testing.assert_allclose(values.T, ofi, atol=1e-12)
    np.testing.assert_allclose(column(rows, "ofi_total")[0], ofi.sum(1), atol=1e-11)


def test_order_flow_by_hand(make):
    rows = make(2, 1)
    rows.levels[:] = [[[100.0, 5.0, 100.1, 7.0]], [[100.1, 2.0, 100.2, 4.0]]]  # the ask was lifted, a bid stepped up
    assert column(rows, "ofi_1")[0, 1] == 2.0 + 7.0


def test_sums_and_their_scale(rows, ofi):
    best = pd.Series(ofi[:, 0])
    depth = pd.Series(rows.levels[:, 0, 1::2].mean(1)).rolling(100).mean()
    for span in (5, 10, 20, 50, 100):
        plain, scaled, whole = column(rows, f"ofi_sum_{span}", f"nofi_sum_{span}", f"nofi_total_{span}")
        total = best.rolling(span).sum()
        np.testing.assert_allclose(plain, total, atol=1e-10)
        np.testing.assert_allclose(scaled, slog(total / depth), atol=1e-10)
        side = pd.Series(rows.levels[:, :, 1::2].sum((1, 2)) / 2).rolling(100).mean()
        np.testing.assert_allclose(whole, slog(pd.Series(ofi.sum(1)).rolling(span).sum() / side), atol=1e-10)


def test_levels_in_units_of_their_depth(rows, ofi):
    for i in (1, 4, 10):
        depth = pd.Series(rows.levels[:, i - 1, 1::2].mean(1)).rolling(100).mean()
        single, ten, fifty = column(rows, f"nofi_{i}", f"nofi_{i}_sum_10", f"nofi_{i}_sum_50")
        flow = pd.Series(ofi[:, i - 1])
        np.testing.assert_allclose(single, slog(flow / depth), atol=1e-11)
        np.testing.assert_allclose(ten, slog(flow.rolling(10).sum() / depth), atol=1e-11)
        np.testing.assert_allclose(fifty, slog(flow.rolling(50).sum() / depth), atol=1e-11)


def test_a_level_that_was_empty_has_no_flow_until_both_rows_hold_it(make):
    rows = make(4)
    rows.levels[1, 9] = np.nan
    values = column(rows, "ofi_10", "ofi_9", "ofi_total")
    assert np.isnan(values[0, :3]).all() and np.isfinite(values[0, 3])
    assert np.isfinite(values[1:, 1:]).all()


def test_signed_volume_and_trade_imbalance(rows):
    buy, sell, signed = (pd.Series(rows.flow[:, k]) for k in (1, 2, 4))
    count = pd.Series(rows.flow[:, 0])
    assert np.array_equal(column(rows, "signed_volume")[0], signed)
    depth = pd.Series(rows.levels[:, 0, 1::2].mean(1)).rolling(100).mean()
    for span in (1, 10, 50, 100):
        total, scaled, lean, pace = column(
            rows, f"signed_volume_{span}", f"nsigned_volume_{span}", f"trade_imbalance_{span}", f"trade_pace_{span}"
        )
        np.testing.assert_allclose(total, signed.rolling(span).sum(), atol=1e-10)
        np.testing.assert_allclose(scaled, slog(signed.rolling(span).sum() / depth), atol=1e-10)
        volume = (buy + sell).rolling(span).sum()
        want = ((buy - sell).rolling(span).sum() / volume).where(volume.isna() | (volume > 1e-9), 0.0)
        np.testing.assert_allclose(lean, want, atol=1e-9)
        np.testing.assert_allclose(pace, np.log1p(count.rolling(span).sum()), atol=1e-12)


def test_effective_spread(rows):
    paid, volume = pd.Series(rows.flow[:, 6]), pd.Series(rows.flow[:, 1:3].sum(1))
    want = paid.rolling(50).sum() / volume.rolling(50).sum() / 0.1
    np.testing.assert_allclose(column(rows, "effective_spread_50")[0], want, rtol=1e-9)


def test_realised_spread_looks_at_the_mid_fifty_rows_after_the_trade(rows):
    got = column(rows, "realised_spread_50")[0]
    for n in (99, 250, 1199):
        trades = range(n - 99, n - 49)
        kept = sum(2 * (rows.flow[k, 5] - rows.mid[k + 50] * rows.flow[k, 4]) for k in trades)
        np.testing.assert_allclose(got[n], kept / rows.flow[trades.start : trades.stop, 1:3].sum() / 0.1, rtol=1e-6)


def test_spreads_without_trades_are_unknown(make):
    rows = make(300)
    rows.flow[:] = 0.0
    assert np.isnan(column(rows, "effective_spread_50", "realised_spread_50", "vpin")).all()


def plain_vpin(buy, sell, buckets=20):
    """Easley, Lopez de Prado and O'Hara: pour the volume into buckets, each as large as was known when it opened."""
    out, done = [], []
    size = held = signed = total = traded = 0.0
    for b, s in zip(buy, sell):
        volume = b + s
        if volume > 0:
            total, traded = total + volume, traded + 1
            if size == 0 and traded >= 50:
                size = 10 * total / traded
            while size and volume >= size - held:
                part = size - held
                done.append(abs(signed + part * (b - s) / (b + s)) / size)
                volume, held, signed, size = volume - part, 0.0, 0.0, 10 * total / traded
            if size:
                held, signed = held + volume, signed + volume * (b - s) / (b + s)
        out.append(np.mean(done[-buckets:]) if len(done) >= buckets else np.nan)
    return np.array(out)


def test_vpin(make):
    rows = make(1500, 1, seed=9)
    got = column(rows, "vpin")[0]
    np.testing.assert_allclose(got, plain_vpin(rows.flow[:, 1], rows.flow[:, 2]), rtol=1e-9)
    assert np.isfinite(got).sum() > 100 and (got[np.isfinite(got)] <= 1).all()


def test_vpin_of_one_sided_trading_is_one(make):
    rows = make(1500, 1)
    rows.flow[:, 2] = 0.0
    assert column(rows, "vpin")[0, -1] == pytest.approx(1.0)


def test_vpin_survives_a_trade_larger_than_all_buckets(make):
    rows = make(1500, 1)
    rows.flow[1000, 1] = 1e6
    assert column(rows, "vpin")[0, 1000] == pytest.approx(1.0)
    assert np.isfinite(column(rows, "vpin")[0, 1000:]).all()
