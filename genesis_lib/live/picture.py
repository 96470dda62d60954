"""What viewers see: the points, trades and alerts of late, and what of them is new since the last frame."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np

from genesis_lib.live.messages import plain

POINTS, TRADES, ALERTS = 500, 50, 20
POINT_COLUMNS = ("ts_ms", "mid", "p_down", "p_neutral", "p_up", "valid")
NEW_POINTS = 200  # most points a frame carries: a replay at full speed makes thousands of rows a frame
_UNKNOWN = (math.nan, math.nan, math.nan)


class Picture:
    """Collects what the engine's steps showed and cuts it into frames.

    A point that was thinned out of a frame is in no later picture either: all viewers see the same, whenever they came.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.row = None  # newest Snapshot
        self.probabilities: tuple[float, ...] = _UNKNOWN
        self.signal: dict[str, Any] = {"class": "NONE", "confidence": 0.0, "p": None}
        self._new_points: list[tuple[float, ...]] = []
        self._new_alerts: list[Any] = []
        self._points: deque[tuple[float, ...]] = deque(maxlen=POINTS)
        self._alerts: deque[Any] = deque(maxlen=ALERTS)
        self._last_trade = 0  # id of the newest trade that was cut into a frame

    def begin(self, engine) -> None:
        """Show nothing as news that a session had before it was taken up, and all alarms that nobody has seen."""
        self.cut(engine.account.trades)
        if engine.alarms is not None:
            self._new_alerts += [
                plain(entry.notice("new")) for entry in engine.alarms.desk.entries(unacknowledged=True)
            ]

    def add(self, step) -> None:
        """Take in what an event led to."""
        if step.alerts:
            self._new_alerts += map(plain, step.alerts)
        row = step.row
        if row is None or row is self.row:
            return
        self.rows += 1
        self.row = row
        known = step.probabilities is not None and not math.isnan(step.probabilities[0])
        down, neutral, up = map(float, step.probabilities) if known else _UNKNOWN
        self.signal = {"class": step.signal, "confidence": step.confidence, "p": [down, neutral, up] if known else None}
        self._new_points.append((row.ts_exchange / 1e6, mid(row), down, neutral, up, float(row.valid)))

    def start_anew(self, steps: list, row: Any) -> None:
        """Show another time: rows of just before it, and the newest one; alerts of before are gone."""
        self.clear()
        rows, self.row = self.rows, None
        for step in steps:
            self.add(step)
        self._points.extend(self._new_points)  # no frame has room for so many: they are for the full picture
        self._new_points, self._new_alerts = [], []
        self.rows, self.row = rows, row

    def alert(self, alert: dict[str, Any]) -> None:
        """Take in an alert of the session's own, for example a fault of its source."""
        self._new_alerts.append(alert)

    def cut(self, trades: list) -> tuple[np.ndarray, list, list]:
        """New points (thinned), new trades and new alerts since the last cut."""
        points = thin(self._new_points, NEW_POINTS)
        alerts = self._new_alerts[-ALERTS:]
        self._points.extend(points)
        self._alerts.extend(alerts)
        self._new_points, self._new_alerts = [], []
        fresh = []
        for trade in reversed(trades):
            if trade.id <= self._last_trade or len(fresh) == TRADES:
                break
            fresh.append(trade)
        if trades:
            self._last_trade = trades[-1].id
        return _table(points), fresh[::-1], alerts

    def whole(self, trades: list) -> tuple[np.ndarray, list, list]:
        """The last points, trades and alerts of all that was cut."""
        return _table(self._points), trades[-TRADES:], list(self._alerts)

    def mark(self, desk) -> None:
        """Show who has seen which alarm, as the desk knows it."""
        seen = {entry.id: entry for entry in desk.entries() if entry.acknowledged}
        for alert in (*self._alerts, *self._new_alerts):
            if (entry := seen.get(alert.get("id"))) is not None:
                alert["acknowledged"] = entry.by or True

    def clear(self) -> None:
        """Forget points and alerts, as a reset does; ids of trades go on."""
        self._new_points, self._new_alerts = [], []
        self._points.clear()
        self._alerts.clear()
        self.signal = {"class": "NONE", "confidence": 0.0, "p": None}


def mid(row) -> float:
    """Mid price of a row; NaN where a side is empty."""
    return float(row.levels[0, 0] + row.levels[0, 2]) / 2


def thin(points: list, most: int) -> list:
    """At most `most` of the points, evenly spaced, the first and the newest among them.

    >>> thin([0, 1, 2, 3, 4, 5, 6], 3)
    [0, 3, 6]
    """
    if len(points) <= most:
        return points
    return [points[i] for i in np.linspace(0, len(points) - 1, most).round().astype(int)]


def ladder(book: Any, row: Any, levels: int) -> np.ndarray:
    """Best levels as (levels, 4), NaN where empty: of the book where it is kept, else of the row alone."""
    if book is not None and book.best_bid is not None and not math.isnan(book.best_bid):
        return np.asarray(book.top(levels), np.float64)
    table = np.full((levels, 4), math.nan)
    if row is not None:
        shown = min(levels, len(row.levels))
        table[:shown] = row.levels[:shown]
    return table


def _table(points) -> np.ndarray:
    return np.array(points, np.float64).reshape(-1, len(POINT_COLUMNS))
