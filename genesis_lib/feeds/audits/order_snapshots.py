"""The audit of SSE's orders by the exchange's own snapshots: each must be a state of the rebuilt book, at its time."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from genesis_lib.feeds.audits.events import audit_events
from genesis_lib.feeds.formats.sse import CONTINUOUS, SseOrders, nanoseconds, read_snapshots
from genesis_lib.feeds.instruments import SECOND
from genesis_lib.feeds.integrity import Ledger

LEVELS = 10
EARLY = SECOND  # a snapshot's time is cut to the second
LATE = 3 * SECOND  # snapshots come every three seconds


def audit_orders(session: SseOrders, ledger: Ledger) -> dict:
    """Rebuild the book order by order and look for each snapshot of continuous trading among its states.

    Compared are the snapshots from 09:30:00 to before 14:57:00 that have both sides, within the time of the orders
    (those beyond are ``snapshots_outside``). One is equal when all ten levels, prices and quantities, are those of a
    state that the book was in at the snapshot's time, and that state does not lie before that of the snapshot before.
    """
    found = audit_events(session, ledger)
    if session.snapshots is None:
        return found
    snapshots = read_snapshots(session.snapshots)
    tick, lot = session.unit
    levels = snapshots["levels"].astype(float)
    times = nanoseconds(session.day, snapshots["time"] * 100)
    first, last = session.span
    chosen = (snapshots["time"] * 100 >= CONTINUOUS[0]) & (snapshots["time"] * 100 < CONTINUOUS[1])
    chosen &= (levels[:, 0, 0] > 0) & (levels[:, 0, 2] > 0)
    inside = (times >= first - EARLY) & (times <= last)
    outside, chosen = int((chosen & ~inside).sum()), chosen & inside
    levels[:, :, [0, 2]] /= tick
    levels[:, :, [1, 3]] /= lot
    levels[levels == 0] = np.nan
    states, begin = _states(session)
    end = np.append(begin[1:], np.iinfo(np.int64).max)
    at = equal = 0
    for n in np.flatnonzero(chosen).tolist():
        places = [
            place
            for place in states.get(levels[n].tobytes(), ())
            if place >= at and begin[place] <= times[n] + EARLY and end[place] >= times[n] - LATE
        ]
        if places:
            at = places[0]
            equal += 1
        else:
            ledger.note(
                int(times[n]),
                "snapshot differs",
                "the exchange's ten levels are no state of the book",
                session.instrument.symbol,
            )
    return found | {
        "snapshots": int(chosen.sum()),
        "snapshots_equal": equal,
        "snapshots_outside": outside,
        "compared": f"{LEVELS} levels of the exchange's snapshots in continuous trading",
    }


def _states(session: SseOrders) -> tuple[dict[bytes, list[int]], np.ndarray]:
    """Every state of the book, by its ten levels, with its places in order; and the times at which they begin."""
    states: dict[bytes, list[int]] = defaultdict(list)
    book, times, number = session.book(), [], 0
    for block in session.blocks():
        tops = book.apply_tops(*block.rows())
        for place, top in enumerate(tops[block.ends - 1], number):
            states[top.tobytes()].append(place)
        number += len(block.ends)
        times.append(block.ts_exchange)
    return states, np.concatenate(times)
