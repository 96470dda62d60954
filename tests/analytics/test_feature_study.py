import numpy as np
import pytest

from genesis_lib.analytics import feature_study
from genesis_lib.analytics.feature_study import FeatureRows, halves, perfect_foresight, sessions_to_study
from genesis_lib.errors import InputError
from genesis_lib.features import FEATURES
from genesis_lib.training.labels import Label
from genesis_lib.types import Instrument, Snapshots


def rows_of(mids, valid=None, spread=1, depth=10):
    """A full book of one lot a level about each mid (in ticks of 0.1, doubled mids whole), a row every 100 ms."""
    n = len(mids)
    bid, ask = np.asarray(mids) - spread / 2, np.asarray(mids) + spread / 2
    levels = np.ones((n, depth, 4))
    for level in range(depth):
        levels[:, level, 0], levels[:, level, 2] = (bid - level) * 0.1, (ask + level) * 0.1
    time = np.arange(n, dtype=np.int64) * 10**8
    instrument = Instrument("test", "X", 0.1, 0.001)
    valid = np.ones(n, bool) if valid is None else np.asarray(valid)
    return Snapshots(instrument, time, time, levels, np.zeros((n, 7)), valid, "simulated")


def test_moves_are_found_with_their_sign_and_never_across_a_fault():
    mids = [100.5, 100.5, 101.5, 101.5, 99.5, 99.5, 99.5, 103.5, 103.5]
    valid = [True] * 6 + [False] + [True] * 2
    study = FeatureRows.of(rows_of(mids, valid), Label("smoothed", 1), ["mid", "obi_1"])
    at, sign = study.moves()
    assert at.tolist() == [2, 4] and sign.tolist() == [1, -1]
    assert study.mid.tolist() == mids and (study.spread == 1).all()
    assert np.isnan(study.column("obi_1")[6]) and study.starts[6] == -1


def test_the_move_is_the_mean_mid_ahead_in_ticks():
    study = FeatureRows.of(rows_of([100.5, 102.5, 104.5, 100.5]), Label("smoothed", 2), ["mid"])
    assert study.move[:2] == pytest.approx([3.0, 0.0]) and np.isnan(study.move[2:]).all()
    assert study.end.tolist() == [2, 3, -1, -1]


def test_all_features_that_the_rows_are_deep_enough_for_are_taken():
    study = FeatureRows.of(rows_of([100.5] * 30, depth=5), Label("smoothed", 2))
    assert set(study.names) == {name for name, item in FEATURES.items() if item.levels <= 5}


def test_halves_share_nothing():
    rng = np.random.default_rng(1)
    mids = 1000.5 + np.cumsum(rng.integers(-1, 2, 400))
    rows = rows_of(mids)
    names, label = ["return_10", "realised_vol_50", "obi_1"], Label("smoothed", 20)
    early, late = halves(rows, 0.5)
    changed = mids.copy()
    changed[200:] += 500 * rng.integers(-1, 2, 200)
    assert (early.ts_exchange[-1], late.ts_exchange[0]) == (199 * 10**8, 200 * 10**8)
    first = FeatureRows.of(early, label, names)
    other = FeatureRows.of(halves(rows_of(changed), 0.5)[0], label, names)
    assert np.array_equal(first.values, other.values, equal_nan=True)
    assert np.array_equal(first.move, other.move, equal_nan=True) and first.end.max() == 199
    assert np.isnan(FeatureRows.of(late, label, names).column("realised_vol_50")[:50]).all()
    with pytest.raises(InputError, match="share must lie between 0 and 1, got 1"):
        halves(rows, 1.0)


def test_perfect_foresight_by_hand():
    # Mids of 10,000 ticks: one tick is one basis point. Every second row three ticks up, then back; spread one tick.
    mids = 10_000 + np.array([0.5, 0.5, 3.5, 3.5, 0.5, 0.5, 0.5])
    found = perfect_foresight([FeatureRows.of(rows_of(mids), Label("smoothed", 1), ["mid"])], [2], 0.5).loc[2]
    assert found.chances == 3 and found.moved == pytest.approx(2 / 3)
    assert found.move == pytest.approx((3 + 3 + 0) / 3, rel=1e-3)
    assert found.spread == pytest.approx(1.0, rel=1e-3) and found.fees == 1.0
    assert found.net == pytest.approx(2.0 - 1.0 - 1.0, abs=2e-3)
    assert found["worth without fees"] == pytest.approx(2 / 3) and found.worth == pytest.approx(2 / 3)
    dear = perfect_foresight([FeatureRows.of(rows_of(mids), Label("smoothed", 1), ["mid"])], [2], 5.0).loc[2]
    assert dear.worth == 0.0


def test_what_cannot_be_studied_is_said(tmp_path):
    with pytest.raises(InputError, match="none of the 30 rows has a label 50 rows ahead"):
        FeatureRows.of(rows_of([100.5] * 30), Label("smoothed", 50), ["mid"])
    study = FeatureRows.of(rows_of([100.5] * 30), Label("smoothed", 5), ["mid"])
    with pytest.raises(InputError, match="no unbroken 40 rows"):
        perfect_foresight([study], [40], 5.0)
    with pytest.raises(InputError, match="fit names none"):
        sessions_to_study([], ["simulator"], tmp_path)


def test_sessions_are_chosen(monkeypatch, tmp_path):
    fit, test, apart = sessions_to_study(["simulator"], ["simulator"], tmp_path, minutes=0.1)
    assert apart == "another session" and fit[0].provenance == test[0].provenance == "simulated"
    assert not np.array_equal(fit[0].levels[:50], test[0].levels[:50])
    one, rest, apart = sessions_to_study(["simulator"], [], tmp_path, minutes=0.1, share=0.25)
    assert "later part" in apart and len(one[0]) == int(0.25 * (len(one[0]) + len(rest[0])))
    assert one[0].ts_exchange[-1] <= rest[0].ts_exchange[0]


def test_two_years_of_bitcoin_by_default(recordings, monkeypatch):
    asked = []
    monkeypatch.setattr(feature_study, "gather_sessions", lambda specs, **more: asked.append([*specs]) or [])
    sessions_to_study([], [], recordings)
    assert ["2023" in asked[0][0], "2024" in asked[1][0]] == [True, True] and not set(asked[0]) & set(asked[1])


def test_a_move_may_be_over_seconds():
    rows = rows_of([100.5, 100.5, 101.5, 101.5, 101.5, 101.5])
    step = float(rows.ts_exchange[1] - rows.ts_exchange[0]) / 1e9
    study = FeatureRows.of(rows, Label(seconds=2 * step), ["mid"])
    assert study.move[1] > 0 and study.end[1] == 3
