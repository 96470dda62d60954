"""SSE's orders: events as the exchange made them, trades, auctions, and what is refused."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.formats import sse
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import ASK, DepthUpdate, Gap, Instrument, Trade

COLUMNS = ["seq", "time", "kind", "side", "order_id", "counter_order_id", "price", "qty"]


def write(folder: Path, rows: list[tuple], name: str = "600000_20230207_orders.parquet") -> Path:
    path = folder / name
    pq.write_table(pa.table({name: list(column) for name, column in zip(COLUMNS, zip(*rows))}), path)
    return path


def test_an_order_with_its_trades_is_one_event(tmp_path: Path) -> None:
    rows = [
        (1, 9_30_00_00, "add", "ask", 1, 0, 100_010, 2000),
        (2, 9_30_00_00, "add", "ask", 2, 0, 100_020, 3000),
        (5, 9_30_00_10, "trade", "", 3, 1, 100_010, 2000),  # the buyer, 3, takes all of 1
        (6, 9_30_00_10, "trade", "", 3, 2, 100_020, 1000),  # and some of 2
        (7, 9_30_00_10, "add", "bid", 3, 0, 100_020, 5000),  # what is left of it rests
        (9, 9_30_00_20, "cancel", "bid", 3, 0, 100_020, 5000),
    ]
    rows[4] = (7, 9_30_00_10, "add", "bid", 3, 0, 100_010, 5000)
    (session,) = sse.open_files([write(tmp_path, rows)])
    assert session.instrument == Instrument("sse", "600000", 0.01, 1.0) and session.kind == "sse"
    events = list(session.events())
    assert [type(e).__name__ for e in events] == ["DepthUpdate"] * 2 + ["Trade"] * 2 + ["DepthUpdate"] * 2
    taken = events[4]
    found = {(int(s), int(t)): float(q) for s, t, q in zip(taken.sides, taken.ticks, taken.quantities)}
    assert found == {(0, 10001): 5.0, (1, 10001): 0.0, (1, 10002): 2.0}
    assert [(e.tick, e.quantity, e.side, e.market) for e in events[2:4]] == [
        (10001, 2.0, 1, True),
        (10002, 1.0, 1, True),
    ]
    assert events[-1].quantities.tolist() == [0.0] and session.counts["unknown order"] == 0
    # 09:30 in Shanghai is 01:30 UTC
    assert np.datetime64(events[0].ts_exchange, "ns") == np.datetime64("2023-02-07T01:30:00", "ns")


def test_an_order_that_was_never_told_is_a_gap(tmp_path: Path) -> None:
    rows = [
        (1, 9_30_00_00, "add", "ask", 1, 0, 100_010, 2000),
        (2, 9_30_00_00, "add", "bid", 2, 0, 100_000, 2000),
        (3, 9_30_01_00, "cancel", "bid", 9, 0, 99_990, 1000),
        (4, 9_30_02_00, "add", "bid", 10, 0, 99_990, 1000),
    ]
    (session,) = sse.open_files([write(tmp_path, rows)])
    events = list(session.events())
    assert [type(e).__name__ for e in events] == ["DepthUpdate", "DepthUpdate", "Gap", "DepthUpdate"]
    assert "order 9 was never told" in events[2].cause and session.counts["unknown order"] == 1


def test_auctions_make_no_valid_rows_and_no_flow(shanghai_market, tmp_path: Path) -> None:
    market = shanghai_market(1)
    market.rows.insert(3, (1, 9_15_00_03, "add", "bid", 9000, 0, 100_200, 1000))  # crosses while orders wait
    market.rows[4] = (2, *market.rows[4][1:])
    market.orders[9000] = ["bid", 100_200, 1000]
    best = min(p for s, p, _ in market.orders.values() if s == "ask")
    at = next(o for o, (s, p, _) in market.orders.items() if (s, p) == ("ask", best))
    market.tell("trade", "", 9000, at, best, 1000, time=9_25_00_00)
    market.orders.pop(9000)
    market.orders[at][2] -= 1000
    if not market.orders[at][2]:
        del market.orders[at]
    market.number = 9000
    paths = market.run(30).write(tmp_path)
    (session,) = sse.open_files(paths)
    builder, valid, pre = RowBuilder(session.instrument), [], []
    opening = int(sse.nanoseconds(session.day, np.array([9_30_00_00]))[0])
    trades = []
    for event in session.events():
        row = builder.push(event)
        if type(event) is Trade:
            trades.append(event)
        elif row is not None:
            (pre if row.ts_exchange < opening else valid).append(row.valid)
    assert pre and not any(pre) and all(valid)
    assert not trades[0].market and trades[0].side == 0 and all(t.market for t in trades[1:])


def test_the_real_day(recordings: Path) -> None:
    paths = sorted((recordings / "sse").glob("600519_*"))
    if len(paths) < 2:
        pytest.skip("the SSE day is not here")
    (session,) = sse.open_files(paths[::-1])
    kinds = Counter(type(event) for event in session.events())
    assert kinds == {DepthUpdate: 58_432, Trade: 18_685} and session.counts["unknown order"] == 0
    assert session.lines == 64_449 and session.instrument == Instrument("sse", "600519", 0.01, 1.0)
    for path in paths:
        assert sse.recognises(path, path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ((2, 9_30_00_00, "replace", "bid", 2, 0, 100_000, 1000), "unknown kind"),
        ((2, 9_30_00_00, "add", "", 2, 0, 100_000, 1000), "without a side"),
        ((2, 9_30_00_00, "add", "bid", 2, 0, 0, 1000), "without a price"),
        ((2, 9_30_00_00, "add", "bid", 2, 0, 100_000, 0), "not positive"),
        ((2, 9_29_00_00, "add", "bid", 2, 0, 100_000, 1000), "time goes back"),
        ((2, 2**62, "add", "bid", 2, 0, 100_000, 1000), "no time of a day"),
        ((2, 9_30_00_00, "cancel", "bid", -2, 0, 100_000, 1000), "negative order number"),
        ((2, 9_30_00_00, "cancel", "bid", 2, 0, -100_000, 1000), "negative price or quantity"),
        ((2, 9_30_00_00, "add", "bid", 2, 0, 2**60, 1000), "more than any book holds"),
    ],
)
def test_rows_that_cannot_be_right(row: tuple, cause: str, tmp_path: Path) -> None:
    good = (1, 9_30_00_00, "add", "ask", 1, 0, 100_010, 2000)
    path = write(tmp_path, [good, row, (3, 9_31_00_00, "add", "ask", 3, 0, 100_010, 2000)])
    with pytest.raises(RecordingError, match=rf"orders.parquet:2: .*{cause}"):
        sse.open_files([path])
    quarantine = Quarantine(None)
    (session,) = sse.open_files([path], quarantine=quarantine)
    assert [type(event) for event in session.events()] == [DepthUpdate, Gap, DepthUpdate]
    assert sum(quarantine.counts.values()) == 1


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in ("kind", "side")])
def test_a_field_that_is_not_there(column: str, tmp_path: Path) -> None:
    rows = [[1, 9_30_00_00, "add", "ask", 1, 0, 100_010, 2000], [2, 9_30_00_00, "add", "ask", 2, 0, 100_020, 3000]]
    rows[1][COLUMNS.index(column)] = None
    with pytest.raises(RecordingError, match=f"orders.parquet:2: no {column}"):
        sse.open_files([write(tmp_path, rows)])


def test_what_does_not_belong_together(shanghai_market, tmp_path: Path) -> None:
    orders, snapshots = shanghai_market().run(9).write(tmp_path)
    with pytest.raises(RecordingError, match="snapshots without the orders"):
        sse.open_files([snapshots])
    (session,) = sse.open_files([snapshots, orders], symbol="X")
    assert session.snapshots == snapshots and session.instrument.symbol == "X"
    with pytest.raises(InputError, match=r"tick_size 0\.025"):
        sse.open_files([orders], tick_size=0.025)
    with pytest.raises(RecordingError, match="must begin with stock and day"):
        sse.open_files([write(tmp_path, [(1, 9_30_00_00, "add", "ask", 1, 0, 1000, 1000)], "x.parquet")])


def test_times() -> None:
    times = sse.nanoseconds(date(2023, 2, 7), np.array([0, 9_30_00_03, 15_00_00_50]))
    assert [str(np.datetime64(int(t), "ns")) for t in times] == [
        "2023-02-06T16:00:00.000000000",
        "2023-02-07T01:30:00.030000000",
        "2023-02-07T07:00:00.500000000",
    ]
    assert ASK == 1
