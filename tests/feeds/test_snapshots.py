"""Finished data of every kind by session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds import open_sessions, read_recording, read_sessions, read_snapshots
from genesis_lib.feeds.formats import recognise
from genesis_lib.feeds.snapshots import build_rows, collect, concatenate
from genesis_lib.feeds.sources import open_source
from genesis_lib.storage.parquet import write_rows
from genesis_lib.types import Snapshots


def quotes(wire, count: int = 5, start_s: int = 0, symbol: str = "BTCUSDT"):
    w = wire(symbol)
    w.ts += start_s * 10**9
    w.snapshot()
    for number in range(count):
        w.diff([("99.8", str(number + 1))])
    return w


def equal(left: Snapshots, right: Snapshots) -> bool:
    return all(
        np.array_equal(getattr(left, name), getattr(right, name), equal_nan=name in ("levels", "flow"))
        for name in ("ts_exchange", "ts_receive", "levels", "flow", "valid")
    )


def test_files_that_follow_each_other_are_one_session(wire, tmp_path: Path) -> None:
    w = quotes(wire)
    lines = w.lines
    w.lines = lines[:3]
    w.write(tmp_path / "b_1.gz")
    w.lines = lines[3:]
    w.write(tmp_path / "b_2.gz")
    quotes(wire, start_s=3600).write(tmp_path / "b_3.gz")
    quotes(wire, symbol="ETHUSDT").write(tmp_path / "e.gz")
    sessions = read_sessions(tmp_path)
    assert [(part.instrument.symbol, len(part)) for part in sessions] == [
        ("BTCUSDT", 6),
        ("BTCUSDT", 6),
        ("ETHUSDT", 6),
    ]
    with pytest.raises(InputError, match="2 instruments"):
        read_snapshots(tmp_path)
    both = read_snapshots(sorted(tmp_path.glob("b_*")), 3)
    assert both.levels.shape == (12, 3, 4)
    assert np.flatnonzero(~both.valid).tolist() == [6]  # nothing crosses from one session into the next


def test_a_file_without_a_diff_belongs_to_its_session(wire, tmp_path: Path) -> None:
    w = wire().trade().ticker().snapshot().diff([("99.8", "1")])
    lines = w.lines
    w.lines = lines[:2]
    before = w.write(tmp_path / "a_1.gz")
    w.lines = lines[2:]
    after = w.write(tmp_path / "a_2.gz")
    (session,) = open_sessions([after, before])
    assert session.paths == (before, after) and session.instrument.name == "binance-usdm:BTCUSDT"
    assert len(read_snapshots([after, before])) == 2
    with pytest.raises(RecordingError, match=r"a_1.gz: no depthUpdate that names its symbol"):
        open_sessions([before, quotes(wire, symbol="ETHUSDT").write(tmp_path / "eth.gz")])


def test_blocks_do_not_show(wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = read_recording(quotes(wire, 30).write(tmp_path / "a.gz"))
    whole = Snapshots.of(build_rows(recording), recording.instrument)
    monkeypatch.setattr("genesis_lib.feeds.snapshots.BLOCK", 7)
    assert equal(collect(build_rows(recording), recording.instrument), whole) and len(whole) == 31


def test_stored_rows_come_back(wire, tmp_path: Path) -> None:
    recording = read_recording(quotes(wire).write(tmp_path / "a.gz"))
    rows = read_snapshots(tmp_path / "a.gz", 4)
    written = write_rows(rows, recording.instrument, tmp_path / "out", provenance="simulated", data_hash="ab" * 32)
    assert recognise(written.files[0]) == "rows"
    (session,) = open_sessions(tmp_path / "out")
    back = read_snapshots(tmp_path / "out")
    assert equal(back, rows) and back.provenance == "simulated" and back.instrument == rows.instrument
    assert read_snapshots(written.files[0], 2).depth == 2
    assert len(list(session.events())) == len(rows) and len(session.data_hash) == 64


def test_rows_of_one_provenance_only(wire, tmp_path: Path) -> None:
    rows = read_snapshots(quotes(wire).write(tmp_path / "a.gz"))
    other = Snapshots(rows.instrument, rows.ts_exchange, rows.ts_receive, rows.levels, rows.flow, rows.valid, "live")
    with pytest.raises(InputError, match="live, recorded"):
        concatenate([rows, other])


def test_rows_of_one_tick_size_only(wire, tmp_path: Path) -> None:
    rows = read_snapshots(quotes(wire).write(tmp_path / "a.gz"))
    with pytest.raises(InputError, match=r"one tick size, got 0\.1, 0\.5"):
        concatenate([rows, replace(rows, instrument=replace(rows.instrument, tick_size=0.5))])


def test_recordings_of_one_time_are_sessions_apart(wire, tmp_path: Path) -> None:
    for size, name in enumerate(("seed1.gz", "seed2.gz"), 5):
        quotes(wire).diff([("99.9", str(size))], step_ms=5000).write(tmp_path / name)
    assert [session.name for session in open_sessions(tmp_path)] == ["seed1.gz", "seed2.gz"]
    assert [len(part) for part in read_sessions(tmp_path)] == [7, 7]
    with pytest.raises(InputError, match="overlap in time"):
        read_snapshots(tmp_path)
    with pytest.raises(InputError, match=r"seed2.gz begins before seed1.gz ends"):
        list(open_source(tmp_path).events())


def test_what_gives_no_rows(wire, spot_2023, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        read_snapshots(tmp_path / "none.gz")
    with pytest.raises(RecordingError, match="no market data in this folder"):
        read_snapshots(tmp_path)
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(RecordingError, match="the file is empty"):
        read_snapshots(tmp_path / "empty.csv")
    with pytest.raises(InputError, match="at least one file or folder"):
        read_snapshots([])
    with pytest.raises(InputError, match="depth must be at least 1"):
        read_snapshots(quotes(wire).write(tmp_path / "a.gz"), 0)
    with pytest.raises(RecordingError, match="cannot be rebuilt: 3929 diffs, but no REST snapshot"):
        read_snapshots(spot_2023)


def test_coinm_rows(coinm_btc) -> None:
    rows = read_snapshots(coinm_btc)
    # A trade and two diffs came before the snapshot: what was traded up to the first diff after it is in no flow.
    assert len(rows) == 26_825 and np.flatnonzero(~rows.valid).tolist() == [0, 1, 2, 3] and rows.depth == 10
    assert (np.diff(rows.ts_exchange) >= 0).all() and (np.diff(rows.ts_receive) >= 0).all()
    assert (rows.levels[:, 0, 0] < rows.levels[:, 0, 2]).all()
    lead = (rows.ts_receive - rows.ts_exchange) / 1e9
    assert -1.6 < np.median(lead) < -1.1  # its receive clock runs behind the exchange's
