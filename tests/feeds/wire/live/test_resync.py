"""Snapshots fetched from a real HTTP server that the test scripts."""

from __future__ import annotations

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from genesis_lib.errors import SessionError
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.wire.live.channel import Channel
from genesis_lib.feeds.wire.live.limits import WeightLimiter
from genesis_lib.feeds.wire.live.resync import Resync
from genesis_lib.types import Instrument

SNAPSHOT = {"T": 1_700_000_000_000, "bids": [["100.0", "1"]], "asks": [["100.1", "3"]]}


@pytest.fixture
def venue():
    """Answers in turn what `venue.answers` holds, then always the last: (status, headers, body)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((time.monotonic(), self.path))
            status, headers, body = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            content = orjson.dumps(body) if isinstance(body, dict) else body
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_address[1]}/fapi/v1/depth"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def broken(symbol: str = "BTCUSDT") -> Channel:
    """A channel whose diffs wait for a snapshot."""
    channel = Channel(Instrument("binance-usdm", symbol, 0.1, 0.001), lambda events: None, Ledger())
    for kind in list(channel.down):
        channel.up(kind)
    ids = {"U": 101, "u": 110, "pu": 100, "b": [], "a": []}
    body = {"e": "depthUpdate", "E": 1_700_000_000_000, "T": 1_700_000_000_000, "s": symbol} | ids
    channel.take("depth", orjson.dumps({"stream": "x", "data": body}), 1)
    assert channel.wants
    return channel


def heal(venue, *channels: Channel, limiter: WeightLimiter | None = None, until=None, begin=Resync.look_at):
    gone: list[SessionError] = []

    async def main() -> None:
        resync = Resync(
            venue.url, 1000, 20, limiter or WeightLimiter(2400), 0.03, stamp=lambda: 2, gone=lambda _, e: gone.append(e)
        )
        async with resync:
            for channel in channels:
                begin(resync, channel)
                begin(resync, channel)
            while not (until() if until else all(channel.sync.joined for channel in channels)):
                await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(main(), 15))
    return gone


def test_an_answer_of_several_lines_is_one_line_of_a_recording(venue):
    pretty = orjson.dumps(SNAPSHOT | {"lastUpdateId": 105}, option=orjson.OPT_INDENT_2).replace(b"\n", b"\r\n")
    venue.answers, lines = [(200, {}, pretty + b"\n")], []
    channel = broken()
    channel._tap = lambda symbol, ts, message: lines.append(message)
    heal(venue, channel)
    assert len(lines) == 1 and not {b"\r", b"\n"} & {lines[0][at : at + 1] for at in range(len(lines[0]))}
    assert orjson.loads(lines[0]) == orjson.loads(pretty)


def test_one_request_joins_a_book(venue):
    venue.answers = [(200, {}, SNAPSHOT | {"lastUpdateId": 105})]
    channel = broken()
    heal(venue, channel)
    assert [path for _, path in venue.asked] == ["/fapi/v1/depth?symbol=BTCUSDT&limit=1000"]


def test_a_snapshot_of_a_whole_book_is_asked_for_until_it_is_as_new_as_the_book(venue):
    whole = (200, {}, SNAPSHOT | {"lastUpdateId": 112})
    venue.answers = [(200, {}, SNAPSHOT | {"lastUpdateId": 105})]
    channel = broken()
    heal(venue, channel)
    assert channel.sync.last_id == 110
    venue.answers = [(503, {}, b"busy"), (200, {}, b"{}"), (200, {}, SNAPSHOT | {"lastUpdateId": 109}), whole]
    venue.asked.clear()
    heal(venue, channel, until=lambda: channel.told == 112, begin=Resync.refresh)
    assert len(venue.asked) == 4 and channel.sync.joined
    assert dict(channel._ledger.counts) == {"no snapshot": 1, "bad message": 1}


def test_a_stale_snapshot_and_a_broken_answer_are_asked_for_again(venue):
    venue.answers = [
        (200, {}, SNAPSHOT | {"lastUpdateId": 7}),
        (200, {}, b"<html>busy</html>"),
        (503, {}, b"try later"),
        (200, {}, SNAPSHOT | {"lastUpdateId": 105}),
    ]
    channel = broken()
    heal(venue, channel)
    assert len(venue.asked) == 4
    assert dict(channel._ledger.counts) == {"stale snapshot": 1, "bad message": 1, "no snapshot": 1}


def test_thirty_symbols_that_are_refused_are_no_storm(venue):
    """All of them wait as long as the venue says, then one asks, and only when it is answered the others do."""
    refused = (429, {"Retry-After": "0.3"}, {"code": -1003, "msg": "Too many requests"})
    venue.answers = [refused] * 6 + [(200, {}, SNAPSHOT | {"lastUpdateId": 105})]
    channels = [broken(f"S{n}USDT") for n in range(30)]
    limiter = WeightLimiter(2400)
    heal(venue, *channels, limiter=limiter)
    # The first four were under way together; each later refusal came to a single request, 0.3 s after the one before.
    times = [at - venue.asked[0][0] for at, _ in venue.asked]
    assert len(times) == 36
    assert limiter.refusals == 6
    assert times[4] >= 0.29
    assert times[5] - times[4] >= 0.29
    assert times[6] - times[5] >= 0.29


def test_the_weight_of_the_minute_is_kept(venue):
    venue.answers = [(200, {"X-MBX-USED-WEIGHT-1M": "2390"}, SNAPSHOT | {"lastUpdateId": 105})]
    first, second = broken("AAUSDT"), broken("BBUSDT")
    wall = [30.0]
    limiter = WeightLimiter(2400, wall=lambda: wall[0])
    heal(venue, first, limiter=limiter)
    assert limiter.reserve(20) == pytest.approx(30.05), "nothing more in this minute"
    wall[0] = 61.0
    heal(venue, second, limiter=limiter)
    assert len(venue.asked) == 2


def test_a_venue_that_is_not_there_is_asked_again(venue):
    venue.answers = [(200, {}, SNAPSHOT | {"lastUpdateId": 105})]
    venue.url, url = "http://127.0.0.1:9/depth", venue.url
    channel = broken()
    heal(venue, channel, until=lambda: channel._ledger.counts["no snapshot"] > 2)
    assert "ConnectError" in channel._ledger.incidents[0].cause
    venue.url = url
    heal(venue, channel)


def test_a_symbol_that_is_gone_is_said_to_be(venue):
    venue.answers = [(400, {}, {"code": -1121, "msg": "Invalid symbol."})]
    gone: list = []
    channel = broken()
    gone = heal(venue, channel, until=lambda: channel._ledger.counts["no snapshot"] >= 1)
    assert "the venue no longer knows this symbol" in str(gone[0])


def test_nothing_is_fetched_while_a_stream_does_not_come(venue):
    venue.answers = [(200, {}, SNAPSHOT | {"lastUpdateId": 105})]
    channel = broken()
    channel.lose(5, {"trade"}, "connection lost")
    heal(venue, channel, until=lambda: True)
    assert not venue.asked
