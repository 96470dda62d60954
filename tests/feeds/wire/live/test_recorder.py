from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.config import Config, Feeds
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.base import EndOfSource
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.raw_lines import raw_lines
from genesis_lib.feeds.recording import read_recording
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.live.feed import LiveFeed
from genesis_lib.feeds.wire.live.recorder import PassedOn, Waiting, Writer, record
from genesis_lib.feeds.wire.live.rotation import RotatingRecording
from genesis_lib.feeds.wire.local.venue import LocalVenue
from genesis_lib.types import Gap


def pointing_at(venue: LocalVenue) -> Config:
    return Config(feeds=Feeds(venue.rest_url, venue.websocket_url, longest_wait_s=0.05))


def settled(venue: LocalVenue):
    """True once the venue's data has ended and another half a second of loops has passed."""
    left = [10]

    def stop() -> bool:
        left[0] -= venue.ended.is_set()
        return left[0] <= 0

    return stop


def test_a_recording_of_a_session_rebuilds_the_venues_book(tmp_path):
    with LocalVenue(Simulator(1, minutes=0.3), speed=20.0, wait_for=2) as venue:
        result = record("binance-usdm", "SIMBTC", tmp_path, config=pointing_at(venue), stop=settled(venue))
        truth = venue.playback.top(10)
    recording = read_recording(result["path"])
    builder = RowBuilder(recording.instrument)
    for event in recording.events():
        builder.push(event)
    assert np.array_equal(builder.book.top(10), truth)
    assert recording.provenance == "simulated"
    assert recording.lines == result["events"] > 1000
    assert (result["gaps"], result["resyncs"], result["faults"]) == (0, 0, {})
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".gz", ".json", ".jsonl"]
    assert Ledger.read(next(tmp_path.glob("*.ledger.jsonl"))).counts == {}


def test_progress_says_that_there_is_no_connection_and_since_when(tmp_path):
    told = []
    with LocalVenue(Simulator(1), speed=20.0, wait_for=2) as venue:
        config = pointing_at(venue)

        def tell(counts) -> None:
            told.append(counts)
            venue.close()

        record("binance-usdm", "SIMBTC", tmp_path, config=config, stop=lambda: len(told) == 2, progress=tell)
    assert "no connection" not in told[0]
    assert re.fullmatch(r"since \d\d:\d\d:\d\d UTC", told[1]["no connection"])


def same(one, other) -> bool:
    return type(one) is type(other) and all(
        np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in zip(one, other, strict=True)
    )


def record_and_watch(venue: LocalVenue, out: Path, script=lambda seen: None, **feeds):
    """Record as `record` does, but keep the events too; gives the feed, its events by symbol, and the files."""
    config = Config(feeds=Feeds(venue.rest_url, venue.websocket_url, **({"longest_wait_s": 0.05} | feeds)))
    waiting = Waiting()
    ledger = PassedOn(waiting.note)
    with LiveFeed("binance-usdm", list(venue.playbacks), config=config, tap=waiting.take, ledger=ledger) as feed:
        most, now = int(config.feeds.rotate_mb * 1e6), time.time_ns()
        files = {
            symbol: RotatingRecording(out, one, "simulated", most, now) for symbol, one in feed.instruments.items()
        }
        writer, seen, stop = Writer(waiting, files, feed.refresh), {symbol: [] for symbol in files}, settled(venue)
        writer.start()
        while not stop():
            event = feed.poll(0.05)
            if event is not None:
                seen[event.symbol].append(event)
                script(seen)
        feed.close()
        with suppress(EndOfSource):
            while (event := feed.poll(0.0)) is not None:
                seen[event.symbol].append(event)
        writer.finish()
        assert writer.error is None
    return feed, seen, files


def test_two_symbols_with_faults_renewals_and_many_files_replay_to_the_very_same_events(tmp_path):
    simulators = [Simulator(2, symbol, 0.9) for symbol in ("SIMBTC", "SIMETH")]
    with LocalVenue(simulators, speed=20.0, wait_for=2) as venue:
        faults = ["drop", "duplicate", "malformed", "reorder", "disconnect", "drop", "delay", "malformed"]

        def script(seen) -> None:
            if faults and sum(map(len, seen.values())) > 500 * (9 - len(faults)):
                venue.inject(faults.pop(0))

        feed, seen, files = record_and_watch(venue, tmp_path, script, lifetime_s=0.5, rotate_mb=0.02)
    assert not faults
    assert feed.connections["renewals"] >= 2
    for symbol, file in files.items():
        assert len(file.paths) >= 3
        recording = read_recording(file.paths)
        replayed = list(recording.events())
        assert len(replayed) == len(seen[symbol]) > 1000
        assert all(map(same, seen[symbol], replayed))
    gaps = [event for events in seen.values() for event in events if isinstance(event, Gap)]
    assert len(gaps) >= 2
    assert sum(Counter(i.kind for i in Ledger.read(p).incidents)["gap"] for p in tmp_path.glob("*.jsonl")) == len(gaps)


@pytest.mark.slow
def test_each_file_of_a_long_recording_can_be_read_alone(tmp_path):
    with LocalVenue(Simulator(5, minutes=0.9), speed=20.0, wait_for=2) as venue:
        _, _, files = record_and_watch(venue, tmp_path, rotate_mb=0.02)
        truth = venue.playback.top(10)
    paths = files["SIMBTC"].paths
    assert len(paths) >= 3
    for path in paths[:-1]:
        recording = read_recording(path)
        builder = RowBuilder(recording.instrument)
        rows = [row for event in recording.events() if (row := builder.push(event)) is not None]
        assert sum(row.valid for row in rows) > 20, path.name
    builder = RowBuilder(recording.instrument)
    for event in read_recording(paths).events():
        builder.push(event)
    assert np.array_equal(builder.book.top(10), truth)


KILLED = """
import sys
from pathlib import Path
from genesis_lib.cli import main
main(["record", "--venue", "binance-usdm", "--symbol", "SIMBTC", "--symbol", "SIMETH", "--out", sys.argv[1]])
"""


def test_kill_leaves_all_but_the_last_moments_and_the_next_run_goes_on_beside(tmp_path):
    """A real process, killed while it records; its files read up to the last flush, which is a second old at most."""
    simulators = [Simulator(3, symbol, 3.0) for symbol in ("SIMBTC", "SIMETH")]
    with LocalVenue(simulators, speed=10.0, wait_for=2) as venue:
        env = os.environ | {
            "GENESIS_FEEDS_REST_URL": venue.rest_url,
            "GENESIS_FEEDS_WEBSOCKET_URL": venue.websocket_url,
        }
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], env=env, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 30
            while not all(p.stat().st_size > 30_000 for p in tmp_path.glob("*.part")) or not list(tmp_path.iterdir()):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            killed = time.time_ns()
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        parts = sorted(tmp_path.glob("*.gz.part"))
        assert [part.name[:7] for part in parts] == ["simbtc_", "simeth_"]
        before = {part: part.read_bytes() for part in parts}
        record("binance-usdm", ["SIMBTC", "SIMETH"], tmp_path, minutes=0.01, config=pointing_at(venue))
    for part in parts:
        lines = list(raw_lines([part]))
        assert len(lines) > 100
        assert killed - lines[-1].ts_receive < 2.5e9
        assert sum(1 for _ in read_recording(part).events()) > 100
        assert part.read_bytes() == before[part]
        assert Ledger.read(part.with_name(part.name.removesuffix(".gz.part") + ".ledger.jsonl")).counts == {}
    assert len(list(tmp_path.glob("*.gz"))) == 2


@pytest.mark.slow
def test_counts_are_told_for_all_and_for_each(tmp_path):
    simulators = [Simulator(4, symbol, 0.4) for symbol in ("SIMBTC", "SIMETH")]
    with LocalVenue(simulators, speed=20.0, wait_for=2) as venue:
        told: list[dict] = []

        def progress(counts: dict) -> None:
            told.append(counts)
            if len(told) == 1:
                venue.inject("drop", streams="simeth@depth*")

        options = {"config": pointing_at(venue), "stop": settled(venue), "progress": progress}
        result = record("binance-usdm", ["SIMBTC", "SIMETH"], tmp_path, **options)
    assert told
    assert (result["gaps"], result["resyncs"]) == (1, 1)
    assert result["faults"] == {"gap": 1, "resync": 1}
    assert result["symbols"]["SIMETH"]["gaps"] == 1
    assert result["symbols"]["SIMBTC"]["recovery_ms"] is None
    assert result["recovery_ms"] == result["symbols"]["SIMETH"]["recovery_ms"]
    assert 0 < result["recovery_ms"]["p50"] <= result["recovery_ms"]["max"]
    assert result["events"] == sum(one["events"] for one in result["symbols"].values())
    assert result["paths"] == [path for one in result["symbols"].values() for path in one["paths"]]


def test_a_disk_that_falls_behind_costs_a_gap_and_never_memory():
    waiting = Waiting(1000)
    assert [waiting.take("A", n, b"x" * 100) for n in range(20)].count(True) == 11
    assert not waiting.take("A", 99, b"x")
    assert len(waiting.give()) == 11
    assert waiting.take("A", 100, b"x")
    assert [item[1] for item in waiting.give()] == [100]


def test_it_takes_lines_again_only_when_half_is_written():
    waiting = Waiting(1000)
    while waiting.take("A", 1, b"x" * 100):
        pass
    waiting._given = 500
    assert not waiting.take("A", 2, b"x")
    waiting._given = 601
    assert waiting.take("A", 3, b"x")


FULL = """
import resource, sys
from pathlib import Path
from genesis_lib.config import load
from genesis_lib.errors import SessionError
from genesis_lib.feeds.wire.live.recorder import PassedOn, Waiting, Writer, record
from genesis_lib.feeds.wire.live.rotation import RotatingRecording
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    record("binance-usdm", "SIMBTC", Path(sys.argv[1]), config=load())
except SessionError as error:
    print(error)
"""


def test_a_full_disk_ends_a_recording_with_one_clear_error(tmp_path):
    with LocalVenue(Simulator(6), speed=20.0, wait_for=2) as venue:
        env = os.environ | {
            "GENESIS_FEEDS_REST_URL": venue.rest_url,
            "GENESIS_FEEDS_WEBSOCKET_URL": venue.websocket_url,
        }
        command = [sys.executable, "-c", FULL, str(tmp_path)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    (part,) = tmp_path.glob("*.part")
    assert done.stdout.startswith(f"cannot write {part}: File too large"), done.stderr
    assert sum(1 for _ in raw_lines([part])) > 100


def test_it_ends_after_its_minutes_and_tells_its_progress(tmp_path):
    told = []
    with LocalVenue(Simulator(3), speed=5.0) as venue:
        record("binance-usdm", "SIMBTC", tmp_path, minutes=0.02, config=pointing_at(venue), progress=told.append)
    assert told
    assert {"events", "gaps", "resyncs"} <= set(told[-1])
    meta = json.loads(next(tmp_path.glob("*.meta.json")).read_text())
    assert (meta["venue"], meta["symbol"], meta["provenance"]) == ("binance-usdm", "SIMBTC", "simulated")


def test_nothing_is_written_where_there_is_nothing_to_record(tmp_path):
    with LocalVenue(Simulator(4)) as venue, pytest.raises(InputError, match="knows no symbol 'ABC'"):
        record("binance-usdm", "ABC", tmp_path, config=pointing_at(venue))
    with pytest.raises(SessionError, match="cannot reach"):
        record("binance-usdm", "ABC", tmp_path, config=Config(feeds=Feeds("http://127.0.0.1:9", "ws://127.0.0.1:9")))
    with pytest.raises(InputError, match="minutes must be greater than 0"):
        record("binance-usdm", "ABC", tmp_path, minutes=0)
    assert not list(tmp_path.iterdir())
