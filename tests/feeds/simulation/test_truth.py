from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.simulation.predictable import PredictableMarket
from genesis_lib.feeds.simulation.truth import Truth, read_truth, read_truths, truth_path, write_predictable
from genesis_lib.feeds.snapshots import files_of, open_sessions, read_sessions
from genesis_lib.feeds.verify import audit_files, doubts


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict:
    return write_predictable(tmp_path_factory.mktemp("made"), PredictableMarket(2, 0.8, 0.5))


def test_a_recording_and_its_truth_are_of_the_same_rows(made) -> None:
    (rows,) = read_sessions(made["path"])
    truth = read_truth(made["path"])
    assert np.array_equal(rows.ts_exchange, truth.time)
    assert rows.provenance == "simulated" and rows.instrument.symbol == "SIMBAYES"
    assert (truth.accuracy, truth.horizon, len(truth)) == (0.8, 20, made["rows"])
    assert made["bayes"]["accuracy"] == pytest.approx(0.8)
    assert made["linear_accuracy"] < 0.8


def test_the_recording_is_proven_by_its_own_best_prices(made) -> None:
    found = audit_files([made["path"]])
    assert found["bbo_checked"] == found["bbo_equal"] > 100 and not doubts(found)


def test_a_folder_is_read_without_its_truth(made) -> None:
    folder = Path(made["path"]).parent
    assert files_of(folder) == [Path(made["path"])]
    assert [session.provenance for session in open_sessions(folder)] == ["simulated"]
    assert len(read_truths([folder])) == 1 and read_truths([folder / "elsewhere.gz"]) == []


def test_the_symbol_says_that_it_is_simulated_without_a_sidecar(made, tmp_path) -> None:
    lone = tmp_path / "lone.gz"
    lone.write_bytes(Path(made["path"]).read_bytes())
    (session,) = open_sessions(lone)
    assert session.provenance == "simulated"


def test_the_same_seed_gives_the_same_bytes(made, tmp_path) -> None:
    again = write_predictable(tmp_path, PredictableMarket(2, 0.8, 0.5))
    for kind in ("path", "truth"):
        assert Path(made[kind]).read_bytes() == Path(again[kind]).read_bytes()


def test_truth_of_other_data_is_refused(made, tmp_path) -> None:
    first = write_predictable(tmp_path, PredictableMarket(2, 0.8, 0.5))
    other = write_predictable(tmp_path / "other", PredictableMarket(2, 0.7, 0.5))
    truth_path(tmp_path / "simbayes_seed2.gz").write_bytes(
        truth_path(tmp_path / "other/simbayes_seed2.gz").read_bytes()
    )
    with pytest.raises(RecordingError, match=r"truth of other data than simbayes_seed2\.gz"):
        read_truth(first["path"])
    assert read_truth(other["path"]).accuracy == 0.7


def test_a_damaged_truth_is_told(made, tmp_path) -> None:
    made = write_predictable(tmp_path, PredictableMarket(1, 0.8, 0.1))
    path = truth_path(tmp_path / "simbayes_seed1.gz")
    whole = path.read_bytes()
    for damage in (b"", b"nothing of the kind", whole[: len(whole) // 2]):
        path.write_bytes(damage)
        with pytest.raises(RecordingError, match="not the truth of a recording"):
            read_truth(made["path"])


def test_rows_that_are_not_its_own_have_no_odds(made) -> None:
    truth = read_truth(made["path"])
    found = truth.at(np.array([truth.time[3], truth.time[3] + 1, truth.time[-1], 0, 2**62]))
    assert np.isnan(found[:, 0]).tolist() == [False, True, False, True, True]
    assert np.array_equal(found[0], truth.odds[3])


@pytest.mark.parametrize(
    ("time", "odds", "said"),
    [
        ([1, 2], [[1, 0, 0]], r"shape \(2, 3\)"),
        ([2, 1], [[1, 0, 0]] * 2, "ascend"),
        ([1], [[0.5, 0.4, 0.2]], "sum 1"),
        ([1], [[1.5, -0.5, 0.0]], "at least 0"),
    ],
)
def test_what_is_no_truth_is_refused(time, odds, said) -> None:
    with pytest.raises(InputError, match=said):
        Truth(np.array(time), np.array(odds, float), 0.7, 20)
