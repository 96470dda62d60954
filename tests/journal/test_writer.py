import sqlite3

import pytest

from genesis_lib.errors import InputError, SessionError
from genesis_lib.journal import Journal, read_journal
from genesis_lib.journal.writer import GROUP

SAMPLE = {"timestamp": 6, "mid": 1.0, "position": 0.1, "realized": 0.0, "unrealized": 0.0, "fees": 0.0}
SAMPLE |= {"down": float("nan"), "neutral": 0.5, "up": 0.5}


def test_what_was_committed_is_there_again_and_hashes_the_same(tmp_path):
    with Journal.open(tmp_path, "s") as journal:
        assert not journal.resumed
        journal.record("commands", 0, name="start")
        journal.record("gaps", 3, timestamp=5, cause="lost")
        journal.record("samples", 4, **SAMPLE | {"mid": float("nan")})
        sha = journal.sha256
    with Journal.open(tmp_path, "s") as journal:
        assert journal.resumed and journal.sha256 == sha
        assert journal.rows("samples")[0]["mid"] is None
        journal.record("commands", 9, name="stop")
        journal.commit()
        assert [row["seq"] for row in journal.rows("commands")] == [0, 3]


def test_samples_sessions_and_the_clock_are_not_in_the_hash(tmp_path):
    hashes = set()
    for name in ("a", "b"):
        with Journal.open(tmp_path / name, name) as journal:
            journal.describe({"source": name})
            journal.record("commands", 0, name="start")
            if name == "b":
                journal.record("samples", 4, **SAMPLE)
            hashes.add(journal.sha256)
    assert len(hashes) == 1


def test_nothing_is_told_before_it_is_committed(tmp_path):
    with Journal.open(tmp_path, "s") as journal:
        journal.describe({})
        journal.record("commands", 0, name="start")
        assert read_journal(tmp_path)["commands"] == []
        journal.commit()
        assert len(read_journal(tmp_path)["commands"]) == 1


def test_many_records_commit_themselves(tmp_path):
    with Journal.open(tmp_path, "s") as journal:
        for i in range(GROUP + 1):
            journal.record("commands", i, name="start")
        assert len(journal.rows("commands")) == GROUP


def test_a_second_writer_gets_one_clear_line(tmp_path):
    with Journal.open(tmp_path, "s"), pytest.raises(SessionError, match="is being written by another session"):
        Journal.open(tmp_path, "s")
    Journal.open(tmp_path, "s").close()


def test_a_closed_journal_closes_again(tmp_path):
    journal = Journal.open(tmp_path, "s")
    journal.close()
    journal.close()


def test_durable_writes_wait_for_the_disk(tmp_path):
    for durable, level in ((True, 2), (False, 1)):
        with Journal.open(tmp_path / str(durable), "s", durable=durable) as journal:
            assert journal._connection.exec_driver_sql("PRAGMA synchronous").scalar() == level
            assert journal._connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_foreign_and_damaged_files_are_refused_and_left_as_they_are(tmp_path):
    file = tmp_path / "journal.sqlite"
    with sqlite3.connect(file) as foreign:
        foreign.execute("CREATE TABLE other (x)")
    foreign.close()
    before = file.read_bytes()
    with pytest.raises(SessionError, match="no journal of Genesis"):
        Journal.open(tmp_path, "s")
    assert file.read_bytes() == before
    file.write_bytes(b"not a database, and long enough to be looked at" * 100)
    with pytest.raises(SessionError, match=r"journal\.sqlite: .*not a database"):
        Journal.open(tmp_path, "s")


def test_a_journal_with_a_torn_page_is_refused(tmp_path):
    with Journal.open(tmp_path, "s") as journal:
        for i in range(3000):
            journal.record("commands", i, name="start")
    file = tmp_path / "journal.sqlite"
    body = bytearray(file.read_bytes())
    body[8192:24576] = b"\xff" * 16384
    file.write_bytes(body)
    with pytest.raises(SessionError, match=r"damaged|malformed"):
        Journal.open(tmp_path, "s")


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SessionError, match="cannot be used"):
        Journal.open(tmp_path / "file" / "below", "s")
    with pytest.raises(InputError, match="session"):
        Journal.open(tmp_path, "")
