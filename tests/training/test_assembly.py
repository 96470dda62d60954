"""Ensembles of folds and of registered models: what they answer, what they may claim."""

import json

import numpy as np
import pytest

from genesis_lib.errors import InputError, ModelError
from genesis_lib.models import registry
from genesis_lib.training import Label, PurgedKFold, Rows, cross_validate, evaluate
from genesis_lib.training.assembly import NOTE, register_ensemble, register_top_folds
from genesis_lib.training.card import register_trial


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def trained(planted_sessions):
    rows = Rows.of(planted_sessions, 3, inputs="ofi")
    return rows, cross_validate(rows, Label(horizon=5), model="logistic", splitter=PurgedKFold(4), stride=4)


def test_the_best_folds_answer_as_one(trained, make_planted, root):
    rows, result = trained
    held = {"another day": [make_planted(1500, 31, day=9)]}
    made = register_top_folds(result, rows, "top", unseen=held, root=root)
    best = sorted(result.folds, key=lambda fold: -fold.validation_gain)[:3]
    assert made.manifest["training"]["folds"] == [fold.number for fold in best] and result.best in best
    again = registry.load("top", root)
    scored = evaluate(again, held["another day"])
    assert again.metrics["unseen"]["another day"]["log_loss"] == pytest.approx(scored.scores["log_loss"])
    assert again.metrics["note"] == NOTE and "folds" not in again.metrics
    card = json.loads((again.path / "card.json").read_text(encoding="utf-8"))
    assert card["version"] == again.version and NOTE in card["results"][0]["words"]
    assert (again.path / "card.html").exists() and again.version in again.card
    assert [entry.version for entry in registry.entries(root) if entry.name == "top"] == [again.version]
    own = []
    x = Rows.of(held["another day"], 3, inputs="ofi")
    for fold in best:
        z = fold.first.scaler.transform(x.inputs[scored.samples.row]).astype(float)
        logits = z @ fold.first.weights["coefficients"][0].T + fold.first.weights["intercepts"][0]
        power = np.exp(logits / fold.first.temperature[0])
        own.append(power / power.sum(axis=1, keepdims=True))
    assert np.allclose(scored.probabilities, np.mean(own, axis=0), atol=1e-6)


def test_what_was_trained_on_is_no_test(trained, planted_sessions, root):
    rows, result = trained
    with pytest.raises(InputError, match="the same day: some of it is among what the members were trained on"):
        register_top_folds(result, rows, "leak", unseen={"the same day": planted_sessions[:1]}, root=root)
    assert not [entry for entry in registry.entries(root) if entry.name == "leak"]


@pytest.mark.parametrize("count", [1, 5])
def test_a_count_of_folds_there_are(trained, root, count):
    rows, result = trained
    with pytest.raises(InputError, match=f"count must lie between 2 and the 4 folds, got {count}"):
        register_top_folds(result, rows, "few", count=count, root=root)


@pytest.fixture(scope="module")
def parts(trained, planted_sessions, root):
    rows, result = trained
    narrow = Rows.of(planted_sessions, 3, inputs="obi_1,log_spread")
    other = cross_validate(narrow, Label(horizon=5), model="logistic", splitter=PurgedKFold(2), stride=4)
    return register_trial(result, rows, "wide", root), register_trial(other, narrow, "narrow", root)


def test_registered_models_are_its_parents(parts, make_planted, root):
    wide, narrow = parts
    made = register_ensemble("both", [wide, narrow], weights=[3, 1], root=root)
    assert made.lineage["parents"] == [wide.version, narrow.version]
    assert made.columns[:56] == wide.columns and set(made.columns) == {*wide.columns, *narrow.columns}
    assert made.metrics == {"note": NOTE} and made.manifest["data"] == wide.manifest["data"]
    session = make_planted(900, 33, day=9)
    asked = [evaluate(each, [session]) for each in (made, wide, narrow)]
    common = [
        np.isin(each.samples.row, asked[0].samples.row) & np.isin(each.samples.row, asked[1].samples.row)
        for each in asked
    ]
    proba = [each.probabilities[at] for each, at in zip(asked, common)]
    assert np.allclose(proba[0], 0.75 * proba[1] + 0.25 * proba[2], atol=1e-6) and len(proba[0]) > 500


def test_models_that_do_not_fit_are_refused(parts, trained, planted_sessions, root):
    wide, narrow = parts
    other = Rows.of(planted_sessions, 3, inputs="obi_1")
    far = cross_validate(other, Label(horizon=9), model="majority", splitter=PurgedKFold(2), stride=8)
    with pytest.raises(ModelError, match="predict other labels"):
        register_ensemble("odd", [wide, register_trial(far, other, "far", root)], root=root)
    with pytest.raises(InputError, match="at least 2 models, got 1"):
        register_ensemble("odd", [wide], root=root)
    with pytest.raises(InputError, match="weights must be 2 numbers"):
        register_ensemble("odd", [wide, narrow], weights=[0, 0], root=root)
    with pytest.raises(ModelError, match="name must be lower-case"):
        register_ensemble("Odd", [wide, narrow], root=root)
