from __future__ import annotations

import json
from itertools import count

import pytest

from genesis_lib.feeds.wire.local.subscribers import Subscriber, Subscribers


class Wire:
    """Stands where a connection would; only its identity is needed here."""


def entered(path: str, market: str = "binance-usdm") -> tuple[Subscribers, Subscriber]:
    everyone = Subscribers(market, {"btcusdt": 0, "ethusdt": 0})
    return everyone, everyone.connect(Wire(), path)


def ask(everyone: Subscribers, subscriber: Subscriber, method: str, *params, number=1) -> dict:
    told = {"method": method, "params": list(params), "id": number}
    subscriber._received.clear()
    return json.loads(everyone.answer(subscriber, json.dumps(told)))


@pytest.mark.parametrize(
    ("path", "route", "combined", "keys"),
    [
        ("/ws/btcusdt@trade", "", False, {"btcusdt@trade"}),
        ("/public/ws/btcusdt@depth@0ms/ethusdt@bookTicker", "public", False, {"btcusdt@depth", "ethusdt@bookTicker"}),
        ("/stream?streams=btcusdt@depth@0ms/btcusdt@trade", "", True, {"btcusdt@depth", "btcusdt@trade"}),
        ("/market/stream?streams=btcusdt@markPrice@1s", "market", True, {"btcusdt@markPrice"}),
        ("/public/stream?streams=btcusdt@markPrice@1s", "public", True, set()),  # taken, and served elsewhere
        ("/ws", "", False, set()),
        ("/stream", "", True, set()),
        ("/ws/dogeusdt@trade", "", False, set()),
        ("/public/ws/!bookTicker", "public", False, {"btcusdt@bookTicker", "ethusdt@bookTicker"}),
    ],
)
def test_an_address_says_what_is_wanted(path, route, combined, keys):
    everyone, subscriber = entered(path)
    assert (subscriber.route, subscriber.combined, set(subscriber.keys)) == (route, combined, keys)
    assert set(everyone.wanted) == keys


def test_methods_change_what_is_wanted():
    everyone, subscriber = entered("/public/ws")
    assert ask(everyone, subscriber, "SUBSCRIBE", "btcusdt@depth@0ms", "ethusdt@depth@0ms") == {"result": None, "id": 1}
    assert ask(everyone, subscriber, "SUBSCRIBE", "btcusdt@depth@0ms", number=2) == {"result": None, "id": 2}
    assert everyone.wanted == {"btcusdt@depth": 1, "ethusdt@depth": 1}
    assert ask(everyone, subscriber, "UNSUBSCRIBE", "btcusdt@depth@0ms", "never@asked")["result"] is None
    assert ask(everyone, subscriber, "LIST_SUBSCRIPTIONS")["result"] == ["ethusdt@depth@0ms"]
    assert everyone.wanted == {"ethusdt@depth": 1}
    assert ask(everyone, subscriber, "GET_PROPERTY", "combined")["result"] is False
    assert ask(everyone, subscriber, "SET_PROPERTY", "combined", True)["result"] is None
    assert ask(everyone, subscriber, "GET_PROPERTY", "combined")["result"] is True
    everyone.leave(subscriber.connection)
    assert not everyone.wanted
    assert len(everyone) == 0


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("{", 3, "Invalid JSON: expected value at line 1 column 2"),
        ("[]", 2, "missing field `method`"),
        ('{"id":1}', 2, "missing field `method`"),
        ('{"method":"SUBSCRIBE","params":["a@trade"]}', 2, "request ID must be an unsigned integer"),
        ('{"method":"SUBSCRIBE","params":["a@trade"],"id":"x"}', 2, "request ID must be an unsigned integer"),
        ('{"method":"SUBSCRIBE","params":["a@trade"],"id":-1}', 2, "request ID must be an unsigned integer"),
        ('{"method":"SUBSCRIBE","params":[7],"id":1}', 2, "stream name must be a string"),
        ('{"method":"SUBSCRIBE","params":"a@trade","id":1}', 2, "params must be an array"),
        ('{"method":"SUSCRIBE","id":1}', 2, "unknown variant `SUSCRIBE`, expected one of `SUBSCRIBE`"),
        ('{"method":"SET_PROPERTY","params":["joined",true],"id":1}', 0, "Unknown property"),
        ('{"method":"SET_PROPERTY","params":["combined",1],"id":1}', 1, "Invalid value type: expected Boolean"),
        ('{"method":"SET_PROPERTY","params":[],"id":1}', 2, "property name must be a string"),
        ('{"method":"GET_PROPERTY","params":["combined",true],"id":1}', 2, "too many parameters"),
    ],
)
def test_a_wrong_frame_gets_binances_words_and_changes_nothing(text, code, words):
    everyone, subscriber = entered("/ws/btcusdt@trade")
    told = json.loads(everyone.answer(subscriber, text))
    assert told["code"] == code
    assert words in told["msg"]
    assert everyone.wanted == {"btcusdt@trade": 1}


@pytest.mark.parametrize("number", [1, -5, "9d32157c-a556-4d27-9866-66760a174b57", None])
def test_spot_takes_words_and_null_as_ids(number):
    everyone, subscriber = entered("/ws", "binance-spot")
    assert ask(everyone, subscriber, "LIST_SUBSCRIPTIONS", number=number) == {"result": [], "id": number}


def test_who_sends_too_much_must_go():
    everyone, subscriber = entered("/ws", "binance-spot")
    ask_ = json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1})
    answers = [everyone.answer(subscriber, ask_) for _ in range(6)]
    assert answers[5] is None
    assert None not in answers[:5]


def test_a_connection_holds_so_many_streams_and_no_more():
    everyone, subscriber = entered("/ws")
    numbers = count()
    names = [f"coin{next(numbers)}@trade" for _ in range(1024)]
    assert ask(everyone, subscriber, "SUBSCRIBE", *names)["result"] is None
    assert "more than 1024 streams" in ask(everyone, subscriber, "SUBSCRIBE", "one@trade")["msg"]
