"""Alerts on their way out: one thread for all sinks, which nobody who trades ever waits for."""

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
from genesis_lib.alerts.sinks.quiet import Quiet
from genesis_lib.alerts.sinks.targets import Outcome, Target, make_target


class Delivery:
    """Sends notices to sinks in the background, each at least once or counted as given up, dropped or waiting.

    A sink that fails is tried again after waits that grow (exponential back-off with full jitter, or what its
    ``Retry-After`` asks for) while the others go on; one that answers slowly costs them no more than its time-out.

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
        self._turn = 0
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
        self._thread: threading.Thread | None = None
        if self._lanes:
            self._thread = threading.Thread(target=self._run, name="genesis-alerts", daemon=True)
            self._thread.start()

    @classmethod
    def configured(cls, settings: configuration.Alerts, folder: Path, about: Mapping[str, str]) -> Delivery:
        """To the sinks of ``[alerts]``; `ConfigError` where an address reaches nothing.

        Parameters
        ----------
        folder
            The session's, for ``file``.
        """
        most = round(settings.log_mb * 1e6)
        sinks = [
            (address, make_target(address, timeout_s=settings.sink_timeout_s, folder=folder, most_bytes=most))
            for address in read_addresses(settings)
        ]
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
                self._changed.notify()

    def status(self) -> list[dict[str, Any]]:
        """What came of it so far, a sink each: sent, waiting, retried, given up, dropped, and its last failure."""
        if not self._lanes:
            return []
        with self._changed:
            return [lane.status() for lane in self._lanes]

    def close(self, timeout_s: float = 0.0) -> None:
        """Send what can be sent within `timeout_s` seconds, and end; what is left is told in the log. Twice is fine."""
        if self._thread is None:
            return
        with self._changed:
            if self._closing is None:
                self._closing = time.monotonic() + timeout_s
            self._changed.notify()
        self._thread.join(timeout_s)  # one attempt may be under way: it is left alone, and the thread ends with it
        self._thread = None
        for found in self.status():
            if found["waiting"]:
                LOG.warning("alerts: %d were not sent to %s before the end", found["waiting"], found["sink"])

    def _next(self, now: float) -> tuple[Lane | None, float | None]:
        """The next sink whose turn it is, or how long until there is one (None: nothing waits)."""
        least: float | None = None
        for step in range(len(self._lanes)):
            at = (self._turn + step) % len(self._lanes)
            wait = self._lanes[at].ready_in(now)
            if wait is None:
                continue
            if wait <= 0.0:
                self._turn = at + 1
                return self._lanes[at], 0.0
            least = wait if least is None else min(least, wait)
        return None, least

    def _due(self) -> Lane | None:
        """Wait for a sink that may be sent to; None at the end."""
        while True:
            now = time.monotonic()
            lane, wait = self._next(now)
            if self._closing is not None and (now >= self._closing or wait is None or now + wait > self._closing):
                return None
            if lane is not None:
                return lane
            self._changed.wait(wait)

    def _run(self) -> None:
        with Quiet():
            while True:
                with self._changed:
                    lane = self._due()
                    if lane is None:
                        break
                    parcel = lane.take()
                try:
                    outcome = lane.target.send(parcel.letter)
                except Exception as error:
                    # Whatever other people's code raises: its words may quote the address, its name does not.
                    outcome = Outcome(type(error).__name__)
                with self._changed:
                    lane.settle(parcel, outcome, time.monotonic())
            for lane in self._lanes:
                lane.target.close()
