"""The audit by an independent stream of best prices: Binance's bookTicker, or none at all."""

from __future__ import annotations

from array import array

import numpy as np

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.audits.book_watch import BookWatch
from genesis_lib.feeds.audits.report import finding
from genesis_lib.feeds.audits.rest_snapshots import RestSnapshots
from genesis_lib.feeds.binance_sync import BinanceSync
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.recording import Recording, unbuildable
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate


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


def audit_best_prices(recording: Recording, ledger: Ledger) -> dict:
    """Join a recording's snapshot and diffs, and hold the best prices after each update against those told.

    Raises
    ------
    RecordingError
        When the recording cannot be read, or no book can be rebuilt from it.
    """
    watch = BookWatch(recording.instrument, ledger)
    sync, diffs = BinanceSync(), 0
    found, told = _Best(), _Best()
    others = RestSnapshots(ledger, recording.instrument.tick_size)
    for raw in recording:
        if type(raw) is BookTicker:
            told.add(raw.update_id, raw.bid_tick, raw.bid_quantity, raw.ask_tick, raw.ask_quantity)
            continue
        diffs += type(raw) is DepthUpdate
        if type(raw) is DepthSnapshot and sync.joined:
            others.offer(raw, sync.last_id)
        for event in sync.push(raw):
            numbered = type(event) is DepthUpdate and event.last_id >= 0
            if numbered:
                others.before(event, watch.builder.book)
            elif type(event) is DepthSnapshot:
                others.joined(event)
            if watch.push(event) and numbered:
                (bid, ask), top = watch.best, watch.row.levels[0]
                found.add(event.last_id, bid, float(top[1]), ask, float(top[3]))
            if numbered:
                others.after(event, watch.builder.book)
    if not watch.has_book:
        raise RecordingError(unbuildable(recording.counts), recording.name)
    checked, equal = _compare(found, told)
    counts = watch.counts() | {"gaps": sync.counts["gaps"], "resyncs": sync.counts["resyncs"]}
    return finding(
        events=recording.lines,
        diffs=diffs,
        **counts,
        stale=sync.counts["stale"],
        bbo_checked=checked,
        bbo_equal=equal,
        snapshots=others.snapshots,
        snapshots_equal=others.equal,
        **(
            {"snapshot_levels": others.levels, "snapshot_levels_equal": others.levels_equal} if others.snapshots else {}
        ),
        compared=" and ".join(
            ["best prices of bookTicker after each update"] * bool(checked)
            + ["further REST snapshots, where the book's own told prices"] * bool(others.snapshots)
        ),
    )


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
