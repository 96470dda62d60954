"""A live Binance market as a `Source`: one symbol of a `LiveFeed`, with recovery from whatever breaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from genesis_lib.config import Config
from genesis_lib.feeds.base import EndOfSource
from genesis_lib.feeds.binance import BinanceSync
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.wire.live.channel import Channel
from genesis_lib.feeds.wire.live.feed import LiveFeed
from genesis_lib.feeds.wire.live.outlet import Outlet
from genesis_lib.feeds.wire.live.recovery import Recovery, percentiles
from genesis_lib.types import Event, Instrument

__all__ = ["LiveFeed", "LiveSource"]


class LiveSource:
    """Live events of one symbol, synchronized; a fault is told, entered in the ledger and recovered from.

    Parameters
    ----------
    venue, symbol
        For example ``"binance-usdm", "BTCUSDT"``.
    config
        See `LiveFeed`.
    tap
        Called in the network thread with receive time (ns) and bytes of every message and snapshot, in the order in
        which they are worked on: what a recorder writes replays to the same events.
    silence, backlog
        In place of ``config.feeds.silence_s`` and ``config.feeds.backlog``.
    feed
        A feed of the same venue that runs already: the symbol is added to it, and `close` lets go of the symbol alone.

    Attributes
    ----------
    ledger : Ledger
        What went wrong, when and why.

    Raises
    ------
    InputError
        When the venue does not know the symbol.
    SessionError
        When the venue cannot be reached.
    """

    def __init__(
        self,
        venue: str,
        symbol: str,
        *,
        config: Config | None = None,
        tap: Callable[[int, bytes], bool | None] | None = None,
        silence: float | None = None,
        backlog: int | None = None,
        feed: LiveFeed | None = None,
    ) -> None:
        config = config or Config()
        changed = {"silence_s": silence, "backlog": backlog}
        feeds = replace(config.feeds, **{name: value for name, value in changed.items() if value is not None})
        self._own = feed is None
        if feed is None:
            through = None if tap is None else (lambda symbol, ts, message: tap(ts, message))
            feed = LiveFeed(venue, [symbol], config=replace(config, feeds=feeds), tap=through)
            self.instrument: Instrument = feed.instruments[symbol.upper()]
            self._outlet = feed.outlet
        else:
            self._outlet = Outlet(feeds.backlog)
            self.instrument = feed.add(symbol, self._outlet)
        self.feed = feed
        self.channel: Channel = feed.channels[self.instrument.symbol]
        self.ledger: Ledger = feed.ledger
        self.provenance = feed.provenance
        self.name = self.instrument.name
        self.data_hash = f"live {self.name} since {time.time_ns()}"
        self._open = True

    @property
    def sync(self) -> BinanceSync:
        """State of the sequence of diffs; its counts say how often a snapshot was joined."""
        return self.channel.sync

    @property
    def recoveries(self) -> list[Recovery]:
        """Every gap that was healed, with how long it took."""
        return list(self.channel.recoveries)

    def health(self) -> dict[str, Any]:
        """Tell how the feed does, as JSON holds it.

        ``gaps``, ``resyncs`` and ``recovery_ms`` (``p50``, ``p99``, ``max``; None without a gap) of the symbol,
        ``stale`` whether its book is waiting for a snapshot now, ``skew_ms`` receive minus exchange time,
        ``connections`` and ``faults`` by kind of the whole feed.
        """
        counts = self.sync.counts
        return {
            "gaps": counts["gaps"],
            "resyncs": counts["resyncs"],
            "recovery_ms": percentiles(self.channel.recoveries),
            "stale": not self.sync.joined,
            "skew_ms": self.channel.skew_ms,
            "connections": self.feed.connections,
            "faults": dict(self.ledger.counts),
        }

    def poll(self, timeout: float) -> Event | None:
        """Next event, waiting at most `timeout` seconds; raises `EndOfSource` once closed."""
        event = self.feed.take(self._outlet, timeout if self._open else 0.0)
        if event is None and not self._open:
            raise EndOfSource
        return event

    def close(self) -> None:
        """Close the connections; of a shared feed, let go of the symbol."""
        if not self._open:
            return
        self._open = False
        if self._own:
            self.feed.close()
        elif self.instrument.symbol in self.feed.instruments and not self.feed.stopped:
            self.feed.remove(self.instrument.symbol)
