"""The machine that joins snapshot and diffs: never a book that differs from the truth unmarked."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.feeds.binance_sync import BUFFER, BinanceSync, synchronize
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Trade


def levels(book: dict[int, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(len(book), np.int8), np.array([*book], np.int64), np.array([*book.values()], float)


def diff(first: int, last: int, previous: int, *, ts: int | None = None, book=None, symbol: str = "A") -> DepthUpdate:
    ts = last if ts is None else ts
    return DepthUpdate(symbol, ts, ts, first, last, previous, *levels(book or {}))


def snapshot(last: int, *, ts: int | None = None, book=None, symbol: str = "A") -> DepthSnapshot:
    return DepthSnapshot(symbol, last if ts is None else ts, last if ts is None else ts, last, *levels(book or {}))


def test_futures_join_as_documented() -> None:
    sync = BinanceSync("futures")
    assert sync.push(diff(1, 4, 0)) == () and not sync.joined  # wholly in the snapshot
    assert sync.push(diff(6, 9, 4)) == ()  # holds the snapshot's id
    out = sync.push(snapshot(8, ts=20))
    assert [event.last_id for event in out] == [8, 9] and sync.joined
    assert [event.ts_receive for event in out] == [20, 20]  # known only when the snapshot came
    assert sync.push(diff(12, 13, 9))[0].last_id == 13
    assert sync.counts["applied"] == 2 and sync.counts["stale"] == 1 and sync.counts["gaps"] == 0


def test_a_first_diff_after_a_silence_joins_by_its_predecessor() -> None:
    sync = BinanceSync("futures")
    sync.push(snapshot(8))
    assert sync.push(diff(12, 14, 7))[0].last_id == 14


def test_spot_joins_and_breaks_by_u() -> None:
    sync = BinanceSync("spot")
    assert [event.last_id for event in sync.push(snapshot(8))] == [8]
    assert sync.push(diff(5, 8, -1)) == ()  # u <= lastUpdateId
    assert sync.push(diff(7, 10, -1))[0].last_id == 10
    assert sync.push(diff(11, 12, -1))[0].last_id == 12
    (gap,) = sync.push(diff(14, 15, -1))
    assert isinstance(gap, Gap) and (gap.expected_id, gap.got_id) == (13, 14) and not sync.joined


def test_a_break_marks_then_waits_then_heals() -> None:
    sync = BinanceSync("futures")
    sync.push(snapshot(10))
    sync.push(diff(11, 20, 10))
    (gap,) = sync.push(diff(31, 40, 30))
    assert "pu is 30 where 20 must follow" in gap.cause
    assert sync.push(diff(41, 50, 40)) == ()
    assert sync.push(snapshot(25, ts=60)) == ()  # lies in the hole: too old
    assert sync.counts["snapshots_too_old"] == 1 and not sync.joined
    assert [event.last_id for event in sync.push(snapshot(45, ts=61))] == [45, 50]
    assert sync.counts["gaps"] == 1 and sync.counts["resyncs"] == 1


def test_a_snapshot_that_came_just_before_the_break_heals_it() -> None:
    sync = BinanceSync("futures")
    sync.push(snapshot(10))
    sync.push(diff(11, 20, 10))
    assert sync.push(snapshot(100, ts=90)) == ()  # first line of a second session
    out = sync.push(diff(95, 110, 94, ts=91))
    assert [type(event) for event in out] == [Gap, DepthSnapshot, DepthUpdate]
    assert sync.joined and sync.counts["resyncs"] == 1


def test_old_diffs_are_no_gap_but_numbers_that_start_anew_are() -> None:
    sync = BinanceSync("futures")
    sync.push(snapshot(10))
    sync.push(diff(11, 20, 10))
    assert sync.push(diff(11, 20, 10)) == () and sync.counts["stale"] == 1 and sync.joined
    (gap,) = sync.push(diff(1, 2, 0, ts=1000))
    assert isinstance(gap, Gap)


def test_told_gaps_and_unnumbered_events_pass() -> None:
    sync = BinanceSync()
    plain = diff(-1, -1, -1)
    assert sync.push(plain) == (plain,)
    lost = Gap("A", 1, 1, "connection lost", -1, -1)
    assert sync.push(lost) == (lost,) and sync.push(lost) == ()
    trade = Trade("A", 1, 1, 1, 1, 1.0, 1)
    assert sync.push(trade) == (trade,)
    with pytest.raises(InputError, match="'futures' or 'spot'"):
        BinanceSync("options")


def test_waiting_is_bounded() -> None:
    sync = BinanceSync("futures")
    for number in range(1, BUFFER + 4):
        sync.push(diff(number, number, number - 1))
    assert sync.counts["overflowed"] == 3
    assert len(sync.push(snapshot(BUFFER))) == 1 + 4


def test_a_gap_of_one_symbol_leaves_the_others_alone() -> None:
    events = [snapshot(1), snapshot(1, symbol="B"), diff(9, 9, 8), diff(2, 2, 1, symbol="B")]
    out = list(synchronize(events))
    assert [(type(event), event.symbol) for event in out] == [
        (DepthSnapshot, "A"),
        (DepthSnapshot, "B"),
        (Gap, "A"),
        (DepthUpdate, "B"),
    ]


FATES = st.sampled_from(["keep"] * 6 + ["drop", "repeat", "swap", "snapshot", "late snapshot"])


@settings(max_examples=150, deadline=None)
@given(st.lists(FATES, min_size=1, max_size=60), st.integers(0, 2**32), st.sampled_from(["futures", "spot"]))
def test_the_book_is_right_or_marked_whatever_the_network_does(fates: list[str], seed: int, market: str) -> None:
    """Drop, repeat and reorder a numbered stream; snapshots of the true book come now and then, also late."""
    random = Random(seed)
    truth, states, wire, last = {}, {0: {}}, [], 0
    for number, fate in enumerate(fates, 1):
        first, previous = last + 1, last
        last = first + random.randint(0, 2)
        change = {random.randint(1, 6): random.choice([0.0, float(number)]) for _ in range(random.randint(0, 3))}
        truth = {tick: quantity for tick, quantity in (truth | change).items() if quantity}
        states[last] = truth
        message = diff(first, last, previous if market == "futures" else -1, ts=number, book=change)
        wire += [message] * {"drop": 0, "repeat": 2}.get(fate, 1)
        if fate == "swap" and len(wire) > 1:
            wire[-1], wire[-2] = wire[-2], wire[-1]
        if fate.endswith("snapshot"):
            back = random.randint(1, 8) if fate == "late snapshot" else 0
            at = sorted(states)[max(0, number - back)]
            wire.append(snapshot(at, ts=number, book=states[at]))
    sync = BinanceSync(market)
    book, marked = {}, True
    for event in wire:
        for out in sync.push(event):
            if isinstance(out, Gap):
                marked = True
            elif isinstance(out, DepthSnapshot):
                book, marked = dict(zip(out.ticks.tolist(), out.quantities.tolist())), False
            else:
                assert not marked  # nothing is applied to a book that is known to be wrong
                book |= dict(zip(out.ticks.tolist(), out.quantities.tolist()))
                book = {tick: quantity for tick, quantity in book.items() if quantity}
        assert marked is not sync.joined
        if sync.joined:
            assert book == states[sync.last_id]
