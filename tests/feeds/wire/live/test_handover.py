from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.feeds.wire.live import handover
from genesis_lib.feeds.wire.live.handover import Handover, order_of, stream_of

DEPTH, TRADE = b"a@depth@100ms", b"a@trade"


def message(stream: bytes, number: int) -> bytes:
    body = b'"U":1,"u":%d,"pu":2,"b":[],"a":[["1.0","2"]]' % number if b"depth" in stream else b'"t":%d' % number
    return b'{"stream":"%s","data":{%s}}' % (stream, body)


def numbers(messages: list[bytes]) -> list[int]:
    return [order_of(stream_of(one), one) for one in messages]


def test_examples():
    assert doctest.testmod(handover).failed == 0


@pytest.mark.parametrize(
    ("stream", "body", "number"),
    [
        (b"x@depth@0ms", b'{"e":"depthUpdate","U":1,"u":77,"pu":3,"b":[["1","2"]],"a":[]}', 77),
        (b"x@bookTicker", b'{"u" : 400,"s":"X","b":"1","a":"2"}', 400),
        (b"x@trade", b'{"e":"trade","T":9,"t":12,"p":"1"}', 12),
        (b"x@aggTrade", b'{"e":"aggTrade","a":26129,"f":1}', 26129),
        (b"x@markPrice@1s", b'{"e":"markPriceUpdate","E":15}', 15),
        (b"x@kline_1m", b'{"e":"kline"}', None),
        (b"x@trade", b'{"e":"tra', None),
    ],
)
def test_each_kind_of_stream_has_its_number(stream, body, number):
    told = b'{"stream":"%s","data":%s}' % (stream, body)
    assert order_of(stream_of(told), told) == number


def test_a_stream_is_named_even_in_spaced_json():
    assert stream_of(b' { "stream" : "x@trade", "data": {}}') == b"x@trade"
    assert stream_of(b'{"result":null,"id":1}') == b""


def test_the_new_one_waits_until_the_old_one_has_reached_it():
    between = Handover({DEPTH})
    assert numbers(between.old(message(DEPTH, 5))) == [5]
    assert between.new(message(DEPTH, 7)) == []
    assert between.new(message(DEPTH, 8)) == []
    assert not between.merged
    assert numbers(between.old(message(DEPTH, 6))) == [6]
    assert numbers(between.old(message(DEPTH, 7))) == [7, 8]
    assert between.merged
    assert between.old(message(DEPTH, 8)) == []
    assert numbers(between.old(message(DEPTH, 9))) == [9], "whichever is ahead"
    assert between.finish() == ([], set())
    assert between.new(message(DEPTH, 9)) == []
    assert not between.over
    assert numbers(between.new(message(DEPTH, 10))) == [10]
    assert between.over


def test_what_never_met_is_told():
    between = Handover({DEPTH, TRADE})
    between.old(message(DEPTH, 1))
    between.new(message(DEPTH, 1))
    between.new(message(TRADE, 9))
    out, torn = between.finish()
    assert (numbers(out), torn) == ([9], {TRADE})


def test_a_stream_that_was_quiet_on_both_is_not_torn():
    between = Handover({TRADE})
    assert between.finish() == ([], set())
    assert between.over


def test_the_next_number_continues_though_they_never_met():
    between = Handover({TRADE})
    between.old(message(TRADE, 8))
    between.new(message(TRADE, 9))
    assert between.finish()[1] == set()


def test_when_the_new_one_fails_the_old_one_goes_on_without_repeats():
    between = Handover({TRADE})
    between.old(message(TRADE, 3))
    assert numbers(between.new(message(TRADE, 3))) == []
    assert numbers(between.new(message(TRADE, 4))) == [4]
    between.abandon()
    assert between.old(message(TRADE, 4)) == []
    assert numbers(between.old(message(TRADE, 5))) == [5]
    assert between.over


@given(st.data())
def test_nothing_is_lost_or_told_twice_however_the_two_interleave(data):
    """Both connections are whole and in order; the new one begins later, either may be ahead, either may end."""
    total = data.draw(st.integers(2, 40))
    streams = [DEPTH, TRADE]
    whole = [message(streams[data.draw(st.integers(0, 1))], number) for number in range(1, total + 1)]
    begins = data.draw(st.integers(0, total - 1))
    old, new = list(whole), whole[begins:]
    between, out = Handover(set(streams)), []
    ended = False
    while new or (old and not ended):
        if old and not ended and (not new or data.draw(st.booleans())):
            out += between.old(old.pop(0))
        else:
            out += between.new(new.pop(0))
        if between.merged and not ended and data.draw(st.booleans()):
            assert between.finish() == ([], set())
            ended = True
    if not ended:
        assert between.finish() == ([], set())
    assert sorted(numbers(out)) == list(range(1, total + 1))
    for stream in streams:
        of_stream = [number for one, number in zip(out, numbers(out), strict=True) if stream_of(one) == stream]
        assert of_stream == sorted(of_stream)
