"""MBP-10 against the book of MBO: every record of a sound day, and what is found of damage."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from genesis_lib.feeds.audits.ten_levels import audit_levels
from genesis_lib.feeds.formats import databento
from genesis_lib.feeds.integrity import Ledger


def audited(market, folder: Path, ledger: Ledger | None = None) -> list[dict]:
    return [audit_levels(session, ledger or Ledger()) for session in databento.open_files(market.write(folder)[::-1])]


def sums(found: list[dict]) -> tuple[int, int]:
    return sum(f["snapshots"] for f in found), sum(f["snapshots_equal"] for f in found)


@pytest.mark.parametrize("seed", range(3))
def test_every_record_of_sound_data(seed: int, order_market, tmp_path: Path) -> None:
    market = order_market(seed, (11, 12)).run(500)
    found = audited(market, tmp_path)
    assert len(found) == 2 and sums(found) == (len(market.mbp), len(market.mbp))
    assert all(f["snapshots_outside"] == f["snapshots_without_event"] == f["gaps"] == f["crossed"] == 0 for f in found)


@pytest.mark.parametrize("seed", range(8))
def test_one_wrong_number_in_the_levels(seed: int, order_market, tmp_path: Path) -> None:
    market, chance = order_market(seed).run(300), random.Random(seed)
    at = chance.randrange(100, len(market.mbp))
    record = bytearray(market.mbp[at])
    level, field = chance.randrange(3), chance.choice((0, 8, 16, 20, 24, 28))  # prices, sizes, numbers of orders
    record[48 + 32 * level + field] ^= 1
    market.mbp[at] = bytes(record)
    ledger = Ledger()
    found = audited(market, tmp_path, ledger)
    assert sums(found) == (len(market.mbp), len(market.mbp) - 1)
    assert ledger.counts["snapshot differs"] == 1 and " in the book, " in ledger.incidents[-1].cause


def test_a_lost_order(order_market, tmp_path: Path) -> None:
    market = order_market(5).run(300)
    at = next(n for n in range(150, len(market.mbo)) if market.mbo[n][38:39] == b"A" and len(market.mbp[:]) > n)
    lost = market.mbo.pop(at)
    found = audited(market, tmp_path)
    total, equal = sums(found)
    assert total == len(market.mbp) and equal < total
    assert found[0]["snapshots_without_event"] >= 0 and int.from_bytes(lost[16:24], "little")


def test_a_trade_told_once_for_all_that_it_did(order_market, tmp_path: Path) -> None:
    """Some files keep of a trade one record alone, with the book after it."""
    market = order_market(6)
    price = 10_000 * market.tick
    market.event(11, [("A", "B", price, 10, 1), ("A", "A", price + market.tick, 10, 2)])
    market.event(11, [("T", "A", price, 4, 0), ("F", "B", price, 4, 1), ("C", "B", price, 4, 1)])
    trade, after = bytearray(market.mbp[-2]), market.mbp[-1]
    trade[48:] = after[48:]
    market.mbp[-2:] = [bytes(trade)]
    assert sums(audited(market, tmp_path)) == (len(market.mbp), len(market.mbp))


def test_states_of_an_event_come_in_order(order_market, tmp_path: Path) -> None:
    market = order_market(6)
    price = 10_000 * market.tick
    market.event(
        11, [("A", "B", price, 10, 1), ("A", "A", price + market.tick, 10, 2), ("A", "A", price + market.tick, 5, 3)]
    )
    market.mbp[-2], market.mbp[-1] = market.mbp[-1], market.mbp[-2]
    assert sums(audited(market, tmp_path)) == (4, 3)


def test_several_events_of_one_packet(order_market, tmp_path: Path) -> None:
    """A venue may give the events of a packet one time and one number."""
    market = order_market(6).run(200)
    same = bytes(4), market.mbo[0][8:16], market.mbo[0][40:48]
    market.mbo = [r[:8] + same[1] + r[16:40] + same[2] + r[48:52] + same[0] for r in market.mbo]
    market.mbp = [r[:8] + same[1] + r[16:32] + same[2] + r[40:44] + same[0] + r[48:] for r in market.mbp]
    assert sums(audited(market, tmp_path)) == (len(market.mbp), len(market.mbp))
    record = bytearray(market.mbp[90])
    record[48 + 16] ^= 1
    market.mbp[90] = bytes(record)
    total, equal = sums(audited(market, tmp_path))
    assert total == len(market.mbp) and equal < total


def test_levels_beyond_the_orders(order_market, tmp_path: Path) -> None:
    market = order_market(7).run(200)
    kept = market.mbo[:120]
    while not kept[-1][36] & 128:  # whole events
        kept.pop()
    market.mbo = kept
    (found,) = audited(market, tmp_path)
    assert found["snapshots"] == found["snapshots_equal"] and found["snapshots_outside"] > 50
    assert found["snapshots"] + found["snapshots_outside"] == len(market.mbp)


def test_a_record_of_no_event_is_held_against_the_book_as_it_stood(order_market, tmp_path: Path) -> None:
    market = order_market(8).run(60)
    record = bytearray(market.mbp[30])
    record[44:48] = (10**6).to_bytes(4, "little")  # a sequence number that no order has
    record[8:16] = (int.from_bytes(record[8:16], "little") + 10).to_bytes(8, "little")
    record[32:40] = (int.from_bytes(record[32:40], "little") + 10).to_bytes(8, "little")
    market.mbp.insert(31, bytes(record))
    (found,) = audited(market, tmp_path)
    assert found["snapshots_without_event"] == 1 and found["snapshots"] == found["snapshots_equal"] == len(market.mbp)


def test_without_levels_nothing_is_compared(order_market, tmp_path: Path) -> None:
    orders, _ = order_market(9).run(30).write(tmp_path)
    (session,) = databento.open_files([orders])
    assert audit_levels(session, Ledger())["snapshots"] == 0


@pytest.mark.parametrize("time", [2**64 - 1, 2_000_000_000 * 10**9])
def test_a_receive_time_that_is_undefined_or_far_ahead_leaves_the_levels_where_they_belong(
    time: int, order_market, tmp_path: Path
) -> None:
    market = order_market(10).run(200)
    at = next(n for n in range(100, 200) if market.mbo[n - 1][36] & 128)  # begins an event
    record = bytearray(market.mbo[at])
    record[40:48] = time.to_bytes(8, "little")
    market.mbo[at] = bytes(record)
    (found,) = audited(market, tmp_path)
    assert found["snapshots"] == found["snapshots_equal"] == len(market.mbp) and not found["snapshots_without_event"]
    first = bytearray(market.mbo[0])
    first[40:48] = time.to_bytes(8, "little")
    market.mbo[0] = bytes(first)
    (found,) = audited(market, tmp_path)
    assert found["snapshots"] == found["snapshots_equal"] == len(market.mbp) and not found["snapshots_outside"]
