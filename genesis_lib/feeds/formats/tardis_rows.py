"""Rows of level updates and of trades in Tardis files: judged one by one, and put together to messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from genesis_lib.feeds.formats.delimited import Table
from genesis_lib.feeds.formats.grids import on_grid
from genesis_lib.feeds.formats.mending import Lost
from genesis_lib.feeds.formats.tardis_tables import MICROSECOND, TRADES, TardisFile, own_rows
from genesis_lib.feeds.validation import refuse
from genesis_lib.types import ASK, BID, Instrument

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

SIDES = {"bid": BID, "ask": ASK}
TAKERS = {"buy": 1, "sell": -1, "unknown": 0}
NO_SIDE = 9


class Message(NamedTuple):
    """Rows of the book with one time of arrival, and what of them was set aside.

    `opens` is true of the first part of a snapshot, `anew` where that is not the one a file begins with.
    """

    ts_exchange: int
    ts_receive: int
    opens: bool
    anew: bool
    sides: np.ndarray
    ticks: np.ndarray
    quantities: np.ndarray
    lost: list[Lost]


class RowReader:
    """Reads the rows of one symbol and sets the bad ones aside.

    Attributes
    ----------
    rows, bad : int
        Rows read, and those of them that were set aside.
    """

    def __init__(self, instrument: Instrument, symbol: str, quarantine: Quarantine | None) -> None:
        self.instrument, self.symbol, self.quarantine = instrument, symbol, quarantine
        self.rows = self.bad = 0

    def messages(self, file: TardisFile) -> Iterator[Message]:
        """Messages of an ``incremental_book_L2`` file: rows that arrived together, snapshots apart from updates."""
        held: dict[str, np.ndarray] | None = None  # rows of the message that may go on in the next block
        was_snapshot, seen = False, False
        for rows in self._blocks(file, SIDES):
            if held is not None:
                rows = {name: np.concatenate([held[name], rows[name]]) for name in rows}
            starts = _starts(rows)
            held = {name: column[starts[-1] :] for name, column in rows.items()} if len(starts) else None
            for message in _grouped(rows, starts, was_snapshot, seen):
                yield message
                seen |= message.opens
            if len(starts) > 1:
                was_snapshot = bool(rows["snapshot"][starts[-1] - 1])
        if held is not None:
            yield from _grouped(held, np.array([0, len(held["line"])]), was_snapshot, seen)

    def trades(self, file: TardisFile) -> Iterator[tuple[int, int, int, float, int, bool] | Lost]:
        """Exchange time, time of arrival, tick, quantity, side and whether a match in the book, of each trade."""
        for rows in self._blocks(file, TAKERS):
            market = on_grid(rows["price"], self.instrument.tick_size) & (rows["amount"] > 0)
            names = ("sent", "receive", "tick", "amount", "side")
            columns = [rows[name].tolist() for name in names]
            for sent, arrived, tick, amount, side, whole, cause in zip(*columns, market.tolist(), rows["cause"]):
                yield Lost(sent, arrived, cause) if cause else (sent, arrived, tick, amount, side, whole)

    def _blocks(self, file: TardisFile, sides: dict[str, int]) -> Iterator[dict[str, np.ndarray]]:
        """Rows block by block; those that were set aside stand among them with a `cause`."""
        last = 0, False  # arrival of the row before, and whether it was of a snapshot
        for table in file.tables():
            rows = self._judged(file, table, sides, last)
            if len(rows["line"]):
                last = int(rows["receive"][-1]), bool(rows["snapshot"][-1])
            self.rows += len(rows["line"])
            wrong = np.flatnonzero(rows["cause"] != "")
            for at, text in zip(wrong.tolist(), table.block.texts(rows["line"][wrong].tolist())):
                line, reason = int(rows["line"][at]), rows["cause"][at]
                self._reject(file.path, line, reason, text, int(rows["receive"][at]))
                rows["cause"][at] = f"{file.path.name}:{line}: {reason}"
            yield rows

    def _judged(
        self, file: TardisFile, table: Table, sides: dict[str, int], last: tuple[int, bool]
    ) -> dict[str, np.ndarray]:
        own = own_rows(table, self.symbol)
        columns = {name: column[own] for name, column in table.columns.items()}
        unreadable, tick_size = table.unreadable[own], self.instrument.tick_size
        price, amount = columns["price"], columns["amount"]
        sent, receive = (columns[name] * MICROSECOND for name in ("timestamp", "local_timestamp"))
        codes = np.array([sides.get(word, NO_SIDE) for word in table.words["side"]] + [NO_SIDE], np.int8)
        side = codes[columns["side"]]  # an empty field is -1, the last
        untimed, unreadable = unreadable, unreadable | (side == NO_SIDE)
        with np.errstate(invalid="ignore"):
            known = np.isfinite(price) & (price > 0) & (price < 2.0**50 * tick_size) & ~unreadable
            price = np.where(known, price, 0.0)
            off = ~on_grid(price, tick_size)
            reasons = np.full(len(price), "", object)
            for reason, where in (
                ("unreadable", unreadable),
                ("non-finite", ~(np.isfinite(columns["price"]) & np.isfinite(amount))),
                ("negative", ~known | (amount < 0)),
                ("off grid", off & (file.kind != TRADES)),
            ):
                reasons[where & (reasons == "")] = reason
        good = reasons == ""
        before = np.maximum.accumulate(np.where(good, receive, last[0])) if len(good) else receive
        reasons[good & (receive < np.maximum(before, last[0]))] = "time going back"
        rows = {
            "line": table.lines[own],
            "sent": sent,
            "receive": receive,
            "side": side,
            "tick": np.rint(price / tick_size).astype(np.int64),
            "amount": amount,
            "price": price,
            "known": known & ~off,
            "snapshot": np.array(columns.get("is_snapshot", np.zeros(len(price), bool))),
            "cause": reasons,
        }
        if table.ragged:
            ragged = np.array(table.ragged, np.int64)
            places = np.searchsorted(rows["line"], ragged)
            blank = {"line": ragged, "cause": "unreadable", "side": NO_SIDE}
            rows = {name: np.insert(column, places, blank.get(name, 0)) for name, column in rows.items()}
            untimed = np.insert(untimed, places, True)
        _attach(rows, untimed, last)
        return rows

    def _reject(self, file: Path, line: int, reason: str, text: str, ts: int) -> None:
        if self.quarantine is None:
            refuse(file, line, reason, text)
        self.bad += 1
        self.quarantine.reject(file, line, reason, text, ts_exchange=ts, symbol=self.instrument.symbol)


def _attach(rows: dict[str, np.ndarray], untimed: np.ndarray, last: tuple[int, bool]) -> None:
    """Say of which message a row that was set aside is: time of arrival and snapshot flag, in place.

    Its own where they can be read and fit between its neighbours; else those of the row before it, or of the row behind
    it where that is of a snapshot (which must not seem whole) or there is none before.
    """
    receive, snapshot, bad = rows["receive"], rows["snapshot"], rows["cause"] != ""
    places, count = np.arange(len(bad)), len(bad)
    following = np.minimum.accumulate(np.where(bad, count, places)[::-1])[::-1]
    for at in np.flatnonzero(bad).tolist():
        low, low_flag = (int(receive[at - 1]), bool(snapshot[at - 1])) if at else last
        behind = int(following[at])
        high, high_flag = (int(receive[behind]), bool(snapshot[behind])) if behind < count else (2**62, False)
        if not untimed[at] and low <= receive[at] <= high:
            continue
        use_high = behind < count and (high_flag or not low)
        receive[at], snapshot[at] = (high, high_flag) if use_high else (low, low_flag)


def _starts(rows: dict[str, np.ndarray]) -> np.ndarray:
    """Where messages begin: another time of arrival, or from snapshot to update and back."""
    if not len(rows["line"]):
        return np.array([], np.int64)
    new = (np.diff(rows["receive"]) != 0) | (np.diff(rows["snapshot"].astype(np.int8)) != 0)
    return np.concatenate([[0], np.flatnonzero(new) + 1])


def _grouped(rows: dict[str, np.ndarray], starts: np.ndarray, was_snapshot: bool, seen: bool) -> Iterator[Message]:
    """The messages that begin at `starts`, without the last, which is where the rows end (or may go on)."""
    if len(starts) < 2:
        return
    begins = starts[:-1].tolist()
    end = int(starts[-1])
    bad = rows["cause"][:end] != ""
    sent = np.maximum.reduceat(np.where(bad, 0, rows["sent"][:end]), begins).tolist()
    any_bad = np.logical_or.reduceat(bad, begins).tolist()
    arrived, flags = rows["receive"][begins].tolist(), rows["snapshot"][begins].tolist()
    sides, ticks, amounts = rows["side"], rows["tick"], rows["amount"]
    for start, stop, when, arrival, flag, spoilt in zip(begins, starts[1:].tolist(), sent, arrived, flags, any_bad):
        part, lost = slice(start, stop), []
        opens = flag and not was_snapshot
        levels = sides[part], ticks[part], amounts[part]
        when = when or arrival
        if spoilt:
            good = ~bad[part]
            levels = tuple(np.ascontiguousarray(column[good]) for column in levels)
            for at in (np.flatnonzero(~good) + start).tolist():
                level = (int(sides[at]), int(ticks[at])) if rows["known"][at] else None
                lost.append(Lost(when, arrival, rows["cause"][at], level))
        yield Message(when, arrival, opens, opens and seen, *levels, lost)
        was_snapshot, seen = flag, seen or opens
