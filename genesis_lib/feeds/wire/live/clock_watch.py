"""Tell when one of the two clocks of a live feed jumps: the exchange's, or this machine's."""

from __future__ import annotations

import time
from collections.abc import Callable

WINDOW = 1_000_000_000  # ns of this machine's steady clock
JUMP = 500_000_000  # ns; less is a slow network
STEP_BACK = 1_000_000_000  # ns; a message that arrives late may step back by less
STEP_AHEAD = 2_000_000_000  # ns between two messages, beyond what passed here meanwhile
FASTEST = 30.0  # times as fast as recorded; a replay beyond that tells no time
EVEN = 0.1  # drift below which the difference of the clocks is looked at: a replay is too rough for it


class ClockWatch:
    """Compare exchange time and receive time of the messages of one feed.

    Exchange time that steps back by a second or ahead by two from one message to the next has jumped. What is smaller,
    or this machine's, shows in the difference of the two clocks: of each second the smallest counts (the message that
    was delayed least), and where it leaves the line that the seconds before drew by more than half a second, a clock
    has jumped. A venue that plays a recording faster than it was drifts, which is no jump. A steady clock beside tells
    which of the two it was.

    Parameters
    ----------
    steady
        A clock that never jumps, ns.

    Attributes
    ----------
    skew : int or None
        Receive time minus exchange time, ns, the least of the last whole window: clock difference plus the least delay.

    Notes
    -----
    Receive times that this package writes never step back: where this machine's clock does, they stand still until it
    has caught up. Exchange times stay as the venue tells them; rows made of them stand still likewise (`RowBuilder`).
    """

    def __init__(self, steady: Callable[[], int] = time.monotonic_ns) -> None:
        self.skew: int | None = None
        self._steady = steady
        self._began = 0
        self._least: int | None = None
        self._least_local = 0
        self._points: list[tuple[int, int, int]] = []  # steady time, skew, local clock minus steady: of whole windows
        self._latest = self._latest_at = 0

    def see(self, ts_exchange: int, ts_local: int) -> str:
        """Take the times of a message; gives what jumped and by how much in words, or an empty text.

        Parameters
        ----------
        ts_exchange
            Of a message that tells its time in order (a diff, a trade).
        ts_local
            This machine's clock as read, ns, not made monotone.
        """
        now = self._steady()
        if ts_exchange < self._latest - STEP_BACK:
            by = (ts_exchange - self._latest) / 1e9
            self._restart(ts_exchange)
            return f"the exchange's clock jumped by {by:+.3f} s"
        ahead = ts_exchange - self._latest - self._rate() * (now - self._latest_at)
        if self._latest and len(self._points) == 2 and ahead > STEP_AHEAD and self._rate() < FASTEST:
            self._restart(ts_exchange)
            self._latest_at = now
            return f"the exchange's clock jumped by {ahead / 1e9:+.3f} s"
        if ts_exchange >= self._latest:
            self._latest, self._latest_at = ts_exchange, now
        difference = ts_local - ts_exchange
        if self._least is None:
            self._began, self._least, self._least_local = now, difference, ts_local - now
        elif difference < self._least:
            self._least, self._least_local = difference, ts_local - now
        return self._close(now) if now - self._began >= WINDOW else ""

    def _close(self, now: int) -> str:
        point = (now, self._least, self._least_local)
        self.skew, self._least = self._least, None
        told = ""
        if len(self._points) == 2:
            (t0, s0, _), (t1, s1, l1) = self._points
            drift = (s1 - s0) / (t1 - t0)
            expected = s1 + drift * (now - t1)
            off = point[1] - expected
            if abs(drift) < EVEN and abs(off) > JUMP:
                local = abs(point[2] - l1) > JUMP / 2
                told = f"{'this machine' if local else 'the exchange'}'s clock jumped by {self._by(off, local):+.3f} s"
                self._points.clear()
        self._points = [*self._points[-1:], point]
        return told

    def _rate(self) -> float:
        """Exchange time that passes in a second here: 1, unless a recording is played."""
        if len(self._points) < 2:
            return 1.0
        (t0, s0, _), (t1, s1, _) = self._points
        return max(1.0, 1.0 - (s1 - s0) / (t1 - t0))

    @staticmethod
    def _by(off: float, local: bool) -> float:
        return (off if local else -off) / 1e9

    def _restart(self, ts_exchange: int) -> None:
        self._latest, self._least = ts_exchange, None
        self._points.clear()
