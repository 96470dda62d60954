"""MBP-10 as a session of its own: the levels of the last record, trades, doubts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats import databento
from genesis_lib.feeds.formats.databento_files import F_MAYBE_BAD_BOOK
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Trade
from orderbook_ext import OrderBook


def test_the_book_is_the_last_record(order_market, tmp_path: Path) -> None:
    market = order_market(4, (11, 12)).run(400)
    _, path = market.write(tmp_path)
    for session, number in zip(databento.open_files([path]), (11, 12)):
        book = OrderBook(session.instrument.tick_size, 1.0)
        for event in session.events():
            if type(event) is DepthSnapshot:
                book.snapshot_ticks(event.sides, event.ticks, event.quantities)
            elif type(event) is DepthUpdate:
                book.apply_ticks(event.sides, event.ticks, event.quantities)
        top = book.top(12)
        for side, levels in enumerate(market.levels(number)):
            found = [(round(p * 1e9), int(q)) for p, q in top[:, 2 * side : 2 * side + 2] if np.isfinite(p)]
            assert found == [(price, size) for price, size, _ in levels]
        trades = [event for event in session.events() if type(event) is Trade]
        assert len(trades) == session.counts["T"] > 0 and session.kind == "databento"


def test_doubt_of_the_venue_is_a_gap_until_the_next_sound_record(order_market, tmp_path: Path) -> None:
    market = order_market(5).run(60)
    market.event(11, [("A", "B", 9_999 * market.tick, 5, 999_999)], flags=F_MAYBE_BAD_BOOK)
    market.event(11, [("A", "B", 9_999 * market.tick, 5, 999_998)])
    _, path = market.write(tmp_path)
    (session,) = databento.open_files([path])
    assert [type(event) for event in session.events()][-2:] == [Gap, DepthSnapshot]


@pytest.mark.parametrize("price", [-10_000_000, 0, 2**51])
def test_a_level_at_a_price_that_no_book_holds(price: int, order_market, tmp_path: Path) -> None:
    market = order_market(5, tick=1 if price > 0 else 10_000_000)
    market.event(11, [("A", "B", 9_999 * market.tick, 5, 1)])
    record = bytearray(market.mbp[-1])
    record[48:56] = price.to_bytes(8, "little", signed=True)
    market.mbp.append(bytes(record))
    _, path = market.write(tmp_path)
    (session,) = databento.open_files([path])
    with pytest.raises(RecordingError, match=rf"x.mbp-10.dbn:{len(market.mbp)}: a level at a price that no book holds"):
        list(session.events())
