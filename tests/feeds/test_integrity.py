"""The ledger counts everything, keeps the first entries in memory, and has all of them on disk."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds import ingest
from genesis_lib.feeds.integrity import Incident, Ledger, entries
from genesis_lib.types import Gap


def test_counts_go_on_after_the_list_is_full() -> None:
    ledger = Ledger(keep=2)
    for second in range(3):
        ledger.gap(Gap("A", second * 10**9, 0, f"cause {second}", 1, 2))
    ledger.note(0, "hole", "silence")
    assert ledger.counts == {"gap": 3, "hole": 1}
    assert ledger.lines() == ["- gap: cause 0", "1970-01-01T00:00:01.000000Z gap: cause 1"]
    assert json.loads(json.dumps(ledger.as_dict()))["incidents"][1]["cause"] == "cause 1"


def test_the_disk_has_what_memory_lets_go(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "deep" / "ledger.jsonl", keep=2)
    assert (tmp_path / "deep" / "ledger.jsonl").read_bytes() == b"", "an empty ledger says that nothing went wrong"
    for number in range(5):
        ledger.note(number, "gap", f"cause {number}", "BTCUSDT")
    ledger.count_deletes(3, "BTCUSDT")
    ledger.count_deletes(4, "BTCUSDT")
    found = list(entries(ledger.path))  # not closed: each entry is readable as soon as it is noted
    assert found == [Incident(number, "gap", f"cause {number}", "BTCUSDT") for number in range(5)]
    ledger.close()
    ledger.close()
    lines = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    assert lines[0] == {"ts_exchange": 0, "kind": "gap", "cause": "cause 0", "symbol": "BTCUSDT"}
    assert lines[-1]["kind"] == "unknown deletes" and lines[-1]["count"] == 7 and len(lines) == 6
    again = Ledger.read(ledger.path, keep=3)
    assert again.counts == {"gap": 5, "unknown deletes": 7} and len(again.incidents) == 3
    with pytest.raises(InputError, match=r"ledger.jsonl is closed; 'gap' cannot be entered"):
        ledger.note(9, "gap", "late")


def test_a_later_run_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for number in range(2):
        ledger = Ledger(tmp_path / "ledger.jsonl")
        ledger.note(number, "disconnect", "the venue closed the connection", "A")
        ledger.count_deletes(1, "A")
        ledger.close()
    assert Ledger.read(tmp_path / "ledger.jsonl").counts == {"disconnect": 2, "unknown deletes": 2}


def test_what_was_noted_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from genesis_lib.feeds.integrity import Ledger\n"
        "ledger = Ledger(sys.argv[1])\n"
        "for number in range(100): ledger.note(number, 'gap', 'cause')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "l.jsonl"], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [entry.ts_exchange for entry in entries(tmp_path / "l.jsonl")] == list(range(100))


def test_a_staged_ledger_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    final = tmp_path / "new" / "ledger.jsonl"
    with pytest.raises(ValueError, match="breaks"), Ledger.staged(final) as ledger:
        ledger.note(1, "gap", "cause")
        raise ValueError("breaks")
    assert not (tmp_path / "new").exists()
    for cause in ("first", "second"):
        with Ledger.staged(final) as ledger:
            ledger.note(1, "gap", cause)
            assert cause == "first" or [entry.cause for entry in entries(final)] == ["first"]
            assert ledger.commit() == final
    assert [entry.cause for entry in entries(final)] == ["second"]
    assert [file.name for file in final.parent.iterdir()] == ["ledger.jsonl"]


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.text(max_size=9), st.text(), st.text(max_size=9))))
def test_any_words_come_back(tmp_path_factory, told) -> None:
    path = tmp_path_factory.mktemp("ledger") / "l.jsonl"
    ledger = Ledger(path)
    clean = [tuple(x.encode("utf-8", "replace").decode() if isinstance(x, str) else x for x in one) for one in told]
    for one in clean:
        ledger.note(*one)
    ledger.close()
    assert list(entries(path)) == [Incident(*one) for one in clean]


def test_damage_is_named_and_a_cut_line_is_none(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    good = b'{"ts_exchange": 1, "kind": "gap", "cause": "c", "symbol": ""}\n'
    path.write_bytes(good + good[:20])
    assert Ledger.read(path).counts == {"gap": 1}
    for bad in (b"{}\n", b"7\n", b"not json\n"):
        path.write_bytes(good + bad)
        with pytest.raises(RecordingError, match=r"l.jsonl:2: not an entry of a ledger"):
            Ledger.read(path)
    with pytest.raises(RecordingError, match="no such ledger"):
        Ledger.read(tmp_path / "none")


def test_several_symbols_are_told_apart() -> None:
    ledger = Ledger()
    ledger.note(0, "gap", "lost", "A")
    ledger.note(0, "gap", "lost", "B")
    assert ledger.lines()[1] == "- B gap: lost"


def test_a_fault_in_a_file_stands_beside_the_rows(tmp_path, wire) -> None:
    line = wire().snapshot()
    for number in range(6):
        line.diff(bids=[("100.0", f"{number + 1}")])
    line.last += 5  # lost
    line.diff().snapshot().diff().diff(bids=[("999.0", "1")]).diff(bids=[("999.0", "0"), ("5.0", "0")]).diff()
    found = ingest(line.write(tmp_path / "a.gz"), tmp_path / "out")
    (stored,) = (tmp_path / "out").rglob("ledger-*.jsonl")
    ledger = Ledger.read(stored)
    assert [entry.kind for entry in ledger.incidents] == ["gap", "resync", "crossed", "restored"]
    assert all(a.ts_exchange <= b.ts_exchange for a, b in pairwise(ledger.incidents))
    assert found["incidents"] == dict(ledger.counts) and ledger.counts["unknown deletes"] == 1
    assert found["invalid_rows"] == 5


def test_a_ledger_is_discarded_where_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    ledger = Ledger.staged(tmp_path / "folder" / "ledger.jsonl")
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"), ledger:
        ledger.count_deletes(3)
        patched.setattr(os, "write", full)
        ledger.commit()
    assert not list(tmp_path.iterdir())
