"""The audits of LOBSTER: messages against the rows of levels that belong to them, or that stand for the same market."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.audits.events import audit_events
from genesis_lib.feeds.audits.report import finding
from genesis_lib.feeds.formats.lobster import LobsterMessages, LobsterPair, open_files, split
from genesis_lib.feeds.formats.lobster_files import EXECUTE, SUBMIT, name_of, read_rows, sides_of
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.types import ASK, BID
from orderbook_ext import OrderLevelBook

WINDOW = 2000  # messages within which the next row of levels must come
SEED = 2**63  # ids of the quantities that rested before the first message: no venue numbers so far


def audit_lobster(paths, ledger: Ledger, **options) -> list[tuple[object, dict]]:
    """Audit LOBSTER files in any order: each message file with the rows that belong to it, else with others' rows.

    Returns
    -------
    list
        (session, finding) of each message file, in order of name.

    Raises
    ------
    RecordingError
        For rows of levels without any message file of that stock and day.
    """
    messages, books = split(paths)
    same = {path: [book for book in books if _market(book) == _market(path)] for path in messages}
    lonely = [book for book in books if not any(book in found for found in same.values())]
    if lonely:
        raise RecordingError("rows of levels without messages of that stock and day", lonely[0])
    found = []
    for path in messages:
        own = [book for book in same[path] if name_of(book).levels == name_of(path).levels]
        if own:
            (session,) = open_files([path, own[0]], **options)
            found.append((session, audit_pair(session, ledger)))
            continue
        (session,) = open_files([path], **options)
        if not same[path]:
            found.append((session, audit_events(session, ledger)))
        found += [(session, audit_others(session, book, ledger)) for book in same[path]]
    return found


def audit_pair(session: LobsterPair, ledger: Ledger) -> dict:
    """Hold each row of levels against the row before it and the message between, in all levels but the last."""
    found = audit_events(session, ledger)
    rows = session.lines
    return found | {
        "snapshots": rows - 1,
        "snapshots_equal": rows - 1 - session.counts["transition differs"],
        "compared": "each row of levels with the row before and the message between, in all levels but the last",
    }


def audit_others(session: LobsterMessages, book, ledger: Ledger) -> dict:
    """Rebuild the book of messages on the first row of others' levels, and look for each row, in order.

    The seed knows no more levels than a row has, and what comes up from below them is not known: the better half of the
    levels is compared. A row is equal when the book comes to those levels within `WINDOW` messages of the row before.
    """
    states = _states(session, book)
    current, ahead = next(states), deque()
    number = equal = depth = 0
    for rows in read_rows(book):
        depth = max(rows.shape[1] // 2, 1)
        for row in rows:
            number += 1
            wanted = _levels_of(row, depth)
            while wanted != current and wanted not in ahead and len(ahead) < WINDOW:
                state = next(states, None)
                if state is None:
                    break
                ahead.append(state)
            if wanted != current and wanted not in ahead:
                time = session.span[0]
                ledger.note(time, "snapshot differs", f"row {number} of {book.name}", session.instrument.symbol)
                continue
            equal += 1
            while wanted != current:
                current = ahead.popleft()
    session.count()
    trades = session.counts["execution"] + session.counts["hidden"] + session.counts["cross"]
    return finding(
        events=session.lines,
        applied=sum(session.counts[kind] for kind in ("submission", "reduction", "deletion", "execution")),
        trades=trades,
        snapshots=number,
        snapshots_equal=equal,
        compared=f"the best {depth} levels of {book.name}, in order",
    )


def _states(session: LobsterMessages, book) -> Iterator[tuple]:
    """The best levels after the message of the first row, and after each later one."""
    seed = next(read_rows(book))[0]
    depth = max(len(seed) // 2, 1)
    held = OrderLevelBook(1.0, 1.0, strict=False)  # a tick is LOBSTER's unit
    shown = sides_of(seed)
    seeds: dict[tuple[int, int], int] = {}
    for side in (BID, ASK):
        for price, size in shown[side].items():
            seeds[side, price] = SEED + len(seeds)
            held.add(seeds[side, price], side, price, size)
    worst = {side: list(shown[side])[-1] if shown[side] else None for side in (BID, ASK)}
    m = session.messages
    first = True
    names = ("type", "id", "size", "price", "direction", "bad")
    for kind, number, size, price, direction, bad in zip(*(m[name].tolist() for name in names)):
        side = BID if direction > 0 else ASK
        inside = worst[side] is None or (price >= worst[side] if side == BID else price <= worst[side])
        if first and (kind > EXECUTE or inside):
            # The seed is the book after this message; what an order of it adds is in the seed already.
            first = False
            if kind == SUBMIT and (side, price) in seeds:
                held.reduce(seeds[side, price], size)
                held.add(number, side, price, size)
            yield _levels(held, depth)
            continue
        if not bad and kind <= EXECUTE:
            _follow(held, seeds, kind, number, side, price, size)
        if not first:
            yield _levels(held, depth)


def _follow(held: OrderLevelBook, seeds: dict, kind: int, number: int, side: int, tick: int, size: int) -> None:
    if kind == SUBMIT:
        held.add(number, side, tick, size)
    elif number in held:
        held.reduce(number, size)
    elif (side, tick) in seeds and seeds[side, tick] in held:  # of what rested there before
        held.reduce(seeds[side, tick], size)


def _levels(held: OrderLevelBook, depth: int) -> tuple:
    return tuple(held.levels(side, depth)[:, :2].tobytes() for side in (BID, ASK))


def _levels_of(row: np.ndarray, depth: int) -> tuple:
    sides = (list(side.items())[:depth] for side in sides_of(row))
    return tuple(np.array(side, np.int64).reshape(-1, 2).tobytes() for side in sides)


def _market(path) -> tuple:
    name = name_of(path)
    return name.symbol, name.day
