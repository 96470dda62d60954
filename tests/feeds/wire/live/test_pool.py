from __future__ import annotations

import asyncio

import pytest

from genesis_lib.config import Feeds
from genesis_lib.feeds.wire.live.connection import Habits
from genesis_lib.feeds.wire.live.endpoints import ENDPOINTS
from genesis_lib.feeds.wire.live.pool import Pool

HABITS = Habits(silence=5.0, lifetime=3600.0, longest_wait=0.02, per_second=1000.0)
NOWHERE = Feeds(websocket_url="ws://127.0.0.1:9", streams_per_connection=7)


class Listener:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def received(self, message: bytes, streams: set[str]) -> None:
        raise AssertionError(message)

    def lost(self, streams: set[str], cause: str) -> None:
        raise AssertionError(cause)

    def spoken(self, streams: set[str]) -> None:
        raise AssertionError(streams)

    def note(self, kind: str, cause: str) -> None:
        self.notes.append(f"{kind}: {cause}")


def pool(listener: Listener | None = None, feeds: Feeds = NOWHERE) -> Pool:
    return Pool(ENDPOINTS["binance-usdm"], feeds, HABITS, listener or Listener())


def streams(symbol: str) -> list[tuple[str, str]]:
    return ENDPOINTS["binance-usdm"].streams(symbol, NOWHERE)


def held(connections: Pool) -> dict[str, list[int]]:
    return {path: [len(one.streams) for one in many] for path, many in connections._by_path.items()}


def test_symbols_fill_connections_up_and_are_never_split():
    connections = pool()
    for symbol in ("AAUSDT", "BBUSDT", "CCUSDT"):
        connections.add(streams(symbol))
    assert held(connections) == {"/public": [6, 3], "/market": [3]}
    assert connections.counts == {"open": 3, "opened": 0, "renewals": 0}


def test_what_is_removed_makes_room_and_an_empty_connection_goes():
    connections = pool()
    for symbol in ("AAUSDT", "BBUSDT", "CCUSDT"):
        connections.add(streams(symbol))
    connections.remove(streams("CCUSDT"))
    assert held(connections) == {"/public": [6], "/market": [2]}
    connections.remove(streams("AAUSDT"))
    connections.add(streams("DDUSDT"))
    assert held(connections) == {"/public": [6], "/market": [2]}
    connections.remove(streams("ZZUSDT"))
    assert held(connections) == {"/public": [6], "/market": [2]}


def test_the_venues_own_limit_holds_too():
    connections = Pool(ENDPOINTS["binance-coinm"], Feeds(streams_per_connection=1024), HABITS, Listener())
    for n in range(60):
        connections.add(ENDPOINTS["binance-coinm"].streams(f"S{n}USD_PERP", Feeds()))
    assert held(connections) == {"": [200, 40]}


def test_connections_are_kept_until_they_are_stopped():
    listener = Listener()
    connections = pool(listener)
    connections.add(streams("AAUSDT"))

    async def main() -> None:
        before = asyncio.all_tasks()
        connections.start()
        connections.start()
        while len(listener.notes) < 3:
            await asyncio.sleep(0.005)
        connections.check()
        connections.stop()
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == before

    asyncio.run(asyncio.wait_for(main(), 10))
    assert all(note.startswith("no connection: ") and note.count("no connection") == 1 for note in listener.notes)


def test_what_breaks_the_keeping_is_not_passed_over():
    class Broken(Listener):
        def note(self, kind: str, cause: str) -> None:
            raise RuntimeError("broken listener")

    connections = pool(Broken())
    connections.add(streams("AAUSDT"))

    async def main() -> None:
        connections.start()
        with pytest.raises(RuntimeError, match="broken listener"):
            while True:
                await asyncio.sleep(0.005)
                connections.check()

    asyncio.run(asyncio.wait_for(main(), 10))
