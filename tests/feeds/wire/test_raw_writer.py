from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.recording import raw_lines
from genesis_lib.feeds.wire import raw_writer
from genesis_lib.feeds.wire.raw_writer import RawWriter, write_json


def test_a_closed_file_stands_under_its_final_name(tmp_path):
    with RawWriter(tmp_path / "new" / "x.gz") as writer:
        writer.write(b"one")
        writer.write(b"two")
        assert not (tmp_path / "new" / "x.gz").exists()
    assert gzip.decompress((tmp_path / "new" / "x.gz").read_bytes()) == b"one\ntwo\n"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["x.gz"]


def test_an_error_leaves_no_finished_file(tmp_path):
    with pytest.raises(RuntimeError), RawWriter(tmp_path / "x.gz") as writer:
        writer.write(b"one")
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["x.gz.part"]


def test_what_exists_is_not_overwritten_unless_told(tmp_path):
    with RawWriter(tmp_path / "x.gz") as writer:
        writer.write(b"old")
    with pytest.raises(InputError, match=r"x\.gz exists"):
        RawWriter(tmp_path / "x.gz")
    with RawWriter(tmp_path / "x.gz", replace=True) as writer:
        writer.write(b"new")
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == b"new\n"
    with pytest.raises(InputError, match=r"must end in \.gz"):
        RawWriter(tmp_path / "x.txt")


def test_the_same_lines_give_the_same_bytes(tmp_path):
    for name in ("a.gz", "b.gz"):
        with RawWriter(tmp_path / name) as writer:
            for i in range(100):
                writer.write(b"%d" % i)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


KILLED = """
import sys, time
from pathlib import Path
from genesis_lib.feeds.wire.raw_writer import RawWriter
writer = RawWriter(Path(sys.argv[1]))
n = 0
while True:
    n += 1
    writer.write(b"%d {}" % (10**18 + n))
    if n == 5000:
        writer.flush()
        print("flushed", flush=True)
    if n > 5000:
        time.sleep(0.0005)
"""


def test_kill_leaves_everything_up_to_the_last_flush(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "x.gz")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "flushed\n"
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    numbers = [line.ts_receive - 10**18 for line in raw_lines([tmp_path / "x.gz.part"])]
    assert len(numbers) >= 5000
    assert numbers == list(range(1, len(numbers) + 1))


def test_it_flushes_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_writer, "FLUSH_EVERY", 0.0)
    writer = RawWriter(tmp_path / "x.gz")
    writer.write(b"1" + b"0" * 18 + b" {}")
    assert len(list(raw_lines([writer.part]))) == 1
    writer.close()


def test_json_is_put_in_place_whole(tmp_path):
    path = write_json(tmp_path / "x.json", {"a": [1, 2]})
    assert json.loads(path.read_text()) == {"a": [1, 2]}
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": [1, 2]}
