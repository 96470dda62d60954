import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from genesis_lib import backtest
from genesis_lib.clock import from_iso
from genesis_lib.engine import Engine
from genesis_lib.errors import ModelError
from genesis_lib.features import base, columns_hash, model_inputs
from genesis_lib.features.definitions import made_up_stream
from genesis_lib.feeds import open_source
from genesis_lib.models import artifact as artifacts
from genesis_lib.models import manifest as manifests
from genesis_lib.training.evaluation import evaluate
from genesis_lib.training.sessions import gather_sessions
from genesis_lib.types import Snapshots


@pytest.fixture(scope="module")
def whole(make_registered, tmp_path_factory):
    return make_registered(tmp_path_factory.mktemp("models"))[1]


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole.path, tmp_path / "small" / whole.version)


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


def drop(file, key):
    table = json.loads(file.read_text())
    del table[key]
    file.write_text(json.dumps(table))


def files_of(f):
    return json.loads((f / "manifest.json").read_text())["files"]


def fewer(f, name):
    return {key: value for key, value in files_of(f).items() if key != name}


def more(f, name):
    return files_of(f) | {name: "0" * 64}


def link(f, name):
    (f / name).rename(f.parent / name)
    (f / name).symlink_to(f.parent / name)


def grow(file):
    with file.open("r+b") as stream:
        stream.truncate(1 << 40)  # a hole: it takes no space


def folder_instead(file):
    file.unlink()
    file.mkdir()


TAMPERED = {
    "no such folder": no_such,
    "a file": a_file,
    "no manifest.json": lambda f: (f / "manifest.json").unlink(),
    "not readable as JSON": lambda f: (f / "manifest.json").write_text("{"),
    "not a Genesis model": lambda f: (f / "manifest.json").write_text('{"model_type": "bert"}'),
    "schema must be 1 or 2, got 9": lambda f: edit(f / "manifest.json", schema=9),
    "schema must be 1 or 2, got True": lambda f: edit(f / "manifest.json", schema=True),
    "schema must be 1 or 2, got None": lambda f: edit(f / "manifest.json", schema=None),
    "damaged: no lineage": lambda f: drop(f / "manifest.json", "lineage"),
    "damaged: no files": lambda f: drop(f / "manifest.json", "files"),
    "damaged: files names no features.json": lambda f: edit(f / "manifest.json", files=fewer(f, "features.json")),
    "damaged: files names '../../passwd'": lambda f: edit(f / "manifest.json", files=more(f, "../../passwd")),
    "damaged: files names '/etc/passwd'": lambda f: edit(f / "manifest.json", files=more(f, "/etc/passwd")),
    "damaged: files names 'manifest.json'": lambda f: edit(f / "manifest.json", files=more(f, "manifest.json")),
    "damaged: files gives no SHA-256 of x": lambda f: edit(f / "manifest.json", files=more(f, "x") | {"x": 3}),
    "damaged: cards must name": lambda f: edit(f / "manifest.json", cards={}),
    "damaged: name '../up' is none": lambda f: edit(f / "manifest.json", name="../up"),
    "damaged: version '..' is none": lambda f: edit(f / "manifest.json", version=".."),
    "damaged: version must be a JSON str": lambda f: edit(f / "manifest.json", version=7),
    "damaged: levels must be a JSON int": lambda f: edit(f / "manifest.json", levels=True),
    "damaged: levels must lie between 1": lambda f: edit(f / "manifest.json", levels=10**9),
    "damaged: a window must be 1 to 1,000,000 rows, got 10000000000": lambda f: edit(
        f / "manifest.json", architecture={"kind": "deeplob", "window": 10**10}
    ),
    "damaged: columns must be 1 to 10,000 names": lambda f: edit(f / "manifest.json", columns=[]),
    "damaged: columns must be 1 to 10,000 names, got 8": lambda f: edit(f / "manifest.json", columns=[1] * 8),
    "damaged: labels must be 1 to 100": lambda f: edit(f / "manifest.json", labels=[]),
    "damaged: temperature must be 1 positive": lambda f: edit(f / "manifest.json", calibration={"temperature": [0]}),
    "damaged: head 7 must be the place of label": lambda f: edit(f / "manifest.json", head=7),
    "manifest.json: not readable as JSON": lambda f: (f / "manifest.json").write_bytes(b"[" * 100_000),
    "manifest.json: a link": lambda f: link(f, "manifest.json"),
    "weights.safetensors: a link": lambda f: link(f, "weights.safetensors"),
    "weights.safetensors: 1,099,511,627,776 bytes, at most": lambda f: grow(f / "weights.safetensors"),
    "weights.safetensors: cannot be read: not a plain file": lambda f: folder_instead(f / "weights.safetensors"),
    "features.json: changed": lambda f: (f / "features.json").open("a").write(" "),
    "card.md: changed": lambda f: (f / "card.md").write_text("# small: beats everything\n"),
    "label must be a JSON dict": lambda f: edit(f / "manifest.json", label=3),
    "data must be a JSON list": lambda f: edit(f / "manifest.json", data="x"),
    "data must tell instrument, provenance, first, last, sha256 of each session, got 1": lambda f: edit(
        f / "manifest.json", data=[1]
    ),
    "columns do not match their hash": lambda f: edit(f / "manifest.json", columns=list(model_inputs(2))[::-1]),
    "changed since the model was registered (content": lambda f: edit(f / "manifest.json", seed=99),
    "weights.safetensors: cannot be read": lambda f: (f / "weights.safetensors").unlink(),
    "scaler_params.json: changed": lambda f: edit(f / "scaler_params.json", clip=3.0),
    "baselines.json: changed": lambda f: edit(f / "baselines.json", hit_rate=1.0),
    "weights.safetensors: changed": lambda f: (f / "weights.safetensors").open("ab").write(b"x"),
}


@pytest.mark.parametrize("cause", TAMPERED)
def test_tampering_is_refused_in_one_line(folder, cause):
    TAMPERED[cause](folder)
    with pytest.raises(ModelError, match=re.escape(cause)) as caught:
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


def edit_signed(folder, **changes):
    edit(folder / "manifest.json", **changes)
    resign(folder)


def test_a_model_of_before_its_columns_were_written_down_goes_on(root):
    chosen = artifacts.read(root / "models" / "deeplob-10" / "56764692d19a")
    assert (chosen.manifest["schema"], chosen.levels, chosen.window, chosen.head) == (1, 10, 100, 0)
    assert chosen.labels == (chosen.label,) and chosen.temperature is None
    assert chosen.lineage == {"parents": [], "seeds": [7], "code_version": "0.1.0"} and chosen.redefined == ()
    stream = made_up_stream(10, 400)
    answers = chosen.predict(chosen.features().batch(stream), stream.valid)
    assert np.isfinite(answers[:, 0]).sum() == 400 - 20 - 1 - 99 and np.isfinite(answers[120:, 0]).all()
    told = [  # by the code that it was registered with
        [0.40131337766754155, 0.34755468734044664, 0.2511319349920118],
        [0.39145471062654297, 0.3681617412346991, 0.240383548138758],
        [0.39108219551695345, 0.3558916463377157, 0.2530261581453309],
    ]
    assert np.abs(answers[[120, 250, 399]] - told).max() < 1e-6


def test_columns_that_this_version_does_not_know_are_named(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    columns = ["ask_price_1", "price_of_tea", *manifest["columns"][2:]]
    files = {name: said for name, said in manifest["files"].items() if name in manifests.HASHED}
    for key in manifests.ADDED:
        drop(folder / "manifest.json", key)
    weights, said = load_file(folder / "weights.safetensors"), columns_hash(columns)
    save_file(weights, folder / "weights.safetensors", {artifacts.FORMAT: json.dumps({"columns_hash": said})})
    edit_signed(folder, schema=1, columns=columns, columns_hash=said, files=files)
    with pytest.raises(
        ModelError, match="columns unknown to this version: unknown feature 'price_of_tea'; did you mean"
    ):
        artifacts.read(folder)


def test_code_that_computes_its_columns_otherwise_is_refused_by_name(folder):
    lineage = json.loads((folder / "manifest.json").read_text())["lineage"]
    lineage["witness"][2][0] += 1e-3
    lineage["witness"][5][2] += 1
    edit_signed(folder, lineage=lineage | {"commit": "abc"})
    with pytest.raises(
        ModelError, match=r"computes bid_price_1, ask_size_2 otherwise than the code .*commit abc.: use"
    ):
        artifacts.read(folder)
    edit_signed(folder, lineage=lineage | {"witness": []})
    with pytest.raises(ModelError, match="a witness of 0 for 8 columns"):
        artifacts.read(folder)
    edit_signed(folder, lineage=lineage | {"feature_hash": "0" * 64})
    with pytest.raises(ModelError, match=r"features\.json does not match its hash"):
        artifacts.read(folder)


def test_a_frozen_version_computes_its_columns_for_ever(make_registered, tmp_path, monkeypatch):
    columns = (
        "obi_1",
        "obi_total",
        "nofi_1",
        "nofi_sum_10",
        "return_10",
        "spread_zscore",
        "log_spread",
        "queue_change",
    )
    _, made = make_registered(tmp_path, columns=columns, levels=5)
    session = gather_sessions("simulator", minutes=0.3, seed=5)[0]
    source = {"seed": 5, "minutes": 0.3}
    expected = made.predict(made.features().batch(session), session.valid)
    flow, scored = made.baseline_features().batch(session), evaluate(made, [session]).as_dict()
    before = backtest.run(open_source("simulator", **source), artifact=made)
    assert np.isfinite(expected[:, 0]).sum() > 100 and made.redefined == ()
    item = base.FEATURES["obi_1"]
    monkeypatch.setitem(base.FEATURES, "obi_1", replace(item, build=lambda row: item.build(row) * 2.0))
    monkeypatch.delitem(base.FEATURES, "queue_change")
    for cache in (base._built, base._compiled):
        cache.cache_clear()
    try:
        again = artifacts.read(made.path)
        assert again.redefined == ("obi_1", "queue_change")
        assert again.baseline_features().names == tuple(made.baselines["columns"])
        assert np.array_equal(again.baseline_features().batch(session), flow, equal_nan=True)
        result = evaluate(again, [session])
        assert result.as_dict() == scored, "baselines too are asked what they were asked then"
        assert np.array_equal(again.predict(again.features().batch(session), session.valid), expected, equal_nan=True)
        after = backtest.run(open_source("simulator", **source), artifact=again)
        assert after["journal_sha256"] == before["journal_sha256"] and after["signals"] == before["signals"] > 100
    finally:
        for cache in (base._built, base._compiled):
            cache.cache_clear()


def test_a_model_of_any_columns_says_live_what_it_says_in_batch(make_registered, tmp_path):
    columns = ("obi_total", "nofi_sum_10", "return_10", "nofi_1", "log_spread", "trade_pace_50", "obi_1", "row_rate_50")
    _, made = make_registered(tmp_path, columns=columns, levels=5)
    source = open_source("simulator", seed=5, minutes=0.3)
    engine = Engine(source.instrument, artifact=made)
    rows, live = [], []
    for event in source.events():
        step = engine.step(event)
        if step is not None and step.row is not None:
            rows.append(step.row)
            live.append(step.probabilities)
    assert rows[0].levels.shape == (10, 4), "the engine's rows are deeper than the model reads"
    session = Snapshots.of(rows, source.instrument)
    cut = replace(session, levels=session.levels[:, :5])
    batch = made.predict(made.features().batch(cut), cut.valid)
    assert np.isfinite(batch[:, 0]).sum() > 100
    assert np.array_equal(np.isnan(live), np.isnan(batch)) and np.nanmax(np.abs(live - batch)) < 1e-6


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_byte_is_changed_the_model_is_refused_or_the_same(whole, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged") / "copy"
    shutil.copytree(whole.path, folder)
    file = folder / data.draw(st.sampled_from(sorted(path.name for path in folder.iterdir())))
    content = file.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    how = data.draw(st.sampled_from(["flip", "cut", "insert", "empty"]))
    if how == "flip":
        content = content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
    elif how == "insert":
        content = content[:at] + data.draw(st.binary(min_size=1, max_size=20)) + content[at:]
    else:
        content = content[: at if how == "cut" else 0]
    file.write_bytes(content)
    try:
        again = artifacts.read(folder)
    except ModelError as error:
        assert str(folder) in str(error)
        return
    finally:
        shutil.rmtree(folder.parent)
    assert file.name == "manifest.json", "what is hashed may not change"
    assert again.version == whole.version and again.columns == whole.columns, "only dates and spaces are free"


@settings(max_examples=40, deadline=None)
@given(junk=st.binary(max_size=200), size=st.integers(0, 2**64 - 1), keep=st.booleans())
def test_a_forged_file_of_weights_is_refused_in_one_line(whole, tmp_path_factory, junk, size, keep):
    folder = tmp_path_factory.mktemp("forged") / "copy"
    shutil.copytree(whole.path, folder)
    content = (folder / "weights.safetensors").read_bytes()
    head = size.to_bytes(8, "little")
    (folder / "weights.safetensors").write_bytes(head + (content[8:] if keep else junk))
    resign(folder)
    try:
        with pytest.raises(ModelError, match=r"not a safetensors file of a model|weights"):
            artifacts.read(folder)
    finally:
        shutil.rmtree(folder.parent)
