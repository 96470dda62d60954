"""Into a database and out of it again: the rows that the files would give, and the ledger."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds import ingest, open_sessions, open_source, read_snapshots
from genesis_lib.feeds.base import EndOfSource

COLUMNS = ("ts_exchange", "ts_receive", "levels", "flow", "valid")


@pytest.fixture
def recording(tmp_path: Path, wire) -> Path:
    """A small recording with a gap in it."""
    line = wire().snapshot()
    for number in range(30):
        line.trade(price="100.1").diff(bids=[("100.0", f"{1 + number}")])
        if number == 10:
            line.last += 10
            line.diff().snapshot()
    return line.write(tmp_path / "a.gz")


def test_rows_and_replay_are_those_of_parquet(recording: Path, postgres: str, tmp_path: Path) -> None:
    told = []
    stored = ingest([recording], postgres, tell=told.append)
    again = ingest([recording], postgres)
    files = ingest([recording], tmp_path / "rows")
    for key in ("rows", "invalid_rows", "sessions", "format", "instruments", "quarantined", "incidents"):
        assert stored[key] == again[key] == files[key], key
    assert stored["sha256"] == again["sha256"] and stored["incidents"]["gap"] == 1
    secret = postgres.partition("genesis:")[2].partition("@")[0]
    assert secret not in json.dumps(stored) + "".join(told)
    url = f"{postgres}&symbol=BTCUSDT&venue=binance-usdm"
    ours, theirs = read_snapshots(url), read_snapshots(tmp_path / "rows")
    for name in COLUMNS:
        assert getattr(ours, name).tobytes() == getattr(theirs, name).tobytes()
    played = []
    source = open_source(url, speed=math.inf)
    assert source.provenance == "recorded" and secret not in source.name + source.data_hash
    with pytest.raises(EndOfSource):
        while True:
            played.append(source.poll(0.0))
    assert len(played) == len(theirs)
    for row, other in zip(played, theirs):
        assert row[:2] == other[:2] and row.valid == other.valid and np.array_equal(row.flow, other.flow)
        assert np.array_equal(row.levels, other.levels, equal_nan=True)


def test_a_session_that_fails_takes_the_others_with_it(recording: Path, postgres: str, tmp_path: Path, wire) -> None:
    other = wire("ETHUSDT").snapshot(bids=[("100.01", "1")], asks=[("100.02", "1")]).diff().diff()
    other.lines.append("1700000000999000000 {not json")
    broken = other.write(tmp_path / "eth.gz")
    with pytest.raises(InputError, match="not JSON"):
        ingest([recording, broken], postgres)
    with pytest.raises(InputError, match="no rows of any symbol stored in it"):
        open_sessions(postgres)


def test_what_no_server_answers_is_one_line(recording: Path) -> None:
    pytest.importorskip("psycopg")
    for act in (lambda url: ingest([recording], url), open_sessions, open_source):
        with pytest.raises(InputError, match=r"postgresql://me:\*\*\*@/x\?host=/nowhere: ") as told:
            act("postgresql://me:hush@/x?host=/nowhere")
        assert "hush" not in str(told.value) and "\n" not in str(told.value)
