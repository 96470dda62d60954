"""What happens to a message in the network thread, told without a network: the pool is never started."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from genesis_lib.config import Feeds
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.wire.live.dispatch import Dispatch
from genesis_lib.feeds.wire.live.limits import WeightLimiter
from genesis_lib.feeds.wire.live.outlet import Outlet
from genesis_lib.types import Instrument, Trade

AA, BB = (Instrument("binance-usdm", symbol, 0.1, 0.001) for symbol in ("AAUSDT", "BBUSDT"))


def dispatch(*instruments: Instrument, **options) -> Dispatch:
    feeds = Feeds("http://127.0.0.1:9", "ws://127.0.0.1:9", **options.pop("feeds", {}))
    made = Dispatch("binance-usdm", feeds, WeightLimiter(100), **({"tap": None, "deliver": True} | options))
    for instrument in instruments:
        made.admit(instrument)
    return made


def trade(symbol: str, number: int, text: bytes = b"") -> bytes:
    body = {"e": "trade", "T": 5, "s": symbol, "t": number, "p": "100.0", "q": "1", "X": "MARKET", "m": True}
    return orjson.dumps({"stream": f"{symbol.lower()}@trade", "data": body}) + text


def of(outlet: Outlet) -> list:
    events = []
    while (event := outlet.get(0.0)) is not None:
        events.append(event)
    return events


def test_a_message_goes_to_its_symbol_and_lines_stay_lines():
    lines: list[tuple[str, bytes]] = []
    made = dispatch(AA, BB, ledger=Ledger(), tap=lambda symbol, ts, message: lines.append((symbol, message)))
    made.received(trade("AAUSDT", 1), set())
    made.received(trade("BBUSDT", 9, b"\r\n"), set())
    assert [(event.symbol, event.trade_id) for event in of(made.outlet)] == [("AAUSDT", 1), ("BBUSDT", 9)]
    assert [symbol for symbol, _ in lines] == ["AAUSDT", "BBUSDT"]
    assert not any(b"\n" in message for _, message in lines)


def test_receive_times_never_step_back():
    made = dispatch(AA, ledger=Ledger())
    made._last_stamp = 2**62
    for number in range(3):
        made.received(trade("AAUSDT", number), set())
    assert {event.ts_receive for event in of(made.outlet)} == {2**62}


def test_a_loss_is_told_to_the_symbols_of_the_streams_alone():
    ledger = Ledger()
    made = dispatch(AA, BB, ledger=ledger)
    made.lost({"aausdt@depth@0ms", "aausdt@trade", "unknown@trade"}, "cut")
    assert made.channels["AAUSDT"].down == {"depth", "trade"}
    assert {incident.symbol for incident in ledger.incidents} == {"AAUSDT"}
    made.spoken({"aausdt@depth@0ms", "aausdt@trade"})
    assert made.channels["AAUSDT"].down == set()


def test_what_names_no_stream_is_told_to_all_who_listen_there():
    ledger = Ledger()
    made = dispatch(AA, BB, ledger=ledger)
    made.received(b"\x00garbage", {"aausdt@trade", "aausdt@depth@0ms", "bbusdt@trade"})
    told = [(one.symbol, one.kind) for one in ledger.incidents]
    assert told == [(symbol, kind) for symbol in ("AAUSDT", "BBUSDT") for kind in ("bad message", "gap")]


def test_what_comes_of_a_symbol_that_was_let_go_is_passed_over():
    ledger = Ledger()
    made = dispatch(AA, BB, ledger=ledger)
    asyncio.run(made.let_go("AAUSDT"))
    asyncio.run(made.let_go("AAUSDT"))
    made.received(trade("AAUSDT", 1), {"bbusdt@trade"})
    made.received(trade("BBUSDT", 1), {"bbusdt@trade"})
    assert [event.symbol for event in of(made.outlet)] == ["BBUSDT"]
    assert not ledger.counts


def test_a_symbol_may_have_an_outlet_of_its_own_or_none():
    made = dispatch(AA, ledger=Ledger())
    own = Outlet(10)
    made.admit(BB, own)
    made.received(trade("BBUSDT", 1), set())
    assert [type(event) for event in of(own)] == [Trade]
    assert of(made.outlet) == []
    silent = dispatch(AA, ledger=Ledger(), deliver=False)
    silent.received(trade("AAUSDT", 1), set())
    assert of(silent.outlet) == []


def test_a_failure_reaches_every_reader_once():
    made = dispatch(AA, ledger=Ledger())
    own = Outlet(10)
    made.admit(BB, own)
    made.fail(SessionError("broken"))
    for outlet in (made.outlet, own):
        with pytest.raises(SessionError, match="broken"):
            outlet.get(0.0)
        assert outlet.get(0.0) is None
    assert made.failures == {"": "broken"}


@pytest.mark.parametrize(("silent", "spoken", "after"), [("depth@0ms", "trade", 5.0), ("trade", "depth@0ms", 41.0)])
def test_a_stream_that_alone_does_not_come_is_asked_for_anew(silent, spoken, after):
    ledger = Ledger()
    made = dispatch(AA, ledger=ledger, feeds={"silence_s": 1.0})
    made.spoken({"aausdt@depth@0ms", "aausdt@trade"})
    channel = made.channels["AAUSDT"]
    made._watch()
    assert not ledger.counts
    channel.heard[spoken.split("@")[0]] += after
    made._watch()
    assert ledger.counts == {"silent stream": 1}
    assert "[feeds]" in ledger.incidents[0].cause
    (connection,) = made.pool._by_path["/public"]
    assert connection._anew == {f"aausdt@{silent}"}


def test_the_events_of_a_symbol_go_to_one_reader():
    made = dispatch(AA, ledger=Ledger())
    with pytest.raises(InputError, match="symbol AAUSDT is one of this feed's already"):
        asyncio.run(made.open(AA, Outlet(10)))
    asyncio.run(made.open(AA, None))
    assert list(made.channels) == ["AAUSDT"]
