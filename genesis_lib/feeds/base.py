"""What a source of events is, and the one that replays finished data at a chosen speed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

from genesis_lib.errors import InputError
from genesis_lib.types import Event, Instrument, Snapshot


class EndOfSource(Exception):
    """The source has nothing more to give; not an error."""


@runtime_checkable
class Source(Protocol):
    """Where a session's events come from; recordings, Parquet, CSV, the simulator and live sockets alike."""

    name: str  # what the user asked for
    instrument: Instrument
    provenance: str  # "recorded", "simulated" or "live"
    data_hash: str  # sha256 of the data, or a statement of how it was made

    def poll(self, timeout: float) -> Event | Snapshot | None:
        """Next event, waiting at most `timeout` seconds; None when none is due; raises `EndOfSource` at the end."""

    def close(self) -> None:
        """Let go of files and sockets."""


class ReplaySource:
    """Plays an iterable of events (or rows) back, `speed` times as fast as it was recorded.

    Parameters
    ----------
    events
        Called once to open the stream.
    speed
        1.0 is as recorded, ``math.inf`` as fast as the reader asks. Paced by receive time.
    """

    def __init__(
        self,
        events: Callable[[], Iterable[Event | Snapshot]],
        instrument: Instrument,
        *,
        name: str,
        provenance: str = "recorded",
        data_hash: str = "",
        speed: float = math.inf,
    ) -> None:
        if not speed > 0:
            raise InputError(f"speed must be greater than 0 (or max), got {speed!r}")
        self.name, self.instrument, self.provenance, self.data_hash = name, instrument, provenance, data_hash
        self.speed = speed
        self._open = events
        self._iterator: Iterator[Event | Snapshot] | None = None
        self._held: Event | Snapshot | None = None
        self._origin = (0, 0.0)  # receive time of the first event, monotonic time it was given out
        self._latest = 0

    def events(self) -> Iterator[Event | Snapshot]:
        """The whole stream, unpaced."""
        return iter(self._open())

    def poll(self, timeout: float) -> Event | Snapshot | None:
        if self._iterator is None:
            self._iterator = iter(self._open())
        if self._held is None:
            self._held = next(self._iterator, None)
            if self._held is None:
                raise EndOfSource
        if self.speed != math.inf and not self._due(timeout):
            return None
        event, self._held = self._held, None
        return event

    def rebase(self, speed: float | None = None) -> None:
        """Take up the pace from the next event on, after a pause or with another speed."""
        self.speed = self.speed if speed is None else speed
        self._origin = (0, 0.0)

    def _due(self, timeout: float) -> bool:
        # A clock that jumps back must not stop the replay: time only moves forward.
        self._latest = max(self._latest, self._held.ts_receive)
        if self._origin == (0, 0.0):
            self._origin = (self._latest, time.monotonic())
        wait = self._origin[1] + (self._latest - self._origin[0]) / 1e9 / self.speed - time.monotonic()
        if wait > timeout:
            time.sleep(max(timeout, 0.0))
            return False
        if wait > 0:
            time.sleep(wait)
        return True

    def close(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()
