"""SSE's snapshots against the rebuilt book: all of a sound day, and not one that was touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.feeds.audits.order_snapshots import audit_orders
from genesis_lib.feeds.formats import sse
from genesis_lib.feeds.integrity import Ledger


def audited(market, folder: Path) -> dict:
    (session,) = sse.open_files(market.write(folder))
    return audit_orders(session, Ledger())


@pytest.mark.parametrize("seed", range(3))
def test_a_sound_day(seed: int, shanghai_market, tmp_path: Path) -> None:
    market = shanghai_market(seed).run(90)
    found = audited(market, tmp_path)
    assert found["snapshots"] == found["snapshots_equal"] == len(market.snapshots) == 30
    assert found["unknown_orders"] == found["crossed"] == 0 and "10 levels" in found["compared"]


def test_a_snapshot_that_was_touched(shanghai_market, tmp_path: Path) -> None:
    market = shanghai_market(1).run(60)
    fields = list(market.snapshots[7])
    fields[2 + 4 * 9 + 1] += 1000  # one lot more at the tenth bid
    market.snapshots[7] = tuple(fields)
    found = audited(market, tmp_path)
    assert (found["snapshots"], found["snapshots_equal"]) == (20, 19)


def test_a_snapshot_at_another_time(shanghai_market, tmp_path: Path) -> None:
    market = shanghai_market(1).run(90)
    market.snapshots[4] = (market.snapshots[4][0], *market.snapshots[20][1:])  # a true state, but of later
    found = audited(market, tmp_path)
    assert found["snapshots_equal"] == found["snapshots"] - 1


def test_an_order_that_was_lost(shanghai_market, tmp_path: Path) -> None:
    market = shanghai_market(2).run(60)
    near = max(price for side, price, _ in market.orders.values() if side == "bid")
    lost = next(n for n, row in enumerate(market.rows) if row[2:4] == ("add", "bid") and row[6] == near and n > 60)
    del market.rows[lost]
    found = audited(market, tmp_path)
    assert found["snapshots_equal"] < found["snapshots"]


def test_orders_of_a_part_of_the_day(shanghai_market, tmp_path: Path) -> None:
    market = shanghai_market(2).run(90)
    market.rows = [row for row in market.rows if row[1] <= market.snapshots[14][0] * 100]
    found = audited(market, tmp_path)
    assert found["snapshots"] == found["snapshots_equal"] > 10
    assert found["snapshots"] + found["snapshots_outside"] == 30


def test_auction_and_close_are_not_compared(shanghai_market, tmp_path: Path) -> None:
    market = shanghai_market(1).run(30)
    market.snapshots += [(9_20_00, 1, *([0] * 40)), (14_58_00, 4, *market.snapshots[0][2:])]
    market.snapshots.sort()
    found = audited(market, tmp_path)
    assert found["snapshots"] == found["snapshots_equal"] == 10


def test_without_snapshots_nothing_is_compared(shanghai_market, tmp_path: Path) -> None:
    orders, _ = shanghai_market(1).run(9).write(tmp_path)
    (session,) = sse.open_files([orders])
    assert audit_orders(session, Ledger())["snapshots"] == 0


def test_the_real_day(recordings: Path) -> None:
    paths = sorted((recordings / "sse").glob("600519_*"))
    if len(paths) < 2:
        pytest.skip("the SSE day is not here")
    (session,) = sse.open_files(paths)
    found = audit_orders(session, Ledger())
    assert found["snapshots"] == found["snapshots_equal"] == 4858
    assert found["unknown_orders"] == found["crossed"] == found["gaps"] == 0 and found["events"] == 64_449
