"""FI-2010's published layout, made up: 149 lines of samples in columns, several stocks, something to learn."""

from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.fi2010 import KS, SETUPS, Benchmark, locate, run_benchmark, stock_starts
from genesis_lib.training.fi2010_figures import FIGURES, HORIZONS


def samples(count: int, seed: int, stocks: int = 2) -> np.ndarray:
    """(count * stocks, 149): z-scored books whose imbalance foretells the labels three times in four."""
    rng = np.random.default_rng(seed)
    made = np.zeros((count * stocks, 149))
    for stock in range(stocks):
        part = made[stock * count : (stock + 1) * count]
        mid = 1000 * (stock + 1) + rng.integers(-1, 2, count).cumsum()
        pressure = rng.normal(size=count)
        for level in range(10):
            part[:, 4 * level], part[:, 4 * level + 2] = mid + 1 + level, mid - level
            part[:, 4 * level + 1] = -pressure + rng.normal(size=count)
            part[:, 4 * level + 3] = pressure + rng.normal(size=count)
        answer = np.where(pressure > 0.43, 1, np.where(pressure < -0.43, 3, 2))
        for column in range(5):
            luck = rng.random(count) < 0.25
            part[:, 144 + column] = np.where(luck, rng.integers(1, 4, count), answer)
    made[:, :40] -= made[:, :40].mean(axis=0)
    made[:, :40] /= made[:, :40].std(axis=0)
    made[:, 40:144] = rng.normal(size=(len(made), 104))
    return made


def write(folder: Path, name: str, made: np.ndarray) -> Path:
    path = folder / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join("   ".join(f"{x:.7e}" for x in line) for line in made.T.tolist()) + "\n")
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """Training file 7 and test files 7 to 9, in the folders they are published in."""
    folder = tmp_path_factory.mktemp("fi2010")
    write(folder / "NoAuction_Zscore_Training", "Train_Dst_NoAuction_ZScore_CF_7", samples(700, 0))
    for number in (7, 8, 9):
        name = f"Test_Dst_NoAuction_ZScore_CF_{number}"
        write(folder / "NoAuction_Zscore_Testing", name, samples(160, number))
    return folder


def test_the_setups_are_those_of_the_papers():
    assert SETUPS["7-3"] == ((7, (7, 8, 9)),)
    assert SETUPS["anchored"] == tuple((day, (day,)) for day in range(1, 10))
    assert all(len(figure.f1) == len(HORIZONS) for figure in FIGURES) and set(HORIZONS) < set(KS)


def test_files_are_read_as_published(published):
    ((train, tests),) = locate(published)
    assert train.name == "Train_Dst_NoAuction_ZScore_CF_7.txt" and [path.name[-5] for path in tests] == ["7", "8", "9"]
    data = Benchmark.read(train, tests)
    assert data.inputs.shape == (1400 + 3 * 320, 40) and data.columns[:2] == ("ask_price_1", "ask_size_1")
    made = samples(700, 0)
    np.testing.assert_allclose(data.inputs[:1400], made[:, :40], rtol=1e-6, atol=1e-6)
    assert np.array_equal(data.classes[:1400], 3 - made[:, 144:]), "1 is up, 3 is down"
    assert np.unique(data.starts).tolist() == [0, 700, 1400, 1560, 1720, 1880, 2040, 2200], "stocks and files apart"


def test_no_window_crosses_a_stock_and_no_part_meets_another(published):
    data = Benchmark.read(*locate(published)[0])
    for window in (1, 100):
        parts = data.parts(window)
        for row in parts.values():
            assert (data.starts[row - window + 1] == data.starts[row]).all()
        train, held, test = (parts[name] for name in ("train", "validation", "test"))
        assert train.max() < 1400 and held.max() < 1400 <= test.min()
        for stock in (0, 700):
            own = [part[data.starts[part] == stock] for part in (train, held)]
            assert own[0].max() + max(KS) < own[1].min() - window + 1, "labels end before the other's windows begin"
            assert len(own[1]) == 140


def test_stocks_that_normalisation_hid_look_like_one():
    book = samples(300, 1)[:, :40]
    assert np.unique(stock_starts(book)).tolist() == [0, 300]
    for part in (book[:300], book[300:]):
        part -= part.mean(axis=0)
        part /= part.std(axis=0)
    assert len(np.unique(stock_starts(book))) <= 2
    assert stock_starts(np.ones((5, 40))).tolist() == [0] * 5


QUICK = TrainingConfig(epochs=5, batch_size=32, threads=1, quiet=True, learning_rate=1e-2)
LINE = {"penalty": 1e-3, "balanced": False}


@pytest.mark.parametrize(
    ("model", "shape", "least", "most"),
    [("majority", {}, 0.0, 0.25), ("logistic", LINE, 0.6, 1.0), ("tabl", {"window": 10}, 0.5, 1.0)],
)
def test_the_planted_signal_is_found_in_seven_days_and_tested_in_three(published, model, shape, least, most):
    said, horizons = [], (10,) if model == "tabl" else (10, 100)
    found = run_benchmark(published, model, horizons=horizons, training=QUICK, shape=shape, told=said.append)
    assert (found["setup"], found["normalisation"], tuple(found["f1"])) == ("7-3", "ZScore", horizons)
    (only,) = found["rounds"]
    assert only["samples"] == {"train": 1400, "test": 960} and only["stretches"] == 8 and len(said) == 1 + len(horizons)
    tested = only["horizons"][10]
    assert tested["tested"] == 960 - 6 * (shape.get("window", 1) - 1)
    assert tested["f1"] == found["f1"][10] and sum(tested["shares"]) == pytest.approx(1)
    assert all(least < f1 < most for f1 in found["f1"].values()), "three answers in four are planted"
    assert least == 0.0 or found["f1_weighted"][10] == pytest.approx(found["f1"][10], abs=0.05)


def test_anchored_rounds_train_on_all_days_before(tmp_path):
    for day in range(1, 10):
        write(tmp_path, f"Train_Dst_NoAuction_DecPre_CF_{day}", samples(200 + 20 * day, day, 1))
        write(tmp_path, f"Test_Dst_NoAuction_DecPre_CF_{day}", samples(60, 100 + day, 1))
    found = run_benchmark(tmp_path, "majority", "anchored", horizons=[50])
    assert [each["samples"]["train"] for each in found["rounds"]] == [200 + 20 * day for day in range(1, 10)]
    own = [each["horizons"][50]["f1"] for each in found["rounds"]]
    assert len(set(own)) > 1 and found["f1"] == {50: np.mean(own)} and found["normalisation"] == "DecPre"


@pytest.mark.slow
def test_the_result_is_the_same_however_many_work_on_it(published):
    one, two = (run_benchmark(published, "logistic", horizons=(10, 20), shape=LINE, jobs=jobs) for jobs in (1, 2))
    assert one == two


def test_what_cannot_be_run_is_said(published, tmp_path):
    for given, word in (
        ({"model": "persistence"}, "model must be one of"),
        ({"setup": "8-2"}, "setup must be one of 7-3, anchored"),
        ({"setup": "anchored"}, "Train_Dst_NoAuction_ZScore_CF_1.txt is needed, and there is none"),
        ({"horizons": [40]}, "horizons must be among"),
        ({"normalisation": "Log"}, "normalisation must be one of"),
        ({"normalisation": "MinMax"}, "MinMax_CF_7.txt is needed"),
        ({"folder": tmp_path / "nowhere"}, "is no folder"),
    ):
        with pytest.raises(InputError, match=word):
            run_benchmark(**{"folder": published, "model": "logistic", **given})
    write(tmp_path, "Train_Dst_NoAuction_ZScore_CF_7", samples(20, 0)[:, :-1])
    for number in (7, 8, 9):
        write(tmp_path, f"Test_Dst_NoAuction_ZScore_CF_{number}", samples(20, number))
    with pytest.raises(RecordingError, match="FI-2010 has 149"):
        run_benchmark(tmp_path, "logistic")
    write(tmp_path, "Train_Dst_NoAuction_ZScore_CF_7", samples(20, 0))
    with pytest.raises(InputError, match="no sample to train on"):
        run_benchmark(tmp_path, "logistic")
