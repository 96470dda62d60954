"""A webhook on a real server: what it answers, and what becomes of the letter."""

import json

import pytest

from genesis_lib.alerts.sinks import Address
from genesis_lib.alerts.sinks.web import WebTarget, pause


@pytest.fixture
def send(letter):
    def send(port, timeout_s=5.0, secret="x"):
        target = WebTarget(Address(f"http://me:pw@127.0.0.1:{port}/hook/{secret}?a=1"), timeout_s)
        try:
            return target.send(letter())
        finally:
            target.close()

    return send


def test_it_is_posted_as_json(send, server, letter):
    one = server()
    assert send(one.port) == ("", True, None)
    ((path, headers, body),) = one.requests
    assert path == "/hook/x?a=1" and json.loads(body) == letter().plain()
    assert headers["content-type"] == "application/json" and headers["authorization"].startswith("Basic ")
    assert headers["idempotency-key"] == letter().key


@pytest.mark.parametrize(
    ("code", "again"), [(500, True), (503, True), (429, True), (408, True), (400, False), (404, False), (301, False)]
)
def test_what_may_succeed_another_time(send, server, answer, code, again):
    assert send(server(answer(code)).port) == (f"HTTP {code}", again, None)


def test_a_server_may_ask_for_a_pause(send, server, answer):
    assert send(server(answer(429, "Retry-After: 7")).port).after_s == 7.0
    assert send(server(answer(503, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT")).port).after_s == 0.0
    assert send(server(answer(429, "Retry-After: soon")).port).after_s is None
    assert send(server(answer(400, "Retry-After: 7")).port).after_s is None
    assert pause("99999999999999999999") == 3600.0


def test_a_dead_a_hanging_and_a_rude_server(send, server, refused):
    assert send(refused) == ("ConnectError", True, None)
    assert send(server("hang").port, timeout_s=0.1) == ("ReadTimeout", True, None)
    assert send(server("cut").port) == ("RemoteProtocolError", True, None)
    assert send(server("drip").port, timeout_s=0.05).failure, "each byte comes in time, the whole never"
    assert send(server(b"nonsense\r\n\r\n").port) == ("RemoteProtocolError", True, None)


def test_an_answer_that_is_cut_behind_its_first_lines_was_one(send, server):
    assert send(server(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf").port).failure == ""
