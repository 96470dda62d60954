"""Rows: levels, flow and validity after each event, checked by hand and by a slow second opinion on real data."""

from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds import Ledger, RowBuilder, read_recording
from genesis_lib.types import (
    FLOW_FIELDS,
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    Gap,
    Instrument,
    MarkPrice,
    Snapshot,
    Trade,
)

BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)
TXF = Instrument("taifex", "TXFD6", 1.0, 1.0)
OPEN = 20_000 * 86_400 * 10**9 + 2 * 3600 * 10**9  # 10:00 in Taipei
FLOW = {name: index for index, name in enumerate(FLOW_FIELDS)}


def book(ts: int, levels, kind=DepthUpdate, symbol: str = "BTCUSDT"):
    columns = zip(*levels) if levels else ([], [], [])
    arrays = [np.array(column, dtype) for column, dtype in zip(columns, (np.int8, np.int64, np.float64))]
    return kind(symbol, ts, ts, 1, *arrays) if kind is DepthSnapshot else kind(symbol, ts, ts, 1, 1, 0, *arrays)


def whole(ts: int, symbol: str = "BTCUSDT") -> DepthSnapshot:
    return book(ts, [(0, 1000, 1.0), (0, 998, 2.0), (1, 1002, 3.0)], DepthSnapshot, symbol)


def trade(ts: int, tick: int, quantity: float = 1.0, side: int = 1, market: bool = True, symbol="BTCUSDT") -> Trade:
    return Trade(symbol, ts, ts, 1, tick, quantity, side, market)


def test_a_row_holds_the_best_levels_and_is_its_own() -> None:
    builder = RowBuilder(BTC, 3)
    first = builder.push(whole(5))
    second = builder.push(book(6, [(0, 1000, 0.0), (1, 1001, 0.5)]))
    assert first.levels.tolist()[0] == [100.0, 1.0, 100.2, 3.0]
    assert second.levels[:, [0, 1]].tolist()[0] == [99.8, 2.0]
    assert second.levels[:, [2, 3]].tolist()[:2] == [[100.1, 0.5], [100.2, 3.0]]
    assert np.isnan(second.levels[1, 0]) and first.valid and second.valid
    assert (second.ts_exchange, second.ts_receive, second.tick_size) == (6, 6, 0.1)
    with pytest.raises(ValueError, match="read-only"):
        first.levels[0, 0] = 1.0


def test_flow_is_what_traded_since_the_row_before() -> None:
    builder = RowBuilder(BTC, 1)
    builder.push(whole(1))  # mid 100.1
    taken = [trade(2, 1002, 2.0, 1), trade(3, 1000, 1.0, -1), trade(4, 1001, 0.5, 1)]
    assert [builder.push(event) for event in taken] == [None] * 3
    flow = builder.push(book(5, [(1, 1002, 1.0)])).flow
    assert flow[FLOW["trade_count"]] == 3
    assert flow[FLOW["buy_volume"]] == 2.5 and flow[FLOW["sell_volume"]] == 1.0
    # At the mid the last change of price decides: 1000 -> 1001 went up.
    assert flow[FLOW["signed_lee_ready"]] == 2.0 - 1.0 + 0.5
    assert flow[FLOW["notional"]] == pytest.approx(2 * 100.2 + 100.0 + 0.5 * 100.1)
    assert flow[FLOW["signed_notional"]] == pytest.approx(2 * 100.2 - 100.0 + 0.5 * 100.1)
    assert flow[FLOW["effective_notional"]] == pytest.approx(2 * 0.1 * 2 + 2 * 0.1 * 1 + 0)
    assert builder.trades == tuple(taken)
    assert not builder.push(book(6, [(1, 1002, 2.0)])).flow.any() and builder.trades == ()


def test_the_tick_test_knows_nothing_at_first_and_remembers_through_equal_prices() -> None:
    builder = RowBuilder(BTC, 1)
    builder.push(whole(1))
    builder.push(trade(2, 1001))
    assert builder.push(book(3, [])).flow[FLOW["signed_lee_ready"]] == 0
    builder.push(trade(4, 1000, side=-1))
    builder.push(trade(5, 1001))
    builder.push(trade(6, 1001, side=-1))
    assert builder.push(book(7, [])).flow[FLOW["signed_lee_ready"]] == -1 + 1 + 1


def test_what_is_no_match_and_what_met_no_valid_book_is_set_aside() -> None:
    builder = RowBuilder(BTC, 1)
    builder.push(trade(0, 1000))  # before any book
    builder.push(whole(1))
    builder.push(trade(2, 1002, market=False))
    builder.push(Gap("BTCUSDT", 3, 3, "lost", -1, -1))
    builder.push(trade(4, 1002))
    assert not builder.push(whole(5)).flow.any()
    assert builder.counts["trades_aside"] == 3 and builder.counts["trades"] == 0


def test_a_gap_makes_invalid_rows_until_book_and_flow_are_whole_again() -> None:
    builder = RowBuilder(BTC, 1)
    good = builder.push(whole(1))
    bad = builder.push(Gap("BTCUSDT", 2, 3, "lost", 1, 5))
    assert not bad.valid and np.array_equal(bad.levels, good.levels) and bad.ts_receive == 3
    assert not builder.push(book(4, [(0, 999, 1.0)])).valid
    builder.push(trade(4, 1000))
    assert not builder.push(whole(9)).valid
    # Three diffs that waited for the snapshot come with it; nobody knows what was traded between them.
    assert not any(builder.push(book(ts, [])._replace(ts_receive=9)).valid for ts in (6, 7, 8))
    builder.push(trade(10, 1002))
    first = builder.push(book(10, []))
    assert not first.valid and first.flow[FLOW["trade_count"]] == 1, "the book is whole, this flow may not be"
    assert builder.push(book(11, [])).valid
    assert builder.counts["gaps"] == 1 and builder.counts["invalid_rows"] == 7


@pytest.mark.parametrize("levels", [[(1, 1000, 1.0)], [(1, 999, 1.0)], [(1, 1002, 0.0)], [(0, 1000, 0), (0, 998, 0)]])
def test_crossed_locked_and_one_sided_books_are_invalid(levels) -> None:
    builder = RowBuilder(BTC, 1)
    builder.push(whole(1))
    assert not builder.push(book(2, levels)).valid


def test_what_waited_for_the_first_snapshot_has_no_flow() -> None:
    builder = RowBuilder(BTC, 1)
    builder.push(trade(1, 1002))
    assert not builder.push(whole(9)).valid, "a trade before it is in no flow"
    assert not builder.push(book(7, [])._replace(ts_receive=9, last_id=2)).valid
    assert not builder.push(book(10, [])).valid and builder.push(book(11, [])).valid
    quiet = RowBuilder(BTC, 1)
    rows = [quiet.push(whole(9)), quiet.push(book(7, [])._replace(ts_receive=9)), quiet.push(book(10, []))]
    assert [row.valid for row in rows] == [True, False, False], "a diff waited: trades may have come before it"
    simple = RowBuilder(BTC, 1)
    assert simple.push(whole(9)).valid and simple.push(book(10, [])).valid, "nothing came before the snapshot"


def test_a_trade_that_met_an_invalid_book_spoils_the_row_after_it() -> None:
    builder = RowBuilder(BTC, 1)
    builder.push(whole(1))
    builder.push(book(2, [(1, 1000, 1.0)]))  # locked
    builder.push(trade(3, 1000))
    builder.push(trade(3, 1000, market=False))
    mended = builder.push(book(4, [(1, 1000, 0.0)]))
    assert not mended.valid and not mended.flow.any()
    assert builder.push(book(5, [])).valid
    builder.push(book(6, [(1, 1000, 1.0)]))
    assert builder.push(book(7, [(1, 1000, 0.0)])).valid, "nothing was traded meanwhile"


SECOND = 10**9


def test_a_clock_that_steps_back_spoils_the_rows_until_it_has_caught_up() -> None:
    builder = RowBuilder(BTC, 1)
    steps = [0, 1, 1.5, 0.6, -2, -1, 1, 2]  # seconds; less than a second back is disorder, not a clock that was set
    rows = [builder.push(whole(100 * SECOND))]
    for at, step in enumerate(steps):
        ts = 100 * SECOND + int(step * SECOND)
        rows.append(builder.push(book(ts, [])._replace(ts_receive=100 * SECOND + 1 + at)))
    assert [row.valid for row in rows[1:]] == [True, True, True, True, False, False, True, True]
    assert (np.diff([row.ts_exchange for row in rows]) >= 0).all()
    assert builder.counts["clock_jumps"] == builder.ledger.counts["clock jump"] == 1
    assert builder.ledger.lines() == [
        "1970-01-01T00:01:38.000000Z clock jump: the exchange's time steps back by 3.500 s"
    ]


def test_a_lone_time_far_ahead_spoils_itself_and_the_return_and_a_clock_set_ahead_one_row() -> None:
    builder = RowBuilder(BTC, 1)
    builder.push(whole(100 * SECOND))
    ahead = [0, 0, 10**9, 0, 0, 60, 60, 60]  # seconds
    rows = [
        builder.push(book((101 + at + by) * SECOND, [])._replace(ts_receive=(101 + at) * SECOND))
        for at, by in enumerate(ahead)
    ]
    assert [row.valid for row in rows] == [True, True, False, False, True, False, True, True]
    assert [row.ts_exchange // SECOND for row in rows] == [101, 102, 102, 104, 105, 105, 167, 168]
    assert builder.counts["clock_jumps"] == builder.ledger.counts["clock jump"] == 3


def test_a_receive_clock_that_is_set_spoils_one_row() -> None:
    builder = RowBuilder(BTC, 1)
    builder.push(whole(SECOND))
    offsets = [-1.3, -1.3, 0.6, 5.0, 5.1, 2.0, 2.0]
    valid = [
        builder.push(book(ts, [])._replace(ts_receive=ts + int(offset * SECOND))).valid
        for ts, offset in enumerate(offsets, 10 * SECOND)
    ]
    assert valid == [True, True, True, False, True, False, True]
    assert (
        builder.ledger.incidents[0].cause
        == "receive minus exchange time goes from 0.600 to 5.000 s between two updates"
    )
    # After a gap the diffs that waited have the receive time of the snapshot: no jump.
    builder.push(Gap("BTCUSDT", 13 * SECOND, 13 * SECOND, "lost", -1, -1))
    builder.push(whole(14 * SECOND))
    for ts in (11 * SECOND, 12 * SECOND, 15 * SECOND, 16 * SECOND):
        builder.push(book(ts, [])._replace(ts_receive=max(ts, 14 * SECOND)))
    assert builder.counts["clock_jumps"] == 2


def test_the_ledger_tells_every_fault_with_time_symbol_and_cause(tmp_path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    builder = RowBuilder(TXF, 5, ledger=ledger)
    at = OPEN

    def push(event, seconds: float = 0.1):
        nonlocal at
        at += int(seconds * SECOND)
        return builder.push(event(at)._replace(symbol="TXFD6", ts_receive=at))

    push(whole)
    push(lambda ts: book(ts, [(1, 1000, 1.0)]))
    push(lambda ts: book(ts, [(1, 999, 1.0)]))  # from locked to crossed: one fault goes on
    push(lambda ts: book(ts, [(1, 999, 0.0), (1, 1000, 0.0), (0, 5, 0.0), (0, 6, 0.0)]), 2.5)
    push(lambda ts: book(ts, [(0, 1000, 0.0), (0, 998, 0.0)]))
    push(lambda ts: book(ts, [(0, 1000, 1.0)]))
    push(lambda ts: book(ts, []), 21)
    push(lambda ts: Gap("", ts, ts, "lost", -1, -1))
    push(whole, 0.25)
    ledger.close()
    told = [(entry.kind, entry.cause) for entry in ledger.incidents]
    assert told == [
        ("locked", "best bid 1000.0 equals best ask 1000.0"),
        ("restored", "the book was locked for 2.600 s"),
        ("one-sided", "the book has no bids"),
        ("restored", "the book was one-sided for 0.100 s"),
        ("hole", "21.0 s without an update"),
        ("gap", "lost"),
        ("resync", "the book is whole again 0.250 s after: lost"),
    ]
    assert {entry.symbol for entry in ledger.incidents} == {"TXFD6"}
    assert ledger.incidents[0].ts_exchange == OPEN + 2 * SECOND // 10
    assert ledger.counts["unknown deletes"] == 2
    assert Ledger.read(tmp_path / "ledger.jsonl").counts == ledger.counts


def test_a_hole_in_time_spoils_one_row() -> None:
    builder = RowBuilder(TXF, 10)
    assert builder.depth == 5  # TAIFEX tells no more
    second = SECOND
    rows = [builder.push(event._replace(symbol="TXFD6")) for event in (whole(OPEN), book(OPEN + 20 * second, []))]
    late = builder.push(book(OPEN + 41 * second, [], symbol="TXFD6"))
    after = builder.push(book(OPEN + 42 * second, [], symbol="TXFD6"))
    assert [row.valid for row in (*rows, late, after)] == [True, True, False, True]
    assert builder.counts["holes"] == 1
    patient = RowBuilder(TXF, 5, max_hole_ns=100 * second)
    patient.push(whole(OPEN, "TXFD6"))
    assert patient.push(book(OPEN + 41 * second, [], symbol="TXFD6")).valid


def test_before_the_open_nothing_is_valid_and_nothing_trades() -> None:
    builder = RowBuilder(TXF, 5)
    before = OPEN - 80 * 60 * 10**9  # 08:40
    assert not builder.push(whole(before, "TXFD6")).valid
    builder.push(trade(before + 1, 1002, symbol="TXFD6"))
    opened = builder.push(whole(before + 5 * 60 * 10**9, "TXFD6"))
    assert not opened.flow.any() and not opened.valid  # five minutes of silence lie before it
    assert builder.push(book(before + 5 * 60 * 10**9 + 1, [], symbol="TXFD6")).valid


def test_time_never_runs_back() -> None:
    builder = RowBuilder(BTC, 1)
    builder.push(whole(10))
    assert builder.push(book(9, [])).ts_exchange == 10


def test_given_rows_pass_and_fill_the_book_when_it_is_looked_at() -> None:
    levels = np.array([[100.0, 1.0, 100.2, 3.0], [99.9, 2.0, np.nan, np.nan]])
    row = Snapshot(1, 1, levels, np.zeros(7), True, 0.1)
    builder = RowBuilder(BTC, 2)
    assert builder.push(row) is row
    assert np.array_equal(builder.book.top(2), levels, equal_nan=True)
    assert builder.counts["rows"] == 1


def test_events_that_are_not_for_it() -> None:
    builder = RowBuilder(BTC, 1)
    assert builder.push(BookTicker("BTCUSDT", 1, 1, 1, 1, 1.0, 2, 1.0)) is None
    assert builder.push(MarkPrice("BTCUSDT", 1, 1, 1.0, 1.0, 0.0, 0)) is None
    assert builder.counts == {"tickers": 1, "marks": 1}
    with pytest.raises(InputError, match="ETHUSDT"):
        builder.push(trade(1, 1, symbol="ETHUSDT"))
    with pytest.raises(InputError, match="at least 1"):
        RowBuilder(BTC, 0)


def test_flow_of_a_real_session_against_a_slow_second_opinion(usdm_2023) -> None:
    recording = read_recording(usdm_2023[0])
    builder = RowBuilder(recording.instrument, 2)
    total, mid, previous, direction, signed, taken = np.zeros(7), None, None, 0, 0.0, []
    for event in recording.events():
        if type(event) is Trade and event.market and mid is not None:
            taken.append(event)
            price = event.tick / 10
            if previous is not None and price != previous:
                direction = 1 if price > previous else -1
            previous = price
            signed += (np.sign(round(price - mid, 6)) or direction) * event.quantity
        row = builder.push(event)
        if row is not None:
            assert row.valid == (builder.counts["rows"] > 2), "six trades came before the snapshot"
            total += row.flow
            mid = (row.levels[0, 0] + row.levels[0, 2]) / 2
    assert builder.counts["rows"] == 4_323
    assert total[FLOW["trade_count"]] == len(taken) - len(builder._pending) > 2_000
    assert total[FLOW["signed_lee_ready"]] == pytest.approx(signed)
    assert total[FLOW["buy_volume"]] == pytest.approx(sum(e.quantity for e in taken if e.side > 0))
    assert total[FLOW["notional"]] == pytest.approx(sum(e.quantity * e.tick / 10 for e in taken))
    assert total[FLOW["effective_notional"]] > 0  # takers pay the spread
