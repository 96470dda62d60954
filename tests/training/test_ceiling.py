from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from genesis_lib.feeds.simulation.predictable import PredictableMarket
from genesis_lib.feeds.simulation.truth import Truth, read_truth, write_predictable
from genesis_lib.feeds.snapshots import read_sessions
from genesis_lib.training.ceiling import below_ceiling, told
from genesis_lib.training.dataset import Rows, Samples
from genesis_lib.training.labels import Label
from genesis_lib.training.scores import scores

FOUND = {"accuracy": 0.5, "log_loss": 1.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return data(write_predictable(tmp_path_factory.mktemp("made"), PredictableMarket(6, 0.75, 4.0))["path"])


def data(path: str) -> SimpleNamespace:
    (session,) = read_sessions(path)
    rows = Rows.of([session])
    samples = Samples.of(rows, Label(), 100)
    label = Label().fit(samples.move)
    classes = label.classes(samples.move)
    return SimpleNamespace(
        session=session, rows=rows, samples=samples, label=label, classes=classes, truth=read_truth(path)
    )


def held(made, truths=None, sessions=None, label=None, classes=None) -> dict:
    return below_ceiling(
        [made.truth] if truths is None else truths,
        [made.session] if sessions is None else sessions,
        label or made.label,
        made.samples.row,
        made.classes if classes is None else classes,
        made.samples.move,
        {"guess": FOUND},
    )


def test_the_rule_is_scored_on_the_rows_of_the_model(made) -> None:
    found = held(made)
    odds = made.truth.odds[made.samples.row]
    assert found["bayes_accuracy"] == pytest.approx(odds.max(axis=1).mean())
    assert found["bayes"] == pytest.approx(scores(made.classes, odds))
    assert found["from_ceiling"]["guess"] == pytest.approx(
        {"accuracy": found["bayes"]["accuracy"] - 0.5, "log_loss": 1.0 - found["bayes"]["log_loss"]}
    )
    assert "best possible" in " ".join(told(found))


def test_without_truth_nothing_is_said(made) -> None:
    assert held(made, truths=[]) == {} and told({}) == []


def test_sessions_find_their_own_truth(made, tmp_path) -> None:
    other = data(write_predictable(tmp_path, PredictableMarket(7, 0.6, 1.0))["path"])
    swapped = held(made, truths=[other.truth, made.truth])
    assert swapped["bayes_accuracy"] == held(made)["bayes_accuracy"]
    note = held(made, truths=[other.truth])
    assert list(note) == ["bayes_note"] and "is not known" in note["bayes_note"]
    assert told(note)[-1] == note["bayes_note"]


def test_two_truths_of_the_same_times_are_not_mixed_up(made) -> None:
    """Of one seed the times are the same whatever the accuracy: nobody can say whose rows these are."""
    other = replace(made.truth, odds=made.truth.odds[:, ::-1])
    for truths in ([made.truth, other], [other, made.truth]):
        assert "is not known" in held(made, truths=truths)["bayes_note"]
    assert held(made, truths=[made.truth, made.truth]) == held(made)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (Label(horizon=10, threshold=0.0), "smoothed, horizon 10, threshold 0"),
        (Label("smoothed-past"), "smoothed-past, horizon 20, threshold balanced"),
        (Label("triple-barrier", width=1.5), "triple-barrier, horizon 20, width 1.5"),
    ],
)
def test_other_labels_have_no_ceiling(made, label, words) -> None:
    truth = "the truth beside the data is of other labels: smoothed, horizon 20, threshold 0"
    assert held(made, label=label) == {"bayes_note": f"{truth}; the model's are {words}"}


def test_a_model_is_said_to_be_below_the_rule_or_above_it_by_chance() -> None:
    found = {
        "bayes_accuracy": 0.75,
        "bayes": {"accuracy": 0.7, "log_loss": 0.6},
        "from_ceiling": {
            "network": {"accuracy": 0.3453, "log_loss": 0.2},
            "lucky": {"accuracy": -0.01, "log_loss": -0.02},
        },
    }
    assert [line.strip() for line in told(found)[2:]] == [
        "network 0.3453 below it; log-loss 0.2000 above",
        "lucky 0.0100 above it, by chance; log-loss 0.0200 below, by chance",
    ]


def test_a_threshold_that_hides_moves_has_no_ceiling(made) -> None:
    wide = Label(threshold=1e-5)
    assert "other labels" in held(made, label=wide, classes=wide.classes(made.samples.move))["bayes_note"]
    tiny = Label(threshold=1e-9)
    assert "bayes" in held(made, label=tiny, classes=tiny.classes(made.samples.move))


@pytest.mark.slow
def test_a_linear_model_gets_its_share_and_no_more(made, tmp_path) -> None:
    """The ordinary inputs, an ordinary logistic regression, another simulation to be asked about."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    made_8 = write_predictable(tmp_path, PredictableMarket(8, 0.75, 6.0))
    unseen = data(made_8["path"])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=200))
    model.fit(made.rows.inputs[made.samples.row], made.classes)
    chances = model.predict_proba(unseen.rows.inputs[unseen.samples.row])
    found = below_ceiling(
        [unseen.truth], [unseen.session], made.label, unseen.samples.row, unseen.classes, unseen.samples.move,
        {"linear": scores(unseen.classes, chances)},
    )  # fmt: skip
    below = found["from_ceiling"]["linear"]
    assert 0.5 < found["bayes"]["accuracy"] - below["accuracy"] < made_8["linear_accuracy"] + 0.04
    assert below["accuracy"] > 0.08 and below["log_loss"] > 0.1


@pytest.mark.slow
def test_a_boosted_tree_comes_near_and_nobody_beats_the_rule(tmp_path) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learnt = data(write_predictable(tmp_path, PredictableMarket(1, 0.75, 16.0))["path"])
    made = write_predictable(tmp_path, PredictableMarket(2, 0.75, 12.0))
    unseen = data(made["path"])
    inputs, asked = (each.rows.inputs[each.samples.row] for each in (learnt, unseen))
    found = {}
    for name, model in (
        ("linear", make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))),
        ("trees", HistGradientBoostingClassifier(max_iter=60, random_state=0)),
    ):
        found[name] = scores(unseen.classes, model.fit(inputs, learnt.classes).predict_proba(asked))
    result = below_ceiling(
        [unseen.truth], [unseen.session], learnt.label, unseen.samples.row, unseen.classes, unseen.samples.move, found
    )
    below = {name: distance["accuracy"] for name, distance in result["from_ceiling"].items()}
    share = made["bayes"]["accuracy"] - made["linear_accuracy"]
    assert below["linear"] == pytest.approx(share, abs=0.03)
    assert 0 < below["trees"] < 0.06 < below["linear"]
    assert all(distance["log_loss"] > 0 for distance in result["from_ceiling"].values())
    assert np.isclose(result["bayes_accuracy"], 0.75, atol=0.02)


def test_a_truth_may_know_more_rows_than_are_asked_for(made) -> None:
    part = made.session[: len(made.session) // 2]
    rows = Rows.of([part])
    samples = Samples.of(rows, Label(), 100)
    classes = Label(threshold=0.0).classes(samples.move)
    found = below_ceiling([made.truth], [part], Label(threshold=0.0), samples.row, classes, samples.move, {})
    assert found["from_ceiling"] == {} and 0.6 < found["bayes_accuracy"] < 0.9
    assert isinstance(made.truth, Truth)
