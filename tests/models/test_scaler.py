import json

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from genesis_lib.errors import ModelError
from genesis_lib.models.scaler import Scaler

ROWS = np.random.default_rng(0).normal(3, 5, (500, 4)) * [1, 10, 0, 1e-3]


def test_equals_scikit_learn_and_survives_a_column_that_never_varies():
    scaler = Scaler.fit(ROWS)
    assert np.allclose(scaler.mean, StandardScaler().fit(ROWS).mean_)
    assert scaler.std[2] == 1.0 and (scaler.transform(ROWS)[:, 2] == 0).all()
    assert np.allclose(scaler.transform(ROWS), StandardScaler().fit_transform(ROWS), atol=1e-6)


def test_json_brings_back_every_bit(tmp_path):
    scaler = Scaler.fit(ROWS)
    scaler.save(tmp_path / "scaler_params.json")
    assert set(json.loads((tmp_path / "scaler_params.json").read_text())) == {"mean", "std", "clip"}
    again = Scaler.load(tmp_path / "scaler_params.json")
    assert np.array_equal(again.mean, scaler.mean) and np.array_equal(again.std, scaler.std)
    assert np.array_equal(again.transform(ROWS), scaler.transform(ROWS))


def test_far_values_are_clipped_and_nan_stays():
    scaled = Scaler(np.zeros(3), np.ones(3), 5.0).transform(np.array([1e9, -1e9, np.nan]))
    assert scaled[0] == 5 and scaled[1] == -5 and np.isnan(scaled[2]) and scaled.dtype == np.float32


@pytest.mark.parametrize(
    ("mean", "std", "clip"),
    [
        ([0.0], [0.0], 1.0),
        ([np.nan], [1.0], 1.0),
        ([0.0, 1.0], [1.0], 1.0),
        ([0.0], [1.0], 0.0),
        ([0.0], [np.inf], 1.0),
    ],
)
def test_nonsense_is_refused(mean, std, clip):
    with pytest.raises(ModelError, match="scaler"):
        Scaler(np.array(mean), np.array(std), clip)


@pytest.mark.parametrize("text", ["{", "[]", '{"mean": [0]}', '{"mean": ["a"], "std": [1], "clip": 1}', "\xff"])
def test_a_damaged_file_is_named(tmp_path, text):
    file = tmp_path / "scaler_params.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=r"scaler_params\.json: not a scaler"):
        Scaler.load(file)
    with pytest.raises(ModelError, match="no rows"):
        Scaler.fit(ROWS[:0])
