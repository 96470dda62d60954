from __future__ import annotations

import socket

import httpx
import pytest

from genesis_lib.feeds.wire.attempts import UNRESOLVED, Attempts, in_words, is_unresolved, retry_after
from genesis_lib.feeds.wire.backoff import Backoff

URL = "https://archive.example/day.gz"


def attempts(most: int = 8) -> tuple[Attempts, list[float], list[str]]:
    slept, told = [], []
    return Attempts(URL, most, Backoff(0.5, 4.0, draw=lambda: 1.0), slept.append, told.append), slept, told


def unresolved() -> httpx.ConnectError:
    """As httpx raises it: the system's own error lies beneath."""
    try:
        try:
            raise socket.gaierror(-2, "Name or service not known")
        except socket.gaierror as error:
            raise httpx.ConnectError(str(error)) from error
    except httpx.ConnectError as error:
        return error


def test_each_wait_is_told_before_it_begins():
    tries, slept, told = attempts(3)
    assert tries.again("HTTP 500") and tries.again("HTTP 429", ordered=7.0) and not tries.again("HTTP 500")
    assert slept == [0.5, 7.0]
    assert told == ["HTTP 500; trying again in 0.5 s", "HTTP 429; trying again in 7.0 s"]


def test_a_name_that_resolves_to_nothing_is_given_up_sooner():
    tries, slept, told = attempts()
    while tries.again(unresolved()):
        pass
    assert tries.failures == UNRESOLVED < 8 and len(slept) == UNRESOLVED - 1
    assert tries.cause == "cannot reach archive.example: [Errno -2] Name or service not known"
    assert told[0] == f"{tries.cause}; trying again in 0.5 s"


def test_what_brought_something_begins_anew():
    tries, slept, _ = attempts(2)
    for _ in range(3):
        assert tries.again("broken")
        tries.begin_anew()
    assert slept == [0.5] * 3


def test_a_server_that_asks_for_a_day_is_not_waited_for():
    tries, slept, told = attempts()
    assert not tries.again("HTTP 503", ordered=86_400.0)
    assert slept == [] and told == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectTimeout(""), "cannot reach archive.example: no answer"),
        (httpx.ReadTimeout("x"), "nothing came for too long"),
        (httpx.RemoteProtocolError("peer closed"), "the connection broke off: peer closed"),
        (httpx.ReadError(""), "the connection broke off: ReadError"),
    ],
)
def test_words(error, words):
    assert in_words(error, URL) == words and not is_unresolved(error)


@pytest.mark.parametrize(("told", "seconds"), [({"Retry-After": "3"}, 3.0), ({"Retry-After": "soon"}, 5.0), ({}, 0.0)])
def test_retry_after(told, seconds):
    assert retry_after(httpx.Response(503, headers=told)) == seconds
