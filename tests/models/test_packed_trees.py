import json

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from genesis_lib.errors import ModelError
from genesis_lib.models.boosted import Boosted, BoostedConfig, from_sklearn
from genesis_lib.models.packed_trees import PARTS, compact, pack, unpack

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3000, 4)).astype(np.float32)
X[RNG.random(X.shape) < 0.1] = np.nan
Y = RNG.integers(0, 3, 3000)


@pytest.fixture(scope="module")
def trees():
    with threadpool_limits(1):
        return from_sklearn(HistGradientBoostingClassifier(max_iter=20, early_stopping=False).fit(X, Y))


def test_rows_of_float32_are_asked_the_same(trees):
    short = compact(trees)
    assert np.abs(short.logits(X) - trees.logits(X)).max() < 1e-6
    at_a_threshold = X.copy()
    inner = np.flatnonzero(trees.tables["feature"] == 1)
    at_a_threshold[: len(inner), 1] = trees.tables["threshold"][inner][:3000]  # rounded to float32, up or down
    assert np.abs(short.logits(at_a_threshold) - trees.logits(at_a_threshold)).max() < 1e-6


def test_comes_back_bit_for_bit(trees):
    short = compact(trees)
    text = json.dumps(pack(short))
    again = unpack(json.loads(text))
    for name, array in short.tables.items():
        assert np.array_equal(array, again.tables[name]) and array.dtype == again.tables[name].dtype, name
    assert np.array_equal(again.logits(X), short.logits(X))
    assert len(text) < 12 * len(short.tables["feature"])  # bytes a node


def test_no_tree_at_all_is_packed_too():
    empty = Boosted.fit(X, np.ones(3000, int), None, BoostedConfig(inputs=4))
    assert np.array_equal(unpack(pack(empty)).logits(X), empty.logits(X))


def test_what_four_bytes_do_not_hold_is_refused(trees):
    with pytest.raises(ModelError, match="compact them first"):
        pack(trees)


@pytest.mark.parametrize("name", [*PARTS, "baseline"])
def test_damage_is_named(trees, name):
    packed = pack(compact(trees))
    for harm in ("", "AAAA", None, packed["feature" if name != "feature" else "value"]):
        with pytest.raises(ModelError, match=r"trees|weights"):
            unpack(packed | {name: harm})
    with pytest.raises(ModelError, match=name):
        unpack({k: v for k, v in packed.items() if k != name})
