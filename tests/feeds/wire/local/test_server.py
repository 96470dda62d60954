"""Raw bytes against the venue's port: what a client library never sends must not hurt it."""

from __future__ import annotations

import json
import socket

import pytest

from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.venue import LocalVenue


@pytest.fixture(scope="module")
def venue():
    with LocalVenue(Simulator(1), speed=2.0) as served:
        yield served


def talk(venue, *parts: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", venue.port), timeout=5) as connection:
        for part in parts:
            connection.sendall(part)
        got = b""
        while block := connection.recv(65536):
            got += block
    return got


def test_a_body_may_come_in_pieces(venue):
    body = json.dumps({"kind": "drop", "value": 2, "streams": "nothing@*"}).encode()
    head = b"POST /genesis/faults HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    got = talk(venue, b"PO", head[2:30], head[30:], body[:5], body[5:])
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(got.partition(b"\r\n\r\n")[2])["waiting"] >= 1
    got = talk(venue, b"DELETE /genesis/faults HTTP/1.1\r\nHost: x\r\n\r\n")
    assert json.loads(got.partition(b"\r\n\r\n")[2])["waiting"] == 0


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /genesis/faults HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST /genesis/faults HTTP/1.1\r\nContent-Length: 1\r\n\r\n{", b"400"),
        (b'POST /genesis/faults HTTP/1.1\r\nContent-Length: 13\r\n\r\n{"kind":"dro"}', b"400"),
        (b"POST /fapi/v1/depth HTTP/1.1\r\n\r\n", b"404"),
        (b"PUT / HTTP/1.1\r\n\r\n", b"404"),
        (b"BREW /pot\r\n\r\n", b"404"),
        (b"POST /genesis/faults HTTP/1.1\r\n" + b"x" * (1 << 20) + b"\r\n", b"400"),
    ],
)
def test_what_makes_no_sense_is_refused(venue, sent, status):
    assert talk(venue, sent).startswith(b"HTTP/1.1 " + status)


def test_garbage_hurts_nobody_else(venue):
    for sent in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        talk(venue, sent)
    assert talk(venue, b"GET /fapi/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 200")
