"""A webhook: the alert as JSON, sent by POST."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from genesis_lib.alerts.sinks.address import Address
from genesis_lib.alerts.sinks.letter import Letter
from genesis_lib.alerts.sinks.targets import Outcome
from genesis_lib.errors import ConfigError

LATER = {408, 425, 429}  # and 500 to 599: the same request may succeed another time
ATTEMPT = 3.0  # time-outs that all of an attempt may take: to connect, to send and to be answered
LONGEST_PAUSE_S = 3600.0  # of those a server may ask for


class WebTarget:
    """Sends to an ``http://`` or ``https://`` address; one that was taken is answered with 200 to 299.

    A letter may come twice (the answer to the first was lost): both have the same ``Idempotency-Key`` and ``key``.

    Raises
    ------
    ConfigError
        When the address is none.
    """

    def __init__(self, address: Address, timeout_s: float) -> None:
        try:
            self._url = httpx.URL(address.url.strip())
            if not self._url.host or set("% ") & set(self._url.host) or not 0 < (self._url.port or 1) < 1 << 16:
                raise ValueError
        except (httpx.InvalidURL, ValueError):
            raise ConfigError(f"{address}: not an address that can be reached") from None
        self._client = httpx.Client(timeout=httpx.Timeout(timeout_s), headers={"User-Agent": "genesis"})
        self._longest, self._stream = ATTEMPT * timeout_s, None

    def send(self, letter: Letter) -> Outcome:
        """Post the letter; the answer's body is not read: its first line says it all."""
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": letter.key.encode("ascii", "replace").decode(),
        }
        try:
            with (
                self._in_time(),
                self._client.stream(
                    "POST", self._url, content=letter.json(), headers=headers, extensions={"trace": self._trace}
                ) as answer,
            ):
                code = answer.status_code
                if 200 <= code < 300:
                    return Outcome()
                again = code in LATER or code >= 500
                return Outcome(f"HTTP {code}", again, pause(answer.headers.get("Retry-After")) if again else None)
        except httpx.HTTPError as error:  # its words may quote the address
            return Outcome(type(error).__name__)

    def _trace(self, name: str, info: Mapping[str, Any]) -> None:
        if name.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._stream = info["return_value"]

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        """Hang up on a server that is at it for too long: the client's time-outs are of each byte, not of them all."""
        timer = threading.Timer(self._longest, self._hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _hang_up(self) -> None:
        line = None if self._stream is None else self._stream.get_extra_info("socket")
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def pause(word: str | None, now: float | None = None) -> float | None:
    """Seconds that a ``Retry-After`` asks for, a number of them or a date; None where it says nothing sensible.

    >>> pause("120"), pause("Thu, 01 Jan 1970 00:01:00 GMT", now=15.0), pause("soon")
    (120.0, 45.0, None)
    """
    if word is None:
        return None
    text = word.strip()
    if text.isdigit():
        return min(float(text[:9]), LONGEST_PAUSE_S)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - (time.time() if now is None else now)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE_S)
