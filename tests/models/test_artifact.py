import json
import shutil

import pytest
from safetensors.numpy import load_file, save_file

from genesis_lib.clock import from_iso
from genesis_lib.errors import ModelError
from genesis_lib.features import model_inputs
from genesis_lib.models import artifact as artifacts
from genesis_lib.models import manifest as manifests


@pytest.fixture
def folder(make_registered, tmp_path):
    return make_registered(tmp_path)[1].path


def edit(file, **changes):
    table = json.loads(file.read_text())
    table |= changes
    file.write_text(json.dumps(table))


def test_what_was_registered_is_what_is_read(make_registered, tmp_path):
    _, made = make_registered(tmp_path)
    again = artifacts.read(made.path)
    assert again.columns == model_inputs(2) and (again.levels, again.window) == (2, 20)
    assert again.card == f"# small {again.version}\n"
    assert again.label["threshold"] == 1e-4 and again.provenance == "simulated"
    assert again.version == made.version and len(again.version) == 12


def no_such(f):
    shutil.rmtree(f)


def a_file(f):
    shutil.rmtree(f)
    f.write_text("x")


TAMPERED = {
    "no such folder": no_such,
    "a file": a_file,
    "no manifest.json": lambda f: (f / "manifest.json").unlink(),
    "not readable as JSON": lambda f: (f / "manifest.json").write_text("{"),
    "not a Genesis model": lambda f: (f / "manifest.json").write_text('{"model_type": "bert"}'),
    "schema must be 1": lambda f: edit(f / "manifest.json", schema=9),
    "label must be a JSON dict": lambda f: edit(f / "manifest.json", label=3),
    "data must be a JSON list": lambda f: edit(f / "manifest.json", data="x"),
    "data must tell of each session, got 1": lambda f: edit(f / "manifest.json", data=[1]),
    "columns do not match their hash": lambda f: edit(f / "manifest.json", columns=list(model_inputs(2))[::-1]),
    "changed since the model was registered .content": lambda f: edit(f / "manifest.json", seed=99),
    "weights.safetensors: cannot be read": lambda f: (f / "weights.safetensors").unlink(),
    "scaler_params.json: changed": lambda f: edit(f / "scaler_params.json", clip=3.0),
    "baselines.json: changed": lambda f: edit(f / "baselines.json", hit_rate=1.0),
    "weights.safetensors: changed": lambda f: (f / "weights.safetensors").open("ab").write(b"x"),
}


@pytest.mark.parametrize("cause", TAMPERED)
def test_tampering_is_refused_in_one_line(folder, cause):
    TAMPERED[cause](folder)
    with pytest.raises(ModelError, match=cause) as caught:
        artifacts.read(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def resign(folder):
    """Make the hashes right again, as a forger would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    version = manifest["version"]
    manifest["files"] = {n: manifests.digest(n, (folder / n).read_bytes(), version) for n in manifest["files"]}
    manifest["version"] = manifests.content_version(manifest)
    card = folder / "card.md"
    card.write_text(card.read_text().replace(version, manifest["version"]))
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_consistent_hashes_do_not_excuse_weights_that_do_not_fit(folder):
    weights = load_file(folder / "weights.safetensors")
    said = {"columns_hash": json.loads((folder / "manifest.json").read_text())["columns_hash"]}
    save_file(weights, folder / "weights.safetensors", {artifacts.FORMAT: '{"columns_hash": "other"}'})
    resign(folder)
    with pytest.raises(ModelError, match="trained on other columns"):
        artifacts.read(folder)
    del weights["head.bias"]
    save_file(weights, folder / "weights.safetensors", {artifacts.FORMAT: json.dumps(said)})
    resign(folder)
    with pytest.raises(ModelError, match=r"head\.bias"):
        artifacts.read(folder)
    (folder / "weights.safetensors").write_bytes(b"\x80\x04pickle")
    resign(folder)
    with pytest.raises(ModelError, match="not a safetensors file"):
        artifacts.read(folder)


def test_rows_of_other_columns_are_refused(make_registered, tmp_path):
    _, made = make_registered(tmp_path)
    made.require_columns(model_inputs(2))
    with pytest.raises(ModelError, match="column 0 is 'bid_price_1', trained on 'ask_price_1'"):
        made.require_columns([made.columns[2], *made.columns[1:]])
    with pytest.raises(ModelError, match="7 columns, trained on 8"):
        made.require_columns(made.columns[:-1])


def test_a_model_tells_what_its_training_saw(make_registered, tmp_path):
    hour = {"first": "2024-07-18T10:00:00.000000Z", "last": "2024-07-18T11:00:00.000000Z", "rows": 9, "sha256": "0"}
    data = [
        {"instrument": "v:A", "provenance": "recorded", **hour},
        {"instrument": "s:B", "provenance": "simulated", **hour},
    ]
    _, chosen = make_registered(tmp_path, data=data)
    ten, eleven, minute = from_iso(hour["first"]), from_iso(hour["last"]), 60 * 10**9
    assert chosen.exposure("v:A", eleven, eleven + minute) == "seen"
    assert chosen.exposure("v:A", ten - minute, eleven + minute) == "seen"
    assert chosen.exposure("v:C", ten, ten) == "same time"
    assert chosen.exposure("s:B", ten, ten) == "same time"
    assert chosen.exposure("v:A", eleven + minute, eleven + 2 * minute) == "unseen"
    assert chosen.exposure("v:A", ten - minute, ten - 1) == "unseen"
