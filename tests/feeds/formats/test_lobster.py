"""LOBSTER: events of pairs and of messages alone, trades, halts, and files that do not belong together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.formats import lobster
from genesis_lib.feeds.formats.lobster_files import sides_of
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Instrument, Trade
from orderbook_ext import OrderBook


@pytest.fixture
def real(recordings: Path) -> list[Path]:
    paths = sorted((recordings / "lobster").glob("*.csv"))
    if len(paths) < 3:
        pytest.skip("the LOBSTER samples are not here")
    return paths


def book_of(session) -> OrderBook:
    book = OrderBook(session.instrument.tick_size, 1.0)
    for event in session.events():
        if type(event) is DepthSnapshot:
            book.snapshot_ticks(event.sides, event.ticks, event.quantities)
        elif type(event) is DepthUpdate:
            book.apply_ticks(event.sides, event.ticks, event.quantities)
    return book


@pytest.mark.parametrize("seed", range(3))
def test_the_book_of_a_pair_is_its_last_row(seed: int, lobster_market, tmp_path: Path) -> None:
    market = lobster_market(seed).run(300)
    paths = market.write(tmp_path)
    (session,) = lobster.open_files(paths[::-1])
    assert session.instrument == Instrument("nasdaq", "TEST", 0.01, 1.0) and session.kind == "lobster"
    top = book_of(session).top(10)
    bids, asks = (
        {round(price * 10_000): int(size) for price, size in top[:, columns] if np.isfinite(price)}
        for columns in ([0, 1], [2, 3])
    )
    row = np.array([int(field) for field in market.rows[-1].split(",")]).reshape(-1, 4)
    assert (bids, asks) == sides_of(row)
    assert session.counts["transition differs"] == 0


def test_trades(lobster_market, tmp_path: Path) -> None:
    market = lobster_market(1).run(200)
    (session,) = lobster.open_files(market.write(tmp_path))
    trades = [event for event in session.events() if type(event) is Trade]
    told = [line.split(",") for line in market.messages if line.split(",")[1] in "456"]
    assert len(trades) == len(told)
    for trade, (_, kind, _, size, price, direction) in zip(trades, told):
        assert trade.quantity == int(size)
        if kind == "4":
            assert (trade.side, trade.market, trade.tick) == (-int(direction), True, int(price) // 100)
        elif kind == "5":  # half a cent: between two ticks
            assert not trade.market and trade.side == 1
        else:
            assert not trade.market and trade.side == 0


def test_the_real_pair(real: list[Path]) -> None:
    (session,) = lobster.open_files(real[1:])
    kinds = Counter(type(event) for event in session.events())
    assert kinds == {DepthSnapshot: 1, DepthUpdate: 937, Trade: 159}
    assert session.lines == 999 and session.counts["transition differs"] == 0
    builder = RowBuilder(session.instrument)
    assert all(row.valid for row in map(builder.push, session.events()) if row is not None)
    for path in real:
        assert lobster.recognises(path, path.read_bytes()[:4096])


def test_messages_alone_are_never_whole(real: list[Path]) -> None:
    (session,) = lobster.open_files(real[:1])
    events = session.events()
    first = next(events)
    assert type(first) is Gap and "before the first message" in first.cause
    builder = RowBuilder(session.instrument)
    builder.push(first)
    assert not any(row.valid for row in map(builder.push, events) if row is not None)
    assert session.lines == 91_997 and session.counts["unknown order"] == 84


def test_a_halt_is_a_gap_until_it_ends(lobster_market, tmp_path: Path) -> None:
    market = lobster_market(2).run(20)
    for price, steps in ((-1, 3), (0, 3), (1, 5)):
        market.tell(7, 0, 0, price, -1)
        market.run(steps)
    (session,) = lobster.open_files(market.write(tmp_path))
    builder = RowBuilder(session.instrument)
    kinds, valid = [], []
    for event in session.events():
        row = builder.push(event)
        if row is not None:
            kinds.append(type(event))
            valid.append(row.valid)
    gap, end = kinds.index(Gap), len(kinds) - kinds[::-1].index(DepthSnapshot) - 1
    assert kinds.count(Gap) == 1 and kinds.count(DepthSnapshot) == 2 and 0 < gap < end
    assert all(valid[:gap]) and not any(valid[gap : end + 1]) and valid[-1]


def test_a_message_that_does_not_fit_its_rows(lobster_market, tmp_path: Path) -> None:
    market = lobster_market(3).run(60)
    at = next(n for n, line in enumerate(market.messages) if n > 20 and line.split(",")[1] == "4")
    fields = market.messages[at].split(",")
    fields[3] = str(int(fields[3]) + 5)
    market.messages[at] = ",".join(fields)
    (session,) = lobster.open_files(market.write(tmp_path))
    events = list(session.events())
    gaps = [n for n, event in enumerate(events) if type(event) is Gap]
    assert len(gaps) == session.counts["transition differs"] == 1
    assert type(events[gaps[0] + 1]) is DepthSnapshot


def test_a_bad_message_keeps_the_rows_in_step(lobster_market, tmp_path: Path) -> None:
    market = lobster_market(4).run(60)
    market.messages[30] = market.messages[30].replace(",", ",8", 1)
    paths = market.write(tmp_path)
    with pytest.raises(RecordingError, match=r"message_10.csv:31: unknown type"):
        lobster.open_files(paths)
    quarantine = Quarantine(None)
    (session,) = lobster.open_files(paths, quarantine=quarantine)
    events = list(session.events())
    assert [type(e) for e in events].count(Gap) == 1 and quarantine.counts == {"unknown type": 1}


def test_files_that_do_not_belong_together(lobster_market, tmp_path: Path) -> None:
    market = lobster_market().run(30)
    messages, rows = market.write(tmp_path)
    with pytest.raises(RecordingError, match="levels without the messages"):
        lobster.open_files([rows])
    rows.write_text("\n".join(market.rows[:-1]) + "\n")
    with pytest.raises(RecordingError, match="29 rows of levels for the 30 messages"):
        lobster.open_files([messages, rows])
    with pytest.raises(InputError, match=r"tick_size 0\.03"):
        lobster.open_files([messages], tick_size=0.03)
    assert lobster.open_files([messages], symbol="X", venue="v")[0].instrument.name == "v:X"
