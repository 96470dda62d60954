"""A set of streams of one path, kept spoken for ever over websockets that come and go."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from websockets.exceptions import WebSocketException

from genesis_lib.errors import SessionError
from genesis_lib.feeds.wire.backoff import Backoff
from genesis_lib.feeds.wire.live.handover import Handover
from genesis_lib.feeds.wire.live.limits import Pace
from genesis_lib.feeds.wire.live.link import AT_ONCE, Link

OVERLAP = 10.0  # s that a new connection has to meet the old one in every stream
STABLE = 1.0  # s of messages after which a connection was good, and its loss an accident
LOOK_EVERY = 1.0  # s
MOST_PATIENT = 16  # times the silence


class Habits(NamedTuple):
    """How a connection is kept."""

    silence: float  # s without any message after which it counts as dead
    lifetime: float  # s after which another takes over
    longest_wait: float  # s between attempts
    per_second: float  # messages a second that the venue takes


class Connection:
    """Keep streams spoken: open again what is lost, and renew what will soon be closed without a gap.

    Parameters
    ----------
    url
        Address of the combined streams, without the streams.
    streams
        Names such as ``btcusdt@trade``.
    deliver
        Called with each message of a stream, in order and without repeats.
    lost
        Called with the names of the streams and the cause when messages of them may have been missed.
    spoken
        Called with the names of streams that come (again) from now on.
    note
        Called with kind and cause of what happened without a loss.

    Attributes
    ----------
    streams : set of str
        What is wanted; `want` changes it.
    renewals, opened : int
        Connections taken over from an older one, and opened at all.

    Notes
    -----
    Shortly before `Habits.lifetime` is over (Binance closes every connection after 24 hours), or when the venue says
    that it is going, a second connection with the same streams is opened beside the first; see `Handover`. A connection
    on which nothing at all came is retried with more patience each time, up to `MOST_PATIENT` times the silence: a
    market may be asleep. The waits between attempts grow while they fail, and begin anew with the loss of a connection
    that brought messages for as long as was waited for it, or for `STABLE` seconds.
    """

    def __init__(
        self,
        url: str,
        streams: Iterable[str],
        habits: Habits,
        *,
        deliver: Callable[[bytes], None],
        lost: Callable[[set[str], str], None],
        spoken: Callable[[set[str]], None],
        note: Callable[[str, str], None],
    ) -> None:
        self.url, self.streams = url, set(streams)
        self.renewals = self.opened = 0
        self._habits = habits
        self._deliver, self._lost, self._spoken, self._note = deliver, lost, spoken, note
        self._patience = 1.0
        self._link: Link | None = None
        self._elder: Link | None = None  # the one that is being replaced
        self._handover: Handover | None = None
        self._wake = asyncio.Event()
        self._anew: set[str] = set()
        self._told: set[str] = set()  # wanted streams of which `spoken` has been told since they were last not wanted

    async def run(self) -> None:
        """Keep the streams spoken until cancelled."""
        waits = Backoff(0.5, self._habits.longest_wait)
        spoken, waited = False, 0.0
        try:
            while True:
                self._handover = self._elder = None  # what came before the loss is no measure of what comes after
                try:
                    self._link = link = await self._open()
                    spoken, began = True, link.born
                    self._tell(link)
                    cause = await self._attend(link)
                except (OSError, WebSocketException, SessionError) as error:  # a TimeoutError is an OSError
                    cause = str(error) or type(error).__name__
                if spoken:
                    self._lost(set(self.streams), cause)
                    self._told.clear()
                else:
                    self._note("no connection", cause)
                # Where data came for as long as was waited for it, the venue is up: another loss is no reason to stay
                # away longer. One that takes connections and drops them at once is one that fails.
                if spoken and self._link.messages and time.monotonic() - began >= min(STABLE, waited):
                    waits.reset()
                spoken, waited = False, waits.next()
                await asyncio.sleep(waited)
        finally:
            for link in (self._link, self._elder):
                if link is not None:
                    link.drop()

    def want(self, streams: set[str]) -> None:
        """Hold these streams from now on; the connection that is there is asked for what changed."""
        self.streams = set(streams)
        self._told &= streams
        self._wake.set()

    def again(self, stream: str) -> None:
        """Subscribe anew to a stream that has fallen silent."""
        self._anew.add(stream)
        self._wake.set()

    async def _open(self) -> Link:
        streams = sorted(self.streams)
        silence = self._habits.silence * self._patience
        link = await Link.open(self.url, streams, Pace(self._habits.per_second), silence)
        self.opened += 1
        link.read(lambda message: self._take(link, message)).add_done_callback(lambda _: self._wake.set())
        if streams[AT_ONCE:]:
            try:
                await link.ask("SUBSCRIBE", streams[AT_ONCE:])
            except BaseException:
                link.drop()
                raise
        return link

    async def _attend(self, link: Link) -> str:
        """Read until no connection is left; gives the cause."""
        expires = self._expiry(link)
        waits = Backoff(1.0, self._habits.longest_wait)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_EVERY, max(0.01, expires - time.monotonic()))):
                    await self._wake.wait()
            self._wake.clear()
            if link.reading.done():
                # Where nothing at all came another connection will hear no more, unless it is given longer.
                self._patience = 1.0 if link.messages else min(MOST_PATIENT, 2 * self._patience)
                return link.reading.result()
            if link.messages:
                self._patience = 1.0
            await self._ask_for_changes(link)
            if time.monotonic() < expires and not link.leaving:
                continue
            successor = await self._renew(link)
            if successor is link:
                link.leaving = False
                expires = time.monotonic() + waits.next() + LOOK_EVERY
            else:
                link, expires = successor, self._expiry(successor)
                waits.reset()

    async def _ask_for_changes(self, link: Link) -> None:
        added, removed = self.streams - link.held, link.held - self.streams
        anew, self._anew = sorted(self._anew & self.streams & link.held), set()
        try:
            if removed or anew:
                await link.ask("UNSUBSCRIBE", sorted(removed) + anew)
            if added or anew:
                await link.ask("SUBSCRIBE", sorted(added) + anew)
        except SessionError as error:
            self._note("refused", str(error))
            link.drop(str(error))  # the next one has the right streams from the start
        else:
            self._tell(link)

    def _tell(self, link: Link) -> None:
        """Tell of the streams that come from now on; one that was let go and wanted again is new to who wants it."""
        fresh = (link.held & self.streams) - self._told
        self._told |= fresh
        if fresh:
            self._spoken(fresh)

    def _expiry(self, link: Link) -> float:
        # Connections that were opened together are not all renewed together.
        return link.born + self._habits.lifetime * random.uniform(0.95, 1.0)

    async def _renew(self, elder: Link) -> Link:
        """Put a new connection in place of an old one; gives the one that is then in use."""
        self._handover = handover = Handover({stream.encode() for stream in elder.held & self.streams})
        self._elder = elder
        try:
            link = await self._open()
        except (OSError, WebSocketException, SessionError) as error:
            self._note("renewal failed", str(error) or type(error).__name__)
            self._end_handover(handover.abandon)
            return elder
        self._link = link
        until = time.monotonic() + OVERLAP
        both = {elder.reading, link.reading}
        while not handover.merged and time.monotonic() < until and not any(task.done() for task in both):
            await asyncio.wait(both, timeout=0.02, return_when=asyncio.FIRST_COMPLETED)
        if link.reading.done() and not elder.reading.done():
            self._note("renewal failed", link.reading.result())
            self._link = elder
            self._end_handover(handover.abandon)
            return elder
        self.renewals += 1
        messages, torn = handover.finish()
        elder.drop()
        if torn:
            names = {stream.decode() for stream in torn}
            self._lost(names, "taken over by a connection that began later")
            self._spoken(names)
        for message in messages:
            self._deliver(message)
        self._end_handover(lambda: None)
        return link

    def _end_handover(self, end: Callable[[], None]) -> None:
        end()
        self._elder = None
        if self._handover is not None and self._handover.over:
            self._handover = None

    def _take(self, link: Link, message: bytes) -> None:
        handover = self._handover
        if handover is None:
            self._deliver(message)
            return
        for one in handover.old(message) if link is self._elder else handover.new(message):
            self._deliver(one)
        if handover.over:
            self._handover = None
