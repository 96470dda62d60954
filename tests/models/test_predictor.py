import subprocess
import sys

import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.predictor import CLASSES, folded


@pytest.fixture(scope="module")
def artifact(make_registered, tmp_path_factory):
    return make_registered(tmp_path_factory.mktemp("models"))[1]


def test_step_equals_batch_through_gaps(artifact):
    rows = np.random.default_rng(3).normal(size=(200, 8))
    rows[70, 3] = np.nan
    rows[75] = np.nan
    valid = np.ones(200, bool)
    batch = artifact.predict(rows, valid)
    predictor = artifact.predictor()
    steps = np.array([predictor.step(row) for row in rows])
    assert np.array_equal(np.isnan(steps), np.isnan(batch))
    assert np.nanmax(np.abs(steps - batch)) < 1e-12
    full = np.flatnonzero(np.isfinite(steps[:, 0]))
    assert full.tolist() == [*range(19, 70), *range(76 + 19, 200)], "a window never holds a row that is not there"
    assert np.allclose(steps[full].sum(axis=1), 1) and len(CLASSES) == 3


def test_rows_marked_invalid_are_as_good_as_missing(artifact):
    rows = np.random.default_rng(4).normal(size=(100, 8))
    valid = np.ones(100, bool)
    valid[50] = False
    missing = rows.copy()
    missing[50] = np.nan
    assert np.array_equal(artifact.predict(rows, valid), artifact.predict(missing), equal_nan=True)


def test_answers_are_fresh_arrays(artifact):
    predictor = artifact.predictor()
    rows = np.random.default_rng(5).normal(size=(22, 8))
    first, second = [predictor.step(row) for row in rows][-2:]
    assert not np.shares_memory(first, second) and not np.array_equal(first, second)


def test_the_future_changes_nothing(artifact):
    rows = np.random.default_rng(6).normal(size=(120, 8))
    before = artifact.predict(rows)[:80]
    rows[80:] = 7.0
    assert np.abs(np.nan_to_num(artifact.predict(rows)[:80] - before)).max() < 1e-12


def test_wrong_shapes_are_refused(artifact):
    with pytest.raises(ModelError, match=r"\(8,\)"):
        artifact.predictor().step(np.zeros(7))
    with pytest.raises(ModelError, match=r"\(n, 8\)"):
        artifact.predict(np.zeros((5, 7)))
    with pytest.raises(ModelError, match="valid"):
        artifact.predict(np.zeros((5, 8)), np.ones(4, bool))
    with pytest.raises(ModelError, match="kind must be one of deeplob"):
        folded({}, {"kind": "oracle"})


def test_serving_needs_neither_torch_nor_scikit_learn():
    code = (
        "import sys, genesis_lib.models, genesis_lib.models.registry, genesis_lib.models.streaming;"
        "print([name for name in ('torch', 'pytorch_lightning', 'sklearn', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
