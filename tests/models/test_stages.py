import json
import os
import random
import resource
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import ModelError, StateError
from genesis_lib.models import stages

A, B, C = (("net", digit * 12) for digit in "abc")


def test_champions_follow_one_another_and_come_back(tmp_path) -> None:
    assert stages.read(tmp_path) == stages.Stages()
    for key in (A, B, C):
        stages.change(tmp_path, "promote", key, by="anna", why="better")
    now = stages.read(tmp_path)
    assert (now.champion, now.previous) == (C, B)
    assert [now.of(*key) for key in (A, B, C)] == ["challenger", "challenger", "champion"]
    assert stages.change(tmp_path, "rollback", by="bert", why="worse live").champion == B
    assert stages.read(tmp_path).previous == A
    assert stages.change(tmp_path, "rollback").champion == A
    with pytest.raises(StateError, match="nothing to roll back to"):
        stages.change(tmp_path, "rollback")
    stages.change(tmp_path, "promote", C)
    assert stages.change(tmp_path, "rollback").champion == A
    told = [(c.action, c.key, c.before, c.by, c.why) for c in stages.read(tmp_path).history][:4]
    assert told == [
        ("promote", A, None, "anna", "better"),
        ("promote", B, A, "anna", "better"),
        ("promote", C, B, "anna", "better"),
        ("rollback", B, C, "bert", "worse live"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["champion.json"]


def test_a_rollback_that_was_to_somebody_else_is_taken_as_it_stands() -> None:
    """As in a history that was mended by hand."""
    made = [stages.Change("", action, *key) for action, key in (("promote", A), ("promote", B), ("rollback", C))]
    assert stages.Stages(C, history=tuple(made)).previous == B


def test_asked_twice_is_done_once(tmp_path) -> None:
    stages.change(tmp_path, "promote", A)
    once = (tmp_path / "champion.json").read_bytes()
    assert stages.change(tmp_path, "promote", A).champion == A
    assert (tmp_path / "champion.json").read_bytes() == once


def test_what_is_put_away_can_be_taken_out_again(tmp_path) -> None:
    stages.change(tmp_path, "promote", A)
    with pytest.raises(StateError, match="net/aaaaaaaaaaaa is the champion: promote another first"):
        stages.change(tmp_path, "archive", A)
    stages.change(tmp_path, "promote", B)
    for _ in range(2):
        assert stages.change(tmp_path, "archive", A).of(*A) == "archived"
    back = stages.change(tmp_path, "rollback")
    assert back.champion == A and not back.archived, "the one before comes back, wherever it was put"
    stages.change(tmp_path, "promote", B)
    stages.change(tmp_path, "archive", A)
    assert stages.change(tmp_path, "restore", A).of(*A) == "challenger"
    with pytest.raises(StateError, match="is not archived, it is challenger"):
        stages.change(tmp_path, "restore", A)
    stages.change(tmp_path, "archive", A)
    assert stages.change(tmp_path, "promote", A).archived == frozenset(), "who is promoted is not put away"
    with pytest.raises(StateError, match="action must be one of promote, rollback, archive, restore, got 'sell'"):
        stages.change(tmp_path, "sell", A)


def test_the_pointer_of_before_there_was_a_history_goes_on(tmp_path) -> None:
    (tmp_path / "champion.json").write_text('{"name": "net", "version": "aaaaaaaaaaaa"}\n')
    assert stages.read(tmp_path) == stages.Stages(A)
    with pytest.raises(StateError, match="nothing to roll back to"):
        stages.change(tmp_path, "rollback")
    stages.change(tmp_path, "promote", B)
    table = json.loads((tmp_path / "champion.json").read_text())
    assert (table["name"], table["version"]) == B, "who knows two keys alone reads on"
    assert stages.change(tmp_path, "rollback").champion == A


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "3", "null", '{"name": "net"}', '{"name": "../net", "version": "aaaaaaaaaaaa"}'),
        *('{"name": "net", "version": "../../x"}', '{"name": 1, "version": 2}', '{"name": "net", "version": null}'),
        '{"name": "net", "version": "aaaaaaaaaaaa", "archived": ["/"]}',
        '{"name": "net", "version": "aaaaaaaaaaaa", "history": [{}]}',
        '{"name": "net", "version": "aaaaaaaaaaaa", "history": 3}',
    ],
)
def test_a_damaged_pointer_is_named_and_never_followed_or_overwritten(tmp_path, content) -> None:
    (tmp_path / "champion.json").write_text(content)
    with pytest.raises(ModelError, match=r"champion\.json: (does not name a model|not readable as JSON)"):
        stages.read(tmp_path)
    with pytest.raises(ModelError):
        stages.change(tmp_path, "promote", A)
    assert (tmp_path / "champion.json").read_text() == content


def test_a_pointer_that_is_a_link_is_not_followed(tmp_path) -> None:
    (tmp_path / "elsewhere").write_text('{"name": "net", "version": "aaaaaaaaaaaa"}')
    (tmp_path / "champion.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="a link"):
        stages.read(tmp_path)


def test_a_folder_held_by_another_is_waited_for_and_then_given_up(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stages, "PATIENCE_S", 0.05)
    with stages.alone(tmp_path), pytest.raises(StateError, match=r"another process has been changing .* for 0\.05 s"):
        stages.change(tmp_path, "promote", A)
    assert stages.change(tmp_path, "promote", A).champion == A


def fork(work) -> int:
    """Run `work` in a process of its own and give its id; it ends with status 0 only when nothing was raised."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def key(number: int) -> stages.Key:
    return "net", f"{number:012x}"


def watch(root: Path, stop: Path) -> None:
    """Read for as long as nobody says stop: every picture must be whole, and no older than the one before."""
    seen = 0
    while not stop.exists():
        now = stages.read(root)
        assert len(now.history) >= seen
        seen = len(now.history)
        if now.history:
            assert now.champion == now.history[-1].key
        time.sleep(0.002)


def linked(history) -> bool:
    return all(later.before == earlier.key for earlier, later in pairwise(history))


def kill_writers(root: Path, stop: Path, kills: int) -> None:
    rng, promised = random.Random(kills), 0
    reader = fork(lambda: watch(root, stop))
    for attempt in range(kills):
        ours, theirs = os.pipe()

        def promote(first: int = promised + 1, pipe: int = theirs) -> None:
            for number in range(first, first + 10_000):
                stages.change(root, "promote", key(number), by="writer")
                os.write(pipe, number.to_bytes(8, "little"))

        writer = fork(promote)
        os.close(theirs)
        first = os.read(ours, 8) if attempt % 2 else b""  # every other one is killed in its first work
        time.sleep(rng.uniform(0.0, 0.008))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        told = first + b"".join(iter(lambda pipe=ours: os.read(pipe, 1 << 16), b""))
        os.close(ours)
        acknowledged = int.from_bytes(told[-8:], "little") if told else promised
        now = stages.read(root)
        assert acknowledged <= len(now.history) <= acknowledged + 1, "what was acknowledged stays, at most one more"
        assert [change.key for change in now.history] == [key(n + 1) for n in range(len(now.history))]
        promised = len(now.history)
    assert linked(now.history) and promised >= kills // 2
    stop.touch()
    assert os.waitpid(reader, 0)[1] == 0, "a reader met half a change"
    stages.change(root, "promote", key(promised + 1))
    assert [path.name for path in root.iterdir()] == ["champion.json"], "what the killed left is swept"


def test_killed_writers_lose_nothing_and_leave_nothing_half_done(tmp_path) -> None:
    (tmp_path / "models").mkdir()
    kill_writers(tmp_path / "models", tmp_path / "stop", 50)


@pytest.mark.slow
def test_many_killed_writers_lose_nothing_and_leave_nothing_half_done(tmp_path) -> None:
    (tmp_path / "models").mkdir()
    kill_writers(tmp_path / "models", tmp_path / "stop", 200)


def test_writers_at_once_take_turns(tmp_path) -> None:
    root, stop = tmp_path / "models", tmp_path / "stop"
    root.mkdir()

    def work(lane: int) -> None:
        for number in range(20):
            stages.change(root, "promote", key(100 * lane + number), by=str(lane))

    reader = fork(lambda: watch(root, stop))
    writers = [fork(lambda lane=lane: work(lane)) for lane in (1, 2, 3)]
    assert [os.waitpid(writer, 0)[1] for writer in writers] == [0, 0, 0]
    stop.touch()
    assert os.waitpid(reader, 0)[1] == 0
    history = stages.read(root).history
    assert len(history) == 60 and linked(history), "no change was lost, and each knew the one before"
    for lane in (1, 2, 3):
        assert [c.key for c in history if c.by == str(lane)] == [key(100 * lane + number) for number in range(20)]


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(["promote", "rollback", "archive", "restore"]), st.integers(0, 3)), max_size=25)
)
def test_whatever_is_asked_in_whatever_order_stages_stay_sound(tmp_path_factory, asked) -> None:
    now, way = stages.Stages(), []  # `way`: champions one on the other, kept by hand
    for action, number in asked:
        wanted = None if action == "rollback" else key(number)
        try:
            after = stages._after(now, action, wanted, "x", "y")
        except StateError:
            continue
        if action == "promote" and wanted != now.champion:
            way.append(wanted)
        elif action == "rollback":
            way.pop()
        now = after
        assert now.champion == (way[-1] if way else None)
        assert now.previous == (way[-2] if len(way) > 1 else None)
        assert now.champion not in now.archived
        assert sum(now.of(*key(n)) == "champion" for n in range(4)) == (now.champion is not None)
    root = tmp_path_factory.mktemp("models")
    stages._write(root / "champion.json", now)
    assert stages.read(root) == now


def starved(work, bytes_left: int) -> None:
    """Run `work` in a process whose files may not grow beyond so many bytes, as on a disk that is full."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, bytes_left))
        work()

    assert os.waitpid(fork(limited), 0)[1] == 0


def test_a_full_disk_changes_nothing_and_is_named(tmp_path) -> None:
    stages.change(tmp_path, "promote", A)
    before = (tmp_path / "champion.json").read_bytes()

    def promote() -> None:
        with pytest.raises(ModelError, match=r"champion\.json: cannot be written: File too large"):
            stages.change(tmp_path, "promote", B)

    starved(promote, len(before) // 2)
    assert (tmp_path / "champion.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["champion.json"]


def test_a_folder_that_is_not_there_is_named(tmp_path) -> None:
    for place in ("none", "file"):
        (tmp_path / "file").touch()
        with pytest.raises(ModelError, match=f"{place}: no folder of models: "):
            stages.change(tmp_path / place, "promote", A)
    assert not (tmp_path / "none").exists()
