import json
import os
import random
import resource
import signal
import time

import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models import artifact as artifacts
from genesis_lib.models import registration, registry
from genesis_lib.models.deeplob import DeepLOBConfig
from genesis_lib.models.registration import LEFT_S
from genesis_lib.models.scaler import Scaler

LABEL = {"kind": "smoothed", "horizon": 5, "threshold": 1e-4, "span": 100, "width": 1.0}  # of what is registered


def test_everything_that_is_told_is_read_back(make_registered, make_lived_in, to_arrays, tmp_path) -> None:
    config = DeepLOBConfig(levels=2, window=20, channels=8, branch=4, hidden=16, heads=2)
    second = {"kind": "smoothed", "horizon": 50, "threshold": 2e-4, "span": 100, "width": 1.0}
    first = LABEL
    _, parent = make_registered(tmp_path, seed=3)
    page = b"<p>{name} {version}</p>"
    _, made = make_registered(
        tmp_path,
        weights=to_arrays(make_lived_in(config)),
        architecture=config.as_dict(),
        levels=5,
        label=first,
        labels=[first, second],
        temperature=[1.5, 0.5],
        parents=[parent.version],
        seeds=[7, 8, 9],
        files={"card.html": page, "card.json": b'{"version": "{version}"}', "baselines.safetensors": b"\x00{version}"},
    )
    again = artifacts.read(made.path)
    assert again.levels == again.features().levels == 5
    assert again.labels == (first, second) and again.label == first and again.head == 0
    assert again.temperature == (1.5, 0.5)
    assert again.lineage["parents"] == [parent.version] and again.lineage["seeds"] == [7, 8, 9]
    assert again.file("card.html").decode() == f"<p>small {made.version}</p>"
    assert json.loads(again.file("card.json")) == {"version": made.version}
    assert again.file("baselines.safetensors") == b"\x00{version}", "what is no card is left as it is"
    assert set(again.manifest["files"]) == {path.name for path in made.path.iterdir()} - {"manifest.json"}
    assert parent.temperature is None and parent.labels == (parent.label,) and parent.levels == 2
    with pytest.raises(ModelError, match="no file 'other'; it has"):
        again.file("other")


def test_every_part_makes_another_version(make_registered, tmp_path) -> None:
    variants = (
        {},
        {"levels": 3},
        {"temperature": [2.0]},
        {"parents": ["0" * 12]},
        {"seeds": [1, 2]},
        {"files": {"card.json": b"{}"}},
        {"card": "another"},
        {"metrics": {"accuracy": 0.6}},
    )
    versions = [make_registered(tmp_path, **changes)[1].version for changes in variants]
    assert len(set(versions)) == len(variants)


def test_what_a_card_measured_makes_no_other_version_and_is_not_to_be_changed(make_registered, tmp_path) -> None:
    page = b"<p>{version}</p><!--measured-->%s<!--/measured-->"
    _, first = make_registered(tmp_path, files={"card.html": page % b"5 us"})
    _, again = make_registered(tmp_path, files={"card.html": page % b"6 us"})
    assert first.version == again.version and b"5 us" in again.file("card.html")
    (first.path / "card.html").write_bytes(first.file("card.html").replace(b"5 us", b"1 us"))
    with pytest.raises(ModelError, match=r"card\.html: changed"):
        artifacts.read(first.path)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        (
            {"columns": ("ask_price_1", "volume_of_tea")},
            "columns unknown to this version: unknown feature 'volume_of_t",
        ),
        ({"levels": 1}, "columns unknown to this version: feature 'ask_price_2' needs 2 levels"),
        ({"labels": [LABEL, {"kind": "other"}]}, "the network has 1 heads, 2 labels are given"),
        ({"labels": [{"kind": "other"}]}, "head 0 must be the place of label among 1 labels"),
        ({"head": 1}, "head 1 must be the place of label"),
        ({"temperature": [1.0, 2.0]}, "temperature must be 1 positive numbers"),
        ({"temperature": [0.0]}, "temperature must be 1 positive numbers"),
        ({"files": {"../escape": b""}}, "plain names"),
        ({"files": {"a/b": b""}}, "plain names"),
        ({"files": {".hidden": b""}}, "plain names"),
        ({"files": {"weights.safetensors": b""}}, "plain names"),
        ({"files": {"manifest.json": b""}}, "plain names"),
        ({"columns": ("obi_1",)}, "scaler has 8 columns, the model 1"),
        ({"architecture": {"kind": "oracle", "levels": 2, "window": 20}}, "oracle"),
        ({"weights": {"head.bias": np.zeros(3, np.float32)}}, "weights"),
    ],
)
def test_what_does_not_fit_leaves_nothing_behind(make_registered, tmp_path, changes, cause) -> None:
    with pytest.raises(ModelError, match=cause):
        make_registered(tmp_path, **changes)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_folder_of_a_version_is_never_written_again(make_registered, tmp_path) -> None:
    _, made = make_registered(tmp_path)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (made.path, *made.path.iterdir())}
    _, again = make_registered(tmp_path)
    assert again.manifest["created"] == made.manifest["created"]
    assert before == {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (made.path, *made.path.iterdir())}
    (made.path / "scaler_params.json").write_text("{}")
    with pytest.raises(ModelError, match=r"scaler_params\.json: changed"):
        make_registered(tmp_path)
    assert (made.path / "scaler_params.json").read_text() == "{}", "a damaged version is not mended over"


def test_what_a_killed_writer_left_is_swept_when_it_is_old(make_registered, tmp_path) -> None:
    fresh, old = tmp_path / ".staging-fresh", tmp_path / ".staging-old"
    for folder in (fresh, old):
        folder.mkdir()
        (folder / "weights.safetensors").write_bytes(b"half")
    os.utime(old, (time.time() - 2 * LEFT_S,) * 2)
    make_registered(tmp_path)
    assert fresh.exists() and not old.exists()
    assert [entry.name for entry in registry.entries(tmp_path)] == ["small"]


def cheap(root, seed: int):
    """Register a logistic regression of two columns: another version for each seed, in a few milliseconds."""
    return registry.register(
        "net",
        weights={"coefficients": np.full((1, 3, 2), 0.25), "intercepts": np.zeros((1, 3))},
        scaler=Scaler(np.zeros(2), np.ones(2)),
        baselines={},
        architecture={"kind": "logistic", "inputs": 2, "window": 5, "heads": 1},
        columns=("obi_1", "log_spread"),
        label=LABEL,
        metrics={},
        data_hash="",
        provenance="simulated",
        data=[],
        training={},
        seed=seed,
        root=root,
    )


def fork(work) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def kill_registrars(root, kills: int) -> None:
    rng, told = random.Random(kills), set()
    cheap(root, 0)  # what is imported and read once is so before the first fork
    for attempt in range(kills):
        ours, theirs = os.pipe()

        def work(first: int = 1000 * (attempt + 1), pipe: int = theirs) -> None:
            for seed in range(first, first + 1000):
                os.write(pipe, cheap(root, seed).version.encode())

        child = fork(work)
        os.close(theirs)
        first = os.read(ours, 12) if attempt % 2 else b""  # every other one is killed in its first work
        time.sleep(rng.uniform(0.0, 0.08))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        words = first.decode() + b"".join(iter(lambda pipe=ours: os.read(pipe, 1 << 16), b"")).decode()
        os.close(ours)
        told |= {words[at : at + 12] for at in range(0, len(words), 12)}
    there = {path.name for path in (root / "net").iterdir()}
    assert told <= there, "what was acknowledged is there"
    assert len(told) >= kills // 2
    assert {row["reason"] for row in registry.verify(root)} == {None}, "what is there is whole"
    assert all(path.name.startswith(".staging-") for path in root.iterdir() if path.name != "net")


def test_killed_registrars_leave_whole_models_alone(tmp_path) -> None:
    kill_registrars(tmp_path, 20)


@pytest.mark.slow
def test_many_killed_registrars_leave_whole_models_alone(tmp_path) -> None:
    kill_registrars(tmp_path, 100)


def test_registrars_at_once_make_one_version_of_one_content(tmp_path) -> None:
    cheap(tmp_path, 0)
    children = [fork(lambda: [cheap(tmp_path, seed) for seed in range(8)]) for _ in range(3)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert len(list((tmp_path / "net").iterdir())) == 8
    assert {row["reason"] for row in registry.verify(tmp_path)} == {None}
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_full_disk_leaves_nothing_and_is_named(tmp_path) -> None:
    cheap(tmp_path, 0)

    def register() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(ModelError, match=r"models: net [0-9a-f]{12} cannot be written there: File too large"):
            cheap(tmp_path / "models", 1)

    assert os.waitpid(fork(register), 0)[1] == 0
    assert list((tmp_path / "models").iterdir()) == []


def test_a_place_that_is_taken_is_named(tmp_path) -> None:
    (tmp_path / "net").write_text("no folder")
    with pytest.raises(ModelError, match=r"net [0-9a-f]{12} cannot be written there: File exists"):
        cheap(tmp_path, 1)
    with pytest.raises(ModelError, match=r"net/models: net [0-9a-f]{12} cannot be written there: Not a directory"):
        cheap(tmp_path / "net" / "models", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_what_is_told_is_durable(tmp_path, monkeypatch) -> None:
    """Every file, the folder of the version, and both folders that got a new entry."""
    synced, nodes = [], set()
    exact, inode = registration.sync, lambda path: path.stat().st_ino
    monkeypatch.setattr(registration, "sync", lambda path: (synced.append(path), nodes.add(inode(path)), exact(path)))
    made = cheap(tmp_path / "models", 1)
    assert {inode(path) for path in (made.path, *made.path.iterdir())} <= nodes, "renamed into its place, not copied"
    files = {path.name for path in synced if path.parent.name.startswith(".staging-")}
    assert files == {path.name for path in made.path.iterdir()}
    assert {tmp_path / "models", tmp_path / "models" / "net"} <= set(synced)
    assert [path for path in synced if path.name.startswith(".staging-") and path.parent.name == "models"]
