"""Several symbols over one pair of connections to a real exchange server on loopback."""

from __future__ import annotations

import time

import numpy as np
import pytest

from genesis_lib.config import Config, Feeds
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.base import EndOfSource
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.recording import read_recording
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.live.feed import LiveFeed
from genesis_lib.feeds.wire.live.recorder import Waiting, Writer
from genesis_lib.feeds.wire.live.rotation import RotatingRecording
from genesis_lib.feeds.wire.live.websocket import LiveSource
from genesis_lib.feeds.wire.local.venue import LocalVenue
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Trade

BOTH = ("SIMBTC", "SIMETH")


def pointing_at(venue: LocalVenue, **feeds) -> Config:
    return Config(feeds=Feeds(venue.rest_url, venue.websocket_url, **({"longest_wait_s": 0.05} | feeds)))


def two(seed: int, minutes: float, **options) -> LocalVenue:
    simulators = [Simulator(seed, symbol, minutes) for symbol in BOTH]
    return LocalVenue(simulators, **({"speed": 20.0, "wait_for": 2} | options))


class Reader:
    """Takes a feed's events, keeps a book for each symbol, and holds each against the venue's at the end."""

    def __init__(self, venue: LocalVenue, feed: LiveFeed) -> None:
        self.venue, self.feed = venue, feed
        self.builders = {symbol: RowBuilder(one) for symbol, one in feed.instruments.items()}
        self.events: dict[str, list] = {symbol: [] for symbol in self.builders}
        self.invalid = dict.fromkeys(self.builders, 0)

    def step(self) -> None:
        event = self.feed.poll(0.1)
        if event is None:
            return
        if event.symbol not in self.builders:
            self.builders[event.symbol] = RowBuilder(self.feed.instruments[event.symbol])
            self.events[event.symbol], self.invalid[event.symbol] = [], 0
        self.events[event.symbol].append(event)
        row = self.builders[event.symbol].push(event)
        self.invalid[event.symbol] += row is not None and not row.valid

    def until(self, condition, seconds: float = 25.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.feed.ledger.lines()[-20:], self.feed.connections)
            self.step()

    def run_out(self) -> None:
        self.until(lambda: self.venue.ended.is_set() and all(map(self.is_true, self.feed.instruments)))

    def is_true(self, symbol: str) -> bool:
        playback = self.venue.playbacks[symbol]
        return self.feed.channels[symbol].sync.last_id == playback.last_id and np.array_equal(
            self.builders[symbol].book.top(10), playback.top(10)
        )

    def trades(self, symbol: str) -> list[int]:
        return [event.trade_id for event in self.events[symbol] if isinstance(event, Trade)]


def test_two_symbols_share_two_connections_and_are_both_right():
    with two(1, 0.3) as venue, LiveFeed("binance-usdm", BOTH, config=pointing_at(venue)) as feed:
        reader = Reader(venue, feed)
        reader.run_out()
        assert feed.connections == {"open": 2, "opened": 2, "renewals": 0}
        assert dict(feed.ledger.counts) == {}
        assert feed.provenance == "simulated"
        feed.close()
        assert feed.stopped
        with pytest.raises(EndOfSource):
            while True:
                feed.poll(0.0)
        with pytest.raises(SessionError, match="the live feed takes no symbols any more"):
            feed.remove("SIMBTC")


def test_a_gap_of_one_symbol_leaves_the_others_without_an_invalid_row():
    with two(2, 0.5) as venue, LiveFeed("binance-usdm", BOTH, config=pointing_at(venue)) as feed:
        reader = Reader(venue, feed)
        reader.until(lambda: all(len(events) > 150 for events in reader.events.values()))
        before = reader.invalid["SIMETH"]
        venue.inject("drop", streams="simbtc@depth*")
        reader.run_out()
        gaps = [event for event in reader.events["SIMBTC"] if isinstance(event, Gap)]
        assert len(gaps) == len(feed.recoveries) == 1
        assert feed.recoveries[0].milliseconds > 0
        assert not any(isinstance(event, Gap) for event in reader.events["SIMETH"])
        assert reader.invalid["SIMETH"] == before
        assert reader.invalid["SIMBTC"] > 0
        assert {incident.symbol for incident in feed.ledger.incidents} == {"SIMBTC"}


def test_symbols_come_and_go_while_it_runs():
    with two(3, 0.9) as venue, LiveFeed("binance-usdm", ["SIMBTC"], config=pointing_at(venue)) as feed:
        reader = Reader(venue, feed)
        reader.until(lambda: len(reader.events["SIMBTC"]) > 100)
        assert feed.add("simeth").symbol == "SIMETH"
        reader.until(lambda: len(reader.events.get("SIMETH", ())) > 100)
        feed.remove("SIMBTC")
        assert list(feed.instruments) == ["SIMETH"]
        seen = len(reader.events["SIMBTC"])
        reader.run_out()
        assert len(reader.events["SIMBTC"]) - seen < 500, "what was on its way"
        assert feed.connections == {"open": 2, "opened": 2, "renewals": 0}
        assert dict(feed.ledger.counts) == {}
        with pytest.raises(InputError, match="symbol must be one of SIMETH, got 'SIMBTC'"):
            feed.remove("SIMBTC")
        with pytest.raises(InputError, match="knows no symbol 'ABC'"):
            feed.add("ABC")


@pytest.mark.slow
def test_one_symbol_is_switched_for_another():
    with two(4, 0.6) as venue, LiveFeed("binance-usdm", ["SIMBTC"], config=pointing_at(venue)) as feed:
        reader = Reader(venue, feed)
        reader.until(lambda: len(reader.events["SIMBTC"]) > 50)
        assert feed.switch("SIMBTC", "SIMETH").symbol == "SIMETH"
        reader.run_out()
        assert any(isinstance(event, DepthSnapshot) for event in reader.events["SIMETH"])


def test_a_symbol_that_is_let_go_and_taken_in_again_at_once_is_joined_again():
    with two(5, 2.0) as venue, LiveFeed("binance-usdm", BOTH, config=pointing_at(venue)) as feed:
        reader = Reader(venue, feed)
        reader.until(lambda: all(channel.sync.joined for channel in feed.channels.values()))
        instrument, before = feed.instruments["SIMETH"], feed.channels["SIMETH"]

        async def again() -> None:
            await feed._dispatch.let_go("SIMETH")
            await feed._dispatch.open(instrument, None)

        feed._in_loop(again())
        reader.until(lambda: feed.channels["SIMETH"].sync.joined)
        assert feed.channels["SIMETH"] is not before


def test_a_source_is_a_view_of_a_feed():
    with two(5, 0.5) as venue, LiveFeed("binance-usdm", ["SIMBTC"], config=pointing_at(venue)) as feed:
        source = LiveSource("binance-usdm", "SIMETH", config=pointing_at(venue), feed=feed)
        got = []
        deadline = time.monotonic() + 20
        while len(got) < 200 and time.monotonic() < deadline:
            event = source.poll(0.2)
            got += [event] if event is not None else []
        assert {event.symbol for event in got} == {"SIMETH"}
        source.close()
        assert list(feed.instruments) == ["SIMBTC"]
        assert feed.poll(1.0).symbol == "SIMBTC"
        with pytest.raises(EndOfSource):
            while True:
                source.poll(0.0)
        late = LiveSource("binance-usdm", "SIMETH", config=pointing_at(venue), feed=feed)
        feed.close()
        late.close()


@pytest.mark.slow
def test_streams_beyond_the_limit_of_a_connection_open_another():
    with two(6, 0.3, wait_for=3) as venue:
        config = pointing_at(venue, streams_per_connection=5)
        with LiveFeed("binance-usdm", BOTH, config=config) as feed:
            Reader(venue, feed).run_out()
            assert feed.connections["opened"] == 3, "two for the books, one for the mark prices"


def test_connections_are_renewed_without_a_gap_and_without_a_repeat():
    with two(7, 0.8) as venue, LiveFeed("binance-usdm", BOTH, config=pointing_at(venue, lifetime_s=0.5)) as feed:
        reader = Reader(venue, feed)
        reader.run_out()
        assert feed.connections["renewals"] >= 2
        assert dict(feed.ledger.counts) == {}
        for symbol in BOTH:
            assert not any(isinstance(event, Gap) for event in reader.events[symbol])
            trades = reader.trades(symbol)
            assert trades == list(range(trades[0], trades[0] + len(trades)))


@pytest.mark.slow
def test_a_connection_that_the_venue_ends_is_renewed_before():
    """The venue cuts after 1.5 s what counts as good for 0.9: nobody notices."""
    config = {"lifetime_s": 0.9}
    with (
        two(8, 1.0, lifetime=1.5) as venue,
        LiveFeed("binance-usdm", BOTH, config=pointing_at(venue, **config)) as feed,
    ):
        reader = Reader(venue, feed)
        reader.run_out()
        assert feed.connections["renewals"] >= 2
        assert dict(feed.ledger.counts) == {}


def test_a_symbol_that_ends_ends_alone():
    with two(9, 0.6) as venue, LiveFeed("binance-usdm", BOTH, config=pointing_at(venue)) as feed:
        reader = Reader(venue, feed)
        reader.until(lambda: all(len(events) > 60 for events in reader.events.values()))
        del venue.playbacks["SIMETH"]
        venue.inject("drop", streams="simeth@depth*")
        with pytest.raises(SessionError, match="binance-usdm:SIMETH: the venue no longer knows this symbol"):
            reader.until(lambda: False)
        reader.until(lambda: "SIMETH" not in feed.instruments)
        reader.until(lambda: venue.ended.is_set() and reader.is_true("SIMBTC"))
        assert list(feed.failures) == ["SIMETH"]
        assert not any(isinstance(event, Gap) for event in reader.events["SIMBTC"])


@pytest.mark.parametrize("market", ["binance-coinm", "binance-spot"])
def test_the_other_markets_are_spoken_too(market):
    with two(10, 0.3, market=market, wait_for=1) as venue, LiveFeed(market, BOTH, config=pointing_at(venue)) as feed:
        reader = Reader(venue, feed)
        reader.until(lambda: all(len(events) > 60 for events in reader.events.values()))
        venue.inject("drop", streams="simbtc@depth*")
        reader.run_out()
        assert feed.connections["open"] == 1, "one path for all streams"
        assert {one.symbol for one in feed.recoveries} == {"SIMBTC"}


@pytest.mark.slow
def test_two_real_markets_are_recorded_renewed_and_replayed_to_the_last_bit(usdm_2024, eth_2024, tmp_path):
    with LocalVenue([*usdm_2024, *eth_2024], speed=20.0, wait_for=2) as venue:
        waiting, symbols = Waiting(), ("BTCUSDT", "ETHUSDT")
        config = pointing_at(venue, lifetime_s=5.0)
        with LiveFeed("binance-usdm", symbols, config=config, tap=waiting.take) as feed:
            files = {
                symbol: RotatingRecording(tmp_path, one, "recorded", 300_000, time.time_ns())
                for symbol, one in feed.instruments.items()
            }
            writer = Writer(waiting, files, feed.refresh)
            writer.start()
            reader = Reader(venue, feed)
            reader.until(lambda: venue.ended.is_set() and all(map(reader.is_true, feed.instruments)), seconds=120.0)
            feed.close()
            writer.finish()
            assert writer.error is None
            assert feed.connections["renewals"] >= 4
            assert dict(feed.ledger.counts) == {}
    for symbol in symbols:
        assert len(files[symbol].paths) >= 3
        assert sum(isinstance(event, DepthUpdate) for event in reader.events[symbol]) > 8000
        replayed = list(read_recording(files[symbol].paths).events())[: len(reader.events[symbol])]
        for one, other in zip(reader.events[symbol], replayed, strict=True):
            assert type(one) is type(other)
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_symbols_must_be_named():
    with pytest.raises(InputError, match="symbols must name at least one symbol"):
        LiveFeed("binance-usdm", [])


def test_diffs_of_another_market_than_the_one_that_was_named_end_the_feed():
    with LocalVenue(Simulator(1), market="binance-spot") as told, LocalVenue(Simulator(1)) as spoken:
        config = Config(feeds=Feeds(told.rest_url, spoken.websocket_url))
        with LiveFeed("binance-spot", ["SIMBTC"], config=config) as feed:
            until = time.monotonic() + 20.0
            with pytest.raises(SessionError, match="diffs of SIMBTC are of binance-usdm, not binance-spot"):
                while time.monotonic() < until:
                    feed.poll(0.1)
        assert feed.ledger.counts["gap"] <= 1 and feed.stopped
