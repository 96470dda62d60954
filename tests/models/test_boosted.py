"""Boosted trees: what scikit-learn grew, served without it and equal to it."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from genesis_lib.errors import ModelError
from genesis_lib.models.boosted import TABLES, Boosted, BoostedConfig, BoostedNet, from_sklearn, joined

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6000, 5)).astype(np.float32)
Y = np.digitize(X[:, 0] * X[:, 1] + X[:, 2] + RNG.normal(size=6000), [-0.8, 0.8])
CONFIG = BoostedConfig(inputs=5, window=1, rounds=40, learning_rate=0.2)
SHAPE = CONFIG.as_dict()


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with threadpool_limits(1):
        yield


def sklearn(**settings):
    return HistGradientBoostingClassifier(**({"early_stopping": False} | settings))


def softmax(logits):
    power = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def grown():
    return Boosted.fit(X[:4000], Y[:4000], (X[4000:5000], Y[4000:5000]), CONFIG)


def weights(trees, heads=1):
    return {**trees.tables, "baseline": trees.baseline.reshape(heads, 3)}


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_equals_scikit_learn(missing):
    x = X.copy()
    x[np.random.default_rng(1).random(x.shape) < missing] = np.nan
    model = sklearn(max_iter=30).fit(x[:4000], Y[:4000])
    ours = from_sklearn(model)
    assert ours.count == 90 and np.abs(softmax(ours.logits(x)) - model.predict_proba(x)).max() < 1e-9


def test_rows_on_a_threshold_go_the_same_way_as_scikit_learn_s():
    """Values on a coarse grid tie again and again; the next number above a threshold already goes right."""
    grid = np.round(X * 2) / 2
    grid[np.random.default_rng(3).random(len(X)) < 0.3, 4] = np.nan
    y = np.where(np.isnan(grid[:, 4]), 2, Y)  # no number parts them, only whether there is one
    model = sklearn(max_iter=10).fit(grid.astype(np.float64), y)
    ours = from_sklearn(model)
    feature, threshold = ours.tables["feature"], ours.tables["threshold"]
    assert np.isinf(threshold[feature == 4]).any(), "one split must be by what is missing alone"
    rows = []
    for column, limit in {(int(c), float(t)) for c, t in zip(feature, threshold) if c >= 0 and np.isfinite(t)}:
        for value in (limit, np.nextafter(limit, np.inf), np.nextafter(limit, -np.inf), float(np.float32(limit))):
            rows.append(grid[len(rows)].astype(np.float64))
            rows[-1][column] = value
    rows = np.array(rows)
    assert len(rows) > 100 and np.abs(softmax(ours.logits(rows)) - model.predict_proba(rows)).max() < 1e-9


def test_two_classes_equal_scikit_learn():
    at = Y != 1
    model = sklearn(max_iter=20).fit(X[at], Y[at])
    ours = softmax(from_sklearn(model).logits(X))
    assert np.abs(ours[:, [0, 2]] - model.predict_proba(X)).max() < 1e-9 and ours[:, 1].max() < 1e-12


def test_one_class_is_always_answered():
    made = Boosted.fit(X[:50], np.ones(50, int), (X, Y), CONFIG)
    assert made.count == 0 and made.width == 0 and (made.logits(X).argmax(axis=1) == 1).all()
    net = BoostedNet(weights(made), SHAPE)
    assert net.logits(X[:3]).shape == (3, 1, 3)


def test_a_row_a_step_equals_all_at_once(grown):
    net = BoostedNet(weights(grown), SHAPE | {"window": 4})
    batch = net.logits(X[:60])
    stream = net.stream()
    single = [stream.step(row) for row in X[:60]]
    assert single[:3] == [None] * 3 and np.isnan(batch[:3]).all()
    assert np.array_equal(batch[3:], np.array(single[3:]))


def test_growing_stops_where_validation_is_best(grown):
    settings = {"learning_rate": 0.2, "min_samples_leaf": 80, "l2_regularization": 1.0, "n_iter_no_change": 15}
    settings |= {"max_leaf_nodes": 20, "max_bins": 100}  # what 4,000 samples bear
    model = sklearn(max_iter=40, early_stopping=True, random_state=7, **settings)
    model.fit(X[:4000], Y[:4000], X_val=X[4000:5000], y_val=Y[4000:5000])
    best = int(np.argmax(model.validation_score_))
    assert grown.count == 3 * best < 3 * model.n_iter_
    staged = list(model.staged_predict_proba(X[5000:]))[best - 1]
    assert np.abs(softmax(grown.logits(X[5000:])) - staged).max() < 1e-9


def test_noise_grows_nothing_much():
    y = np.random.default_rng(2).integers(0, 3, 3000)
    made = Boosted.fit(X[:2000], y[:2000], (X[2000:3000], y[2000:]), CONFIG)
    assert made.count <= 9
    assert np.abs(softmax(made.logits(X)).mean(axis=0) - 1 / 3).max() < 0.05


def test_no_more_rows_than_allowed():
    few = BoostedConfig(inputs=5, rounds=3, most=500)
    every = Boosted.fit(X[:4000], Y[:4000], None, few)
    at = np.linspace(0, 3999, 500).astype(int)
    assert np.array_equal(every.logits(X), Boosted.fit(X[at], Y[at], None, few).logits(X))


def test_heads_are_trees_side_by_side(grown):
    other = Boosted.fit(X[:2000], 2 - Y[:2000], None, BoostedConfig(inputs=5, rounds=4))
    empty = Boosted.fit(X[:50], np.zeros(50, int), None, CONFIG)
    net = BoostedNet(weights(joined([grown, empty, other]), 3), SHAPE | {"heads": 3})
    answer = net.logits(X[:40])
    for head, alone in enumerate((grown, empty, other)):
        assert np.array_equal(answer[:, head], alone.logits(X[:40]))


def test_a_temperature_can_be_put_inside(grown):
    assert np.allclose(grown.scaled(0.5).logits(X), grown.logits(X) / 2, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "change", "cause"),
    [
        ("right", lambda a: a[::-1].copy(), "two branches"),
        ("left", lambda a: a + 1, "left must name"),
        ("tree_class", lambda a: a + 3, "group must lie"),
        ("feature", lambda a: np.where(a >= 0, a + 9, a), "trees ask about column"),
        ("value", lambda a: a * np.nan, "value must be finite"),
        ("threshold", None, "trees have no threshold"),
        ("baseline", lambda a: a[:, :2], "baseline must have shape"),
    ],
)
def test_damage_is_named(grown, name, change, cause):
    table = weights(grown)
    table = {k: v for k, v in table.items() if k != name} if change is None else table | {name: change(table[name])}
    with pytest.raises(ModelError, match=cause):
        BoostedNet(table, SHAPE)


def test_damage_is_seen_when_it_is_loaded_with_assertions_off_too():
    code = """
import numpy as np
from genesis_lib.errors import ModelError
from genesis_lib.models.boosted import TABLES, Boosted
tables = {name: np.zeros(2, kind) for name, kind in TABLES.items()} | {"left": np.array([1, 2])}
try:
    Boosted(tables, np.zeros(3))
except ModelError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("weights: trees: starts must rise")


@pytest.mark.parametrize(
    ("field", "cause"), [({"leaves": 65}, "leaves must lie"), ({"rounds": 0}, "rounds"), ({"ridge": -1.0}, "ridge")]
)
def test_settings_are_checked(field, cause):
    with pytest.raises(ModelError, match=cause):
        BoostedConfig(**field)
    assert BoostedConfig.of(SHAPE) == CONFIG


def test_served_without_scikit_learn_and_torch(grown, tmp_path):
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(a) for name, a in weights(grown).items()}, tmp_path / "w.safetensors")
    code = f"""
import sys, numpy as np
from safetensors.numpy import load_file
from genesis_lib.models.boosted import BoostedNet
net = BoostedNet(load_file(r"{tmp_path / "w.safetensors"}"), {SHAPE!r})
print(repr(net.logits(np.full((1, 5), 0.25)).ravel().tolist()))
assert not {{"sklearn", "torch"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert np.array_equal(eval(done.stdout), grown.logits(np.full((1, 5), 0.25))[0])
    assert set(TABLES) <= set(weights(grown))
