"""Stored rows by time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.storage.parquet import write_rows
from genesis_lib.storage.queries import select, summary
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
