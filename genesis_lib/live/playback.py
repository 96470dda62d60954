"""Control of a session's replay: pause, steps, speed, and where to go on; never of what is decided on the way."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genesis_lib.clock import NS, iso
from genesis_lib.engine import Engine, Step
from genesis_lib.errors import GenesisError, InputError, StateError
from genesis_lib.feeds.base import ReplaySource, Source, parse_speed
from genesis_lib.feeds.replay import AHEAD_NS, state_of
from genesis_lib.feeds.tape.file import Tape
from genesis_lib.feeds.tape.places import clamped, moment, within
from genesis_lib.live.picture import Picture
from genesis_lib.live.resume import Repetition

MOVES = ("seek", "back", "forward")
COMMANDS = ("pause", "resume", "step", "speed", *MOVES)
AT_THE_END = ("speed", *MOVES)
MOST_STEPS = 100_000


class Playback:
    """How a session's source is played; a live market refuses every command.

    Parameters
    ----------
    source, engine, picture
        The session's own.
    repetition
        What must pass again of a session that is taken up; None of a new one.
    folder
        Where tapes are kept for the next time.

    Attributes
    ----------
    paused : bool
        Nothing comes but what `steps` lets through.
    steps : int
        Rows that come whatever the pace.
    is_taking_up : bool
        The place where the session stood before it was taken up has not been reached.
    is_watched : bool
        Somebody looks on, and will want to go to other times: the source is made ready for that.
    """

    def __init__(
        self, source: Source, engine: Engine, picture: Picture, repetition: Repetition | None, folder: Path
    ) -> None:
        self.source, self._engine, self._picture, self._folder = source, engine, picture, folder
        self._repetition = repetition
        self.is_finite = isinstance(source, ReplaySource)
        self.paused, self.steps, self.is_watched = False, 0, False
        self.is_taking_up = False
        self._wish: Callable[[Tape], int | None] | None = None
        self._fault = ""

    @property
    def _now(self) -> int | None:
        return None if self._engine.row is None else self._engine.row.ts_exchange

    @property
    def holds(self) -> bool:
        """No event may be taken now."""
        if self._wish is not None:
            return True
        again = self._repetition
        return self.paused and not self.steps and not (again is not None and again.left)

    def obey(self, command: str, value: Any, ended: bool = False) -> None:
        """Carry out one of `COMMANDS`.

        Parameters
        ----------
        value
            Of ``step``: rows (1 when left out); ``speed``: a factor or ``max``; ``seek``: a time, see
            `genesis_lib.feeds.tape.places.moment`; ``back`` and ``forward``: seconds.
        ended
            It stands at the end of the data. A move from there goes on at the speed that is set, but stands still where
            that is ``max``: it would be at the end again before anybody saw the place.

        Raises
        ------
        StateError
            For a live market.
        InputError
            For a value that is none.
        """
        if not self.is_finite:
            raise StateError(f"a live market cannot be stopped: {command} is for recordings and the simulator")
        if command in ("pause", "resume"):
            _refuse_value(command, value)
            self.paused, self.steps = command == "pause", 0
            if not self.paused:
                self.source.rebase()
        elif command == "step":
            self.steps = _whole(value)
            self.paused = True
        elif command == "speed":
            self.source.rebase(parse_speed(value))
        elif command == "seek":
            if value is None:
                raise InputError("seek needs a time, for example 2024-07-18T23:58:00Z or +90")
            self._aim(lambda tape: self._sought(value, tape))
        else:
            target = (self._now or 0) + round(_seconds(command, value) * NS) * (1 if command == "forward" else -1)
            self._aim(lambda tape: self._found(clamped(target, tape), tape))
        if ended and command in MOVES:
            self.paused, self.steps = self.paused or self.source.speed == math.inf, 0

    def take_up(self, paused: bool = False) -> None:
        """Aim at the last place where the session that is taken up was sent to; `paused`: to stand still there."""
        self.paused = paused and self.is_finite
        if self._repetition.position is not None:
            position = self._repetition.position
            self._aim(lambda tape: _reached(position, tape))
            self.is_taking_up = True

    def _prepare(self) -> None:
        """Have the source made ready to be entered anywhere, in the background."""
        self.source.track(self._folder)

    def _aim(self, wish: Callable[[Tape], int | None]) -> None:
        self._prepare()
        self._look(wish)  # what is wrong with it, is refused
        self._wish, self.is_taking_up = wish, False

    def arrive(self) -> bool:
        """Go on at the place that was asked for as soon as it can be entered; whether that was now.

        Raises
        ------
        GenesisError
            When it turns out that there is no such place, and it is asked for no longer.
        """
        if self._wish is None:
            return False
        try:
            position = self._look(self._wish)
        except GenesisError:
            self._wish = None
            raise
        if position is None:
            return False
        self._wish = None
        self._picture.start_anew(self._go(position), self._engine.row)
        return True

    def _go(self, position: int) -> list[Step]:
        again = self._repetition
        if self.is_taking_up:
            self.is_taking_up = False
            return self._engine.place(self.source, position)  # where it was: the journal has it
        if again is not None:
            again.abandon()
        return self._engine.seek(self.source, position)

    def _look(self, wish: Callable[[Tape], int | None]) -> int | None:
        tape = self.source.refresh()
        if tape.start is None and tape.can_grow:
            return None
        if self.source.is_endless and tape.end is not None:
            self._ask_ahead(wish, tape)
        return wish(tape)

    def _sought(self, when: Any, tape: Tape) -> int | None:
        try:
            time = moment(when, tape)
        except StateError:  # it counts from the end, which the tape will know
            if self.source.is_endless or not tape.can_grow:
                raise
            return None
        return self._found(time, tape)

    def _found(self, time: int, tape: Tape) -> int | None:
        known = within(time, tape, is_endless=self.source.is_endless)
        return None if known is None else tape.position_at(known)

    def _ask_ahead(self, wish: Callable[[Tape], int | None], tape: Tape) -> None:
        if wish(tape) is None:
            self.source.want(tape.end + AHEAD_NS)

    def take(self, timeout: float) -> Any:
        """Next event whether it is due or not, for steps."""
        return self.source.take(timeout)

    def stepped(self, step: Any) -> None:
        """Something came of an event; a row is a step."""
        if self.steps and step.row is not None:
            self.steps -= 1
            if not self.steps:
                self.source.rebase()

    def look_ahead(self) -> None:
        """See how far the source can be entered by now, and have an endless one made ready some minutes ahead."""
        if not self.is_finite or (self.source.tape is None and (self._fault or not self.is_watched)):
            return
        try:
            self._prepare()
            self.source.refresh()
        except GenesisError as error:  # without a tape it plays on, but cannot be entered: told once
            if str(error) != self._fault:
                self._fault = str(error)
                raise
        if self.source.is_endless and self._now is not None:
            self.source.want(self._now + AHEAD_NS)

    def status(self, ended: bool) -> dict[str, Any] | None:
        """What viewers are told, times in ms since 1970; None for a live market."""
        if not self.is_finite:
            return None
        word = "seeking" if self._wish is not None else "ended" if ended else "paused" if self.paused else "playing"
        now = self._now
        state = state_of(self.source, word, now, 0)
        times = {name: _ms(getattr(state, name)) for name in ("time", "start", "end", "known")}
        return {
            "state": word,
            "speed": "max" if state.speed == math.inf else state.speed,
            "at": iso(now) if now is not None else None,
            **times,
            "progress": state.progress,
            "events": state.events,
            "total_events": state.total_events,
            "endless": self.source.is_endless,
            "seeks": self._engine.seeks,
            "paused": self.paused,
            "steps": 0 if ended else self.steps,  # still to come
        }


def _reached(position: int, tape: Tape) -> int | None:
    if tape.events >= position:
        return position
    if tape.can_grow:
        return None
    raise StateError(tape.failure or f"the data end after {tape.events} events; the session stood at {position}")


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e6


def _refuse_value(command: str, value: Any) -> None:
    if value is not None:
        raise InputError(f"{command} takes no value, got {value!r}")


def _whole(value: Any) -> int:
    count = 1 if value is None else value
    if isinstance(count, str) and count.isdigit():
        count = int(count)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_STEPS:
        raise InputError(f"step takes a whole number of rows, 1 to {MOST_STEPS}, got {value!r}")
    return count


def _seconds(command: str, value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if isinstance(value, bool) or not 0 < seconds < 1e9:
        raise InputError(f"{command} takes a number of seconds greater than 0, got {value!r}")
    return seconds
