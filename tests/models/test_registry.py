import json

import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models import registry


def test_found_by_name_version_pair_path_and_champion(make_registered, tmp_path):
    _, first = make_registered(tmp_path, seed=1)
    _, second = make_registered(tmp_path, name="other", seed=2)
    registry.promote("small", tmp_path)
    for key in ("small", first.version, f"small/{first.version}", str(first.path), "champion"):
        assert registry.load(key, tmp_path).version == first.version
    assert registry.load("other", tmp_path).version == second.version
    assert [(e.name, e.champion) for e in registry.entries(tmp_path)] in (
        [("small", True), ("other", False)],
        [("other", False), ("small", True)],
    )
    registry.promote(second.version, tmp_path)
    assert registry.champion(tmp_path) == ("other", second.version)


def test_the_version_follows_from_the_content(make_registered, tmp_path):
    net, first = make_registered(tmp_path)
    _, again = make_registered(tmp_path)
    assert again.version == first.version and len(registry.entries(tmp_path)) == 1
    weights = {name: value.copy() for name, value in first.weights.items()}
    weights["head.bias"][0] += 1e-6
    _, other = make_registered(tmp_path, weights=weights)
    assert other.version != first.version
    assert np.array_equal(first.weights["dense.weight"], net.state_dict()["dense.weight"].numpy())


def test_nothing_half_written_stays(make_registered, tmp_path):
    with pytest.raises(ModelError):
        make_registered(tmp_path, weights={"head.bias": np.zeros(3, np.float32)})
    with pytest.raises(ModelError, match="name must be"):
        make_registered(tmp_path, name="../escape")
    with pytest.raises(ModelError, match="name must be"):
        make_registered(tmp_path, name="champion")
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    make_registered(tmp_path)
    registry.promote("small", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["champion.json", "small"]


def test_one_line_for_what_is_not_there(make_registered, tmp_path):
    with pytest.raises(ModelError, match="no champion"):
        registry.load("champion", tmp_path)
    _, made = make_registered(tmp_path)
    with pytest.raises(ModelError, match="no model 'smal'; known names: small"):
        registry.load("smal", tmp_path)
    with pytest.raises(ModelError, match="not a model folder"):
        registry.load(tmp_path, tmp_path)
    (tmp_path / "champion.json").write_text("[]")
    with pytest.raises(ModelError, match="does not name a model"):
        registry.load("champion", tmp_path)
    (tmp_path / "foreign" / "1").mkdir(parents=True)
    (tmp_path / "foreign" / "1" / "manifest.json").write_text("[1]")
    (tmp_path / "champion.json").unlink()
    assert [entry.version for entry in registry.entries(tmp_path)] == [made.version]


def test_only_what_lies_in_the_root_can_be_promoted(make_registered, tmp_path):
    _, made = make_registered(tmp_path / "here")
    (tmp_path / "there").mkdir()
    with pytest.raises(ModelError, match="registered in"):
        registry.promote(str(made.path), tmp_path / "there")
    assert not (tmp_path / "there" / "champion.json").exists()


def test_the_committed_champion_is_whole_small_and_alive(root, tmp_path):
    chosen = registry.load("champion", root / "models")
    weights = chosen.path / "weights.safetensors"
    assert weights.stat().st_size < 2_000_000 and chosen.levels == 10
    instruments = {session["instrument"] for session in chosen.manifest["data"]}
    assert not any(name.startswith("taifex") for name in instruments), "weights learnt on TAIFEX may not be passed on"
    assert chosen.version in chosen.card and {"## Verdict", "## What it should not be used for"} <= set(
        chosen.card.splitlines()
    )
    assert json.loads((root / "models" / "champion.json").read_text())["version"] == chosen.version
    from genesis_lib.features import FeatureSet
    from genesis_lib.training import gather_sessions

    rows = gather_sessions("simulator", minutes=1, seed=5)[0]
    answers = chosen.predict(FeatureSet(chosen.columns).batch(rows), rows.valid)
    answers = answers[np.isfinite(answers[:, 0])]
    assert len(answers) > 500
    assert set(answers.argmax(axis=1)) == {0, 1, 2}, "the desk needs a model that says more than one thing"


def test_what_a_bare_name_means(make_registered, tmp_path) -> None:
    assert registry.meant("net", tmp_path) is None
    _, one = make_registered(tmp_path, name="net")
    _, other = make_registered(tmp_path, name="other")
    assert registry.meant("net", tmp_path) == one.version == registry.load("net", tmp_path).version
    _, later = make_registered(tmp_path, name="net", seed=8)
    assert registry.meant("net", tmp_path) == later.version == registry.load("net", tmp_path).version
    registry.archive(later.version, tmp_path)
    assert registry.meant("net", tmp_path) == one.version and registry.meant("other", tmp_path) == other.version
