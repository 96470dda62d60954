"""How the venue lives and ends: lifetimes, pings, methods over a real socket, and that closing never hangs."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync import client

from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.venue import LocalVenue


def connect(venue, path: str):
    return client.connect(venue.websocket_url + path, proxy=None, close_timeout=0.2, ping_interval=None)


def ask(connection, method: str, *params, number: int = 1) -> dict:
    """Send a method frame; give the answer to it, past whatever data comes meanwhile."""
    connection.send(json.dumps({"method": method, "params": list(params), "id": number}))
    while True:
        told = json.loads(connection.recv(5))
        if "id" in told or "code" in told:
            return told


def test_streams_come_and_go_by_method_over_several_symbols():
    sources = [Simulator(1, "SIMBTC"), Simulator(2, "SIMETH")]
    with LocalVenue(sources, speed=20.0) as venue, connect(venue, "/public/ws") as connection:
        assert ask(connection, "SUBSCRIBE", "simbtc@depth@0ms", "simeth@trade", number=7) == {"result": None, "id": 7}
        told = [json.loads(connection.recv(5)) for _ in range(60)]
        assert {(one["s"], one["e"]) for one in told} == {("SIMBTC", "depthUpdate"), ("SIMETH", "trade")}
        ask(connection, "UNSUBSCRIBE", "simbtc@depth@0ms")
        ask(connection, "SET_PROPERTY", "combined", True)
        told = [json.loads(connection.recv(5)) for _ in range(20)]
        assert {one["stream"] for one in told} == {"simeth@trade"}
        assert "unknown variant" in ask(connection, "SUBSCRIB")["msg"]


def test_a_connection_ends_after_its_lifetime_and_it_is_logged():
    with LocalVenue(Simulator(1), speed=10.0, lifetime=0.2) as venue, connect(venue, "/ws/simbtc@trade") as connection:
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                connection.recv(5)
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "connection lifetime reached")
        assert [one.kind for one in venue.injected] == ["lifetime"]


def test_a_client_that_answers_no_ping_is_let_go():
    with LocalVenue(Simulator(1), speed=10.0, ping_interval=0.05) as venue:
        request = (
            "GET /ws/simbtc@trade HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", venue.port), timeout=5) as deaf:
            deaf.sendall(request.encode())
            got = b""
            while block := deaf.recv(65536):
                got += block
        assert got.startswith(b"HTTP/1.1 101")
        assert b"\x89\x04" in got, "a ping frame"


def test_closing_waits_for_nobody():
    """A client that never spoke, one in the middle of its handshake, one that does not read, one that is half open."""
    with ExitStack() as stack:
        venue = stack.enter_context(LocalVenue(Simulator(1, minutes=0.5), speed=float("inf"), wait_for=2))
        for sent in (b"", b"GET /ws/simbtc@trade HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n"):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", venue.port), timeout=5))
            idle.sendall(sent)
        deaf = connect(venue, "/public/stream?streams=simbtc@depth@0ms/simbtc@bookTicker/simbtc@trade")
        venue.inject("halfopen", streams="*@depth")
        open_ = connect(venue, "/ws/simbtc@trade")
        json.loads(open_.recv(5))
        began = time.monotonic()
        venue.close()
        took = time.monotonic() - began
        assert not venue._thread.is_alive()
        for connection in (deaf, open_):
            connection.socket.close()
    assert took < 8, "the opening handshake alone would have waited ten seconds"


def test_faults_are_ordered_over_the_control_address():
    import httpx

    with LocalVenue(Simulator(1), speed=20.0) as venue, connect(venue, "/ws/simbtc@depth@0ms") as connection:
        last = json.loads(connection.recv(5))["u"]
        ordered = {"kind": "drop", "value": 2, "streams": "*@depth", "count": 1}
        url = f"{venue.rest_url}/genesis/faults"
        assert httpx.post(url, json=ordered, trust_env=False).json()["injected"] == []
        missing = 0
        while not missing:
            told = json.loads(connection.recv(5))
            missing, last = told["pu"] != last, told["u"]
        (fault,) = httpx.get(url, trust_env=False).json()["injected"]
        assert (fault["kind"], fault["stream"], fault["value"]) == ("drop", "simbtc@depth", 2)
        wrong = httpx.post(url, json={"kind": "dropp"}, trust_env=False)
        assert (wrong.status_code, "did you mean drop?" in wrong.json()["error"]) == (400, True)


def test_all_data_is_sent_to_slow_and_fast_readers_alike():
    *_, end = Simulator(3, minutes=0.2)
    with LocalVenue(Simulator(3, minutes=0.2), speed=float("inf"), wait_for=2) as venue:
        with connect(venue, "/ws/simbtc@depth@0ms") as fast, connect(venue, "/ws/simbtc@depth@100ms") as slow:
            for connection in (fast, slow):
                last = 0
                while last < end.last_id:
                    last = json.loads(connection.recv(5))["u"]
                assert last == end.last_id
        assert venue.ended.wait(5)
        assert venue.playback.last_id == end.last_id
        assert np.isfinite(venue.top(10)).all()
