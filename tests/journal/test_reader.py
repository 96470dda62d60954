import pytest

from genesis_lib.errors import SessionError
from genesis_lib.journal import Journal, read_journal


def test_reads_beside_the_writer(tmp_path):
    with Journal.open(tmp_path, "s") as journal:
        journal.describe({"source": "x"})
        journal.record("commands", 0, name="start")
        journal.commit()
        seen = read_journal(tmp_path)
        assert (seen["session"], seen["header"], seen["summary"]) == ("s", {"source": "x"}, None)
        assert [row["name"] for row in seen["commands"]] == ["start"]
        journal.finish({"trades": 0})
        assert read_journal(tmp_path)["summary"] == {"trades": 0}


def test_the_newest_session_of_a_database_is_the_default(tmp_path):
    url = f"sqlite:///{tmp_path / 'all.sqlite'}"
    for name in ("one", "two"):
        with Journal.open(url, name) as journal:
            journal.describe({"source": name})
    assert read_journal(url)["session"] == "two"
    assert read_journal(url, "one")["header"] == {"source": "one"}
    with pytest.raises(SessionError, match="holds no session three"):
        read_journal(url, "three")


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(SessionError, match="no session at"):
        read_journal(tmp_path / "none")
    (tmp_path / "journal.sqlite").write_bytes(b"junk" * 500)
    with pytest.raises(SessionError, match="not a database"):
        read_journal(tmp_path)
