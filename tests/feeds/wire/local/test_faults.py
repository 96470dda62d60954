from __future__ import annotations

import asyncio
import json
import random
from collections import Counter

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.binance import BinanceParser, decode
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.fault_plan import MALFORMED, STREAM_KINDS, FaultPlan
from genesis_lib.feeds.wire.local.faults import Faults, malformed
from genesis_lib.feeds.wire.local.market import Update
from genesis_lib.feeds.wire.local.playback import Playback
from genesis_lib.feeds.wire.local.subscribers import Subscribers


class Ear:
    """What `Faults` needs of a subscriber: the same verbs, onto a list instead of a socket."""

    def __init__(self, names: list[str]) -> None:
        self.keys = {name: [name] for name in names}
        self.combined, self.silent, self.was_cut, self.paused_for, self.got = False, False, False, 0.0, []
        self.label = "the connection"

    def send(self, message) -> None:
        if not self.silent:
            self.got.append(message)

    def cut(self) -> None:
        self.was_cut = self.silent = True

    def go_silent(self) -> None:
        self.silent = True

    def pause(self, seconds: float) -> None:
        self.paused_for = seconds


def through(messages, plan=None, *, order=(), ears=1):
    """What comes out at each ear when messages go through faults, and the log."""
    everyone = Subscribers("binance-usdm", {"x": 0})
    keys = sorted({message.key for message in messages})
    listeners = [Ear(keys) for _ in range(ears)]
    everyone.all = dict(enumerate(listeners))
    everyone.wanted = Counter({key: ears for key in keys})
    faults = Faults(plan or FaultPlan(), everyone)
    for kind, value, streams in order:
        faults.order(kind, value, streams=streams)

    async def run():
        for message in messages:
            faults.send(message)
        faults.flush()

    asyncio.run(run())
    return [ear.got for ear in listeners], faults, listeners


def numbered(n: int, key: str = "x@trade") -> list[Update]:
    return [Update(key, json.dumps({"e": "trade", "T": 1000 + i, "E": 1000 + i, "t": i}), i, i) for i in range(n)]


def ids(got) -> list[int]:
    return [json.loads(text)["t"] for text in got]


@pytest.mark.parametrize(
    ("kind", "value", "came"),
    [
        ("drop", 1, [1, 2, 3, 4]),
        ("drop", 3, [3, 4]),
        ("duplicate", 0, [0, 0, 1, 2, 3, 4]),
        ("duplicate", 2, [0, 1, 2, 0, 3, 4]),
        ("reorder", 1, [1, 0, 2, 3, 4]),
        ("reorder", 3, [1, 2, 3, 0, 4]),
        ("reorder", 99, [1, 2, 3, 4, 0]),  # held back until the data ends
        ("outage", 60.0, []),
    ],
)
def test_what_a_fault_does_to_the_messages(kind, value, came):
    (got,), faults, _ = through(numbered(5), order=[(kind, value, "*")])
    assert ids(got) == came
    assert [(one.kind, one.stream, one.first_id, one.value) for one in faults.injected] == [(kind, "x@trade", 0, value)]


def test_a_delay_holds_the_whole_connection_and_loses_nothing():
    (got,), _, (ear,) = through(numbered(3), order=[("delay", 0.25, "*")])
    assert (ids(got), ear.paused_for) == ([0, 1, 2], 0.25)


@pytest.mark.parametrize(("kind", "cut"), [("disconnect", True), ("halfopen", False)])
def test_one_connection_goes_and_the_others_miss_nothing(kind, cut):
    got, _, ears = through(numbered(4), order=[(kind, 1, "*")], ears=3)
    gone = [ear for ear in ears if ear.silent]
    assert [ear.was_cut for ear in gone] == [cut]
    assert sorted(map(ids, got)) == [[], [0, 1, 2, 3], [0, 1, 2, 3]]


def test_all_connections_go_when_asked():
    _, _, ears = through(numbered(1), order=[("disconnect", float("inf"), "*")], ears=3)
    assert all(ear.was_cut for ear in ears)


def test_a_skewed_clock_moves_the_times_and_nothing_else():
    (got,), _, _ = through(numbered(2), order=[("clock_skew", -0.4, "*")])
    assert [json.loads(text) for text in got] == [
        {"e": "trade", "T": 600, "E": 600, "t": 0},
        {"e": "trade", "T": 601, "E": 601, "t": 1},
    ]
    mark = Update("x@markPrice", '{"e":"markPriceUpdate","E":1000,"p":"1","T":9000}', -1, -1)
    (got,), _, _ = through([mark], order=[("clock_skew", 1.0, "*")])
    assert json.loads(got[0])["E"] == 2000
    assert json.loads(got[0])["T"] == 9000, "funding is due when it is due"


def test_an_order_waits_for_a_stream_that_it_fits():
    both = [message for pair in zip(numbered(3), numbered(3, "x@depth")) for message in pair]
    (got,), faults, _ = through(both, order=[("drop", 1, "*@depth*")])
    assert [one.stream for one in faults.injected] == ["x@depth"]
    assert len(got) == 5


def test_a_whole_group_of_streams_may_be_out():
    groups = [numbered(3, key) for key in ("x@depth", "y@depth", "x@trade")]
    (got,), faults, _ = through([one for three in zip(*groups) for one in three], order=[("outage", 60.0, "*@depth*")])
    assert ids(got) == [0, 1, 2]
    assert len(faults.injected) == 1


def test_the_same_seed_draws_the_same_faults():
    rates = {kind: 0.02 for kind in STREAM_KINDS if kind not in ("disconnect", "halfopen", "outage")}
    logs = []
    for seed in (1, 1, 2):
        _, faults, _ = through(numbered(2000), FaultPlan(rates, seed=seed))
        logs.append([one[1:] for one in faults.injected])
    assert logs[0] == logs[1] != logs[2]
    counts = Counter(one[0] for one in logs[0])
    assert set(counts) == set(rates)
    assert all(15 < count < 75 for count in counts.values()), counts


def test_what_is_cleared_happens_no_more():
    everyone = Subscribers("binance-usdm", {"x": 0})
    faults = Faults(FaultPlan({"http429": 1.0}), everyone)
    faults.order("stale_snapshot")
    assert faults.rest("depth") == ("stale_snapshot", 16.0)
    assert faults.rest("depth") == ("http429", 1.0)
    faults.order("drop", count=3)
    assert faults.waiting() == 3
    faults.clear()
    assert (faults.waiting(), faults.rest("depth")) == (0, None)


@pytest.mark.parametrize(("kind", "count"), [("dorp", 1), ("drop", 0)])
def test_an_order_that_cannot_be_is_refused(kind, count):
    faults = Faults(FaultPlan(), Subscribers("binance-usdm", {}))
    with pytest.raises(InputError, match=r"no fault is called 'dorp'|count must be at least 1"):
        faults.order(kind, count=count)


@pytest.mark.parametrize("market", ["binance-usdm", "binance-spot"])
@pytest.mark.parametrize("how", MALFORMED)
def test_no_broken_message_passes_for_a_whole_one(how, market):
    playback = Playback(Simulator(9, minutes=0.05), market)
    parser, draw, seen = BinanceParser(playback.instrument), random.Random(3), Counter()
    for message in playback:
        kind = json.loads(message.data).get("e", "bookTicker")
        broken = malformed(message.data, how, draw)
        with pytest.raises(InputError):
            event = parser.parse(decode(broken), 1)
            pytest.fail(f"{broken!r} was read as {event}")
        seen[kind] += 1
    assert min(seen["depthUpdate"], seen["trade"], seen["bookTicker"]) > 20
