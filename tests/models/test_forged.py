"""Models whose hashes are right and whose content is not: what a hand, or a program that is not ours, may have made."""

import json
import re
import shutil

import numpy as np
import pytest
from safetensors.numpy import save

from genesis_lib.errors import ModelError
from genesis_lib.features import columns_hash
from genesis_lib.models import artifact as artifacts
from genesis_lib.models import manifest as manifests
from genesis_lib.models import registry
from genesis_lib.models.ensemble import Member, assemble
from genesis_lib.models.linear import unscaled
from genesis_lib.models.scaler import Scaler

COLUMNS = ("obi_1", "log_spread")
LINEAR = {"coefficients": np.full((1, 3, 2), 0.25), "intercepts": np.zeros((1, 3))}
SHAPE = {"kind": "logistic", "inputs": 2, "window": 5, "heads": 1}
HOUR = {"first": "2024-07-18T10:00:00.000000Z", "last": "2024-07-18T11:00:00.000000Z", "sha256": "0"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An ensemble of a regression and the class shares, so that members can be forged too."""
    cold = Scaler(np.zeros(2), np.ones(2))
    shares = {"kind": "majority", "inputs": 1, "window": 3, "heads": 1}
    architecture, weights = assemble(
        [
            Member(SHAPE, LINEAR, cold, (1.5,), (1, 0), 0.25),
            Member(
                shares, {"prior": np.array([[0.5, 0.25, 0.25]])}, Scaler(np.zeros(1), np.ones(1)), (1.0,), (1,), 0.75
            ),
        ],
        2,
    )
    return registry.register(
        "both",
        weights=weights,
        scaler=unscaled(2),
        baselines={},
        architecture=architecture,
        columns=COLUMNS,
        label={"kind": "smoothed", "horizon": 5, "threshold": 1e-4, "span": 100, "width": 1.0},
        metrics={},
        data_hash="",
        provenance="simulated",
        data=[{"instrument": "v:A", "provenance": "simulated", **HOUR}],
        training={},
        seed=1,
        temperature=[1.25],
        root=tmp_path_factory.mktemp("models"),
    )


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole.path, tmp_path / "both" / whole.version)


def sign(folder, manifest) -> None:
    """Write a manifest, with all hashes as they must be."""
    manifest["files"] = {n: manifests.digest(n, (folder / n).read_bytes(), "") for n in manifest["files"]}
    manifest["version"] = manifests.content_version(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def refused(folder, cause: str) -> None:
    with pytest.raises(ModelError, match=cause) as caught:
        artifacts.read(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


MANIFESTS = {
    "architecture kind must be one of .*, got \\['deeplob'\\]": ("architecture.kind", ["deeplob"]),
    "member 1: architecture kind must be one of .*, got None": ("architecture.members.1.architecture", [1]),
    "inputs must be a whole number, got inf": ("architecture.inputs", float("inf")),
    "heads must be a whole number, got '1'": ("architecture.heads", "1"),
    "member 0: columns must be whole numbers, got \\[1.5, 0\\]": ("architecture.members.0.columns", [1.5, 0]),
    "member 0: .* too large": ("architecture.members.0.columns.0", 10**30),
    "member 0: scaler: no key 'std'": ("architecture.members.0.scaler", {"mean": [0.0]}),
    "member 0: scaler: clip must be a positive number, got nan": ("architecture.members.0.scaler.clip", float("nan")),
    "member 0: temperature must hold": ("architecture.members.0.temperature", [float("nan")]),
    "member 1: weight must lie in \\[0, 1\\], got -0.75": ("architecture.members.1.weight", -0.75),
    "member 1: weight must lie in \\[0, 1\\], got nan": ("architecture.members.1.weight", float("nan")),
    "temperature must be 1 positive numbers, got \\[nan\\]": ("calibration.temperature", [float("nan")]),
    "obi_1's witness must be three numbers, got \\[1.0, 'x', 0\\]": ("lineage.witness.0", [1.0, "x", 0]),
    "log_spread's witness must be three numbers": ("lineage.witness.1", [1.0, float("inf"), 0]),
    "a witness of 7 for 2 columns": ("lineage.witness", 7),
    "lineage must list parents, str each, got True": ("lineage.parents", True),
    "lineage must list seeds, int each, got \\[1.5\\]": ("lineage.seeds", [1.5]),
    "lineage must tell code_version in words, got None": ("lineage.code_version", None),
    "lineage must tell commit in words, got 5": ("lineage.commit", 5),
    "data must tell first as a date and time, got 'once'": ("data.0.first", "once"),
    "data must tell instrument, .* of each session": ("data.0.instrument", ["v:A"]),
}


@pytest.mark.parametrize("cause", MANIFESTS)
def test_what_no_program_of_ours_writes_is_refused_in_one_line(folder, cause) -> None:
    path, value = MANIFESTS[cause]
    manifest = json.loads((folder / "manifest.json").read_text())
    *way, last = (int(word) if word.isdigit() else word for word in path.split("."))
    table = manifest
    for word in way:
        table = table[word]
    table[last] = value
    sign(folder, manifest)
    refused(folder, cause)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"member0.tail": np.zeros(3)}, "member 0: weights: logistic of this architecture has no tail"),
        ({"member2.prior": np.ones((1, 3))}, "weights: ensemble of this architecture has no member2.prior"),
        ({"member0.intercepts": np.zeros((1, 3), np.int64)}, "intercepts must hold floating-point numbers, got int64"),
        ({"member0.intercepts": np.zeros((1, 3), bool)}, "intercepts must hold floating-point numbers, got bool"),
        ({"member0.intercepts": np.full((1, 3), 1e300)}, "intercepts must be finite, and at most 3.4e"),
        ({"member0.intercepts": np.full((1, 3), np.nan)}, "intercepts must be finite"),
        ({"member0.intercepts": np.full((1, 3), -np.inf, np.float32)}, "intercepts must be finite"),
        ({"member0.intercepts": np.zeros((3, 1))}, r"intercepts must have shape \(1, 3\), got \(3, 1\)"),
    ],
)
def test_tensors_that_nothing_asks_for_or_nothing_can_use_are_refused(whole, folder, changes, cause) -> None:
    told = {"columns_hash": columns_hash(COLUMNS), "architecture": whole.architecture}
    content = save(whole.weights | changes, {manifests.FORMAT: json.dumps(told)})
    (folder / manifests.WEIGHTS).write_bytes(content)
    sign(folder, json.loads((folder / "manifest.json").read_text()))
    refused(folder, cause)


@pytest.mark.parametrize(
    ("file", "content", "cause"),
    [
        ("scaler_params.json", {"mean": [0, 0], "std": [1, 0], "clip": 9}, "not a scaler: mean must be finite and std"),
        ("scaler_params.json", {"mean": [0, 0], "std": [1, 1], "clip": -1}, "not a scaler: clip must be a positive"),
        ("baselines.json", [1], "baselines.json: must be a JSON dict"),
        ("baselines.json", {"columns": 7}, "names as columns where it has any"),
        ("features.json", [], "definitions of features: damaged"),
    ],
)
def test_files_beside_the_weights_are_checked_alike(folder, file, content, cause) -> None:
    (folder / file).write_text(json.dumps(content))
    sign(folder, json.loads((folder / "manifest.json").read_text()))
    refused(folder, cause)


def test_a_key_that_stands_twice_is_refused(folder) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(re.sub(r'"seed": 1\b', '"seed": 2, "seed": 1', text, count=1))
    refused(folder, "manifest.json: not readable as JSON: key 'seed' stands twice")


def test_a_manifest_of_schema_1_must_tell_its_levels(folder) -> None:
    manifest = json.loads((folder / "manifest.json").read_text()) | {"schema": 1}
    sign(folder, manifest)
    refused(folder, "levels must lie between 1 and 1000, got None")


def test_another_version_under_this_ones_name_is_not_taken_for_it(whole, folder) -> None:
    root = folder.parent.parent
    other = folder.rename(folder.parent / "ffffffffffff")
    for model in ("both/ffffffffffff", str(other)):
        with pytest.raises(ModelError, match=f"ffffffffffff: holds another model, both {whole.version}"):
            registry.load(model, root)
    elsewhere = shutil.copytree(other, root / "copy of it")
    assert registry.load(elsewhere, root).version == whole.version, "a folder by its path may be called anything"
