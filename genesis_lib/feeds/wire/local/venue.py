"""A local exchange that speaks Binance's protocol on loopback, fed by recordings or the simulator."""

from __future__ import annotations

import asyncio
import errno
import json
import math
import threading
from collections import defaultdict
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.fault_plan import FaultPlan, Injected
from genesis_lib.feeds.wire.local.faults import Faults
from genesis_lib.feeds.wire.local.playback import open_playbacks
from genesis_lib.feeds.wire.local.request_weights import LIMITS, RequestWeights
from genesis_lib.feeds.wire.local.rest import Answer, Rest
from genesis_lib.feeds.wire.local.serving import Serving
from genesis_lib.feeds.wire.local.subscribers import USER_KEY, Subscribers

LIFETIME = 86_400.0  # s after which Binance ends a connection
PINGS = {"binance-usdm": (180.0, 600.0), "binance-coinm": (180.0, 600.0), "binance-spot": (20.0, 60.0)}
CLOSING = 10.0  # s after which closing gives up on the thread; it takes two at most
CONTROL = "/genesis/faults"


class LocalVenue:
    """Serve market data on 127.0.0.1 from a thread of its own; a context manager.

    Speaks the protocol of the market that the source is of: REST under ``/fapi/v1``, ``/dapi/v1`` and ``/api/v3``,
    websockets under ``/ws`` and ``/stream`` (on USD-M futures also ``/public/...`` and ``/market/...``), with the
    streams in the address or asked for by ``SUBSCRIBE``. A REST snapshot is the book as of the last message. Answers
    carry ``X-Genesis-Provenance``, so that a client knows what it is looking at.

    A simulator takes orders (``POST``, ``GET``, ``DELETE /order``, see `OrderRequests`), which trade in its market.

    ``GET /genesis/faults`` lists the faults that happened, ``POST`` orders some (JSON: ``kind``, and if wanted
    ``value``, ``streams``, ``count``), ``DELETE`` ends them.

    Parameters
    ----------
    source
        Files of a recording, a `Simulator`, or several of either in a list: one symbol each, all of one market.
    port
        0 takes a free one; see `port` afterwards.
    speed
        How many times faster than it was recorded; ``math.inf`` as fast as the clients read.
    wait_for
        Number of connections before the data starts to flow.
    market
        Whose protocol a simulator speaks: ``binance-usdm`` (when left out), ``binance-coinm`` or ``binance-spot``.
    faults
        What goes wrong by itself; see also `inject`.
    lifetime
        Seconds after which a connection is ended.
    ping_interval
        Seconds between pings; the market's own when left out.
    weight_limit
        Request weight a minute; the market's own when left out.

    Attributes
    ----------
    requests : dict
        REST requests by name.
    ended : threading.Event
        Set once all data has been sent.

    Raises
    ------
    SessionError
        When the port is in use.
    RecordingError
        When the recording cannot be read, or holds no snapshot to start a book from.
    """

    def __init__(
        self,
        source: Path | list | Simulator,
        *,
        port: int = 0,
        speed: float = 1.0,
        wait_for: int = 1,
        market: str | None = None,
        faults: FaultPlan | None = None,
        lifetime: float = LIFETIME,
        ping_interval: float | None = None,
        weight_limit: float | None = None,
    ) -> None:
        for name, value in (("speed", speed), ("lifetime", lifetime)):
            if not value > 0:
                hint = " (or max)" if name == "speed" else ""
                raise InputError(f"{name} must be greater than 0{hint}, got {value!r}")
        opened = open_playbacks(source, market)
        self.playbacks = {playback.instrument.symbol: playback for playback in opened}
        self.playback, self.market = opened[0], opened[0].market_name
        self.instrument = self.playback.instrument
        self.port, self.speed = port, speed
        interval, patience = PINGS[self.market]
        pings = (interval, patience) if ping_interval is None else (ping_interval, 3 * ping_interval)
        self.weights = RequestWeights(weight_limit or LIMITS[self.market])
        self._subscribers = Subscribers(
            self.market, {name.lower(): one.market.native_ms for name, one in self.playbacks.items()}
        )
        self._faults = Faults(faults or FaultPlan(), self._subscribers)
        self._rest = Rest(self.playbacks, self.market, self.weights, self._faults)
        self._subscribers.listen_keys = self._rest.orders.listen_keys
        self._serving = Serving(
            opened,
            self._subscribers,
            self._faults,
            self._answer,
            speed=speed,
            wait_for=wait_for,
            lifetime=lifetime,
            pings=pings,
            after=self._tell_orders,
        )
        self.ended = threading.Event()
        self.requests: dict[str, int] = defaultdict(int)
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="genesis-venue", daemon=True)

    @property
    def rest_url(self) -> str:
        """Address to use in place of ``https://fapi.binance.com``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        """Address to use in place of ``wss://fstream.binance.com``."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def injected(self) -> list[Injected]:
        """Every fault that happened, in order."""
        return self._faults.injected

    @property
    def too_early(self) -> int:
        """Requests that came before the ``Retry-After`` of the answer before had passed."""
        return self._rest.too_early + self.weights.too_early

    def start(self) -> LocalVenue:
        """Listen; returns once connections are taken."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def close(self) -> None:
        """Cut every connection and stop listening; takes a few seconds at most, whatever the clients do."""
        if self._thread.is_alive():
            self._serving.stop()
            self._thread.join(timeout=CLOSING)

    def check(self) -> None:
        """Raise what ended the data early, if anything did."""
        if self._error is not None:
            raise self._error

    __enter__ = start

    def __exit__(self, *_) -> None:
        self.close()

    def top(self, n: int, symbol: str | None = None) -> np.ndarray:
        """(n, 4) best levels of the true book of a symbol (the first one when left out)."""
        return self.playbacks[symbol or self.instrument.symbol].top(n)

    def inject(self, kind: str, value: float | None = None, *, streams: str = "*", count: int = 1) -> None:
        """Let a fault happen to the next messages that it fits.

        Parameters
        ----------
        kind, value
            One of `fault_plan.VALUES`, and how much of it.
        streams
            Pattern of the streams that it may hit, for example ``*@depth*`` (those of REST hit depth requests).
        count
            How many.
        """
        self._faults.order(kind, value, streams=streams, count=count)

    def clear_faults(self) -> None:
        """Draw no more faults, and forget those that were ordered and have not happened."""
        self._faults.clear()

    def drop_diff(self, count: int = 1) -> None:
        """Lose the next diffs on their way to the clients."""
        self.inject("drop", 1, streams="*@depth*", count=count)

    def disconnect(self) -> None:
        """Cut every websocket that the next message is for, without a closing handshake."""
        self.inject("disconnect", math.inf)

    def refuse(self, status: int, retry_after: str | None = None, count: int = 1) -> None:
        """Answer the next depth requests with an HTTP status, and a Retry-After where given."""
        self._rest.refusals += [(status, retry_after)] * count

    def stall(self, messages: int) -> None:
        """Send nothing of the next messages though the connections stay open."""
        self._faults.stalled += messages

    def _listens(self, port: int) -> None:
        self.port = port
        self._ready.set()

    def _serve(self) -> None:
        try:
            asyncio.run(self._serving.main(self.port, self._listens, self.ended.set))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                self._error = error
            else:
                self._error = SessionError(f"port {self.port} on 127.0.0.1 is in use; choose another with --port")
        except BaseException as error:
            self._error = error
        finally:
            self.ended.set()
            self._ready.set()

    def _answer(self, method: str, path: str, body: str) -> Answer | None:
        parts = urlsplit(path).path.split("/")
        if method == "GET" and ("ws" in parts or "stream" in parts):
            return None
        if urlsplit(path).path == CONTROL:
            return self._control(method, body)
        name, answer = self._rest.answer(method, path, body)
        if name:
            self.requests[name] += 1
            self._tell_orders()
        answer.headers["X-Genesis-Provenance"] = self._provenance(path)
        return answer

    def _provenance(self, path: str) -> str:
        """Of the symbol that a request names; of all of them what is least: simulated if any is."""
        asked = dict(parse_qsl(urlsplit(path).query)).get("symbol", "")
        told = [self.playbacks[asked]] if asked in self.playbacks else list(self.playbacks.values())
        return "simulated" if any(one.provenance == "simulated" for one in told) else told[0].provenance

    def _tell_orders(self) -> None:
        """Tell whoever listens what became of the orders that were sent."""
        for symbol in self.playbacks:
            for text in self._rest.orders.news(symbol):
                for subscriber in self._subscribers.listening(USER_KEY):
                    self._subscribers.deliver(subscriber, USER_KEY, text)

    def _control(self, method: str, body: str) -> Answer:
        if method == "DELETE":
            self.clear_faults()
        elif method == "POST":
            try:
                asked = json.loads(body)
                value = asked.get("value")
                self.inject(
                    asked["kind"],
                    None if value is None else float(value),
                    streams=str(asked.get("streams", "*")),
                    count=int(asked.get("count", 1)),
                )
            except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
                told = str(error) if isinstance(error, InputError) else f"cannot read the fault: {error!r}"
                return Answer(400, json.dumps({"error": told}), {})
        told = {"waiting": self._faults.waiting(), "injected": [fault._asdict() for fault in self.injected]}
        return Answer(200, json.dumps(told), {})
