"""The watched book: what is counted, and what the ledger is told."""

from __future__ import annotations

import numpy as np

from genesis_lib.feeds.audits.book_watch import BookWatch
from genesis_lib.feeds.formats.order_flow import HALTED
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Instrument, Trade


def levels(*rows: tuple[int, int, float]):
    sides, ticks, quantities = zip(*rows)
    return np.array(sides, np.int8), np.array(ticks, np.int64), np.array(quantities, np.float64)


def test_counts() -> None:
    ledger = Ledger()
    watch = BookWatch(Instrument("v", "s", 1.0, 1.0), ledger)

    def update(ts: int, *rows) -> bool:
        return watch.push(DepthUpdate("s", ts, ts, -1, -1, -1, *levels(*rows)))

    assert not watch.has_book
    watch.push(DepthSnapshot("s", 1, 1, -1, *levels((0, 9, 1.0), (1, 10, 1.0))))
    assert watch.has_book and update(2, (0, 9, 2.0)) and watch.best == (9, 10)
    assert watch.row.levels[0].tolist() == [9.0, 2.0, 10.0, 1.0]
    watch.push(Trade("s", 3, 3, 1, 9, 1.0, 1))
    watch.push(Trade("s", 3, 3, 2, 9, 1.0, 1, False))
    assert update(4, (0, 11, 1.0)) and update(5, (0, 11, 0.0), (0, 10, 1.0))
    assert update(6, (0, 10, 0.0), (0, 5, 0.0))
    assert not update(7, (1, 10, 0.0)) and watch.best is None
    watch.push(Gap("s", 8, 8, "lost", -1, -1))
    watch.push(DepthSnapshot("s", 9, 9, -1, *levels((0, 9, 1.0), (1, 10, 1.0))))
    watch.push(Gap("s", 10, 10, HALTED, -1, -1))
    found = watch.counts()
    assert {name: found[name] for name in ("applied", "trades", "trades_aside", "crossed", "locked", "one_sided")} == {
        "applied": 5,
        "trades": 2,
        "trades_aside": 1,
        "crossed": 2,
        "locked": 1,
        "one_sided": 1,
    }
    assert (found["gaps"], found["resyncs"], found["halts"], found["unknown_deletes"]) == (1, 1, 1, 1)
    assert found["rows"] == 9 and found["invalid_rows"] >= 5
    assert {"gap", "resync", "crossed", "one-sided"} <= set(ledger.counts)


def test_an_auction_may_cross() -> None:
    watch = BookWatch(Instrument("sse", "s", 1.0, 1.0), Ledger())
    opening = 90 * 60 * 10**9  # 09:30 in Shanghai
    for ts in (opening - 1, opening):
        watch.push(DepthUpdate("s", ts, ts, -1, -1, -1, *levels((0, 9, 1.0), (1, 8, 1.0))))
    assert watch.counts()["crossed"] == 1
