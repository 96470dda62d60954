"""Replay of finished data under control: play, pause, step, change the speed, go to any time and back."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genesis_lib.clock import NS
from genesis_lib.config import Config, load
from genesis_lib.errors import InputError, StateError
from genesis_lib.feeds.base import EndOfSource, ReplaySource, parse_speed
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.sources import open_source
from genesis_lib.feeds.tape.places import approach, clamped, moment, start_of, within
from genesis_lib.types import Event, Snapshot, Trade

if TYPE_CHECKING:
    from orderbook_ext import OrderBook

AHEAD_NS = 300 * NS  # how far beyond the place reached the tape of an endless simulator is made
WAIT_S = 0.02
UNITS = ("rows", "events")


@dataclass(frozen=True, slots=True)
class ReplayState:
    """Where a replay stands. Times are exchange times of rows, int64 ns; None where they are not known (yet)."""

    state: str  # "playing", "paused", "seeking" or "ended"
    speed: float  # math.inf is as fast as it goes
    time: int | None  # of the newest row
    start: int | None  # of the first row
    end: int | None  # of the last row; None until the whole stream is known
    known: int | None  # up to here any time may be gone to at once
    progress: float | None  # 0 to 1, between start and end
    events: int  # given so far, counted from the stream's first
    rows: int  # made of them
    total_events: int | None
    total_rows: int | None


class Replay:
    """Finished data under control, with the exact book at every place: iterate, step, seek.

    Parameters
    ----------
    spec
        What `open_source` opens: a recording, Parquet, CSV, a database, ``simulator[:SYMBOL]``; or a `ReplaySource`.
    speed
        Of iterating: 1.0 is as recorded, ``math.inf`` as fast as it is asked.
    depth
        Levels a side of a row.
    config
        Settings; read from the working directory and the environment when left out. Tapes are kept in
        ``paths.data/cache``.
    options
        Keywords of `open_source`: ``seed``, ``minutes``, ``tick_size``, ``symbol``.

    Attributes
    ----------
    row : Snapshot or None
        The newest row.
    source : ReplaySource

    Notes
    -----
    A seek rebuilds the book from the nearest checkpoint before: a few ms. The checkpoints are made by one pass over the
    data in the background, which begins with the first seek (or `prepare`) and is kept for the next time; until it has
    come by, a seek waits for it.

    Examples
    --------
    >>> with Replay("simulator", seed=1, minutes=1) as replay:
    ...     row = replay.seek("+30")
    ...     later = replay.step(5)
    ...     earlier = replay.back(10)
    ...     row.levels.shape, later.ts_exchange > row.ts_exchange, replay.state.events > 0
    ((10, 4), True, True)
    """

    def __init__(
        self,
        spec: str | Path | Iterable[str | Path] | ReplaySource,
        *,
        speed: float = math.inf,
        depth: int = 10,
        config: Config | None = None,
        **options: Any,
    ) -> None:
        source = spec if isinstance(spec, ReplaySource) else open_source(spec, speed=speed, config=config, **options)
        if not isinstance(source, ReplaySource):
            source.close()
            raise StateError(f"a live market cannot be replayed: {source.name}")
        self.source, self.depth = source, depth
        self._config = config
        self._builder = RowBuilder(source.instrument, depth)
        self.row: Snapshot | None = None
        self._paused = self._ended = False

    @property
    def book(self) -> OrderBook:
        """The order book after the newest event, every level of it."""
        return self._builder.book

    @property
    def trades(self) -> tuple[Trade, ...]:
        """Trades that the newest row's flow is made of."""
        return self._builder.trades

    @property
    def speed(self) -> float:
        """Pace; may be changed at any time."""
        return self.source.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self.source.rebase(parse_speed(speed))

    @property
    def state(self) -> ReplayState:
        """Where it stands."""
        state = "ended" if self._ended else "paused" if self._paused else "playing"
        time = None if self.row is None else self.row.ts_exchange
        return state_of(self.source, state, time, self._builder.counts["rows"])

    def prepare(self, wait: bool = True) -> None:
        """Have the data made ready for seeking; `wait` until all of it is."""
        if self.source.tape is None:
            self.source.track(Path((self._config or load()).paths.data) / "cache")
        while wait and not self.source.is_endless and self.source.refresh().can_grow:
            time.sleep(WAIT_S)

    def poll(self, timeout: float = 0.0) -> Event | Snapshot | None:
        """Next event when it is due at this speed, applied to `book`; None while none is due, or paused.

        Raises
        ------
        EndOfSource
            Behind the last one.
        """
        if self._paused:
            time.sleep(max(timeout, 0.0))
            return None
        return self._apply(self.source.poll, timeout)

    def __iter__(self) -> Iterator[Snapshot]:
        """Rows as they come, at the pace that is set, until the end or a pause."""
        while not self._paused:
            try:
                before, _ = self.row, self.poll(WAIT_S)
            except EndOfSource:
                return
            if self.row is not before:
                yield self.row

    def pause(self) -> None:
        """Let nothing come until `resume`; steps and seeks go on."""
        self._paused = True

    def resume(self) -> None:
        """Go on from here, at the pace that is set."""
        self._paused = False
        self.source.rebase()

    def step(self, n: int = 1, unit: str = "rows") -> Snapshot | None:
        """Let exactly `n` rows (or events) come, whatever the pace; fewer at the end.

        Returns
        -------
        Snapshot or None
            The newest row.
        """
        if unit not in UNITS:
            raise InputError(f"unit must be one of {', '.join(UNITS)}, got {unit!r}")
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise InputError(f"n must be a whole number of at least 1, got {n!r}")
        try:
            while n:
                before = self.row
                given = self._apply(self.source.take, WAIT_S) is not None
                n -= given if unit == "events" else self.row is not before
        except EndOfSource:
            pass
        self.source.rebase()
        return self.row

    def seek(self, when: Any) -> Snapshot | None:
        """Go to a time: to the newest row whose exchange time is not after it; see `moment` for how to say it.

        Raises
        ------
        InputError
            For a time outside the data.
        """
        self.prepare(wait=False)
        while self.source.refresh().start is None and self.source.tape.can_grow:
            time.sleep(WAIT_S)
        while True:
            try:
                target = moment(when, self.source.refresh())
                break
            except StateError:  # it counts from the end, which the tape will know
                if self.source.is_endless or not self.source.tape.can_grow:
                    raise
                time.sleep(WAIT_S)
        return self._go(target)

    def back(self, seconds: float) -> Snapshot | None:
        """Go back by seconds of the exchange's time, to the start at most."""
        return self.forward(-_span(seconds))

    def forward(self, seconds: float) -> Snapshot | None:
        """Go forward by seconds of the exchange's time, to the end at most."""
        return self._go(self._now() + round(_span(seconds) * NS), clamp=True)

    def _now(self) -> int:
        self.prepare(wait=False)
        while self.row is None and self.source.refresh().start is None and self.source.tape.can_grow:
            time.sleep(WAIT_S)
        return start_of(self.source.tape) if self.row is None else self.row.ts_exchange

    def _go(self, target: int, clamp: bool = False) -> Snapshot | None:
        while True:
            tape = self.source.refresh()
            if clamp:
                target = clamped(target, tape)
            found = within(target, tape, is_endless=self.source.is_endless)
            if self.source.is_endless:
                self.source.want(target + AHEAD_NS)
            if found is not None:
                break
            time.sleep(WAIT_S)
        self.enter(tape.position_at(found))
        return self.row

    def enter(self, position: int) -> None:
        """Go to where the first `position` events have been given."""
        self.prepare(wait=False)
        self.source.enter(position)
        checkpoint, lead, last = approach(self.source.tape, position)
        self._builder = RowBuilder(self.source.instrument, self.depth)
        self.row, self._ended = checkpoint.restore(self._builder), False
        for part in (lead, last):
            for event in part:
                self.row = self._builder.push(event) or self.row

    def _apply(self, give: Any, timeout: float) -> Event | Snapshot | None:
        try:
            event = give(timeout)
        except EndOfSource:
            self._ended = True
            raise
        if event is not None:
            self.row = self._builder.push(event) or self.row
        return event

    def close(self) -> None:
        """Let go of the data."""
        self.source.close()

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _span(seconds: Any) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, np.number)) or not abs(seconds) < 1e9:
        raise InputError(f"seconds must be a number between -1e9 and 1e9, got {seconds!r}")
    return seconds


def state_of(source: ReplaySource, state: str, time: int | None, rows: int) -> ReplayState:
    """What is known of a replay."""
    tape = source.tape
    start = end = known = progress = None
    whole = False
    if tape is not None:
        start, known, whole = tape.start, tape.end, tape.is_whole
        end = known if whole else None
        if time is not None and end is not None and end > start:
            progress = min(1.0, max(0.0, (time - start) / (end - start)))
    return ReplayState(
        state, source.speed, time, start, end, known, progress, source.position, rows,
        tape.events if whole else None, tape.rows if whole else None,
    )  # fmt: skip
