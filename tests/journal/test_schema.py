import contextlib
import hashlib
import json
import sqlite3

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import SessionError
from genesis_lib.journal import Journal, read_journal
from genesis_lib.journal.schema import (
    APPLICATION_ID,
    HASHED,
    RECORDS,
    canonical,
    check_file,
    finite,
    prepare,
    sqlite_engine,
)


@given(st.floats(), st.integers(-(2**62), 2**62))
def test_records_hash_alike_before_and_after_the_database(number, whole):
    row = dict.fromkeys(RECORDS["orders"].c.keys(), None) | {
        "session": "s", "seq": 0, "event_index": 5, "order_id": whole, "status": "é", "confidence": number,
    }  # fmt: skip
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.connect() as connection:
        prepare(connection, "memory")
        connection.execute(sa.insert(RECORDS["orders"]), {key: finite(value) for key, value in row.items()})
        back = dict(connection.execute(sa.select(RECORDS["orders"])).mappings().one())
    engine.dispose()
    assert canonical("orders", back) == canonical("orders", row)


def test_a_record_is_hashed_without_its_place():
    kind, fields = json.loads(canonical("gaps", {"session": "s", "seq": 4, "event_index": 7, "cause": "x"}))
    assert (kind, fields) == ("gaps", {"event_index": 7, "cause": "x"})
    assert "samples" not in HASHED and set(HASHED) < set(RECORDS)


def test_another_layout_is_refused(tmp_path):
    engine = sqlite_engine(tmp_path / "j", durable=False)
    with engine.connect() as connection:
        prepare(connection, "j")
        connection.exec_driver_sql("PRAGMA user_version=99")
        with pytest.raises(SessionError, match="layout 99"):
            check_file(connection, "j")
    engine.dispose()


OLD = """
CREATE TABLE sessions (session TEXT NOT NULL, created BIGINT NOT NULL, header TEXT NOT NULL, summary TEXT,
                       PRIMARY KEY (session));
CREATE TABLE commands (session TEXT, seq BIGINT, event_index BIGINT NOT NULL, name TEXT, PRIMARY KEY (session, seq));
CREATE TABLE alerts (session TEXT, seq BIGINT, event_index BIGINT NOT NULL, timestamp BIGINT, kind TEXT, severity TEXT,
                     message TEXT, PRIMARY KEY (session, seq));
INSERT INTO sessions VALUES ('s', 1, '{"source": "a"}', NULL);
INSERT INTO commands VALUES ('s', 0, 0, 'start');
INSERT INTO alerts VALUES ('s', 1, 7, 1700000000000000000, 'spoofing', 'warning', 'A wall.');
"""


def made_by_layout_1(folder):
    """A journal as the version before this one wrote it, and its hash as that version gave it."""
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as connection:
        connection.executescript(f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version=1;{OLD}")
    rows = [
        ["commands", {"event_index": 0, "name": "start"}],
        ["alerts", {"event_index": 7, "kind": "spoofing", "message": "A wall.", "severity": "warning",
                    "timestamp": 1700000000000000000}],
    ]  # fmt: skip
    digest = hashlib.sha256()
    for row in rows:
        digest.update((json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n").encode())
    return digest.hexdigest()


def test_a_journal_of_layout_1_is_read_as_it_lies(tmp_path):
    made_by_layout_1(tmp_path)
    before = (tmp_path / "journal.sqlite").read_bytes()
    data = read_journal(tmp_path)
    assert data["alerts"][0]["message"] == "A wall." and data["alerts"][0]["evidence"] is None
    assert data["acknowledgements"] == [] == data["alert_tallies"] and data["header"] == {"source": "a"}
    assert (tmp_path / "journal.sqlite").read_bytes() == before


def test_a_session_of_layout_1_goes_on_with_its_hash(tmp_path):
    sha = made_by_layout_1(tmp_path)
    row = {"timestamp": 5, "kind": "x", "severity": "info", "message": "m", "alert_id": 2, "cause": "new"}
    row |= {"score": 50.0, "evidence": "{}", "repeats": 0}
    with Journal.open(tmp_path, "s") as journal:
        assert journal.resumed and journal.sha256 == sha
        journal.record("alerts", 9, **row)
        journal.record("acknowledgements", 9, alert_id=2, timestamp=6, wall_ns=7, by="anna")
        after = journal.sha256
    with Journal.open(tmp_path, "s") as journal:
        assert journal.sha256 == after != sha
        assert [row["alert_id"] for row in journal.rows("alerts")] == [None, 2]
        assert [row["by"] for row in journal.rows("acknowledgements")] == ["anna"]


def test_who_has_seen_what_and_when_is_in_no_hash_but_the_command():
    assert not {"acknowledgements", "alert_tallies", "samples"} & set(HASHED)
