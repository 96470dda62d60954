"""Rows in a real PostgreSQL server: the same bits as from Parquet, all or nothing, no password told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.storage import parquet
from genesis_lib.storage import postgres as database
from genesis_lib.types import Instrument, Snapshots

DAY = 86_400_000_000_000
SECOND = 1_000_000_000
HASH = "ab" * 32


def write(rows: Snapshots, url: str, data_hash: str = HASH, **more):
    return database.write_rows(rows, rows.instrument, url, provenance="recorded", data_hash=data_hash, **more)


def joined(blocks) -> list[np.ndarray]:
    blocks = list(blocks)
    return [np.concatenate([getattr(block, name) for block in blocks]) for name in Snapshots.__slots__[1:6]]


def count(url: str, table: str = "genesis_rows") -> int:
    import psycopg

    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_the_same_bits_as_from_parquet(rows, postgres: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(database, "BLOCK", 64)
    original = rows(500)
    original.levels[3, 0, 0], original.levels[4, 0, 0] = -0.0, 5e-324
    written = write(original, postgres)
    stored = parquet.write_rows(original, original.instrument, tmp_path, provenance="recorded", data_hash=HASH)
    assert (written.rows, written.invalid_rows) == (stored.rows, stored.invalid_rows)
    (session,) = database.sessions(postgres)
    (file,) = parquet.sessions(stored.files)
    for ours, theirs in zip(joined(session.blocks()), joined(file.blocks()), strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
    assert [len(block) for block in session.blocks()] == [64] * 7 + [52], "what is held at once stays small"
    assert session.instrument == original.instrument and session.provenance == "recorded" and session.depth == 3
    assert (session.rows, session.first, session.last) == (500, original.ts_exchange[0], original.ts_exchange[-1])
    assert session.data_hash == written.sha256 and session.name == "binance-usdm:BTCUSDT"
    row = next(session.events())
    assert row.ts_exchange == original.ts_exchange[0] and np.array_equal(row.levels, original.levels[0], equal_nan=True)


def test_a_span_of_time(rows, postgres: str) -> None:
    original = rows(300)
    write(original, postgres)
    (session,) = database.sessions(postgres)
    start, end = original.ts_exchange[[50, 80]]
    (block,) = session.blocks(start, end)
    assert np.array_equal(block.ts_exchange, original.ts_exchange[50:80])
    assert np.array_equal(block.levels, original.levels[50:80], equal_nan=True)
    assert not list(session.blocks(end=original.ts_exchange[0]))


def test_the_same_data_twice_replaces_and_other_data_of_the_time_is_refused(rows, postgres: str) -> None:
    first, again = write(rows(50), postgres), write(rows(50), postgres)
    assert first == again and count(postgres) == 50 and count(postgres, "genesis_sessions") == 1
    with pytest.raises(InputError, match="holds other data of binance-usdm:BTCUSDT of the same time"):
        write(rows(50, 19_000 * DAY + 49 * SECOND), postgres, "cd" * 32)
    assert count(postgres) == 50
    write(rows(50, 19_000 * DAY + 50 * SECOND), postgres, "cd" * 32)
    assert [session.first for session in database.sessions(postgres)] == [19_000 * DAY, 19_000 * DAY + 50 * SECOND]


def test_all_or_nothing(rows, postgres: str, monkeypatch) -> None:
    monkeypatch.setattr(database, "BLOCK", 8)
    original = rows(40)
    write(original, postgres)
    before = joined(database.sessions(postgres)[0].blocks())

    def breaks():
        yield from original[:20]
        raise InputError("the recording ends in the middle of a line")

    for source, cause in (
        (breaks(), "middle of a line"),
        ([], "no rows to store"),
        (list(original)[::-1], "run back in exchange time"),
    ):
        with pytest.raises(InputError, match=cause):
            database.write_rows(source, original.instrument, postgres, provenance="recorded", data_hash=HASH)
        for ours, theirs in zip(joined(database.sessions(postgres)[0].blocks()), before):
            assert ours.tobytes() == theirs.tobytes()


def test_symbols_and_venues_are_told_apart(rows, postgres: str) -> None:
    part = rows(5)
    for venue, symbol in (("binance-usdm", "BTCUSDT"), ("binance-spot", "BTCUSDT"), ("okx", "ETH-USDT'; --")):
        instrument = Instrument(venue, symbol, 0.1, 0.001)
        database.write_rows(part, instrument, postgres, provenance="simulated", data_hash=HASH)
    assert [s.name for s in database.sessions(postgres)] == [
        "binance-spot:BTCUSDT", "binance-usdm:BTCUSDT", "okx:ETH-USDT'; --"
    ]  # fmt: skip
    assert len(database.sessions(f"{postgres}&symbol=BTCUSDT")) == 2
    (session,) = database.sessions(f"{postgres}&symbol=BTCUSDT&venue=binance-spot")
    assert session.instrument.venue == "binance-spot" and session.provenance == "simulated"
    with pytest.raises(InputError, match="no rows of XRP stored in it"):
        database.sessions(f"{postgres}&symbol=XRP")


def test_the_whole_ledger_is_stored(rows, postgres: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", keep=1)
    for cause in ("lost", "a\tb\\c\nd", "nul \0"):
        ledger.note(1, "gap", cause, "BTCUSDT")
    ledger.count_deletes(7)
    for _ in range(2):
        assert write(rows(5), postgres, ledger=ledger).incidents == {"gap": 3, "unknown deletes": 7}
    assert database.sessions(postgres)[0].incidents == {"gap": 3, "unknown deletes": 7}
    import psycopg

    with psycopg.connect(postgres) as connection:
        found = connection.execute("SELECT cause FROM genesis_incidents ORDER BY seq").fetchall()
    assert [cause for (cause,) in found] == ["lost", "a\tb\\c\nd", "nul \ufffd"]


def test_several_sessions_in_one_transaction(rows, postgres: str) -> None:
    origin = {"provenance": "recorded"}
    with pytest.raises(InputError, match="no rows to store"), database.storing(postgres) as store:
        store.write_rows(rows(5), rows(1).instrument, **origin, data_hash="aa")
        store.write_rows([], rows(1).instrument, **origin, data_hash="bb")
    with pytest.raises(InputError, match="no rows of any symbol"):
        database.sessions(postgres)
    with database.storing(postgres) as store:
        for number, name in enumerate(("aa", "bb")):
            store.write_rows(rows(5, number * DAY), rows(1).instrument, **origin, data_hash=name)
    assert len(database.sessions(postgres)) == 2 and count(postgres) == 10


def test_a_session_that_was_replaced_since_is_not_read_as_an_empty_one(rows, postgres: str) -> None:
    written = {"provenance": "recorded", "data_hash": "a" * 64}
    database.write_rows(list(rows(10)), rows(1).instrument, postgres, **written)
    (opened,) = database.sessions(postgres)
    database.write_rows(list(rows(12)), rows(1).instrument, postgres, **written)
    with pytest.raises(InputError, match=r"holds 0 of the 10 rows .* replaced or removed"):
        list(opened.blocks())
    (again,) = database.sessions(postgres)
    assert sum(map(len, again.blocks())) == 12 and not list(again.blocks(end=0))
