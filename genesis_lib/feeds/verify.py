"""The audit of a finished recording: is the book that we rebuild the book that was there?"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Any

import numpy as np

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.binance_sync import BinanceSync
from genesis_lib.feeds.instruments import venue_rules
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.recording import Recording, unbuildable
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Gap, Trade
from orderbook_ext import OrderBook


class _Best:
    """Best bid and ask by update id, as compact columns."""

    def __init__(self) -> None:
        self.ids, self.ticks, self.quantities = array("q"), array("q"), array("d")

    def add(self, update_id: int, bid: int, bid_quantity: float, ask: int, ask_quantity: float) -> None:
        """Note the best of both sides after the update `update_id`."""
        self.ids.append(update_id)
        self.ticks.extend((bid, ask))
        self.quantities.extend((bid_quantity, ask_quantity))

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids (n,), ticks (n, 2) and quantities (n, 2), in order of id; of equal ids the one that came last."""
        ids = np.array(self.ids, np.int64)
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        order = order[np.append(np.diff(ids) > 0, True)] if len(ids) else order
        ticks = np.array(self.ticks, np.int64).reshape(-1, 2)
        quantities = np.array(self.quantities).reshape(-1, 2)
        return np.unique(ids), ticks[order], quantities[order]


def audit(recording: Recording) -> dict[str, Any]:
    """Rebuild the book of a recording and hold it against what else the recording tells.

    Returns
    -------
    dict
        ``events`` lines (or rows) read; ``diffs`` book updates among them and ``applied`` those the book took;
        ``trades``, of which ``trades_aside`` are no matches in the book; ``gaps`` and ``resyncs``; ``stale`` diffs that
        the book contained already; ``crossed`` books after an update (best bid >= best ask), of which ``locked`` equal;
        ``one_sided`` books; ``unknown_deletes`` of levels that the book never held; ``bbo_checked`` and ``bbo_equal``
        comparisons of best prices and sizes after an update with the newest bookTicker at or before its id;
        ``checksums``, ``checksums_ok``, ``snapshots``, ``snapshots_equal`` 0, as these formats carry neither;
        ``holes`` in the time of a venue without numbers; ``kinds`` messages by kind; ``incidents`` when and why of gaps
        and holes; ``instrument``, ``format``, ``data_hash``.

    Raises
    ------
    RecordingError
        When the recording cannot be read, or no book can be rebuilt from it.
    """
    book = OrderBook(recording.instrument.tick_size, recording.instrument.lot_size)
    sync, ledger, count = BinanceSync(), Ledger(), Counter()
    found, told = _Best(), _Best()
    max_hole = venue_rules(recording.instrument.venue).max_hole_ns
    last = None
    for raw in recording:
        kind = type(raw)
        if kind is Trade:
            count["trades"] += 1
            count["trades_aside"] += not raw.market
            continue
        if kind is BookTicker:
            told.add(raw.update_id, raw.bid_tick, raw.bid_quantity, raw.ask_tick, raw.ask_quantity)
            continue
        count["diffs"] += kind is DepthUpdate
        for event in sync.push(raw):
            if type(event) is DepthSnapshot:
                book.snapshot_ticks(event.sides, event.ticks, event.quantities)
                count["rebuilt"] += 1
            elif type(event) is Gap:
                ledger.gap(event)
            elif type(event) is DepthUpdate:
                count["applied"] += 1
                count["unknown_deletes"] += book.apply_ticks(event.sides, event.ticks, event.quantities)
                bid, ask = book.best_bid_tick, book.best_ask_tick
                if max_hole is not None and last is not None and event.ts_exchange - last > max_hole:
                    ledger.note(
                        event.ts_exchange, "hole", f"{(event.ts_exchange - last) / 1e9:.1f} s without an update"
                    )
                last = event.ts_exchange
                if bid is None or ask is None:
                    count["one_sided"] += 1
                    continue
                count["crossed"] += bid >= ask
                count["locked"] += bid == ask
                if event.last_id >= 0:
                    top = book.top(1)[0]
                    found.add(event.last_id, bid, float(top[1]), ask, float(top[3]))
    if not count["rebuilt"] and not count["applied"]:
        raise RecordingError(unbuildable(recording.counts), recording.name)
    checked, equal = _compare(found, told)
    return {
        "events": recording.lines,
        "diffs": count["diffs"],
        "applied": count["applied"],
        "trades": count["trades"],
        "trades_aside": count["trades_aside"],
        "gaps": sync.counts["gaps"],
        "resyncs": sync.counts["resyncs"],
        "stale": sync.counts["stale"],
        "crossed": count["crossed"],
        "locked": count["locked"],
        "one_sided": count["one_sided"],
        "unknown_deletes": count["unknown_deletes"],
        "bbo_checked": checked,
        "bbo_equal": equal,
        "checksums": 0,
        "checksums_ok": 0,
        "snapshots": 0,
        "snapshots_equal": 0,
        "holes": ledger.counts["hole"],
        "instrument": recording.instrument.name,
        "format": recording.kind,
        "kinds": dict(recording.counts),
        "incidents": ledger.lines(),
        "data_hash": recording.data_hash,
    }


def doubts(found: dict[str, Any]) -> list[str]:
    """Say what in an audit speaks against the book; nothing when every check that the recording allows agrees.

    >>> nothing = dict.fromkeys(("gaps", "holes", "checksums", "checksums_ok", "snapshots", "snapshots_equal"), 0)
    >>> doubts(nothing | {"crossed": 2, "bbo_checked": 9, "bbo_equal": 9})
    ['2 crossed books']
    """
    words = {"gaps": "gaps", "holes": "holes in time", "crossed": "crossed books"}
    told = [f"{found[key]} {word}" for key, word in words.items() if found[key]]
    pairs = (("bbo_checked", "bbo_equal", "best prices"), ("checksums", "checksums_ok", "checksums"))
    for all_of, right, word in (*pairs, ("snapshots", "snapshots_equal", "snapshots")):
        if found[all_of] != found[right]:
            told.append(f"{found[all_of] - found[right]} of {found[all_of]} {word} differ")
    return told


def _compare(found: _Best, told: _Best) -> tuple[int, int]:
    """Compare the rebuilt best with the newest told at or before the same id: how many compared, how many equal."""
    ids, ticks, quantities = found.columns()
    told_ids, told_ticks, told_quantities = told.columns()
    newest = np.searchsorted(told_ids, ids, side="right") - 1
    checked = newest >= 0
    newest = newest[checked]
    equal = (ticks[checked] == told_ticks[newest]).all(axis=1)
    equal &= (quantities[checked] == told_quantities[newest]).all(axis=1)
    return int(checked.sum()), int(equal.sum())
