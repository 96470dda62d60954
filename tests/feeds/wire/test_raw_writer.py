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


def test_what_exists_is_not_overwritten(tmp_path):
    with RawWriter(tmp_path / "x.gz") as writer:
        writer.write(b"old")
    with pytest.raises(InputError, match=r"x\.gz exists"):
        RawWriter(tmp_path / "x.gz")
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == b"old\n"
    with pytest.raises(InputError, match=r"must end in \.gz"):
        RawWriter(tmp_path / "x.txt")


def test_lines_beyond_the_size_of_a_member_are_written_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_writer, "MEMBER", 100)
    with RawWriter(tmp_path / "x.gz") as writer:
        for number in range(40):
            writer.write(b"%010d" % number)
        assert writer.part.stat().st_size == writer.bytes > 0
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()).split() == [b"%010d" % number for number in range(40)]


def test_a_file_without_a_line_is_an_empty_gzip_file(tmp_path):
    with RawWriter(tmp_path / "x.gz"):
        pass
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == b""


FULL = """
import resource, sys
from pathlib import Path
from genesis_lib.errors import SessionError
from genesis_lib.feeds.wire.raw_writer import RawWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
import os
with RawWriter(Path(sys.argv[1])) as writer:
    try:
        while True:
            writer.write(os.urandom(500).hex().encode())
            writer.flush()
    except SessionError as error:
        print(error, flush=True)
        os._exit(0)
"""


def test_a_full_disk_is_one_clear_error_and_what_was_flushed_reads(tmp_path):
    """The system refuses to let a file of the process grow beyond 20 kB, as a full disk would."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path / "x.gz")], capture_output=True, text=True)
    part = tmp_path / "x.gz.part"
    assert done.stdout.startswith(f"cannot write {part}: File too large; it reads up to where it breaks off, ")
    whole = int(done.stdout.split()[-2])
    lines = gzip.decompress(part.read_bytes()[:whole]).splitlines()
    assert len(lines) > 10


def test_what_a_full_disk_took_of_the_first_lines_reads_too(tmp_path):
    """Not one member of the file is whole, and its lines read all the same, as the error says."""
    hundred = "for n in range(100):\n                writer.write(b'%d %d ' % (10**18 + n, n) + "
    script = FULL.replace("writer.write(", hundred)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.gz")], capture_output=True, text=True)
    assert done.stdout.endswith("behind its first 0 bytes\n"), done
    numbers = [line.ts_receive - 10**18 for line in raw_lines([tmp_path / "x.gz.part"])]
    assert 5 < len(numbers) < 100 and numbers == list(range(len(numbers)))


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
