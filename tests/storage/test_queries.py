"""Stored rows by time."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.storage import parquet, queries
from genesis_lib.storage.parquet import write_rows
from genesis_lib.storage.queries import columns, resample, select, sql, summary
from genesis_lib.types import Instrument

DAY = 86_400_000_000_000
SECOND = 1_000_000_000
START = 19_001 * DAY - 40 * SECOND


@pytest.fixture
def folder(rows, tmp_path: Path) -> Path:
    """Two sessions, the first across midnight."""
    for start, data_hash in ((START, "aa" * 32), (START + 500 * SECOND, "bb" * 32)):
        part = rows(100, start)
        write_rows(part, part.instrument, tmp_path, provenance="recorded", data_hash=data_hash)
    return tmp_path


def test_a_span_of_time(folder: Path, rows) -> None:
    found = select(folder, "BTCUSDT", START + 30 * SECOND, START + 60 * SECOND)
    expected = rows(100, START)[30:60]
    assert np.array_equal(found.ts_exchange, expected.ts_exchange) and np.array_equal(found.valid, expected.valid)
    assert np.array_equal(found.levels, expected.levels, equal_nan=True)
    assert np.array_equal(found.flow, expected.flow) and found.instrument == expected.instrument


def test_everything_with_the_seam_marked(folder: Path, rows) -> None:
    found = select(folder, "BTCUSDT")
    assert len(found) == 200 and (np.diff(found.ts_exchange) > 0).all()
    expected = np.tile(rows(100).valid, 2)
    expected[100] = False
    assert np.array_equal(found.valid, expected)
    assert len(select(folder, "BTCUSDT", start=START + 599 * SECOND)) == 1
    assert len(select(folder, "BTCUSDT", end=START + SECOND)) == 1


def test_sessions_of_several_depths_give_the_levels_that_all_have(folder: Path, rows) -> None:
    part = rows(10, START + 2000 * SECOND, depth=5)
    write_rows(part, part.instrument, folder, provenance="recorded", data_hash="cc" * 32)
    assert select(folder, "BTCUSDT").depth == 3 and len(select(folder, "BTCUSDT")) == 210


def test_what_is_not_there(folder: Path, rows) -> None:
    with pytest.raises(InputError, match=r"'ETHUSDT'.*nothing is stored"):
        select(folder, "ETHUSDT")
    with pytest.raises(InputError, match="no row of 'BTCUSDT'"):
        select(folder, "BTCUSDT", end=START)
    part = rows(10)
    other = Instrument("binance-spot", "BTCUSDT", 0.01, 0.00001)
    write_rows(part, other, folder, provenance="recorded", data_hash="dd" * 32)
    with pytest.raises(InputError, match=r"several venues have it \(binance-spot, binance-usdm\)"):
        select(folder, "BTCUSDT")
    assert len(select(folder, "BTCUSDT", venue="binance-spot")) == 10


def test_summary(folder: Path, tmp_path: Path) -> None:
    found = summary(folder)
    assert [(entry["date"], entry["rows"]) for entry in found] == [("2022-01-08", 40), ("2022-01-09", 160)]
    assert found[0]["first"] == START and found[0]["symbol"] == "BTCUSDT" and found[0]["venue"] == "binance-usdm"
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no stored rows"):
        summary(tmp_path / "empty")


def test_only_what_holds_the_span_is_read(rows, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(parquet, "GROUP", 10)
    part = rows(300, START)  # 40 rows of one day, 260 of the next
    write_rows(part, part.instrument, tmp_path, provenance="recorded", data_hash="aa" * 32)
    read = []
    real = queries.read_group
    monkeypatch.setattr(
        queries, "read_group", lambda *args: (read.append((args[1].parent.name, args[2])), real(*args))[1]
    )
    found = select(tmp_path, "BTCUSDT", START + 65 * SECOND, START + 75 * SECOND)
    assert np.array_equal(found.ts_exchange, part.ts_exchange[65:75])
    assert read == [("date=2022-01-09", 2), ("date=2022-01-09", 3)]
    opened = []
    real_open = parquet.open_parquet
    monkeypatch.setattr(parquet, "open_parquet", lambda path: (opened.append(path.parent.name), real_open(path))[1])
    select(tmp_path, "BTCUSDT", end=START + 5 * SECOND)
    assert set(opened) == {"date=2022-01-08"}, "a day that is not asked for is not even opened"


def test_columns_alone(folder: Path) -> None:
    names = ["bid_price_1", "ts_exchange", "buy_volume", "valid"]
    found = columns(folder, "BTCUSDT", names, START + 30 * SECOND, START + 560 * SECOND)
    everything = select(folder, "BTCUSDT", START + 30 * SECOND, START + 560 * SECOND)
    assert list(found) == names and np.array_equal(found["ts_exchange"], everything.ts_exchange)
    assert np.array_equal(found["bid_price_1"], everything.levels[:, 0, 0])
    assert np.array_equal(found["buy_volume"], everything.flow[:, 1])
    for wrong in (["bid_price_9"], []):
        with pytest.raises(InputError, match="names must be columns of ts_exchange"):
            columns(folder, "BTCUSDT", wrong)
    with pytest.raises(InputError, match="no row of 'BTCUSDT'"):
        columns(folder, "BTCUSDT", ["valid"], START + 100 * SECOND, START + 101 * SECOND)


def test_a_damaged_page_is_never_read_as_other_numbers(folder: Path) -> None:
    (file,) = folder.rglob(f"date=2022-01-09/part-{'aa' * 8}.parquet")
    whole = file.read_bytes()
    told = 0
    for place in range(400, len(whole) // 2, 211):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        file.write_bytes(damaged)
        for ask in (
            lambda: select(folder, "BTCUSDT"),
            lambda: sql(folder, "select sum(columns(* exclude (venue, symbol, date, valid))) from rows"),
        ):
            with pytest.raises(InputError):
                ask()
            told += 1
    assert told > 20
    select(folder, "BTCUSDT", end=START + 10 * SECOND)  # what is not read is not in the way


def test_sql_over_symbols_and_days(folder: Path, rows) -> None:
    part = rows(10, START)
    other = Instrument("kraken", "BTC/EUR", 0.1, 0.001)
    write_rows(part, other, folder, provenance="recorded", data_hash="dd" * 32)
    query = "select symbol, date, count(*) as n from rows where ts_exchange < $end group by all order by all"
    found = sql(folder, query, end=START + 50 * SECOND).to_pylist()
    assert found == [
        {"symbol": "BTC/EUR", "date": "2022-01-08", "n": 10},
        {"symbol": "BTCUSDT", "date": "2022-01-08", "n": 40},
        {"symbol": "BTCUSDT", "date": "2022-01-09", "n": 10},
    ]
    with pytest.raises(InputError, match=r"query of .*nonsense"):
        sql(folder, "select nonsense from rows")


@pytest.mark.parametrize("query", ["", "-- nothing"])
def test_what_asks_for_no_rows_is_refused(folder: Path, query: str) -> None:
    with pytest.raises(InputError, match="query must ask for rows"):
        sql(folder, query)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2022-01-09", "2022-01-09T00:00:20Z"),
        (dt.date(2022, 1, 9), dt.datetime(2022, 1, 9, 0, 0, 20)),
        (dt.datetime(2022, 1, 9, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), np.datetime64("2022-01-09T00:00:20")),
        (np.int64(19_001 * DAY), str(19_001 * DAY + 20 * SECOND)),
    ],
)
def test_a_span_is_said_in_many_ways(folder: Path, rows, start, end) -> None:
    expected = rows(100, START).ts_exchange[40:60]
    assert np.array_equal(select(folder, "BTCUSDT", start, end).ts_exchange, expected)
    assert np.array_equal(columns(folder, "BTCUSDT", ["ts_exchange"], start, end)["ts_exchange"], expected)


@pytest.mark.parametrize("wrong", ["yesterday", 1.5, True, [1], 10**30, "+90", np.datetime64("NaT")])
def test_what_is_no_time_is_refused_by_name(folder: Path, wrong) -> None:
    with pytest.raises(InputError, match="start must be whole nanoseconds since 1970, a date or datetime"):
        select(folder, "BTCUSDT", wrong)
    with pytest.raises(InputError, match="end must be whole nanoseconds since 1970"):
        columns(folder, "BTCUSDT", ["valid"], end=wrong)


def test_times_that_64_bits_do_not_hold_bound_nothing(folder: Path) -> None:
    assert len(select(folder, "BTCUSDT", "0001-01-02", "9999-12-31")) == 200
    with pytest.raises(InputError, match="no row of 'BTCUSDT'"):
        select(folder, "BTCUSDT", "9999-12-31")


def test_no_grid_time_lies_between_sessions(folder: Path, rows) -> None:
    part = rows(100, START + 450 * DAY)
    write_rows(part, part.instrument, folder, provenance="recorded", data_hash="cc" * 32)
    found = select(folder, "BTCUSDT")
    grid = resample(found, SECOND)
    assert len(found) == len(grid) == 300 and np.array_equal(grid.ts_exchange, found.ts_exchange)
    assert len(resample(found, 10 * SECOND)) == 30
