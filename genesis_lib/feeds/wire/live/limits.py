"""What a venue lets one address ask for: request weight by the minute, messages by the second."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from genesis_lib.errors import InputError

SHARE = 0.8  # of the minute's weight that we use: other programs ask from the same address
TOGETHER = 4  # requests under way at once
BAN = 120.0  # s; a 418 that names no time lasts at least two minutes
USED = "X-MBX-USED-WEIGHT-1M"


class WeightLimiter:
    """Request weight that everything in this process takes from one host, and the waits that the host orders.

    Binance counts the weight of an address in minutes of UTC, tells the sum in ``X-MBX-USED-WEIGHT-1M``, answers 429
    when it is passed and 418 (a ban) to who goes on asking. After either nothing is asked until ``Retry-After`` is
    over, and then one request at a time until one is answered: thirty symbols that wait are not thirty requests.

    Parameters
    ----------
    per_minute
        Weight allowed in a minute; `SHARE` of it is used.
    wall, monotonic
        Clocks, s.

    Attributes
    ----------
    used : int
        Weight used in this minute, by our count or the host's, whichever is more.
    refusals : int
        Answers 429 and 418 so far.

    References
    ----------
    Binance API documentation, "Limits" / "IP limits" of spot, USD-M and COIN-M futures.
    """

    def __init__(
        self,
        per_minute: int,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if per_minute < 1:
            raise InputError(f"per_minute must be at least 1, got {per_minute!r}")
        self.per_minute = per_minute
        self.used = self.refusals = 0
        self._wall, self._monotonic = wall, monotonic
        self._minute = -1
        self._under_way = 0
        self._blocked_until = 0.0
        self._probation = False
        self._lock = threading.Lock()

    def reserve(self, weight: int) -> float:
        """Take `weight` now and give 0, or give the seconds after which to ask again.

        Each 0 must be followed by one call of `answered` or `gave_up`.
        """
        with self._lock:
            self._turn()
            blocked = self._blocked_until - self._monotonic()
            if blocked > 0:
                return blocked
            if self._under_way >= (1 if self._probation else TOGETHER):
                return 0.02
            if self.used + weight > self.per_minute * SHARE and self.used > 0:
                return 60.0 - self._wall() % 60.0 + 0.05
            self.used += weight
            self._under_way += 1
            return 0.0

    def answered(self, status: int, headers: Mapping[str, str]) -> float:
        """Take note of an answer; gives the seconds that the host orders everyone to wait."""
        with self._lock:
            self._turn()
            self._under_way -= 1
            told = headers.get(USED, "")
            if told.isdigit():
                self.used = max(self.used, int(told))
            if status not in (418, 429):
                self._probation = False
                return 0.0
            self.refusals += 1
            self._probation = True
            wait = self._ordered(status, headers.get("Retry-After"))
            self._blocked_until = max(self._blocked_until, self._monotonic() + wait)
            return wait

    def gave_up(self) -> None:
        """Take note that a request got no answer."""
        with self._lock:
            self._under_way -= 1

    def _ordered(self, status: int, retry_after: str | None) -> float:
        with suppress(TypeError, ValueError):
            if math.isfinite(seconds := float(retry_after)):
                return max(0.0, seconds)
        # None, a date, or no number of seconds: the end of the minute heals a 429.
        return BAN if status == 418 else 60.0 - self._wall() % 60.0

    def _turn(self) -> None:
        minute = int(self._wall() // 60)
        if minute != self._minute:
            self._minute, self.used = minute, 0


_HOSTS: dict[str, WeightLimiter] = {}
_HOSTS_LOCK = threading.Lock()


def limiter_of(host: str, per_minute: int) -> WeightLimiter:
    """Give the one limiter of a host in this process: an address has one budget, however many feeds it runs."""
    with _HOSTS_LOCK:
        return _HOSTS.setdefault(host, WeightLimiter(per_minute))


class Pace:
    """Let no more than so many messages a second go out on one connection.

    Pings and pongs count too at Binance, so half of what it allows is used.

    Parameters
    ----------
    per_second
        Messages that the venue takes in a second.
    """

    def __init__(self, per_second: float) -> None:
        self._interval = 2.0 / per_second
        self._next = 0.0

    async def wait(self) -> None:
        """Return when the next message may go."""
        now = time.monotonic()
        at = max(now, self._next)
        self._next = at + self._interval
        if at > now:
            await asyncio.sleep(at - now)
