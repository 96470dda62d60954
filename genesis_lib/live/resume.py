"""Going on with a session that was killed or had ended: which events must pass again before it decides anew."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from genesis_lib.engine import Engine, Step
from genesis_lib.feeds.base import ReplaySource, Source
from genesis_lib.journal.commands import sought
from genesis_lib.types import Event, Snapshot


class Repetition:
    """The events that an earlier run of the session has decided on.

    The same finished data pass again, as fast as they come, so that book and features are where they were; what was
    decided stands in the journal. A live market, or other data of the same instrument, is taken up where it is now.

    Parameters
    ----------
    source
        Of the new run.
    header, commands
        What the journal says of the earlier one, and its commands: events are repeated from its last seek on.

    Attributes
    ----------
    left : int
        Events still to be repeated.
    position : int or None
        Of the source, where they begin; None: at its start.
    """

    def __init__(self, source: Source, header: dict[str, Any], commands: Iterable[dict[str, Any]] = ()) -> None:
        same = isinstance(source, ReplaySource) and header["data_hash"] == source.data_hash
        self._source = source if same else None
        self._speed = source.speed if same else math.inf
        self.left, self.position, self._from = 0, None, 0
        for row in commands if same else ():
            if (position := sought(row["name"])) is not None:
                self.position, self._from = position, row["event_index"]

    def begin(self, events: int) -> None:
        """Let `events` pass unpaced; those of before the last seek are not among them."""
        if self._source is not None and events > self._from:
            self.left = events - self._from
            self._source.rebase(math.inf)

    def abandon(self) -> None:
        """Let none pass any more; the source takes up its pace."""
        if self.left:
            self.left = 0
            self._source.rebase(self._speed)

    def repeat(self, engine: Engine, event: Event | Snapshot) -> Step | None:
        """Let one pass; after the last, the source takes up its pace again."""
        step = engine.warm(event)
        self.left -= 1
        if not self.left:
            self._source.rebase(self._speed)
        return step
