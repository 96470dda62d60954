"""The live feed against a real exchange server on loopback: what it gives, and how it comes back from faults."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from genesis_lib.config import Config, Feeds
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.base import EndOfSource, Source
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.sources import open_source
from genesis_lib.feeds.wire.live.websocket import LiveSource
from genesis_lib.feeds.wire.local.venue import LocalVenue
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Gap, Trade


def pointing_at(venue: LocalVenue, **feeds) -> Config:
    """Waits between attempts of at most 50 ms: the machine is not the network."""
    return Config(feeds=Feeds(venue.rest_url, venue.websocket_url, **({"longest_wait_s": 0.05} | feeds)))


def live(venue: LocalVenue, **options) -> LiveSource:
    return LiveSource("binance-usdm", "SIMBTC", config=pointing_at(venue), **options)


def take(source, builder=None, until=lambda events: False, seconds=20.0) -> list:
    """Events until a condition holds, or until nothing came for a second after the venue's data ended."""
    events, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline and not until(events):
        event = source.poll(0.2)
        if event is not None:
            events.append(event)
            if builder is not None:
                builder.push(event)
    assert until(events), f"not reached within {seconds} s; {len(events)} events, {source.ledger.lines()}"
    return events


def is_current(venue, source, builder):
    return lambda events: (
        venue.ended.is_set()
        and source.sync.last_id == venue.playback.last_id
        and np.array_equal(builder.book.top(10), venue.playback.top(10))
    )


def test_a_session_gives_the_venues_book_to_the_last_level():
    with LocalVenue(Simulator(1, minutes=0.25), speed=20.0, wait_for=2) as venue:
        source = open_source("binance-usdm:simbtc", config=pointing_at(venue))
        assert isinstance(source, Source)
        builder = RowBuilder(source.instrument)
        events = take(source, builder, is_current(venue, source, builder))
        source.close()
        assert (source.instrument.tick_size, source.instrument.lot_size) == (0.1, 0.001)
        assert source.provenance == "simulated"
        assert not source.ledger.counts
        assert {DepthSnapshot, DepthUpdate, Trade, BookTicker} <= {type(event) for event in events}
        assert all(a.ts_receive <= b.ts_receive for a, b in zip(events, events[1:]))  # noqa: RUF007
        with pytest.raises(EndOfSource):
            while True:
                source.poll(0.0)


def test_a_lost_diff_is_a_gap_and_the_book_is_right_again():
    with LocalVenue(Simulator(2, minutes=0.4), speed=20.0, wait_for=2) as venue:
        source = live(venue)
        builder = RowBuilder(source.instrument)
        take(source, builder, lambda events: len(events) > 100)
        venue.drop_diff()
        events = take(source, builder, is_current(venue, source, builder))
        source.close()
    gaps = [event for event in events if isinstance(event, Gap)]
    assert len(gaps) == 1
    assert gaps[0].expected_id != gaps[0].got_id
    assert source.sync.counts["resyncs"] == source.ledger.counts["gap"] == 1
    health = json.loads(json.dumps(source.health()))
    assert (health["gaps"], health["resyncs"], health["stale"]) == (1, 1, False)
    assert health["recovery_ms"]["max"] == round(source.recoveries[0].milliseconds, 3) > 0
    assert health["faults"] == {"gap": 1, "resync": 1}
    after = [e for e in events[events.index(gaps[0]) + 1 :] if isinstance(e, (DepthSnapshot, DepthUpdate))]
    assert isinstance(after[0], DepthSnapshot)


def test_a_cut_connection_is_opened_again_and_the_book_is_right_again():
    with LocalVenue(Simulator(3, minutes=0.5), speed=20.0, wait_for=2) as venue:
        source = live(venue)
        builder = RowBuilder(source.instrument)
        take(source, builder, lambda events: len(events) > 100)
        venue.disconnect()
        events = take(source, builder, is_current(venue, source, builder))
        source.close()
    assert any(isinstance(event, Gap) and "connection" in event.cause for event in events)
    assert source.ledger.counts["disconnect"] >= 1
    assert source.sync.counts["joins"] >= 2


def test_closing_ends_a_fetch_that_waits():
    with LocalVenue(Simulator(3, minutes=1.0), speed=20.0, wait_for=2) as venue:
        venue.refuse(429, "60", count=5)
        source = live(venue)
        take(source, None, lambda events: source.ledger.counts["no snapshot"] > 0)
        began = time.monotonic()
        source.close()
        assert time.monotonic() - began < 2.0
    assert source.feed.stopped, "else Python complains of a task that was destroyed while pending"


def test_a_silent_connection_counts_as_dead():
    with LocalVenue(Simulator(4), speed=20.0, wait_for=2) as venue:
        source = live(venue, silence=0.3)
        take(source, None, lambda events: len(events) > 50)
        venue.stall(1500)  # some seven seconds' worth of silence, of which nobody waits for the end
        events = take(source, None, lambda events: any(isinstance(event, Gap) for event in events))
        source.close()
    assert "nothing came for 0.3 s" in next(event.cause for event in events if isinstance(event, Gap))


def test_a_refused_snapshot_is_asked_for_again_when_the_venue_says():
    with LocalVenue(Simulator(5), speed=5.0, wait_for=2) as venue:
        venue.refuse(429, "0.7", count=1)
        source, began = live(venue), time.monotonic()
        take(source, None, lambda events: any(isinstance(event, DepthSnapshot) for event in events))
        waited = time.monotonic() - began
        source.close()
    assert waited >= 0.7
    assert any("HTTP 429" in line for line in source.ledger.lines())


@pytest.mark.slow
def test_a_slow_reader_is_told_what_it_lost():
    with LocalVenue(Simulator(6, minutes=0.4), speed=20.0, wait_for=2) as venue:
        source = live(venue, backlog=60)
        time.sleep(0.5)
        builder = RowBuilder(source.instrument)
        events = take(source, builder, is_current(venue, source, builder))
        source.close()
    assert any(isinstance(event, Gap) and "fell behind" in event.cause for event in events)


def test_an_unknown_symbol_is_one_clear_error():
    with LocalVenue(Simulator(7)) as venue, pytest.raises(InputError, match="binance-usdm knows no symbol 'BTCUSDT'"):
        open_source("binance-usdm:BTCUSDT", config=pointing_at(venue))


def test_a_venue_that_is_not_there_is_one_clear_error():
    nowhere = Config(feeds=Feeds("http://127.0.0.1:9", "ws://127.0.0.1:9"))
    with pytest.raises(SessionError, match=r"cannot reach http://127\.0\.0\.1:9/fapi/v1/exchangeInfo"):
        open_source("binance-usdm:BTCUSDT", config=nowhere)


@pytest.mark.slow
def test_a_real_recording_served_live_gives_its_book(usdm_2024):
    with LocalVenue([usdm_2024[0]], speed=60.0, wait_for=2) as venue:
        source = LiveSource("binance-usdm", "BTCUSDT", config=pointing_at(venue))
        builder = RowBuilder(source.instrument)
        take(source, builder, is_current(venue, source, builder), seconds=30.0)
        source.close()
    assert source.provenance == "recorded"
    assert source.sync.counts["gaps"] == 0
