"""One websocket against a real server that the test scripts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus, WebSocketException

from genesis_lib.errors import SessionError
from genesis_lib.feeds.wire.live import link as link_module
from genesis_lib.feeds.wire.live.limits import Pace
from genesis_lib.feeds.wire.live.link import Link

TRADE = '{"stream":"a@trade","data":{"t":1}}'


def against(server: Callable[[ServerConnection], Awaitable[None]], client, streams=("a@trade",), silence=5.0):
    """Run `client(link, got, connections)` against a server; gives what it gives."""

    async def run():
        connections: list[ServerConnection] = []

        async def connected(connection: ServerConnection) -> None:
            connections.append(connection)
            await server(connection)

        async with serve(connected, "127.0.0.1", 0, ping_interval=None, close_timeout=0.2) as listening:
            url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/stream"
            link = await Link.open(url, list(streams), Pace(1000.0), silence)
            got: list[bytes] = []
            link.read(got.append)
            try:
                return await asyncio.wait_for(client(link, got, connections), 10)
            finally:
                link.drop()
                for connection in connections:
                    connection.transport.abort()

    return asyncio.run(run())


async def answering(connection: ServerConnection) -> None:
    async for text in connection:
        request = json.loads(text)
        await connection.send(json.dumps({"result": None, "id": request["id"]}))


def test_streams_stand_in_the_address_and_messages_come_whole():
    async def server(connection: ServerConnection) -> None:
        await connection.send(TRADE)
        await connection.wait_closed()

    async def client(link, got, connections):
        while not got:
            await asyncio.sleep(0.005)
        return got, link.messages, connections[0].request.path, link.held

    got, messages, path, held = against(server, client, ["a@trade", "b@depth@100ms"])
    assert got == [TRADE.encode()]
    assert (messages, path, held) == (1, "/stream?streams=a@trade/b@depth@100ms", {"a@trade", "b@depth@100ms"})


def test_a_request_is_numbered_and_waits_for_its_answer():
    async def client(link, got, connections):
        await link.ask("SUBSCRIBE", ["b@trade"])
        await link.ask("UNSUBSCRIBE", ["a@trade"])
        return link.held, got

    assert against(answering, client) == ({"b@trade"}, [])


def test_many_streams_are_asked_for_in_parts():
    asked: list[dict] = []

    async def server(connection: ServerConnection) -> None:
        async for text in connection:
            asked.append(json.loads(text))
            await connection.send(json.dumps({"result": None, "id": asked[-1]["id"]}))

    async def client(link, got, connections):
        await link.ask("SUBSCRIBE", [f"s{n}@trade" for n in range(250)])

    against(server, client)
    assert [(one["method"], len(one["params"]), one["id"]) for one in asked] == [
        ("SUBSCRIBE", 100, 1),
        ("SUBSCRIBE", 100, 2),
        ("SUBSCRIBE", 50, 3),
    ]


@pytest.mark.parametrize(
    "refusal",
    [
        {"error": {"code": 2, "msg": "Invalid request: unknown variant"}},
        {"code": 2, "msg": "Invalid request: unknown variant"},
    ],
)
def test_a_refusal_is_an_error(refusal):
    async def server(connection: ServerConnection) -> None:
        async for text in connection:
            await connection.send(json.dumps(refusal | {"id": json.loads(text)["id"]}))

    async def client(link, got, connections):
        with pytest.raises(SessionError, match=r"SUBSCRIBE was refused: .*unknown variant"):
            await link.ask("SUBSCRIBE", ["x"])
        return link.held

    assert against(server, client) == {"a@trade"}


def test_a_request_that_nobody_answers_ends(monkeypatch):
    monkeypatch.setattr(link_module, "ANSWER_WITHIN", 0.05)

    async def client(link, got, connections):
        with pytest.raises(SessionError, match=r"SUBSCRIBE was not answered within 0\.05 s"):
            await link.ask("SUBSCRIBE", ["x"])

    against(lambda connection: connection.wait_closed(), client)


def test_a_request_on_a_connection_that_is_cut_ends_at_once():
    async def client(link, got, connections):
        asking = asyncio.create_task(link.ask("SUBSCRIBE", ["x"]))
        await asyncio.sleep(0.05)
        connections[0].transport.abort()
        with pytest.raises(SessionError, match="the connection was lost"):
            await asking

    against(lambda connection: connection.wait_closed(), client)


def test_silence_is_the_end_and_a_message_puts_it_off():
    async def server(connection: ServerConnection) -> None:
        for _ in range(6):
            await connection.send(TRADE)
            await asyncio.sleep(0.05)
        await connection.wait_closed()

    async def client(link, got, connections):
        began = time.monotonic()
        cause = await link.reading
        return cause, len(got), time.monotonic() - began

    cause, messages, lasted = against(server, client, silence=0.15)
    assert (cause, messages) == ("nothing came for 0.15 s", 6)
    assert lasted > 0.35


def test_a_closing_venue_and_a_cut_line_have_their_causes():
    async def closing(connection: ServerConnection) -> None:
        await connection.close(1001, "going away")

    async def cut(connection: ServerConnection) -> None:
        connection.transport.abort()

    async def client(link, got, connections):
        return await link.reading

    assert against(closing, client) == "the venue closed the connection"
    assert against(cut, client).startswith("connection lost")


def test_a_venue_that_says_it_will_go_is_heard():
    async def server(connection: ServerConnection) -> None:
        await connection.send('{"e":"serverShutdown","E":1770123456789}')
        await connection.send("no JSON")
        await connection.wait_closed()

    async def client(link, got, connections):
        while not got:
            await asyncio.sleep(0.005)
        return link.leaving, got

    assert against(server, client) == (True, [b"no JSON"])


def test_a_ping_is_answered_with_its_payload():
    pongs: list[float] = []

    async def server(connection: ServerConnection) -> None:
        pongs.append(await (await connection.ping(b"1770123456789")))
        await connection.wait_closed()

    async def client(link, got, connections):
        while not pongs:
            await asyncio.sleep(0.005)

    against(server, client)
    assert pongs[0] >= 0


def test_nothing_is_taken_once_it_is_dropped():
    async def server(connection: ServerConnection) -> None:
        for _ in range(50):
            await connection.send(TRADE)
        await connection.wait_closed()

    async def client(link, got, connections):
        while not got:
            await asyncio.sleep(0)
        link.drop("enough")
        seen = len(got)
        return await link.reading, len(got) - seen

    assert against(server, client) == ("enough", 0)


def test_no_server_and_no_websocket_are_errors():
    async def refused() -> None:
        await Link.open("ws://127.0.0.1:9/stream", ["a@trade"], Pace(10), 1.0)

    with pytest.raises(OSError, match="9"):
        asyncio.run(refused())

    async def forbidden() -> None:
        def answer(connection, request):
            return connection.respond(403, "no")

        async with serve(answering, "127.0.0.1", 0, process_request=answer) as listening:
            await Link.open(f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/stream", ["a"], Pace(10), 1.0)

    with pytest.raises(InvalidStatus, match="403") as raised:
        asyncio.run(forbidden())
    assert isinstance(raised.value, WebSocketException)
