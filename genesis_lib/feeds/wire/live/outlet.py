"""Events on their way from the network thread to whoever reads them, bounded for a slow reader."""

from __future__ import annotations

import queue
from collections.abc import Iterable

from genesis_lib.types import Event, Gap

OVERRUN = "the reader fell behind; events were dropped"


class Outlet:
    """A queue of events of one or several symbols.

    Parameters
    ----------
    backlog
        Events kept for a slow reader. Beyond that a symbol's events are dropped: a `Gap` stands in their place, and its
        book must be joined anew once the reader has caught up half of it.

    Attributes
    ----------
    dropped : int
        Events lost to a slow reader.
    """

    def __init__(self, backlog: int) -> None:
        self.backlog, self.dropped = backlog, 0
        self._queue: queue.SimpleQueue[Event | BaseException] = queue.SimpleQueue()
        self._behind: set[str] = set()

    def put(self, events: Iterable[Event]) -> None:
        """Add events; called in the network thread alone."""
        for event in events:
            if self._queue.qsize() >= self.backlog and event.symbol not in self._behind:
                self._behind.add(event.symbol)
                self._queue.put(Gap(event.symbol, event.ts_exchange, event.ts_receive, OVERRUN, -1, -1))
            if event.symbol in self._behind:
                self.dropped += 1
            else:
                self._queue.put(event)

    def caught_up(self, symbol: str) -> bool:
        """Whether the reader has come so far that a symbol that had been cut off may go on; it then does."""
        if symbol not in self._behind or self._queue.qsize() >= self.backlog // 2:
            return False
        self._behind.discard(symbol)
        return True

    def fail(self, error: BaseException) -> None:
        """Let the reader's next `get` but those before raise an error."""
        self._queue.put(error)

    def get(self, timeout: float) -> Event | None:
        """Next event, waiting at most `timeout` seconds; None when none came. Raises what `fail` was given."""
        try:
            event = self._queue.get(timeout=timeout) if timeout > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None
        if isinstance(event, BaseException):
            raise event
        return event
