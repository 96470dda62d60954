"""The session's loop: one source, one engine, one journal, in a single thread that nobody outside can hold up."""

from __future__ import annotations

import contextlib
import gc
import time
from pathlib import Path
from typing import Any

from genesis_lib.alerts.sinks import Delivery
from genesis_lib.config import Config
from genesis_lib.engine import COMMANDS, Engine, Step
from genesis_lib.errors import GenesisError, InputError, StateError
from genesis_lib.feeds.base import EndOfSource, Source
from genesis_lib.journal import Journal
from genesis_lib.journal.commands import ACKNOWLEDGE
from genesis_lib.live.announcer import Announcer
from genesis_lib.live.client import acknowledgement
from genesis_lib.live.directory import SessionDirectory
from genesis_lib.live.endpoint import Endpoint
from genesis_lib.live.faults import Faults
from genesis_lib.live.latency import LatencyWindow
from genesis_lib.live.picture import Picture
from genesis_lib.live.playback import AT_THE_END, MOVES, Playback
from genesis_lib.live.playback import COMMANDS as REPLAY_COMMANDS
from genesis_lib.live.resume import Repetition

TURN_NS = 5_000_000  # commands are looked for this often, however many events wait
HEARTBEAT_NS = 500_000_000  # frames after the end


class Session:
    """Trades on paper what a source gives, shows it, and obeys commands between two events.

    Parameters
    ----------
    source
        Where the events come from; closed at the end.
    directory
        The session's own; holds its journal, its state and its sockets.
    config
        Settings.
    artifact
        The model that predicts; None trades on none.
    stay
        After the end of the source, go on answering viewers until `stop`.
    minutes
        End after so much market time.
    about
        What else ``session.json`` shall say, for example how to start the session again.

    Notes
    -----
    What a frame shows and what a command's acknowledgement says is in the journal, durably, before it leaves.
    """

    def __init__(
        self,
        source: Source,
        directory: SessionDirectory,
        *,
        config: Config,
        artifact: Any = None,
        stay: bool = False,
        minutes: float | None = None,
        about: dict[str, Any] | None = None,
    ) -> None:
        self.source, self.directory, self.config, self.artifact, self.stay = source, directory, config, artifact, stay
        self._until, self._length = 0 if minutes else 1 << 63, round((minutes or 0) * 60e9)
        self._ended = self._stopping = False
        self._picture, self._latency = Picture(), LatencyWindow()
        self._percentiles = self._latency.percentiles()
        self._summary: dict[str, Any] | None = None
        self.journal = Journal.open(directory.path, directory.name)
        try:
            self._repetition = None
            if self.journal.resumed:
                self._repetition = Repetition(source, self.journal.header, self.journal.rows("commands"))
            self.engine = Engine.build(
                source.instrument,
                artifact=artifact,
                config=config,
                journal=self.journal,
                data_hash=source.data_hash,
                provenance=source.provenance,
                source=source.name,
            )
            told = {"instrument": source.instrument.name, "provenance": source.provenance}
            self._delivery = Delivery.configured(config.alerts, directory.path, {"session": directory.name, **told})
        except BaseException:
            self.journal.close()
            raise
        parts = source, self.engine, self._picture
        self._playback = Playback(*parts, self._repetition, Path(config.paths.data) / "cache")
        self._faults = Faults(*parts, self._playback.is_finite, self._delivery.hold)
        self._announcer = Announcer(directory, *parts, about or {}, self._own, self._delivery.release)
        if self._repetition is None:
            self.engine.start()
        else:
            self._repetition.begin(self.engine.events)
            self._playback.take_up(directory.before.get("paused", False))
        self._picture.begin(self.engine)

    @property
    def state(self) -> str:
        """RUNNING, PAUSED, KILLED (until a reset) or ENDED (the source, or the session)."""
        if self._ended:
            return "ENDED"
        if self.engine.account.killed:
            return "KILLED"
        return "PAUSED" if self._playback.paused else "RUNNING"

    def _own(self) -> dict[str, Any]:
        own = {"state": self.state, "reason": self._faults.reason, "faults": self._faults.count}
        own |= {"latency_us": self._percentiles, "sinks": self._delivery.status()}
        return own | {"replay": self._playback.status(self._ended)}

    def stop(self) -> None:
        """End soon and cleanly; safe to call from a signal handler."""
        self._stopping = True

    def run(self) -> dict[str, Any]:
        """Run until the source ends or `stop` is called, and return the summary.

        Raises
        ------
        GenesisError
            What ended a finished source before its end; the journal is closed and intact.
        """
        endpoint = None
        try:
            endpoint = self._announcer.endpoint = Endpoint(*self.directory.addresses)
            self._announcer.write_state(self._summary)
            gc.freeze()  # what was loaded stays: collections then look at the young alone and pause us for less
            self._trade()
            summary = self._finish()
            while self.stay and self._linger():
                self._trade()
                summary = self._finish()
            if self._faults.error is not None:
                raise self._faults.error
            return summary
        except Exception as error:
            self._faults.reason = self._faults.reason or f"{type(error).__name__}: {error}"
            raise
        finally:
            self._ended = True
            gc.unfreeze()
            if endpoint is not None:
                endpoint.close()
            self.source.close()
            try:
                self.journal.close()
                self._delivery.release()
            finally:  # of a journal that cannot be written (a full disk) people shall hear all that was durable
                self._delivery.close(self.config.alerts.flush_s)
                with contextlib.suppress(OSError):  # what ended the session says more than what came of it
                    self._announcer.write_state(self._summary, ended_ns=time.time_ns())

    def _trade(self) -> None:
        poll, step, add, show, faults = self.source.poll, self.engine.step, self._latency.add, self._show, self._faults
        clock, again, playback = time.perf_counter_ns, self._repetition, self._playback
        period = int(1e9 / self.config.session.frames_per_second)
        turn = frame = refresh = clock()
        while not self._stopping:
            now = clock()
            if now >= turn:
                self._announcer.endpoint.serve(self._answer)
                if now >= frame:
                    frame = max(frame + period, now)
                    self._announcer.publish("frame")
                if now >= refresh:
                    refresh = now + 1_000_000_000
                    self._percentiles = self._latency.percentiles()
                    self._look_ahead()
                now = clock()
                turn = min(now + TURN_NS, frame)
            if playback.holds:
                self._announcer.endpoint.wait(max(0, turn - now) / 1e9)
                self._arrive()
                continue
            try:
                event = (playback.take if playback.steps else poll)(max(0, turn - now) / 1e9)
            except EndOfSource:
                return faults.check_rows()
            except GenesisError as error:
                if not faults.survive(error, show):
                    return
                continue
            if event is None:
                continue
            if again is not None and again.left:
                if (result := again.repeat(self.engine, event)) is not None:
                    show(result)
                continue
            taken = clock()
            try:
                result = step(event)
            except InputError as error:  # an event that cannot be; a journal that fails is no fault of the source
                if not faults.survive(error, show):
                    return
                continue
            faults.in_a_row = 0
            if result is not None:
                add(clock() - taken)
                show(result)
                playback.stepped(result)
                self.engine.ahead()
            if event.ts_receive >= self._until:
                if self._until:
                    return
                self._until = event.ts_receive + self._length

    def _show(self, step: Step) -> None:
        self._picture.add(step)
        if step.alerts:
            self._delivery.hold(step.alerts)

    def _look_ahead(self) -> None:
        try:
            self._playback.look_ahead()
        except GenesisError as error:
            self._faults.warn(error)

    def _arrive(self) -> bool | None:
        try:
            if not self._playback.arrive():
                return
        except GenesisError as error:
            if self._playback.is_taking_up:  # at any other place the account would be that of another time
                self._stopping = True
                return self._faults.give_up(error)
            return self._faults.warn(error)
        self._until = 0 if self._length else 1 << 63
        self._announcer.publish("snapshot")

    def _linger(self) -> bool:
        """Answer viewers after the end; True when one of them goes back to where it goes on."""
        while not self._stopping:
            self._look_ahead()  # whoever comes after the end wants to go back
            self._announcer.publish("frame")
            ends = time.perf_counter_ns() + HEARTBEAT_NS
            while not self._stopping and (left := ends - time.perf_counter_ns()) > 0:
                self._announcer.endpoint.wait(min(left / 1e9, 0.05))
                self._announcer.endpoint.serve(self._answer)
                if not self._ended:
                    return True
        return False

    def _finish(self) -> dict[str, Any]:
        self._percentiles = self._latency.percentiles()
        own = {"latency_us": self._percentiles, "session": self.directory.name}
        self._summary = self.engine.finish() | own | {"faults": self._faults.count, "reason": self._faults.reason}
        self._ended = True
        self._announcer.write_state(self._summary)
        self._announcer.publish("ended")
        return self._summary

    def _answer(self, command: str, value: Any) -> tuple[dict[str, Any], bytes | None]:
        if command == "snapshot":
            self._playback.is_watched = True
            return self._announcer.picture()
        seen = self._obey(command, value) if command != "status" else None
        return self._announcer.answer(seen), None

    def _obey(self, command: str, value: Any) -> tuple[int, ...] | None:
        if command == ACKNOWLEDGE:
            return self._acknowledge(value)
        if command not in (*COMMANDS, *REPLAY_COMMANDS):
            raise InputError(f"unknown command {command!r}")
        if self._ended and (
            command not in AT_THE_END or self._faults.error is not None or not self._playback.is_finite
        ):
            raise StateError(f"session {self.directory.name} is at its end: {command} has nothing to act on")
        if command in REPLAY_COMMANDS:
            self._playback.obey(command, value, self._ended)
            if self._ended and command in MOVES:  # it goes on after all
                self._ended, self._summary = False, None
                self.journal.finish(None)
                self._announcer.write_state(None)
            self._arrive()
        else:
            getattr(self.engine, command)()
            if command == "reset":
                self._picture.clear()
        if command not in MOVES:
            self._announcer.write_state(self._summary)
            self._announcer.publish("snapshot" if command == "reset" else "frame")

    def _acknowledge(self, value: Any) -> tuple[int, ...]:
        if not (seen := self.engine.acknowledge(*acknowledgement(value))):
            return seen
        self._picture.mark(self.engine.alarms.desk)
        if self._summary is not None:
            self._summary |= {"journal_sha256": self.journal.sha256}
            self.journal.finish(self._summary)
            self._announcer.write_state(self._summary)
        self._announcer.publish("snapshot")
        return seen
