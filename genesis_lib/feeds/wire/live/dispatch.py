"""What the network thread of a live feed does: hand messages out, tell losses, join books, change symbols."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable

from genesis_lib.config import Feeds
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.binance_json import decode, venue_of
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.wire.live.channel import FLOW, Channel, Tap, one_line
from genesis_lib.feeds.wire.live.connection import Habits
from genesis_lib.feeds.wire.live.endpoints import ENDPOINTS
from genesis_lib.feeds.wire.live.handover import stream_of
from genesis_lib.feeds.wire.live.limits import WeightLimiter
from genesis_lib.feeds.wire.live.outlet import OVERRUN, Outlet
from genesis_lib.feeds.wire.live.pool import Pool
from genesis_lib.feeds.wire.live.recovery import Recovery
from genesis_lib.feeds.wire.live.resync import Resync
from genesis_lib.types import Instrument

WATCH_EVERY = 1.0  # s
# Times the silence of a connection that a stream may say nothing while others of its symbol are spoken. A venue takes
# subscriptions to streams that it does not have, so the ledger tells what else might be asked for.
PATIENCE = {"depth": 4.0, "trade": 40.0, "aggTrade": 40.0}
HINTS = {
    "depth": "If it never does, set depth_speed of [feeds], for example to 100ms.",
    "trade": "If it never does, set trades of [feeds] to aggTrade.",
    "aggTrade": "If it never does, set trades of [feeds] to trade.",
}


class Dispatch:
    """The symbols of a feed, as its network thread sees them; see `LiveFeed`.

    `admit` may be called before `run`; everything else belongs to the thread that runs it.

    Attributes
    ----------
    channels : dict
        By symbol.
    outlet : Outlet
        Of all symbols that have none of their own.
    failures : dict
        Why a symbol was given up, by symbol.
    healed : list of Recovery
        Of symbols that were let go.
    """

    def __init__(
        self,
        venue: str,
        feeds: Feeds,
        limiter: WeightLimiter,
        *,
        tap: Tap | None,
        ledger: Ledger,
        deliver: bool,
    ) -> None:
        self._endpoints, self._feeds, self._ledger, self._tap = ENDPOINTS[venue], feeds, ledger, tap
        self._deliver, self._venue = deliver, venue
        self._heard: set[str] = set()  # symbols whose diffs have been looked at: they are of this market
        self._foreign: SessionError | None = None
        self.outlet = Outlet(feeds.backlog)
        self.channels: dict[str, Channel] = {}
        self.failures: dict[str, str] = {}
        self.healed: list[Recovery] = []
        self._outlets: dict[str, Outlet | None] = {}
        self._by_stream: dict[bytes, tuple[Channel, str]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._last_stamp = 0
        habits = Habits(feeds.silence_s, feeds.lifetime_s, feeds.longest_wait_s, self._endpoints.messages_per_second)
        self.pool = Pool(self._endpoints, feeds, habits, self)
        self._resync = Resync(
            self._endpoints.rest("depth", feeds.rest_url.rstrip("/")),
            feeds.snapshot_levels,
            self._endpoints.depth_weight(feeds.snapshot_levels),
            limiter,
            feeds.longest_wait_s,
            stamp=self._stamp,
            gone=self._gone,
        )

    async def run(self) -> None:
        """Keep everything going until cancelled."""
        async with self._resync:
            try:
                self.pool.start()
                while True:
                    await asyncio.sleep(WATCH_EVERY)
                    self._watch()
                    self.pool.check()
                    if self._foreign is not None:
                        raise self._foreign
            finally:
                self.pool.stop()

    def admit(self, instrument: Instrument, outlet: Outlet | None = None) -> None:
        """Take a symbol in; its streams are asked for as soon as `Pool.start` is called."""
        symbol = instrument.symbol
        outlet = outlet or (self.outlet if self._deliver else None)
        give = outlet.put if outlet is not None else lambda events: None
        streams = self._endpoints.streams(symbol, self._feeds)
        kinds = [name.split("@")[1] for _, name in streams]
        channel = Channel(instrument, give, self._ledger, self._tap)
        channel.down &= set(kinds)
        self.channels[symbol], self._outlets[symbol] = channel, outlet
        for (_, name), kind in zip(streams, kinds, strict=True):
            self._by_stream[name.encode()] = channel, kind
        self.pool.add(streams)

    async def open(self, instrument: Instrument, outlet: Outlet | None) -> None:
        """Take a symbol in while everything runs; one that is there already stays as it is."""
        if instrument.symbol not in self.channels:
            self.admit(instrument, outlet)
            self.pool.start()
        elif outlet is not None:
            raise InputError(f"symbol {instrument.symbol} is one of this feed's already, and its events go elsewhere")

    async def let_go(self, symbol: str) -> None:
        """Give a symbol up."""
        channel = self.channels.pop(symbol, None)
        if channel is None:
            return
        self._outlets.pop(symbol, None)
        self.healed += channel.recoveries
        self._resync.forget(channel)
        streams = self._endpoints.streams(symbol, self._feeds)
        for _, name in streams:
            self._by_stream.pop(name.encode(), None)
        self.pool.remove(streams)

    async def refresh(self, symbol: str) -> None:
        """Fetch a snapshot of a book that is whole."""
        if symbol in self.channels:
            self._resync.refresh(self.channels[symbol])

    def fail(self, error: SessionError) -> None:
        """Tell every reader that nothing more will come."""
        self.failures[""] = str(error)
        outlets = [self.outlet, *(one for one in self._outlets.values() if one not in (None, self.outlet))]
        for outlet in outlets:
            outlet.fail(error)

    # What a pool tells its listener:

    def received(self, message: bytes, streams: set[str]) -> None:
        """Work on a message that came over the connection of `streams`."""
        message = one_line(message)
        ts = self._stamp()
        stream = stream_of(message)
        found = self._by_stream.get(stream)
        if found is None:
            if not stream:
                self._unaddressed(message, streams, ts)
            return  # else: the last of a symbol that was let go
        channel, kind = found
        if kind == "depth" and channel.symbol not in self._heard and not self._is_ours(channel.symbol, message):
            return
        channel.take(kind, message, ts)
        if channel.wants:
            self._resync.look_at(channel)
        outlet = self._outlets[channel.symbol]
        if outlet is not None and outlet.caught_up(channel.symbol):
            channel.tear(self._stamp(), "overrun", OVERRUN)

    def lost(self, streams: set[str], cause: str) -> None:
        """Tell the symbols of streams that messages may have been missed."""
        lost: dict[str, set[str]] = {}
        for channel, kind in self._of(streams):
            lost.setdefault(channel.symbol, set()).add(kind)
        for symbol, kinds in lost.items():
            self.channels[symbol].lose(self._stamp(), kinds, cause)

    def spoken(self, streams: set[str]) -> None:
        """Tell the symbols of streams that these come from now on."""
        for channel, kind in self._of(streams):
            channel.up(kind)

    def note(self, kind: str, cause: str) -> None:
        """Enter what concerns no symbol alone."""
        latest = max((channel.last_exchange for channel in self.channels.values()), default=0)
        self._ledger.note(latest, kind, cause)

    def _is_ours(self, symbol: str, message: bytes) -> bool:
        """Whether the diffs of a symbol are of the market that was named; another's ids would be gap after gap."""
        try:
            told = venue_of(decode(message))
        except InputError:
            return True  # the channel says what is wrong with it
        if told not in (None, self._venue):
            cause = f"venue must be what speaks at the address: the diffs of {symbol} are of {told}, not {self._venue}"
            self._foreign = SessionError(cause)
            return False
        if told is not None:
            self._heard.add(symbol)
        return True

    def _unaddressed(self, message: bytes, streams: set[str], ts: int) -> None:
        """Something that names no stream: whose it was nobody knows, so all whose flow comes there have a gap."""
        cause = f"no message of a stream: {message[:80].decode(errors='replace')!r}"
        concerned: dict[str, tuple[Channel, bool]] = {}
        for channel, kind in self._of(streams):
            before = concerned.get(channel.symbol, (channel, False))[1]
            concerned[channel.symbol] = channel, before or kind in FLOW
        for channel, is_flow in concerned.values():
            if is_flow:
                channel.tear(ts, "bad message", cause)
            else:
                channel.note("bad message", cause)

    def _of(self, streams: Iterable[str]) -> list[tuple[Channel, str]]:
        found = (self._by_stream.get(name.encode()) for name in sorted(streams))
        return [one for one in found if one is not None]

    def _gone(self, channel: Channel, error: SessionError) -> None:
        """Give up a symbol that the venue no longer has; the others go on."""
        outlet = self._outlets.get(channel.symbol)
        self.failures[channel.symbol] = str(error)
        channel.note("gone", str(error))
        if outlet is not None:
            outlet.fail(error)
        leaving = asyncio.get_running_loop().create_task(self.let_go(channel.symbol))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def _watch(self) -> None:
        """Ask anew for streams that alone do not come, while others of their symbol are spoken."""
        for channel in self.channels.values():
            self._resync.look_at(channel)
            if channel.down or not channel.heard:
                continue
            newest = max(channel.heard.values())
            for path, name in self._endpoints.streams(channel.symbol, self._feeds):
                kind = name.split("@")[1]
                if newest - channel.heard.get(kind, newest) > PATIENCE.get(kind, math.inf) * self._feeds.silence_s:
                    channel.heard[kind] = time.monotonic()
                    channel.note("silent stream", f"{name} says nothing while others do: asked anew. {HINTS[kind]}")
                    self.pool.again((path, name))

    def _stamp(self) -> int:
        self._last_stamp = max(self._last_stamp, time.time_ns())
        return self._last_stamp
