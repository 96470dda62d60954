"""Databento's orders as events: what each action does, where events end, clears, snapshots, doubts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.formats import databento
from genesis_lib.feeds.formats.databento_files import F_MAYBE_BAD_BOOK, F_SNAPSHOT, F_TOB
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Instrument, Trade
from orderbook_ext import OrderBook


def opened(market, folder: Path, **options):
    path = folder / "x.mbo.dbn"
    path.write_bytes(market.bytes_of("mbo"))
    return databento.open_files([path], **options)


def book_of(session) -> OrderBook:
    book = OrderBook(session.instrument.tick_size, 1.0)
    for event in session.events():
        if type(event) is DepthSnapshot:
            book.snapshot_ticks(event.sides, event.ticks, event.quantities)
        elif type(event) is DepthUpdate:
            book.apply_ticks(event.sides, event.ticks, event.quantities)
    return book


@pytest.mark.parametrize("seed", range(3))
def test_the_book_of_the_events_is_that_of_the_orders(seed: int, order_market, tmp_path: Path) -> None:
    market = order_market(seed, (11, 12)).run(400)
    sessions = opened(market, tmp_path)
    assert [s.instrument for s in sessions] == [Instrument("xnas-itch", f"SYM{n}", 0.01, 1.0) for n in (11, 12)]
    for session, number in zip(sessions, (11, 12)):
        top = book_of(session).top(10)
        for side, levels in enumerate(market.levels(number)):
            found = [(round(p * 1e9), int(q)) for p, q in top[:, 2 * side : 2 * side + 2] if np.isfinite(p)]
            assert found == [(price, size) for price, size, _ in levels]
        assert session.counts["unknown order"] == 0
        trades = [event for event in session.events() if type(event) is Trade]
        assert len(trades) == session.counts["T"] and any(t.side == 1 for t in trades)
        hidden = [t for t in trades if t.side == 0]  # half a cent off the grid
        assert hidden and not any(t.market for t in hidden)


def test_levels_are_looked_at_where_an_event_ends(order_market, tmp_path: Path) -> None:
    market = order_market()
    price = 10_000 * market.tick
    market.event(11, [("A", "B", price, 10, 1), ("A", "A", price + market.tick, 10, 2)])
    market.event(11, [("T", "A", price, 10, 0), ("F", "B", price, 10, 1), ("C", "B", price, 10, 1)])
    (session,) = opened(market, tmp_path)
    events = list(session.events())
    assert [type(e).__name__ for e in events] == ["DepthSnapshot", "DepthUpdate", "Trade", "DepthUpdate"]
    assert len(events[1].ticks) == 2 and events[2].side == -1 and events[3].quantities.tolist() == [0.0]


def test_a_snapshot_in_the_day_is_told_whole_at_the_time_it_came(order_market, tmp_path: Path) -> None:
    market = order_market()
    price = 10_000 * market.tick
    market.event(11, [("A", "B", price, 10, 1)])
    rows = [("R", "N", market.UNDEF, 0, 0), ("A", "B", price, 4, 7), ("A", "A", price + market.tick, 5, 8)]
    market.event(11, rows, flags=F_SNAPSHOT | 8)
    (session,) = opened(market, tmp_path)
    snapshot = list(session.events())[-1]
    assert type(snapshot) is DepthSnapshot and snapshot.quantities.tolist() == [4.0, 5.0]
    assert snapshot.ts_exchange == snapshot.ts_receive


def test_a_venue_that_tells_its_best_level_alone(order_market, tmp_path: Path) -> None:
    market = order_market()
    price = 10_000 * market.tick
    for row in (
        ("A", "B", price, 10, 0),
        ("A", "A", price + market.tick, 10, 0),
        ("A", "B", price - market.tick, 7, 0),
    ):
        market.event(11, [row], flags=F_TOB)
    market.event(11, [("A", "A", market.UNDEF, 0, 0)], flags=F_TOB)
    (session,) = opened(market, tmp_path)
    top = book_of(session).top(2)
    assert top[0, :2].tolist() == [99.99, 7.0] and np.isnan(top[1, 0]) and np.isnan(top[0, 2])


def test_doubt_of_the_venue_is_a_gap_until_the_next_clear(order_market, tmp_path: Path) -> None:
    market = order_market(1).run(60)
    market.event(11, [("A", "B", 9_900 * market.tick, 5, 999_999)], flags=F_MAYBE_BAD_BOOK)
    market.run(5)
    market.event(
        11,
        [("R", "N", market.UNDEF, 0, 0), ("A", "B", 9_990 * market.tick, 5, 1), ("A", "A", 10_010 * market.tick, 5, 2)],
    )
    market.number = 10_000_000
    market.run(5)
    (session,) = opened(market, tmp_path)
    builder = RowBuilder(session.instrument)
    kinds, valid = [], []
    for event in session.events():
        row = builder.push(event)
        if row is not None:
            kinds.append(type(event))
            valid.append(row.valid)
    gap, healed = kinds.index(Gap), len(kinds) - kinds[::-1].index(DepthSnapshot) - 1
    assert kinds.count(Gap) == 1 and gap < healed and not any(valid[gap : healed + 1]) and valid[-1]


def test_a_file_from_the_middle_of_a_day(order_market, tmp_path: Path) -> None:
    market = order_market(2).run(300)
    whole = market.mbo
    market.mbo = whole[1:]  # older days have no clear at their start, and begin empty all the same
    (session,) = opened(market, tmp_path)
    assert session.starts_empty is None and type(next(session.events())) is not Gap
    market.mbo = whole[150:]
    (session,) = opened(market, tmp_path)
    first = next(event for event in session.events() if type(event) is not Trade)
    assert type(first) is Gap and "does not begin with a clear" in first.cause


def test_a_change_of_an_order_that_was_never_told_adds_it(order_market, tmp_path: Path) -> None:
    market = order_market()
    market.orders[11][5] = ("B", 1, 1)
    market.event(11, [("M", "B", 10_000 * market.tick, 3, 5)])
    (session,) = opened(market, tmp_path)
    assert book_of(session).top(1)[0, :2].tolist() == [100.0, 3.0] and session.counts["added by a change"] == 1


def test_where_no_record_says_that_an_event_ends(order_market, tmp_path: Path) -> None:
    market = order_market(3).run(200)
    unmarked = [record[:36] + bytes([record[36] & 0x7F]) + record[37:] for record in market.mbo]
    (marked,) = opened(market, tmp_path)
    expected = [(e.ts_exchange, e.ticks.tolist()) for e in marked.events() if type(e) is DepthUpdate]
    market.mbo = unmarked
    (session,) = opened(market, tmp_path)
    assert [(e.ts_exchange, e.ticks.tolist()) for e in session.events() if type(e) is DepthUpdate] == expected


def test_a_clear_with_the_mark_does_not_make_a_day_one_event(order_market, tmp_path: Path) -> None:
    market = order_market(3).run(200)
    market.mbo = [record[:36] + bytes([record[36] & 0x7F]) + record[37:] for record in market.mbo]
    (expected,) = opened(market, tmp_path)
    told = [event.ts_exchange for event in expected.events()]
    market.mbo[0] = market.mbo[0][:36] + bytes([0x88]) + market.mbo[0][37:]
    (session,) = opened(market, tmp_path)
    assert [event.ts_exchange for event in session.events()] == told and len(told) > 100


def test_files_that_do_not_follow_each_other(order_market, tmp_path: Path) -> None:
    market = order_market(3).run(60)
    paths = [tmp_path / name for name in ("a.mbo.dbn", "b.mbo.dbn")]
    for path in paths:  # the same twice: every trade would count twice
        path.write_bytes(market.bytes_of("mbo"))
    with pytest.raises(RecordingError, match=r"b.mbo.dbn: its records begin before a.mbo.dbn ends"):
        databento.open_files(paths)
    top = book_of(*databento.open_files(paths[:1])).top(10)
    for path, part in zip(paths, (market.mbo[:30], market.mbo[30:])):
        path.write_bytes(market.bytes_of("mbo", part))
    (session,) = databento.open_files(paths)
    np.testing.assert_array_equal(book_of(session).top(10), top)


def test_records_that_cannot_be_right(order_market, tmp_path: Path) -> None:
    for row, flags, cause in (
        (("A", "B", 0, 5, 1), 0, "without a positive price"),
        (("A", "B", 10**9, 0, 1), 0, "without a size"),
        (("A", "N", 10**9, 5, 1), 0, "without a side"),
        (("A", "B", 10**9, 5, 1), 16, "F_MBP"),
    ):
        market = order_market()
        market.event(11, [row], flags=flags)
        (session,) = opened(market, tmp_path)
        with pytest.raises(RecordingError, match=rf"x.mbo.dbn:2: .*{cause}"):
            list(session.events())
        quarantine = Quarantine(None)
        market.event(11, [("A", "B", 10**9, 5, 77)])
        (session,) = opened(market, tmp_path, quarantine=quarantine)
        assert [type(e) for e in session.events()][-1] is DepthUpdate and sum(quarantine.counts.values()) == 1
        assert any(type(event) is Gap for event in session.events())


def test_a_price_beyond_every_book(order_market, tmp_path: Path) -> None:
    market = order_market(tick=1)
    market.event(11, [("A", "B", 2**51, 5, 1)])
    (session,) = opened(market, tmp_path, tick_size=1e-9)
    with pytest.raises(RecordingError, match=r"x.mbo.dbn:2: an order at a price that no book holds"):
        list(session.events())


def test_what_is_cancelled_or_changed_to_nothing_is_gone(order_market, tmp_path: Path) -> None:
    market = order_market()
    market.event(11, [("A", "B", 10**9, 5, 1), ("A", "B", 10**9, 6, 2), ("A", "B", 10**9, 7, 3)])
    market.event(11, [("C", "B", 10**9, 0, 1)])
    market.event(11, [("M", "B", 10**9, 0, 2)])
    (session,) = opened(market, tmp_path)
    assert book_of(session).top(1)[0, :2].tolist() == [1.0, 7.0]


def test_choosing(order_market, tmp_path: Path) -> None:
    market = order_market(0, (11, 12)).run(50)
    (session,) = opened(market, tmp_path, symbol="SYM12", venue="v")
    assert session.instrument.name == "v:SYM12" and session.name == "x.mbo.dbn (SYM12)"
    with pytest.raises(RecordingError, match="nothing of 'X' in it; there are SYM11, SYM12"):
        opened(market, tmp_path, symbol="X")
    with pytest.raises(InputError, match=r"tick_size 0\.03"):
        opened(market, tmp_path, tick_size=0.03)
