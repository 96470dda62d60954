"""Live events of several symbols of one venue, over few connections; each symbol breaks and heals alone."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any

from genesis_lib.config import Config
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.base import EndOfSource
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.wire.live.channel import Channel, Tap
from genesis_lib.feeds.wire.live.dispatch import Dispatch
from genesis_lib.feeds.wire.live.endpoints import checked
from genesis_lib.feeds.wire.live.exchange_info import Directory
from genesis_lib.feeds.wire.live.loop_thread import LoopThread
from genesis_lib.feeds.wire.live.outlet import Outlet
from genesis_lib.feeds.wire.live.recovery import Recovery
from genesis_lib.types import Event, Instrument

ADMITTED_WITHIN = 20.0  # s for the thread to take a change of symbols


class LiveFeed:
    """Live events of symbols of one venue, synchronized; a fault is told, entered in the ledger and recovered from.

    Parameters
    ----------
    venue
        ``"binance-usdm"``, ``"binance-coinm"`` or ``"binance-spot"``.
    symbols
        To begin with; `add`, `remove` and `switch` change them while it runs, from any thread.
    config
        ``config.feeds``: other addresses than the venue's own, speed of the diffs, patience, lifetime of connections.
    tap
        Called in the network thread with symbol, receive time (ns) and bytes of every message and snapshot, in the
        order in which they are worked on: what a recorder writes replays to the same events. See `Channel`.
    ledger
        Takes what went wrong, when, why and of which symbol; one of its own when left out.
    deliver
        False where only the tap matters: no events are kept, and `poll` has nothing to give.

    Attributes
    ----------
    provenance : str
        ``live``, or what a local venue says that it plays.
    ledger : Ledger

    Raises
    ------
    InputError
        When the venue does not know a symbol.
    SessionError
        When the venue cannot be reached.

    Notes
    -----
    On a gap the old book stays as it was, its rows marked invalid; the diffs wait, a snapshot is joined to them, and
    only that symbol is concerned: the others go on. How long it took is in `recoveries`, and in the ledger as "resync".
    Receive times never step back, over all symbols.
    """

    def __init__(
        self,
        venue: str,
        symbols: Iterable[str],
        *,
        config: Config | None = None,
        tap: Tap | None = None,
        ledger: Ledger | None = None,
        deliver: bool = True,
    ) -> None:
        feeds = (config or Config()).feeds
        names = list(dict.fromkeys(symbol.upper() for symbol in symbols))
        if not names:
            raise InputError("symbols must name at least one symbol")
        checked(venue, names[0])[0].depth_weight(feeds.snapshot_levels)
        self._directory = Directory(venue, feeds.rest_url)
        instruments = [self._directory.instrument(name) for name in names]
        self.venue, self.provenance = venue, self._directory.provenance
        self.ledger = Ledger() if ledger is None else ledger
        self._dispatch = Dispatch(venue, feeds, self._directory.limiter, tap=tap, ledger=self.ledger, deliver=deliver)
        for instrument in instruments:
            self._dispatch.admit(instrument)
        self._thread = LoopThread(self._dispatch.run, failed=self._failed, name=f"genesis-{venue}")
        self._thread.start()

    @property
    def instruments(self) -> dict[str, Instrument]:
        """Instrument by symbol."""
        return {symbol: channel.instrument for symbol, channel in self.channels.items()}

    @property
    def channels(self) -> dict[str, Channel]:
        """What each symbol's state and counts are, by symbol."""
        return dict(self._dispatch.channels)

    @property
    def failures(self) -> dict[str, str]:
        """Why a symbol was given up, by symbol."""
        return dict(self._dispatch.failures)

    @property
    def outlet(self) -> Outlet:
        """Where the events of all symbols are that have no outlet of their own."""
        return self._dispatch.outlet

    @property
    def recoveries(self) -> list[Recovery]:
        """Every gap that was healed, with how long it took, in order of time."""
        healed = [*self._dispatch.healed, *(one for channel in self.channels.values() for one in channel.recoveries)]
        return sorted(healed, key=lambda one: one.ts_exchange)

    @property
    def connections(self) -> dict[str, int]:
        """``open`` now, ``opened`` so far, and ``renewals`` among them."""
        return self._dispatch.pool.counts

    @property
    def stopped(self) -> bool:
        """Whether the network thread has ended, and every task of it."""
        return self._thread.ended.is_set() and not self._thread.left

    def poll(self, timeout: float) -> Event | None:
        """Next event of any symbol, waiting at most `timeout` seconds; raises `EndOfSource` once closed."""
        return self.take(self.outlet, timeout)

    def take(self, outlet: Outlet, timeout: float) -> Event | None:
        """Next event of an outlet of this feed."""
        event = outlet.get(max(timeout, 0.0))
        if event is None and self._thread.ended.is_set():
            event = outlet.get(0.0)
            if event is None:
                raise EndOfSource
        return event

    def add(self, symbol: str, outlet: Outlet | None = None) -> Instrument:
        """Begin to listen to another symbol; its events come by `poll`, or by an outlet of its own.

        Raises
        ------
        InputError, SessionError
            As for the feed itself.
        """
        instrument = self._directory.instrument(symbol)
        self._in_loop(self._dispatch.open(instrument, outlet))
        return instrument

    def remove(self, symbol: str) -> None:
        """Listen to a symbol no more; its connection stays for the others."""
        symbol = symbol.upper()
        if symbol not in self.channels:
            raise InputError(f"symbol must be one of {', '.join(self.channels)}, got {symbol!r}")
        self._in_loop(self._dispatch.let_go(symbol))

    def switch(self, old: str, new: str) -> Instrument:
        """Listen to `new` in place of `old`."""
        instrument = self.add(new)
        self.remove(old)
        return instrument

    def refresh(self, symbol: str) -> None:
        """Ask for a snapshot though the book is whole, so that a recording can be read from here on."""
        self._thread.call(self._dispatch.refresh(symbol))

    def close(self) -> None:
        """Close every connection; returns within a few seconds whatever the network does."""
        self._thread.stop()

    def __enter__(self) -> LiveFeed:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _failed(self, error: BaseException) -> None:
        told = isinstance(error, SessionError)
        self._dispatch.fail(error if told else SessionError(f"{self.venue}: the live feed failed: {error!r}"))

    def _in_loop(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            self._thread.call(coroutine).result(timeout=ADMITTED_WITHIN)
        except BaseException as error:
            if isinstance(error, (InputError, SessionError, KeyboardInterrupt)):
                raise
            raise SessionError(f"{self.venue}: the live feed takes no symbols any more: {error!r}") from None
