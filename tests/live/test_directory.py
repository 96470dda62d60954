import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from genesis_lib.errors import SessionError
from genesis_lib.live.directory import SOCKET_PATH_LIMIT, SessionDirectory, is_running, locate, place, session_name


def test_only_the_owner_may_enter(tmp_path):
    with SessionDirectory(tmp_path / "s") as directory:
        assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700


def test_a_second_session_is_refused_in_one_line_and_told_whose_it_is(tmp_path):
    with SessionDirectory(tmp_path / "s") as directory:
        directory.write({"pid": 4711})
        with pytest.raises(SessionError, match=r"in use by another session \(process 4711\)") as refused:
            SessionDirectory(tmp_path / "s")
        assert "\n" not in str(refused.value)
    with SessionDirectory(tmp_path / "s") as directory:
        assert directory.before == {"pid": 4711}


def test_a_folder_of_other_things_is_left_as_it_is(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir(mode=0o755)
    (folder / "thesis.tex").write_text("")
    with pytest.raises(SessionError, match="holds other files and is no session's"):
        SessionDirectory(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755 and [file.name for file in folder.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("left", ["session.json", "session.lock", "journal.sqlite"])
def test_whatever_a_session_left_may_be_taken_up(tmp_path, left):
    (tmp_path / left).write_text("{}" if left == "session.json" else "")
    (tmp_path / "session.log").write_text("")
    SessionDirectory(tmp_path).close()


def test_a_foreign_state_is_said(tmp_path):
    (tmp_path / "session.json").write_text("[1]")
    with pytest.raises(SessionError, match="not what a session writes"):
        SessionDirectory(tmp_path)


def test_a_file_in_the_way_is_said(tmp_path):
    (tmp_path / "s").write_text("")
    with pytest.raises(SessionError, match="cannot be used"):
        SessionDirectory(tmp_path / "s")


def test_the_lock_dies_with_its_process_even_when_killed(tmp_path):
    code = (
        "import sys, time; from genesis_lib.live.directory import SessionDirectory\n"
        "d = SessionDirectory(sys.argv[1]); d.write({'pid': 1, 'started_ns': 5})\n"
        "print('up', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "s")], stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"up\n"
        assert is_running(tmp_path / "s") and locate(None, tmp_path) == (tmp_path / "s").resolve()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert not is_running(tmp_path / "s")
    with pytest.raises(SessionError, match="has ended"):
        locate("s", tmp_path)
    with pytest.raises(SessionError, match="no session is running under"):
        locate(None, tmp_path)
    SessionDirectory(tmp_path / "s").close()


def test_sockets_move_to_a_short_directory_when_the_path_is_too_long(tmp_path, monkeypatch):
    runtime = tmp_path / "r"
    runtime.mkdir()
    deep = tmp_path / ("d" * SOCKET_PATH_LIMIT)
    with SessionDirectory(deep) as directory:
        assert directory.sockets != deep
        assert stat.S_IMODE(directory.sockets.stat().st_mode) == 0o700
        assert all(len(os.fsencode(a.removeprefix("ipc://"))) <= SOCKET_PATH_LIMIT for a in directory.addresses)
        moved = directory.sockets
    assert not moved.exists()
    with SessionDirectory(tmp_path / "s") as directory:
        assert directory.sockets == directory.path


def test_the_newest_running_session_is_found_first(tmp_path):
    with SessionDirectory(tmp_path / "b-old") as old, SessionDirectory(tmp_path / "a-new") as new:
        old.write({"started_ns": 1})
        new.write({"started_ns": 2})
        assert locate(None, tmp_path) == new.path
        assert locate("b-old", tmp_path) == old.path
        assert locate(old.path, "elsewhere") == old.path


def test_a_name_lies_under_the_root_and_a_path_where_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place("night", "data/sessions") == tmp_path / "data/sessions/night"
    assert place("./night", "data/sessions") == tmp_path / "night"
    assert place(tmp_path / "x", "data/sessions") == tmp_path / "x"
    with pytest.raises(SessionError, match="no session at"):
        locate("night", "data/sessions")


def test_state_is_replaced_whole(tmp_path):
    with SessionDirectory(tmp_path / "s") as directory:
        directory.write({"state": "RUNNING"})
        with pytest.raises(TypeError):
            directory.write({"state": object()})
        assert (directory.path / "session.json").read_text() == '{\n "state": "RUNNING"\n}'
        assert sorted(file.name for file in directory.path.iterdir()) == ["session.json", "session.lock"]


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("simulator", "simulator"),
        ("a/b/btcusdt_20240718.gz", "btcusdt-20240718"),
        ("binance-usdm:X", "binance-usdm-x"),
        ("postgresql://me:secret@host/market?symbol=BTCUSDT", "btcusdt"),
        ("postgresql://me:secret@host", "database"),
        ("", "source"),
    ],
)
def test_names_say_when_and_what(source, word):
    name = session_name(source, 1_795_364_100)
    assert name == f"20261122-161500-{word}"
    assert Path(name).name == name
