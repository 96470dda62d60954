"""Attempts to fetch something over HTTP: how many, how long apart, and told in words while they fail."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import httpx

from genesis_lib.feeds.wire.backoff import Backoff

MOST_WAIT = 600.0  # s; a server that asks for more is not waited for
UNRESOLVED = 3  # failures to reach a host whose name resolves to nothing: it is wrong, or there is no network


class Attempts:
    """Count the failures in a row of what is fetched from one address, and wait between them.

    Parameters
    ----------
    url
        What is fetched.
    most
        Failures in a row; `UNRESOLVED` at most where a name is not known.
    waits
        Between attempts.
    sleep
        What waits, s.
    tell
        Called before each wait with what happened and how long it will be.

    Attributes
    ----------
    failures : int
        In a row.
    cause : str
        Of the last one, in words.
    """

    def __init__(
        self,
        url: str,
        most: int,
        waits: Backoff,
        sleep: Callable[[float], object] = time.sleep,
        tell: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.failures, self.cause = 0, ""
        self._url, self._most, self._waits, self._sleep, self._tell = url, most, waits, sleep, tell

    def again(self, cause: str | Exception, ordered: float = 0.0) -> bool:
        """Take note of a failure and wait; False, without a wait, when it is to be given up.

        Parameters
        ----------
        ordered
            Seconds that the server asks to wait at least.
        """
        self.failures += 1
        self.cause = cause if isinstance(cause, str) else in_words(cause, self._url)
        most = min(self._most, UNRESOLVED) if is_unresolved(cause) else self._most
        if self.failures >= most or ordered > MOST_WAIT:
            return False
        wait = max(ordered, self._waits.next())
        self._tell(f"{self.cause}; trying again in {wait:.1f} s")
        self._sleep(wait)
        return True

    def begin_anew(self) -> None:
        """Forget the failures, after one that brought something."""
        self.failures = 0
        self._waits.reset()


def in_words(error: Exception, url: str) -> str:
    """What happened, for who may have no network and knows no classes of errors."""
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return f"cannot reach {httpx.URL(url).host}: {str(error) or 'no answer'}"
    if isinstance(error, httpx.TimeoutException):
        return "nothing came for too long"
    return f"the connection broke off: {str(error) or type(error).__name__}"


def is_unresolved(error: str | BaseException | None) -> bool:
    """Whether an error comes of a name that resolves to no address."""
    while isinstance(error, BaseException):
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


def retry_after(answer: httpx.Response) -> float:
    """Seconds that an answer asks to wait; 5 where it tells no number of them, 0 where it asks for nothing."""
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "0")))
    except ValueError:
        return 5.0
