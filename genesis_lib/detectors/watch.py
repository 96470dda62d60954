"""Detectors side by side over one stream: events on the way, then the row they made."""

from __future__ import annotations

from collections.abc import Iterable

from genesis_lib.detectors.base import Alert, Detector, make_detectors
from genesis_lib.detectors.view import View
from genesis_lib.types import DepthUpdate, Snapshot, Trade

MOST_EVENTS = 50_000  # kept between two rows; a stream that never makes a row does not fill the memory


class Watch:
    """Shows each row to every detector, with what was told since the row before.

    Parameters
    ----------
    detectors
        Kinds (keys of `DETECTORS`) or detectors of one's own; all kinds when left out.

    Examples
    --------
    >>> Watch(["spread_shock"]).kinds
    ('spread_shock',)
    """

    def __init__(self, detectors: Iterable[str | Detector] | None = None) -> None:
        chosen = make_detectors() if detectors is None else list(detectors)
        self.detectors = [item if isinstance(item, Detector) else make_detectors([item])[0] for item in chosen]
        self._begin()

    def _begin(self) -> None:
        self._before: View | None = None
        self._trades: list[Trade] = []
        self._updates: list[DepthUpdate] = []

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is watched for."""
        return tuple(item.kind for item in self.detectors)

    def observe(self, event: object) -> None:
        """Take an event before the row it makes or belongs to; what is neither trade nor diff is passed over."""
        kind = type(event)
        if kind is DepthUpdate:
            if len(self._updates) < MOST_EVENTS:
                self._updates.append(event)
        elif kind is Trade and event.market and len(self._trades) < MOST_EVENTS:
            self._trades.append(event)

    def step(self, row: Snapshot) -> list[Alert]:
        """Take the next row; the alarms it raised, in the order of the detectors."""
        if not row.valid:
            for item in self.detectors:
                item.forget()
            self._begin()
            return []
        view = View(row, self._trades, self._updates, self._before)
        self._before, self._trades, self._updates = view, [], []
        found = []
        for item in self.detectors:
            alert = item.look(view)
            if alert is not None:
                found.append(alert)
        if found:
            for item in self.detectors:
                item.heed(found)
        return found

    def forget(self) -> None:
        """Start anew with the next row, baselines too: it is of another time."""
        self.detectors = [type(item)() for item in self.detectors]
        self._begin()
