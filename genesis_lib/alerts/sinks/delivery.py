"""Alerts on their way out: a thread for each sink, which nobody who trades and no other sink ever waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genesis_lib import config as configuration
from genesis_lib.alerts.desk import Notice
from genesis_lib.alerts.sinks.address import Address, read_addresses
from genesis_lib.alerts.sinks.lane import LOG, Lane
from genesis_lib.alerts.sinks.letter import Letter
from genesis_lib.alerts.sinks.pending import Parcel
from genesis_lib.alerts.sinks.quiet import Quiet
from genesis_lib.alerts.sinks.targets import Outcome, Target, make_target
from genesis_lib.errors import ConfigError

LONGEST_SLEEP_S = 3600.0  # a lock takes no time-out of centuries


class Delivery:
    """Sends notices to sinks in the background, each at least once or counted as given up, dropped or waiting.

    A sink that fails is tried again after waits that grow (exponential back-off with full jitter, or what its
    ``Retry-After`` asks for) while the others go on: however long one takes over an attempt, it holds up itself alone.

    Parameters
    ----------
    sinks
        Addresses and what they reach; without any there is no thread, and everything is thrown away.
    settings
        ``[alerts]``: queue, attempts and waits.
    about
        Said in every letter: session, instrument, provenance.

    Examples
    --------
    >>> Delivery([]).status()
    []
    """

    def __init__(
        self,
        sinks: Sequence[tuple[Address, Target]],
        settings: configuration.Alerts | None = None,
        about: Mapping[str, str] | None = None,
    ) -> None:
        settings = configuration.Alerts() if settings is None else settings
        self._about = dict(about or {})
        self._changed = threading.Condition()
        self._held: list[Letter] = []  # of the one who tells: not to be sent before they are durable
        self._closing: float | None = None
        now = time.monotonic()
        names = [str(address) for address, _ in sinks]
        self._lanes = [
            Lane(
                name if names.count(name) == 1 else f"{name} (number {number})", address, target,
                queue=settings.sink_queue, attempts=settings.sink_attempts,
                longest_wait_s=settings.sink_longest_wait_s, now=now,
            )
            for number, (name, (address, target)) in enumerate(zip(names, sinks), 1)
        ]  # fmt: skip
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=f"genesis-alerts-{number}", daemon=True)
            for number, lane in enumerate(self._lanes, 1)
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def configured(cls, settings: configuration.Alerts, folder: Path, about: Mapping[str, str]) -> Delivery:
        """To the sinks of ``[alerts]``; `ConfigError` where an address reaches nothing.

        Parameters
        ----------
        folder
            The session's, for ``file``.
        """
        most, sinks = round(settings.log_mb * 1e6), []
        for number, address in enumerate(read_addresses(settings), 1):
            try:
                target = make_target(address, timeout_s=settings.sink_timeout_s, folder=folder, most_bytes=most)
            except ConfigError as error:
                raise ConfigError(f"alerts.sinks, number {number}: {error}") from None
            sinks.append((address, target))
        return cls(sinks, settings, about)

    def hold(self, notices: Iterable[Notice]) -> None:
        """Take notices in that may be told after the next `release`; for one thread alone."""
        if self._lanes:
            self._held.extend(Letter(notice, self._about) for notice in notices)

    def release(self) -> None:
        """Let what is held be sent: it is durable now."""
        if not self._held:
            return
        letters, self._held = self._held, []
        with self._changed:
            if self._closing is None:
                for letter in letters:
                    for lane in self._lanes:
                        lane.add(letter)
                self._changed.notify_all()

    def status(self) -> list[dict[str, Any]]:
        """What came of it so far, a sink each: sent, waiting, retried, given up, dropped, and its last failure."""
        if not self._lanes:
            return []
        with self._changed:
            return [lane.status() for lane in self._lanes]

    def close(self, timeout_s: float = 0.0) -> None:
        """Send what can be sent within `timeout_s` seconds, and end; what is left is told in the log. Twice is fine."""
        with self._changed:
            if self._closing is None:
                self._closing = time.monotonic() + timeout_s
            self._changed.notify_all()
        threads, self._threads = self._threads, []
        for thread in threads:  # an attempt may be under way: it is left alone, and its thread ends with it
            thread.join(min(max(0.0, self._closing - time.monotonic()), LONGEST_SLEEP_S))
        for found in self.status() if threads else ():
            if found["waiting"]:
                LOG.warning("alerts: %d were not sent to %s before the end", found["waiting"], found["sink"])

    def _take(self, lane: Lane) -> Parcel | None:
        """Wait until the sink may be sent to, and take its next letter; None at the end."""
        while True:
            now = time.monotonic()
            wait = lane.ready_in(now)
            if self._closing is not None and (now >= self._closing or wait is None or now + wait > self._closing):
                return None
            if wait is not None and wait <= 0.0:
                return lane.take()
            self._changed.wait(None if wait is None else min(wait, LONGEST_SLEEP_S))

    def _run(self, lane: Lane) -> None:
        with Quiet():
            while True:
                with self._changed:
                    parcel = self._take(lane)
                if parcel is None:
                    break
                try:
                    outcome = lane.target.send(parcel.letter)
                except Exception as error:
                    # Whatever other people's code raises: its words may quote the address, its name does not.
                    outcome = Outcome(type(error).__name__)
                with self._changed:
                    lane.settle(parcel, outcome, time.monotonic())
                lane.say()  # not under the lock: a log may be slow to write
            lane.target.close()
