import json

import pytest

from genesis_lib.training import evaluate
from genesis_lib.training.card import register_trial
from genesis_lib.training.evaluation_report import write_evaluation, write_files


@pytest.fixture(scope="module")
def artifact(small_cv, tmp_path_factory):
    rows, result = small_cv
    return register_trial(result, rows, "planted", tmp_path_factory.mktemp("models"))


def test_the_folder_is_named_after_model_and_data(artifact, make_planted, tmp_path):
    session = make_planted(700, 41, depth=3, day=3)
    found = evaluate(artifact, [session])
    folder = write_evaluation(artifact, found, [session[:50], session], tmp_path / "reports")
    name = f"planted-{artifact.version}-{found.data_hash[:12]}"
    assert folder == tmp_path / "reports" / "evaluations" / name
    assert sorted(file.name for file in folder.iterdir()) == ["card.html", "card.json", "card.md"]
    card = json.loads((folder / "card.json").read_text())
    assert card["results"][0]["samples"] == found.rows and card["measured"]["rows"] > 500
    assert write_evaluation(artifact, found, [session], tmp_path / "reports") == folder, "the same again replaces it"


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_other(tmp_path):
    (tmp_path / "card.md").write_bytes(b"old")
    with pytest.raises(TypeError):
        write_files(tmp_path, {"card.md": None})
    assert [file.name for file in tmp_path.iterdir()] == ["card.md"] and (tmp_path / "card.md").read_bytes() == b"old"
    write_files(tmp_path, {"card.md": b"new"})
    assert (tmp_path / "card.md").read_bytes() == b"new"
