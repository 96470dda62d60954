"""Stored rows by time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.storage import parquet, queries
from genesis_lib.storage.parquet import write_rows
from genesis_lib.storage.queries import columns, resample, select, sql, summary
from genesis_lib.types import Instrument, Snapshots

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


def series(times: list[int], valid: list[bool] | None = None) -> Snapshots:
    n = len(times)
    levels = np.arange(n * 4.0).reshape(n, 1, 4)
    valid = [True] * n if valid is None else valid
    ts = np.array(times, np.int64)
    return Snapshots(Instrument("v", "s", 1.0, 1.0), ts, ts + 3, levels, np.ones((n, 7)), np.array(valid))


def test_the_grid_shows_what_was_known_and_nothing_later() -> None:
    rows = series([5, 10, 10, 11, 40, 41], [True, True, True, False, True, True])
    grid = resample(rows, 10)
    assert grid.ts_exchange.tolist() == [10, 20, 30, 40]
    assert grid.levels[:, 0, 0].tolist() == [8.0, 12.0, 12.0, 16.0], "of equal times the last row"
    assert grid.flow[:, 0].tolist() == [3.0, 1.0, 0.0, 1.0]
    assert grid.valid.tolist() == [True, False, False, True]
    assert resample(rows, 10, by="ts_receive").levels[:, 0, 0].tolist() == [0.0, 12.0, 12.0, 12.0]
    assert resample(series([5, 39]), 10, max_age_ns=14).valid.tolist() == [True, False, False]
    for wrong, cause in (
        (lambda: resample(rows, 0), "step_ns must be at least 1"),
        (lambda: resample(rows, 5, by="date"), "by must be one of ts_exchange, ts_receive"),
        (lambda: resample(rows, 1000), "no multiple of 1000 ns"),
        (lambda: resample(series([5, 4]), 1), "in order of exchange time"),
    ):
        with pytest.raises(InputError, match=cause):
            wrong()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=30).map(sorted), st.integers(1, 20), st.randoms())
def test_a_grid_by_hand(times: list[int], step: int, random) -> None:
    rows = series(times, [random.random() < 0.8 for _ in times])
    points = [t for t in range(0, times[-1] + 1) if t % step == 0 and t >= times[0]]
    if not points:
        with pytest.raises(InputError):
            resample(rows, step)
        return
    grid = resample(rows, step)
    assert grid.ts_exchange.tolist() == points
    for place, point in enumerate(points):
        last = max(i for i, t in enumerate(times) if t <= point)
        before = -1 if place == 0 else max(i for i, t in enumerate(times) if t <= points[place - 1])
        assert grid.levels[place, 0, 0] == rows.levels[last, 0, 0]
        assert grid.flow[place, 0] == last - before
        assert grid.valid[place] == (rows.valid[before + 1 : last + 1].all() and rows.valid[last])


@pytest.mark.parametrize("query", ["", "-- nothing"])
def test_what_asks_for_no_rows_is_refused(folder: Path, query: str) -> None:
    with pytest.raises(InputError, match="query must ask for rows"):
        sql(folder, query)
