import json
from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.errors import InputError, ModelError
from genesis_lib.models import registry
from genesis_lib.models.baseline import NAMES as BASELINES
from genesis_lib.training import evaluate, register_best
from genesis_lib.training.card import card_files, evaluation_card, fold_records, register_trial, scoreboard
from genesis_lib.training.latency import step_latency
from genesis_lib.training.leaky import LeakyShuffle


@pytest.fixture(scope="module")
def registered(small_cv, make_planted, tmp_path_factory):
    rows, result = small_cv
    root = tmp_path_factory.mktemp("models")
    first = register_trial(result, rows, "planted", root)
    unseen = {"a later day": evaluate(first, [make_planted(1500, 9, depth=3, day=9)])}
    return root, register_best(result, rows, "planted", root=root, unseen=unseen), unseen


def card_of(artifact):
    return json.loads((artifact.path / "card.json").read_text())


def test_what_is_registered_is_the_best_fold(registered, small_cv):
    rows, result = small_cv
    root, made, _ = registered
    again = registry.load(made.version, root)
    assert all(np.array_equal(again.weights[key], value) for key, value in result.best.first.weights.items())
    assert again.label == result.best.label.as_dict() and again.data_hash == rows.data_hash
    assert again.temperature == pytest.approx(result.best.first.temperature)
    assert again.metrics["best_fold"] == result.best.number and again.provenance == "simulated"
    assert again.metrics["accuracy"] == result.scores()["accuracy"]
    assert again.manifest["training"]["stride"] == 2 and "unseen" in again.metrics


def test_the_card_holds_every_figure_of_the_run(registered, small_cv):
    rows, result = small_cv
    _, made, unseen = registered
    card = card_of(made)
    assert (card["name"], card["version"], card["made_by"]) == ("planted", made.version, "train")
    held, later = card["results"]
    assert list(held["scores"]) == [result.model, *BASELINES] and held["exposure"] == "unseen"
    for name, own in held["scores"].items():
        want = result.scores(name)
        assert {key: each["value"] for key, each in own.items()} == pytest.approx(want, rel=1e-9), name
        assert own["accuracy"]["low"] <= own["accuracy"]["value"] <= own["accuracy"]["high"]
    assert held["confusion"] == result.confusion().to_numpy().tolist()
    assert held["samples"] == sum(len(fold.classes) for fold in result.folds) == sum(held["reliability"]["count"])
    assert len(held["sessions"]) == len(rows.sessions)
    assert later["samples"] == unseen["a later day"].rows
    assert later["scores"][result.model]["mcc"]["value"] == pytest.approx(unseen["a later day"].scores["mcc"])
    training = card["training"]
    assert [row["fold"] for row in training["folds"]] == [0, 1] and training["best_fold"] == result.best.number
    assert training["curves"][0]["points"] == [pytest.approx(point) for point in result.folds[0].first.history]
    assert card["calibration"]["temperature"] == pytest.approx(list(made.temperature))
    assert card["lineage"]["data_hash"] == rows.data_hash and card["lineage"]["seeds"] == list(result.seeds)
    assert card["measured"]["p50_us"] > 0 and card["measured"]["p99_us"] >= card["measured"]["p50_us"]
    assert "cores" in card["measured"]["machine"]


def test_one_seed_is_said_to_be_one_and_three_are_told_of(registered, small_cv):
    rows, result = small_cv
    _, made, _ = registered
    assert "Only 1 seed (7)" in card_of(made)["training"]["seeds"]["words"]
    assert card_of(made)["training"]["seeds"]["spread"] is None
    folds = tuple(
        replace(
            fold,
            members=tuple(
                replace(fold.first, seed=seed, proba=np.roll(fold.first.proba, seed - 7, 0)) for seed in (7, 8, 9)
            ),
            predicted=fold.predicted | {"ensemble": fold.predicted[result.model]},
            proba=fold.proba | {"ensemble": fold.proba[result.model]},
        )
        for fold in result.folds
    )
    three = replace(result, folds=folds, seeds=(7, 8, 9))
    seeds = card_of(register_best(three, rows, "seeds", root=made.path.parent.parent))["training"]["seeds"]
    assert "3 seeds (7, 8, 9)" in seeds["words"] and [row["seed"] for row in seeds["scores"]] == [7, 8, 9]
    assert seeds["mean"]["mcc"] == pytest.approx(three.seed_table()["mcc"].mean())
    assert seeds["spread"]["mcc"] == pytest.approx(three.seed_table()["mcc"].std(ddof=1))


def test_simulated_data_is_called_so_everywhere(registered):
    _, made, _ = registered
    assert card_of(made)["simulated"].startswith("SIMULATED: all sessions trained on")
    assert "SIMULATED" in made.card and "SIMULATED" in (made.path / "card.html").read_text()


def test_the_same_run_is_the_same_version_whatever_was_measured(registered, small_cv):
    rows, result = small_cv
    root, made, unseen = registered
    slower = replace(result, seconds=result.seconds + 100.0)
    again = register_best(slower, rows, "planted", root=root / "other", unseen=unseen)
    assert again.version == made.version
    first, second = card_of(made), card_of(again)
    assert first.pop("measured") != second.pop("measured") and first == second
    page = again.path / "card.html"
    page.write_text(page.read_text().replace("loses to", "beats").replace("beats majority", "loses to majority"))
    with pytest.raises(ModelError, match=r"card\.html: changed since"):
        registry.load(again.version, root / "other")


def test_a_row_that_was_tested_is_scored_on_its_own_label(small_cv):
    rows, result = small_cv
    board = scoreboard(result, rows)
    _, ends = result.label.moves(rows.mid, rows.starts, rows.time, rows.spread)
    assert np.array_equal(board.end, ends[board.row]) and (board.end > board.row).all()
    assert np.array_equal(board.start, board.row - 19)
    assert (np.diff(board.row)[np.diff(board.part) == 0] > 0).all(), "rows ascend within a part"
    assert {(int(p), int(s)) for p, s in zip(board.part, rows.session[board.row])} == {(0, 0), (1, 1), (2, 0), (3, 1)}


def test_an_evaluation_has_a_card_too(registered, small_cv, make_planted):
    _, made, _ = registered
    rows, _ = small_cv
    found = evaluate(made, [make_planted(900, 33, depth=3, day=4)])
    latency = step_latency(made, rows.inputs, rows.starts)
    files = card_files(evaluation_card(made, found, latency))
    card = json.loads(files["card.json"])
    assert (card["made_by"], card["version"], card["training"]) == ("evaluate", made.version, None)
    assert card["results"][0]["data_hash"] == found.data_hash != card["lineage"]["data_hash"]
    assert card["results"][0]["scores"]["deeplob"]["ece"]["value"] == pytest.approx(found.scores["ece"])
    assert b"made-up:PLANTED" in files["card.html"] and b"made-up:PLANTED" in files["card.md"]


def test_records_are_plain(small_cv):
    _, result = small_cv
    assert json.loads(json.dumps(fold_records(result)))[1]["fold"] == 1


def test_what_was_judged_by_what_it_had_seen_is_not_registered(small_cv, tmp_path):
    rows, result = small_cv
    with pytest.raises(InputError, match="shuffled"):
        register_best(replace(result, splitter=LeakyShuffle(2)), rows, "leaky", root=tmp_path)
    assert not any(tmp_path.rglob("manifest.json"))
