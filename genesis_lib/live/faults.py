"""Faults of a session's source: which of them it survives, and what is told of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from genesis_lib.alerts import Notice
from genesis_lib.engine import Engine, Step
from genesis_lib.errors import GenesisError, RecordingError, SessionError
from genesis_lib.feeds.base import Source
from genesis_lib.live.picture import Picture
from genesis_lib.types import Gap

MOST_IN_A_ROW = 100  # a live source that only fails is given up


class Faults:
    """Counts faults and says whether the session goes on: a live one does, finished data that are broken end it.

    Parameters
    ----------
    source, engine, picture
        The session's own.
    is_finite
        Whether the source has an end.
    tell
        Called with what the sinks shall hear of a fault.

    Attributes
    ----------
    count, in_a_row : int
        Faults; those since the last event that was none.
    error : GenesisError or None
        What ended the session.
    reason : str or None
        Why it ended early, in words.
    """

    def __init__(
        self,
        source: Source,
        engine: Engine,
        picture: Picture,
        is_finite: bool,
        tell: Callable[[list[Notice]], None],
    ) -> None:
        self._source, self._engine, self._picture, self._is_finite = source, engine, picture, is_finite
        self._tell = tell
        self.count = self.in_a_row = 0
        self.error: GenesisError | None = None
        self.reason: str | None = None

    def check_rows(self) -> None:
        """At the end of the data: without a single book row it is a failure."""
        if not self._engine.rows and self._is_finite:
            cause = f"{self._engine.events} events, but no book row: nothing in it that a book could start from"
            self.give_up(RecordingError(cause, self._source.name))

    def give_up(self, error: GenesisError) -> bool:
        """End with an error; False, as `survive` says it."""
        self.error, self.reason = error, str(error)
        return False

    def survive(self, error: GenesisError, show: Callable[[Step], None]) -> bool:
        """Record a fault and say whether the session goes on; `show` gets what came of the gap that it leaves."""
        self.count += 1
        self.in_a_row += 1
        if self._is_finite:
            return self.give_up(error)
        if self.in_a_row > MOST_IN_A_ROW:
            return self.give_up(SessionError(f"{self._source.name} gave nothing but faults, the last one: {error}"))
        self.warn(error)
        if (row := self._picture.row) is not None:
            # In the market's time, not ours: a local venue plays days that are long past.
            cause, symbol = f"fault of the source: {error}", self._source.instrument.symbol
            step = self._engine.step(Gap(symbol, row.ts_exchange, row.ts_receive, cause, -1, -1))
            if step is not None:
                show(step)
        return True

    def warn(self, error: GenesisError) -> None:
        """Tell viewers and sinks of something that went wrong; it is no decision, and in no journal."""
        told: dict[str, Any] = {
            "kind": "fault",
            "severity": "warning",
            "timestamp": time.time_ns(),
            "message": str(error),
        }
        self._picture.alert(told)
        self._tell([Notice(0, "new", told["kind"], told["severity"], 0.0, told["timestamp"], told["message"])])
