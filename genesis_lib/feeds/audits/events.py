"""The audit of data that nothing stands beside: the book is rebuilt, and its shape and its gaps are told."""

from __future__ import annotations

from collections import Counter

import numpy as np

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.audits.book_watch import BookWatch
from genesis_lib.feeds.audits.report import finding
from genesis_lib.feeds.formats.order_flow import OrderFlowRecording
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.types import BookTicker, DepthUpdate, Snapshot


def audit_events(session, ledger: Ledger) -> dict:
    """Rebuild the book of a session of events, or look through the rows of a session of rows."""
    watch = BookWatch(session.instrument, ledger)
    rows: Counter[str] = Counter()
    number = diffs = 0
    for number, event in enumerate(session.events(), 1):  # noqa: B007
        if type(event) is Snapshot:
            _row(event, rows)
        elif type(event) is not BookTicker:
            diffs += type(event) is DepthUpdate
            watch.push(event)
    if not number:
        raise RecordingError("nothing of a book in it", session.name)
    counts = watch.counts()
    for name, count in rows.items():
        counts[name] += count
    if isinstance(session, OrderFlowRecording):  # a level that comes and goes within an event is no delete
        counts["unknown_deletes"] = 0
    return finding(
        events=getattr(session, "lines", 0) or number,
        diffs=diffs,
        **counts,
        unknown_orders=getattr(session, "counts", {}).get("unknown order", 0),
        contradictions=getattr(session, "counts", {}).get("contradiction", 0),
        compared="",
    )


def _row(row: Snapshot, counts: Counter[str]) -> None:
    counts["rows"] += 1
    counts["invalid_rows"] += not row.valid
    bid, ask = row.levels[0, 0], row.levels[0, 2]
    if np.isnan(bid) or np.isnan(ask):
        counts["one_sided"] += 1
    else:
        counts["crossed"] += bool(bid >= ask)
        counts["locked"] += bool(bid == ask)
