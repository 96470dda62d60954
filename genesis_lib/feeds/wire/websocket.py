"""A live Binance market as a `Source`: websockets in a thread, snapshots by REST, recovery from whatever breaks."""

from __future__ import annotations

import asyncio
import queue
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from genesis_lib.config import Config
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.base import EndOfSource
from genesis_lib.feeds.binance import GAP, BinanceParser, BinanceSync, decode
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.wire.endpoints import checked
from genesis_lib.feeds.wire.exchange_info import instrument_of
from genesis_lib.types import PROVENANCES, Event, Gap, Instrument

Tap = Callable[[int, bytes], None]
LIMIT = 1000  # levels a side of a REST snapshot
OVERRUN = "the reader fell behind; events were dropped"
LONGEST_WAIT = 60.0  # s between attempts


class LiveSource:
    """Live events of one symbol, synchronized; a fault is told, entered in the ledger and recovered from.

    Parameters
    ----------
    venue, symbol
        For example ``"binance-usdm", "BTCUSDT"``.
    config
        ``config.feeds`` may name other addresses than the venue's own.
    tap
        Called in the network thread with receive time (ns) and bytes of every message and snapshot, in the order in
        which they are worked on: what a recorder writes replays to the same events.
    silence
        Seconds without any message after which a connection counts as dead.
    backlog
        Events kept for a slow reader; beyond that they are dropped, a `Gap` is told and the book joined anew.

    Attributes
    ----------
    ledger : Ledger
        What went wrong, when and why.
    sync : BinanceSync
        Its counts say how often a snapshot was joined.

    Raises
    ------
    InputError
        When the venue does not know the symbol.
    SessionError
        When the venue cannot be reached.

    Notes
    -----
    A connection that is lost is opened again after ``min(60, 0.5 * 2**n)`` seconds times a random factor of 0.5 to 1.
    HTTP 429 and 418 are answered by waiting as long as ``Retry-After`` says. Each group of streams has a connection;
    the loss of any one is a gap, since the flow of trades is then incomplete too.
    """

    def __init__(
        self,
        venue: str,
        symbol: str,
        *,
        config: Config | None = None,
        tap: Tap | None = None,
        silence: float = 15.0,
        backlog: int = 200_000,
    ) -> None:
        feeds = (config or Config()).feeds
        self._endpoints, symbol = checked(venue, symbol)
        self._rest_base, self._websocket_base = feeds.rest_url.rstrip("/"), feeds.websocket_url.rstrip("/")
        self.instrument, self.provenance = fetch_instrument(venue, symbol, self._rest_base)
        self.name, self.data_hash = self.instrument.name, f"live {self.instrument.name} since {time.time_ns()}"
        self.ledger = Ledger()
        self.sync = BinanceSync("spot" if venue == "binance-spot" else "futures")
        self._parser = BinanceParser(self.instrument, skip_other_symbols=True)
        self._tap, self._silence, self._backlog = tap, silence, backlog
        self._events: queue.SimpleQueue[Event | BaseException] = queue.SimpleQueue()
        self._last_receive = self._last_exchange = 0
        self._overrun = False
        self._fetching: asyncio.Task | None = None
        self._not_before = 0.0  # monotonic time before which no snapshot is asked for
        self._attempts = 0
        self._stopped = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"genesis-{self.name}", daemon=True)
        self._thread.start()

    def poll(self, timeout: float) -> Event | None:
        """Next event, waiting at most `timeout` seconds; raises `EndOfSource` once closed."""
        try:
            event = self._events.get(timeout=max(timeout, 0.0)) if timeout > 0 else self._events.get_nowait()
        except queue.Empty:
            if self._stopped.is_set():
                raise EndOfSource from None
            return None
        if isinstance(event, BaseException):
            raise event
        return event

    def close(self) -> None:
        """Close the connections and wait for the thread."""
        if not self._stopped.is_set():
            self._stopped.set()
            with suppress(RuntimeError):  # the thread may have ended by itself just now
                self._loop.call_soon_threadsafe(lambda: self._main.cancel())
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._serve())
        try:
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._events.put(SessionError(f"{self.name}: the live feed failed: {error!r}"))
        finally:
            self._stopped.set()
            self._loop.close()

    async def _serve(self) -> None:
        urls = self._endpoints.websocket_urls(self.instrument.symbol, self._websocket_base)
        trust = not self._rest_base.startswith("http://127.")
        async with httpx.AsyncClient(timeout=10.0, trust_env=trust) as self._http:
            try:
                async with asyncio.TaskGroup() as group:
                    for url in urls:
                        group.create_task(self._keep(url))
            finally:
                if self._fetching is not None:
                    self._fetching.cancel()
                    await asyncio.gather(self._fetching, return_exceptions=True)

    async def _keep(self, url: str) -> None:
        """Hold one connection open for ever."""
        failures = 0
        while True:
            cause = "the venue closed the connection"
            try:
                proxy = None if url.startswith("ws://127.") else True
                async with connect(url, open_timeout=10, close_timeout=1, max_size=1 << 24, proxy=proxy) as socket:
                    while True:
                        # asyncio.wait_for of Python 3.11 may swallow a cancellation that comes with the message.
                        async with asyncio.timeout(self._silence):
                            message = await socket.recv(decode=False)
                        failures = 0
                        self._take(message)
            except TimeoutError:
                cause = f"nothing came for {self._silence:g} s"
            except (OSError, WebSocketException) as error:
                cause = f"connection lost: {error}" if str(error) else f"connection lost: {type(error).__name__}"
            self._break("disconnect", cause)
            wait = min(LONGEST_WAIT, 0.5 * 2**failures) * random.uniform(0.5, 1.0)
            failures += 1
            await asyncio.sleep(wait)

    def _take(self, message: bytes) -> None:
        self._pass(message)
        if not self.sync.joined and (self._fetching is None or self._fetching.done()):
            self._fetching = self._loop.create_task(self._fetch())

    def _stamp(self) -> int:
        self._last_receive = max(self._last_receive, time.time_ns())
        return self._last_receive

    def _work(self, message: bytes, ts: int) -> None:
        try:
            event = self._parser.parse(decode(message), ts)
        except InputError as error:
            self.ledger.note(self._last_exchange, "bad message", str(error))
            return
        if event is not None:
            self._last_exchange = max(self._last_exchange, event.ts_exchange)
            self._give(self.sync.push(event))

    def _give(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, Gap):
                self.ledger.gap(event)
            if self._events.qsize() >= self._backlog and not self._overrun:
                self._overrun = True
                self._events.put(self._lost(event))
            if not self._overrun:
                self._events.put(event)
        if self._overrun and self._events.qsize() < self._backlog // 2:
            self._overrun = False
            self._break("overrun", OVERRUN)

    @staticmethod
    def _lost(event: Event) -> Gap:
        return Gap(event.symbol, event.ts_exchange, event.ts_receive, OVERRUN, -1, -1)

    def _break(self, kind: str, cause: str) -> None:
        """Tell a gap the way a message is told, so that a recording of the session replays it too."""
        self.ledger.note(self._last_exchange, kind, cause)
        told = {"e": GAP, "s": self.instrument.symbol, "T": self._last_exchange // 1_000_000}
        self._pass(orjson.dumps(told | {"cause": cause, "expected": self.sync.last_id}))

    def _pass(self, message: bytes) -> None:
        ts = self._stamp()
        if self._tap is not None:
            self._tap(ts, message)
        self._work(message, ts)

    async def _fetch(self) -> None:
        """Fetch a snapshot until one joins; the diffs that came meanwhile wait in `sync`."""
        while not self.sync.joined and not self._stopped.is_set():
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            query = {"symbol": self.instrument.symbol, "limit": str(LIMIT)}
            wait = min(LONGEST_WAIT, 0.25 * 2**self._attempts) * random.uniform(0.5, 1.0)
            self._attempts += 1
            try:
                answer = await self._http.get(self._endpoints.rest("depth", self._rest_base), params=query)
                if answer.status_code == 200:
                    self._pass(answer.content.strip())
                else:
                    wait = max(wait, self._refused(answer))
            except httpx.HTTPError as error:
                self.ledger.note(self._last_exchange, "no snapshot", f"{type(error).__name__}: {error}")
            self._not_before = time.monotonic() + wait
        self._attempts = 0

    def _refused(self, answer: httpx.Response) -> float:
        """Seconds to wait after an answer that was no snapshot."""
        text = " ".join(answer.text.split())[:200]
        self.ledger.note(self._last_exchange, "no snapshot", f"HTTP {answer.status_code}: {text}")
        if answer.status_code == 400 and "-1121" in text:
            self._events.put(SessionError(f"{self.name}: the venue no longer knows this symbol"))
            self._main.cancel()
        if answer.status_code not in (418, 429):
            return 0.0
        try:
            return float(answer.headers.get("Retry-After", "5"))
        except ValueError:
            return 60.0


def fetch_instrument(venue: str, symbol: str, base: str = "") -> tuple[Instrument, str]:
    """Ask a venue on which grid a symbol trades, and whether the venue says it is the real one.

    Parameters
    ----------
    venue, symbol
        For example ``"binance-usdm", "BTCUSDT"``.
    base
        Address in place of the venue's own.

    Returns
    -------
    tuple
        The instrument, and its provenance: ``live``, unless a local venue tells what it plays.

    Raises
    ------
    InputError
        When the venue does not know the symbol.
    SessionError
        When the venue cannot be reached or refuses.
    """
    endpoints, symbol = checked(venue, symbol)
    url = endpoints.rest("exchangeInfo", base)
    try:
        answer = httpx.get(url, params={"symbol": symbol}, timeout=10.0, trust_env=not url.startswith("http://127."))
    except httpx.HTTPError as error:
        raise SessionError(f"cannot reach {url}: {error or type(error).__name__}") from None
    if answer.status_code == 400 and "-1121" in answer.text:
        raise InputError(f"{venue} knows no symbol {symbol!r}")
    if answer.status_code != 200:
        raise SessionError(f"{url} answers HTTP {answer.status_code}: {' '.join(answer.text.split())[:200]}")
    told = answer.headers.get("X-Genesis-Provenance", "live")
    return instrument_of(venue, symbol, decode(answer.content)), told if told in PROVENANCES else "live"
