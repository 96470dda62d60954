import json
from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.models import registry
from genesis_lib.training import evaluate, register_best
from genesis_lib.training.card import fold_records, model_card, verdict


@pytest.fixture(scope="module")
def registered(small_cv, make_planted, tmp_path_factory):
    rows, result = small_cv
    root = tmp_path_factory.mktemp("models")
    first = register_best(result, rows, "planted", root=root)
    unseen = {"a later day": evaluate(first, [make_planted(1500, 9, depth=3, day=9)])}
    return root, register_best(result, rows, "planted", root=root, unseen=unseen), unseen


def test_what_is_registered_is_the_best_fold(registered, small_cv):
    rows, result = small_cv
    root, made, _ = registered
    again = registry.load(made.version, root)
    assert all(np.array_equal(again.weights[key], value) for key, value in result.best.first.weights.items())
    assert again.label == result.best.label.as_dict() and again.data_hash == rows.data_hash
    assert again.metrics["best_fold"] == result.best.number and again.provenance == "simulated"
    assert again.metrics["accuracy"] == result.scores()["accuracy"]
    assert again.manifest["training"]["stride"] == 2 and "unseen" in again.metrics


def test_the_card_tells_where_from_how_good_and_what_not(registered, small_cv):
    rows, result = small_cv
    _, made, unseen = registered
    words = ["Provenance: **simulated**", "persistence", "logistic_ofi", "Calibration", "Unseen: a later day"]
    words += [
        "Intended use",
        "no advice to trade",
        f"{unseen['a later day'].rows:,} rows",
        made.version,
        rows.data_hash,
    ]
    for word in words:
        assert word in made.card, word
    assert "{" not in made.card
    assert f"{result.fold_table()['test'].iloc[0]:.4f}" in made.card


def test_records_are_plain(small_cv):
    _, result = small_cv
    assert json.loads(json.dumps(fold_records(result)))[1]["fold"] == 1


def test_a_verdict_admits_defeat():
    good = {"accuracy": 0.6, "macro_f1": 0.6, "mcc": 0.4, "log_loss": 0.8}
    bad = {"accuracy": 0.4, "macro_f1": 0.3, "mcc": 0.1, "log_loss": 1.0}
    assert "**loses to** logistic" in verdict(bad, {"logistic": good}, "Here")[0]
    assert "network beats logistic:" in verdict(good, {"logistic": bad}, "Here")[0]
    assert "accuracy only" in verdict(bad | {"accuracy": 0.7}, {"logistic": good}, "Here")[0]


def test_every_label_has_words(small_cv):
    rows, result = small_cv
    for kind in ("smoothed-past", "volatility", "triple-barrier"):
        folds = tuple(replace(fold, label=replace(fold.label, kind=kind, threshold=0.5)) for fold in result.folds)
        assert "5 book rows" in model_card(replace(result, folds=folds), rows, {})
