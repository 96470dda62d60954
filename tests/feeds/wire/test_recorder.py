from __future__ import annotations

import gzip
import json
from contextlib import suppress

import numpy as np
import pytest

from genesis_lib.config import Config, Feeds
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.base import EndOfSource
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.recording import read_recording
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.recorder import record
from genesis_lib.feeds.wire.venue import LocalVenue
from genesis_lib.feeds.wire.websocket import LiveSource
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
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".gz", ".json"]


def test_a_session_with_faults_replays_to_the_very_same_events(tmp_path):
    lines: list[bytes] = []
    with LocalVenue(Simulator(2, minutes=0.6), speed=20.0, wait_for=2) as venue:
        source = LiveSource(
            "binance-usdm", "SIMBTC", config=pointing_at(venue), tap=lambda ts, m: lines.append(b"%d %s" % (ts, m))
        )
        seen, stop, faults = [], settled(venue), [venue.drop_diff, venue.disconnect]
        while not stop():
            event = source.poll(0.05)
            if event is not None:
                seen.append(event)
            if faults and len(seen) > 800 * (3 - len(faults)):
                faults.pop(0)()
        source.close()
        with suppress(EndOfSource):
            while (event := source.poll(0.0)) is not None:
                seen.append(event)
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
    replayed = list(read_recording(path, instrument=source.instrument).events())
    assert sum(isinstance(event, Gap) for event in seen) >= 2
    assert len(replayed) == len(seen)
    for one, other in zip(seen, replayed, strict=True):
        assert type(one) is type(other)
        assert all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in zip(one, other))


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
