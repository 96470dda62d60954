import json
from dataclasses import fields, replace

import numpy as np
import pytest

from genesis_lib.errors import InputError, ModelError
from genesis_lib.models.baseline import NAMES
from genesis_lib.training import Label, Rows, Samples, answers, evaluate, register_best
from genesis_lib.types import Instrument


@pytest.fixture(scope="module")
def artifact(small_cv, tmp_path_factory):
    rows, result = small_cv
    return register_best(result, rows, "planted", root=tmp_path_factory.mktemp("models"))


def test_unseen_data_is_scored_with_what_training_fitted(artifact, make_planted):
    first, second = make_planted(1200, 21, depth=3, day=5), make_planted(900, 22, depth=3, day=6)
    got = evaluate(artifact, [first, second])
    assert not got.seen and got.rows == len(got.classes)
    assert got.scores["accuracy"] > got.baselines["majority"]["accuracy"] + 0.08
    assert set(got.baselines) == set(NAMES)
    assert all({"accuracy", "macro_f1", "mcc", "log_loss"} <= set(scores) for scores in got.baselines.values())
    table = got.as_dict()
    assert {"accuracy", "macro_f1", "mcc", "log_loss", "ece", "rows", "baselines"} <= set(table)
    assert np.sum(table["confusion"]) == got.rows == sum(each["samples"] for each in table["sessions"])
    assert set(table["differences"]) == set(got.baselines)
    for key in ("accuracy", "macro_f1", "mcc", "log_loss"):
        assert table["intervals"][key]["low"] < table[key] < table["intervals"][key]["high"]
        lead = table["differences"]["majority"][key]["value"]
        assert lead == pytest.approx(table[key] - table["baselines"]["majority"][key])
    assert table["differences"]["majority"]["accuracy"]["low"] > 0, "what was planted is found, beyond chance"
    assert table["bootstrap"]["block"] >= 20 + 5, "a block reaches over window and horizon"
    json.dumps(table)


def test_sessions_one_by_one_are_the_sessions_together(artifact, make_planted):
    first, short, second = (make_planted(n, 21 + n, depth=3, day=n % 9) for n in (500, 15, 400))
    got = evaluate(artifact, [first, short, second], stride=2)
    rows = Rows.of([first, short, second], artifact.levels, artifact.columns)
    label = Label.of(artifact.label)
    samples = Samples.of(rows, label, artifact.window, 2)
    assert all(np.array_equal(getattr(got.samples, f.name), getattr(samples, f.name)) for f in fields(Samples))
    assert np.array_equal(got.probabilities, answers(artifact, rows)[samples.row])
    assert np.array_equal(got.classes, label.classes(samples.move)) and got.data_hash == rows.data_hash
    alone = evaluate(artifact, [second], stride=2)
    told = got.as_dict()["sessions"]
    assert [each["samples"] for each in told] == [got.rows - alone.rows, alone.rows], "the short one has no samples"
    assert told[1]["scores"]["deeplob"] == alone.scores and told[1]["scores"]["majority"] == alone.baselines["majority"]


def test_its_answers_are_those_of_the_live_predictor(artifact, make_planted):
    from genesis_lib.features import FeatureSet

    session = make_planted(400, 23, depth=3, day=7)
    session.valid[200] = False
    got = evaluate(artifact, [session])
    columns, predictor = FeatureSet(artifact.columns), artifact.predictor()
    live = np.array([predictor.step(columns.step(row)) for row in session])
    assert np.isfinite(live[got.samples.row]).all()
    assert np.abs(live[got.samples.row] - got.probabilities).max() < 1e-6


def test_data_it_was_trained_on_is_said_to_be_so(artifact, planted_sessions):
    got = evaluate(artifact, planted_sessions[:1], stride=50)
    assert got.seen and got.as_dict()["seen_in_training"] and got.as_dict()["exposure"] == "seen"


def test_a_part_of_what_it_was_trained_on_is_no_clean_test_either(artifact, make_planted, planted_sessions):
    data = [dict(session, provenance="recorded") for session in artifact.manifest["data"]]
    recorded = replace(artifact, manifest=artifact.manifest | {"data": data})
    part, later = replace(planted_sessions[0][600:1200], provenance="recorded"), make_planted(600, 5, depth=3, day=9)
    assert evaluate(recorded, [part], stride=20).exposure == "seen"
    assert evaluate(recorded, [later, part], stride=20).seen, "one such session is enough"
    other = replace(part, instrument=Instrument("made-up", "OTHER", 0.5, 1.0))
    assert evaluate(recorded, [other], stride=20).exposure == "same time"
    assert evaluate(recorded, [replace(later, provenance="recorded")], stride=20).exposure == "unseen"


def test_refusals(artifact, make_planted):
    with pytest.raises(InputError, match="levels"):
        evaluate(artifact, [make_planted(300, 1, depth=2)])
    with pytest.raises(InputError, match="no row has a window"):
        evaluate(artifact, [make_planted(60, 1, depth=3)])
    with pytest.raises(InputError, match="no rows"):
        evaluate(artifact, [make_planted(300, 1, depth=3)[:0]])
    with pytest.raises(InputError, match="stride must be at least 1, got 0"):
        evaluate(artifact, [make_planted(300, 1, depth=3)], 0)
    with pytest.raises(InputError, match="fee_bps must be between 0 and 1000"):
        evaluate(artifact, [make_planted(300, 1, depth=3)], fee_bps=-1)
    with pytest.raises(ModelError, match="columns do not match"):
        answers(artifact, Rows.of([make_planted(300, 1, depth=3)], 3, artifact.columns[::-1]))
    names = artifact.baselines["columns"][::-1]
    other = replace(artifact, baselines=artifact.baselines | {"columns": names})
    with pytest.raises(ModelError, match="columns"):
        evaluate(other, [make_planted(300, 1, depth=3)])


def test_answers_never_reach_across_sessions(artifact, make_planted):
    first, second = make_planted(300, 24, depth=3, day=8), make_planted(300, 25, depth=3, day=9)
    together = answers(artifact, Rows.of([first, second], 3))
    assert np.array_equal(together[300:], answers(artifact, Rows.of([second], 3)), equal_nan=True)
    assert np.isnan(together[300:319]).all() and np.isfinite(together[319:]).all()
