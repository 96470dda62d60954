import json

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import SessionError
from genesis_lib.journal.schema import HASHED, RECORDS, canonical, check_file, finite, prepare, sqlite_engine


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
