from __future__ import annotations

import pytest

from genesis_lib.errors import SessionError
from genesis_lib.feeds.wire.live.outlet import OVERRUN, Outlet
from genesis_lib.types import Gap, Trade


def trades(symbol: str, *numbers: int) -> list[Trade]:
    return [Trade(symbol, n, n, n, 1, 1.0, 1) for n in numbers]


def drain(outlet: Outlet) -> list:
    out = []
    while (event := outlet.get(0.0)) is not None:
        out.append(event)
    return out


def test_events_come_in_order():
    outlet = Outlet(10)
    outlet.put(trades("A", 1, 2))
    outlet.put(trades("B", 3))
    assert [event.trade_id for event in drain(outlet)] == [1, 2, 3]
    assert outlet.get(0.01) is None


def test_a_slow_reader_is_cut_off_with_a_gap_for_each_symbol_and_memory_stays_bounded():
    outlet = Outlet(5)
    outlet.put(trades("A", *range(1000)))
    outlet.put(trades("B", *range(1000)))
    out = drain(outlet)
    assert len(out) == 7
    assert [event.symbol for event in out if isinstance(event, Gap) and event.cause == OVERRUN] == ["A", "B"]
    assert outlet.dropped == 1995


def test_a_symbol_goes_on_once_half_has_been_read():
    outlet = Outlet(4)
    outlet.put(trades("A", *range(9)))
    assert not outlet.caught_up("A")
    for _ in range(4):
        outlet.get(0.0)
    assert outlet.caught_up("A")
    assert not outlet.caught_up("A"), "said once"
    outlet.put(trades("A", 10))
    assert drain(outlet)[-1].trade_id == 10


def test_an_error_is_raised_in_its_turn():
    outlet = Outlet(4)
    outlet.put(trades("A", 1))
    outlet.fail(SessionError("no more"))
    assert outlet.get(0.0).trade_id == 1
    with pytest.raises(SessionError, match="no more"):
        outlet.get(0.0)
