"""What a source of events is, and the one that replays finished data at a chosen speed."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.types import Event, Instrument, Snapshot

if TYPE_CHECKING:
    from genesis_lib.feeds.tape.file import Tape
    from genesis_lib.feeds.tape.keeper import TapeKeeper


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
    """Plays an iterable of events (or rows) back, `speed` times as fast as it was recorded, from any place in it.

    Parameters
    ----------
    events
        Called to open the stream.
    speed
        1.0 is as recorded, ``math.inf`` as fast as the reader asks. Paced by receive time.
    recipe
        Keywords of `open_source` that open the same stream in another process.
    is_endless
        The stream never ends.

    Attributes
    ----------
    position : int
        Events given out, counted from the stream's first: the number of the next one.

    Notes
    -----
    A stream is read from its start, as it lies there, until `enter` is called: from then on its events come off a tape
    (see `genesis_lib.feeds.tape`), which `track` has made in the background. Both give the same events.
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
        recipe: dict[str, Any] | None = None,
        is_endless: bool = False,
    ) -> None:
        self.name, self.instrument, self.provenance, self.data_hash = name, instrument, provenance, data_hash
        self.speed, self.is_endless = _checked(speed), is_endless
        self.position = 0
        self._open, self._recipe = events, recipe
        self._iterator: Iterator[Event | Snapshot] | None = None
        self._keeper: TapeKeeper | None = None
        self._off_tape = False
        self._held: Event | Snapshot | None = None
        self._origin = (0, 0.0)  # receive time of the first event, monotonic time it was given out
        self._latest = 0

    def events(self) -> Iterator[Event | Snapshot]:
        """The whole stream, unpaced."""
        return iter(self._open())

    def poll(self, timeout: float) -> Event | Snapshot | None:
        """Next event when it is due, waiting at most `timeout` seconds for that; raises `EndOfSource` at the end."""
        if self._held is None:
            self._held = self._next(timeout)
        if self._held is None or (self.speed != math.inf and not self._due(timeout)):
            return None
        return self._give()

    def take(self, timeout: float = 0.0) -> Event | Snapshot | None:
        """Next event whether it is due or not; None where the tape is not that far yet."""
        if self._held is None:
            self._held = self._next(timeout)
        return None if self._held is None else self._give()

    def _give(self) -> Event | Snapshot:
        event, self._held = self._held, None
        self.position += 1
        return event

    def _next(self, timeout: float) -> Event | Snapshot | None:
        if self._iterator is None:
            self._iterator = iter(self._open())
        event = next(self._iterator, None)
        if event is not None:
            return event
        if not self._off_tape:
            raise EndOfSource
        if not self.refresh().can_grow and self.position >= self.tape.events:
            if self.tape.failure is not None:
                raise RecordingError(self.tape.failure)
            raise EndOfSource
        self._iterator = self.tape.read(self.position)
        event = next(self._iterator, None)
        if event is None:
            time.sleep(max(0.0, min(timeout, 0.005)))
        return event

    def rebase(self, speed: float | None = None) -> None:
        """Take up the pace from the next event on, after a pause or with another speed."""
        self.speed = self.speed if speed is None else _checked(speed)
        self._origin = (0, 0.0)

    def track(self, folder: Path | None = None) -> None:
        """Have the stream's tape made in the background, so that it may be entered anywhere; once is enough.

        Parameters
        ----------
        folder
            Keeps whole tapes for the next time; a temporary one when left out.
        """
        if self._keeper is None:
            from genesis_lib.feeds.tape.keeper import TapeKeeper, fingerprint  # pyarrow, for those who seek

            name = fingerprint(self.data_hash, self.instrument)
            self._keeper = TapeKeeper(
                name,
                self.instrument,
                folder,
                recipe=self._recipe,
                data_hash=self.data_hash,
                events=self._open,
                is_endless=self.is_endless,
            )

    @property
    def tape(self) -> Tape | None:
        """The tape as far as it is known; None before `track`."""
        return None if self._keeper is None else self._keeper.tape

    def refresh(self) -> Tape:
        """The tape as far as it is now; `track` comes first."""
        self._keeper.refresh()
        return self._keeper.tape

    def want(self, moment: int) -> None:
        """Have the tape of an endless stream made up to a time, ns."""
        self._keeper.want(moment)

    def enter(self, position: int) -> None:
        """Let event number `position` be the next; what its book is, tells the tape's checkpoint before it."""
        if not 0 <= position <= self.refresh().events:
            raise InputError(f"position must be 0 to {self.tape.events} events, got {position!r}")
        self._leave()
        self._held, self._off_tape, self.position, self._latest = None, True, position, 0
        self._iterator = self.tape.read(position)
        self.rebase()

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

    def _leave(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()

    def close(self) -> None:
        """Let go of files, and of the tape and whoever is writing it."""
        self._leave()
        if self._keeper is not None:
            self._keeper.close()


def parse_speed(speed: float | str) -> float:
    """Speed of a replay; ``max`` is infinite.

    >>> parse_speed("10x"), parse_speed("max"), parse_speed(0.5)
    (10.0, inf, 0.5)
    """
    if isinstance(speed, (int, float)) and not isinstance(speed, bool) and speed > 0:
        return float(speed)
    if isinstance(speed, str):
        if speed.lower() == "max":
            return math.inf
        if re.fullmatch(r"\d+(\.\d+)?x?", speed) and float(speed.rstrip("x")) > 0:
            return float(speed.rstrip("x"))
    raise InputError(f"speed must be a positive number such as 1, 10 or 0.5, or max, got {speed!r}")


def _checked(speed: float) -> float:
    if not speed > 0:
        raise InputError(f"speed must be greater than 0 (or max), got {speed!r}")
    return speed
