"""Closing returns in bounded time whatever is going on, and leaves nothing running."""

from __future__ import annotations

import random
import socket
import threading
import time

import pytest

from genesis_lib.config import Config, Feeds
from genesis_lib.errors import SessionError
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.live.feed import LiveFeed
from genesis_lib.feeds.wire.local.fault_plan import FaultPlan
from genesis_lib.feeds.wire.local.venue import LocalVenue

PATIENCE = 3.0  # s; far more than a loop needs, and less than a library's own timeouts
RATES = {"disconnect": 0.004, "halfopen": 0.002, "malformed": 0.01, "drop": 0.01, "delay": 0.01, "http429": 0.2}


def threads() -> set[str]:
    """Names of the threads of feeds and venues; one that still waits for a dead sink of alerts is none of them."""
    names = {thread.name for thread in threading.enumerate() if thread.name.startswith("genesis")}
    return {name for name in names if not name.startswith("genesis-alerts")}


def close_at_random_moments(times: int, seed: int) -> list[float]:
    """Open feeds against a venue that breaks everything, and close each at another moment; gives how long it took."""
    draw, took = random.Random(seed), []
    simulators = [Simulator(seed, symbol) for symbol in ("SIMBTC", "SIMETH")]
    plan = FaultPlan(RATES, values={"http429": 0.2}, seed=seed)
    with LocalVenue(simulators, speed=20.0, wait_for=0, faults=plan) as venue:
        for _ in range(times):
            feeds = {
                "longest_wait_s": draw.choice((0.01, 5.0)),
                "lifetime_s": draw.choice((0.05, 60.0)),
                "silence_s": draw.choice((0.1, 15.0)),
                "backlog": draw.choice((5, 200_000)),
            }
            config = Config(feeds=Feeds(venue.rest_url, venue.websocket_url, **feeds))
            try:
                feed = LiveFeed("binance-usdm", ("SIMBTC", "SIMETH"), config=config)
            except SessionError:  # the venue may refuse exactly this one
                continue
            end = time.monotonic() + draw.choice((0.0, 0.002, 0.01, 0.03, 0.1, 0.3)) * draw.random()
            while time.monotonic() < end:
                feed.poll(0.001)
            if draw.random() < 0.1:
                feed.remove("SIMETH")
            began = time.monotonic()
            feed.close()
            feed.close()
            took.append(time.monotonic() - began)
            assert feed.stopped
    assert not threads()
    return took


def test_a_feed_closes_at_any_moment():
    assert max(close_at_random_moments(8, seed=1)) < PATIENCE


@pytest.mark.slow
def test_a_feed_closes_at_any_of_two_hundred_moments():
    for seed in range(2, 6):
        assert max(close_at_random_moments(50, seed)) < PATIENCE


def test_a_feed_closes_while_the_venue_goes_first():
    for _ in range(5):
        venue = LocalVenue(Simulator(1), speed=50.0, wait_for=0).start()
        config = Config(feeds=Feeds(venue.rest_url, venue.websocket_url, longest_wait_s=0.01))
        feed = LiveFeed("binance-usdm", ["SIMBTC"], config=config)
        feed.poll(0.05)
        closing = threading.Thread(target=venue.close, daemon=True)
        closing.start()
        began = time.monotonic()
        feed.close()
        assert time.monotonic() - began < PATIENCE
        closing.join(PATIENCE * 2)
        assert not closing.is_alive()


@pytest.mark.slow
def test_a_venue_closes_before_clients_that_do_not_read():
    """A connection that is open, asked for everything, and never read: its buffers are full when the venue closes."""
    with LocalVenue(Simulator(1), speed=float("inf"), wait_for=0) as venue:
        held = []
        for path in ("/stream?streams=simbtc@depth@0ms/simbtc@trade/simbtc@bookTicker", "/ws/simbtc@trade"):
            client = socket.create_connection(("127.0.0.1", venue.port))
            key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n"
            client.sendall(head.encode())
            held.append(client)
        held.append(socket.create_connection(("127.0.0.1", venue.port)))  # and one that never says a word
        time.sleep(0.4)
        began = time.monotonic()
        venue.close()
        assert time.monotonic() - began < PATIENCE
        for client in held:
            client.close()
    assert not threads()
