"""Fetch the snapshots that join the books of a feed, within what the venue allows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from genesis_lib.errors import SessionError
from genesis_lib.feeds.wire.backoff import Backoff
from genesis_lib.feeds.wire.live.channel import Channel, one_line
from genesis_lib.feeds.wire.live.limits import WeightLimiter

UNKNOWN_SYMBOL = "-1121"


class Resync:
    """Ask for snapshots, one loop a symbol that needs one, all of them under the limiter of the host.

    Parameters
    ----------
    url
        Address of the depth request.
    levels, weight
        Levels a side, and what such a snapshot costs.
    longest_wait
        Seconds between two attempts.
    stamp
        Gives the receive time.
    gone
        Called when the venue no longer knows a symbol.
    """

    def __init__(
        self,
        url: str,
        levels: int,
        weight: int,
        limiter: WeightLimiter,
        longest_wait: float,
        *,
        stamp: Callable[[], int],
        gone: Callable[[Channel, SessionError], None],
    ) -> None:
        self._url, self._levels, self._weight = url, levels, weight
        self._limiter, self._longest_wait = limiter, longest_wait
        self._stamp, self._gone = stamp, gone
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._http: httpx.AsyncClient | None = None
        self._closing = False

    async def __aenter__(self) -> Resync:
        trust = not self._url.startswith("http://127.")
        self._http = await httpx.AsyncClient(timeout=10.0, trust_env=trust).__aenter__()
        return self

    async def __aexit__(self, *_) -> None:
        self._closing = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._http.aclose()

    def look_at(self, channel: Channel) -> None:
        """Begin to fetch for a symbol that wants a snapshot, unless that is under way."""
        if channel.wants and channel.symbol not in self._tasks and not self._closing:
            self._begin(channel, self._heal(channel))

    def refresh(self, channel: Channel) -> None:
        """Fetch one snapshot of a symbol whose book is whole: a recording begins to be readable with it."""
        if channel.symbol not in self._tasks and not self._closing:
            self._begin(channel, self._once(channel))

    def forget(self, channel: Channel) -> None:
        """Stop fetching for a symbol."""
        task = self._tasks.pop(channel.symbol, None)
        if task is not None:
            task.cancel()

    def _begin(self, channel: Channel, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks[channel.symbol] = asyncio.create_task(work)

        def done(_) -> None:
            if self._tasks.get(channel.symbol) is task:
                del self._tasks[channel.symbol]
                if not task.cancelled() and task.exception() is not None:
                    self._gone(channel, SessionError(f"{channel.instrument.name}: no resync: {task.exception()!r}"))
                else:
                    self.look_at(channel)  # a gap may have come while this one was about to end

        task.add_done_callback(done)

    async def _heal(self, channel: Channel) -> None:
        """Fetch until a snapshot joins; the diffs that come meanwhile wait in the channel."""
        waits = Backoff(0.25, self._longest_wait)
        while channel.wants:
            content, ordered = await self._fetch(channel)
            if content and channel.wants and channel.snapshot(content, self._stamp()):
                return
            await asyncio.sleep(max(ordered, waits.next()))

    async def _once(self, channel: Channel) -> None:
        """Fetch until a snapshot comes that is as new as the book; one that is behind would join nothing later on."""
        reach, waits = channel.sync.last_id, Backoff(0.25, self._longest_wait)
        while True:
            content, ordered = await self._fetch(channel)
            if channel.down:  # the book is lost: who heals it brings a snapshot
                return
            if content and channel.snapshot(content, self._stamp()) and channel.told >= reach:
                return
            await asyncio.sleep(max(ordered, waits.next()))

    async def _fetch(self, channel: Channel) -> tuple[bytes, float]:
        """The answer to one request (empty when refused) and the seconds that the venue orders to wait."""
        while pause := self._limiter.reserve(self._weight):
            await asyncio.sleep(min(pause, 5.0) * random.uniform(1.0, 1.1))
        query = {"symbol": channel.symbol, "limit": str(self._levels)}
        try:
            answer = await self._http.get(self._url, params=query)
        except httpx.HTTPError as error:
            self._limiter.gave_up()
            channel.note("no snapshot", f"{type(error).__name__}: {error}")
            return b"", 0.0
        except BaseException:
            self._limiter.gave_up()
            raise
        ordered = self._limiter.answered(answer.status_code, answer.headers)
        if answer.status_code == 200:
            return one_line(answer.content.strip()), ordered
        text = " ".join(answer.text.split())[:200]
        channel.note("no snapshot", f"HTTP {answer.status_code}: {text}")
        if answer.status_code == 400 and UNKNOWN_SYMBOL in text:
            self._gone(channel, SessionError(f"{channel.instrument.name}: the venue no longer knows this symbol"))
        return b"", ordered
