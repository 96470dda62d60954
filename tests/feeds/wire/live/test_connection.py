"""Streams kept spoken against a real server that the test scripts: numbered trades, and whatever may go wrong."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from functools import partial
from itertools import pairwise

import pytest
from websockets.asyncio.server import ServerConnection, serve

from genesis_lib.feeds.wire.backoff import Backoff
from genesis_lib.feeds.wire.live import connection as connection_module
from genesis_lib.feeds.wire.live.connection import Connection, Habits
from genesis_lib.feeds.wire.live.handover import order_of, stream_of

HABITS = Habits(silence=5.0, lifetime=3600.0, longest_wait=0.02, per_second=1000.0)


class Server:
    """Sends one numbered trade stream, the same numbers to everyone, every 5 ms; answers requests."""

    def __init__(self, *, refuse: bool = False, mute: bool = False) -> None:
        self.number, self.refuse, self.mute = 0, refuse, mute
        self.connections: list[ServerConnection] = []
        self.requests: list[dict] = []
        self.paths: list[str] = []

    async def connected(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        self.paths.append(connection.request.path)
        try:
            async for text in connection:
                request = json.loads(text)
                self.requests.append(request)
                answer = {"error": {"code": 2, "msg": "no"}} if self.refuse else {"result": None}
                await connection.send(json.dumps(answer | {"id": request["id"]}))
        finally:
            self.connections.remove(connection)

    async def speak(self) -> None:
        while True:
            self.number += 1
            for connection in list(self.connections) if not self.mute else ():
                try:
                    await connection.send(f'{{"stream":"a@trade","data":{{"t":{self.number}}}}}')
                except Exception:
                    continue
            await asyncio.sleep(0.005)

    def cut(self) -> None:
        for connection in list(self.connections):
            connection.transport.abort()


class Heard:
    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.losses: list[tuple[set[str], str]] = []
        self.spoken: list[set[str]] = []
        self.notes: Counter[str] = Counter()

    @property
    def numbers(self) -> list[int]:
        return [order_of(stream_of(message), message) for message in self.messages]


def run(script, server: Server | None = None, habits: Habits = HABITS, streams=("a@trade",)) -> Heard:
    """Run `script(connection, server, heard)` while a connection is kept."""
    server, heard = server or Server(), Heard()

    async def main() -> None:
        async with serve(server.connected, "127.0.0.1", 0, ping_interval=None, close_timeout=0.1) as listening:
            connection = Connection(
                f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/stream",
                streams,
                habits,
                deliver=heard.messages.append,
                lost=lambda names, cause: heard.losses.append((names, cause)),
                spoken=heard.spoken.append,
                note=lambda kind, cause: heard.notes.update([kind]),
            )
            tasks = [asyncio.create_task(connection.run()), asyncio.create_task(server.speak())]
            try:
                await asyncio.wait_for(script(connection, server, heard), 15)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                server.cut()

    asyncio.run(main())
    return heard


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_what_is_cut_is_opened_again_and_the_loss_is_told():
    async def script(connection, server, heard):
        await until(lambda: len(heard.messages) > 5)
        server.cut()
        await until(lambda: len(heard.losses) == 1 and len(heard.spoken) == 2)
        seen = len(heard.messages)
        await until(lambda: len(heard.messages) > seen + 5)

    heard = run(script)
    assert heard.losses[0][0] == {"a@trade"}
    assert heard.losses[0][1].startswith("connection lost")
    assert heard.numbers == sorted(set(heard.numbers))


async def cut_again_and_again(connection, server, heard, waits: list[float], times: int, healthy: bool) -> None:
    for number in range(1, times + 1):
        seen = len(heard.messages)
        await until(lambda seen=seen: len(heard.messages) > seen)
        await asyncio.sleep(waits[-1] if healthy and waits else 0.0)
        server.cut()
        await until(lambda number=number: len(waits) == number)


@pytest.mark.parametrize(
    ("share", "healthy", "waited"),
    [(0.1, True, [0.05] * 12), (0.5, False, [0.25, 0.5, 1.0])],
    ids=["with data between", "at once"],
)
def test_waits_grow_only_where_connections_are_lost_at_once(monkeypatch, share, healthy, waited):
    waits, drawn = [], Backoff.next
    monkeypatch.setattr(connection_module, "Backoff", partial(Backoff, draw=lambda: share))
    monkeypatch.setattr(Backoff, "next", lambda self: waits.append(drawn(self)) or waits[-1])
    habits = HABITS._replace(longest_wait=60.0)
    run(lambda *served: cut_again_and_again(*served, waits, len(waited), healthy), habits=habits)
    assert waits == waited


def test_before_its_time_is_over_another_takes_over_and_nothing_is_missed_or_told_twice():
    async def script(connection, server, heard):
        await until(lambda: connection.renewals >= 3)

    heard = run(script, habits=HABITS._replace(lifetime=0.1))
    assert heard.losses == []
    numbers = heard.numbers
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_venue_that_announces_its_end_is_left_before():
    async def script(connection, server, heard):
        await until(lambda: heard.messages)
        await server.connections[0].send('{"e":"serverShutdown","E":1}')
        await until(lambda: connection.renewals == 1)

    assert run(script).losses == []


def test_an_old_connection_that_dies_while_the_new_one_comes_up_leaves_no_gap_where_the_numbers_show_it(monkeypatch):
    async def script(connection, server, heard):
        await until(lambda: len(heard.messages) > 3)
        connection._link.leaving = True
        await until(lambda: len(server.connections) == 2)
        server.connections[0].transport.abort()
        await until(lambda: connection.renewals == 1)
        seen = len(heard.messages)
        await until(lambda: len(heard.messages) > seen + 5)

    heard = run(script)
    numbers = heard.numbers
    gaps = [b for a, b in pairwise(numbers) if b != a + 1]
    assert len(gaps) <= len(heard.losses), "what was missed was told"
    assert numbers == sorted(set(numbers))


def test_a_renewal_that_fails_leaves_the_old_connection():
    async def script(connection, server, heard):
        await until(lambda: len(heard.messages) > 3)
        connection.url, url = "ws://127.0.0.1:9/stream", connection.url
        connection._link.leaving = True
        await until(lambda: heard.notes["renewal failed"])
        connection.url = url
        seen = len(heard.messages)
        await until(lambda: len(heard.messages) > seen + 5)

    heard = run(script)
    assert heard.losses == []
    numbers = heard.numbers
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_streams_that_never_meet_are_told_as_lost(monkeypatch):
    """The old connection has fallen silent without closing; the new one alone is spoken."""
    monkeypatch.setattr(connection_module, "OVERLAP", 0.3)

    async def script(connection, server, heard):
        await until(lambda: len(heard.messages) > 3)
        silent = server.connections.pop(0)
        connection._link.leaving = True
        await until(lambda: connection.renewals == 1)
        silent.transport.abort()
        server.connections.append(silent)
        await until(lambda: len(heard.messages) > 10)

    heard = run(script)
    assert heard.losses == [({"a@trade"}, "taken over by a connection that began later")]
    assert heard.spoken[-1] == {"a@trade"}


def test_wanted_streams_are_asked_for_on_the_connection_that_is_there():
    async def script(connection, server, heard):
        await until(lambda: heard.messages)
        connection.want({"b@trade", "c@trade"})
        await until(lambda: len(server.requests) == 2)
        connection.again("b@trade")
        await until(lambda: len(server.requests) == 4)
        assert connection.opened == 1
        assert [(one["method"], one["params"]) for one in server.requests] == [
            ("UNSUBSCRIBE", ["a@trade"]),
            ("SUBSCRIBE", ["b@trade", "c@trade"]),
            ("UNSUBSCRIBE", ["b@trade"]),
            ("SUBSCRIBE", ["b@trade"]),
        ]

    assert {"b@trade", "c@trade"} in run(script).spoken


def test_a_stream_that_is_let_go_and_wanted_again_at_once_is_told_of_again():
    async def script(connection, server, heard):
        await until(lambda: heard.spoken)
        connection.want({"a@trade", "b@trade"})
        await until(lambda: len(heard.spoken) == 2)
        connection.want({"a@trade"})
        connection.want({"a@trade", "b@trade"})  # before anything could be asked of the venue
        await until(lambda: len(heard.spoken) == 3)

    heard = run(script)
    assert heard.spoken == [{"a@trade"}, {"b@trade"}, {"b@trade"}] and not heard.losses


def test_a_stream_that_is_wanted_while_a_renewal_begins_is_told_of(monkeypatch):
    async def script(connection, server, heard):
        await until(lambda: len(heard.messages) > 5)
        opened, opening = connection._open, asyncio.Event()

        async def slow_open():
            connection.want({"a@trade", "b@trade"})
            opening.set()
            return await opened()

        monkeypatch.setattr(connection, "_open", slow_open)
        await until(lambda: {"b@trade"} in heard.spoken)
        assert opening.is_set()

    heard = run(script, habits=HABITS._replace(lifetime=0.2))
    assert not heard.losses


def test_where_a_request_is_refused_the_next_connection_has_the_streams():
    async def script(connection, server, heard):
        await until(lambda: heard.messages)
        connection.want({"a@trade", "b@trade"})
        await until(lambda: len(server.paths) == 2)
        assert server.paths[1] == "/stream?streams=a@trade/b@trade"

    heard = run(script, Server(refuse=True))
    assert heard.notes["refused"] == 1
    assert len(heard.losses) == 1


def test_a_connection_on_which_nothing_comes_is_tried_with_more_patience():
    async def script(connection, server, heard):
        await until(lambda: len(heard.losses) == 3)

    heard = run(script, Server(mute=True), HABITS._replace(silence=0.03))
    assert [cause for _, cause in heard.losses] == [
        "nothing came for 0.03 s",
        "nothing came for 0.06 s",
        "nothing came for 0.12 s",
    ]


def test_attempts_that_fail_are_noted_and_the_loss_is_told_once():
    async def script(connection, server, heard):
        await until(lambda: heard.messages)
        connection.url, url = "ws://127.0.0.1:9/stream", connection.url
        server.cut()
        await until(lambda: heard.notes["no connection"] > 2)
        connection.url = url
        await until(lambda: len(heard.spoken) == 2)

    assert len(run(script).losses) == 1
