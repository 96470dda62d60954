"""Binance's rule of joining a REST snapshot to the stream of diffs, as a state machine without sockets or clocks."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator

from genesis_lib.errors import InputError
from genesis_lib.types import ASK, BID, DepthSnapshot, DepthUpdate, Event, Gap

BUFFER = 20_000  # diffs kept while no snapshot has come


class BinanceSync:
    """Turns raw events of one symbol into events that may be applied to a book.

    Diffs wait until a snapshot joins them; the snapshot, then the diffs it does not contain, come out in one go. When a
    diff does not continue the one before, a `Gap` comes out in its place and everything waits for the next snapshot.
    Events of other kinds pass untouched.

    Parameters
    ----------
    market
        ``"futures"`` (a diff names its predecessor, `pu`) or ``"spot"``; None takes it from the first diff.

    Attributes
    ----------
    joined : bool
        Whether the book that has been let out is whole. While it is False a live source should fetch a snapshot.
    last_id : int
        Id up to which the book that has been let out is current.
    counts : Counter
        ``applied``, ``stale`` (older than the book), ``gaps``, ``joins``, ``resyncs`` (joins after a gap),
        ``snapshots``, ``snapshots_unused`` (came while joined), ``snapshots_too_old``, ``overflowed``.

    Notes
    -----
    With L the snapshot's ``lastUpdateId``: futures drop ``u < L``; the first diff applied must reach back to L
    (``U <= L``, or ``pu <= L``, which says the same of the span since its predecessor), each later one needs ``pu``
    equal to the ``u`` before. Spot drops ``u <= L`` and needs ``U <= previous u + 1``; quantities are absolute, so
    overlap is harmless. A diff at or below `last_id` is stale, not a gap, unless its exchange time lies after the
    book's: then the venue's numbering started anew.

    References
    ----------
    Binance, "How to manage a local order book correctly", USD-M futures, COIN-M futures and spot API documentation.
    """

    def __init__(self, market: str | None = None) -> None:
        if market not in (None, "futures", "spot"):
            raise InputError(f"market must be 'futures' or 'spot', got {market!r}")
        self.market = market
        self.joined = False
        self.last_id = -1
        self.counts: Counter[str] = Counter()
        self._fresh = False  # joined, and no diff applied since
        self._broken = False  # a gap has been told and not yet been healed
        self._last_ts = 0
        self._waiting: deque[DepthUpdate] = deque(maxlen=BUFFER)
        self._spare: DepthSnapshot | None = None  # newest snapshot that came while joined: may heal the next gap

    def push(self, event: Event) -> tuple[Event, ...]:
        """Take the next raw event and give those that may be applied now, in order."""
        kind = type(event)
        if kind is DepthUpdate:
            return self._diff(event)
        if kind is DepthSnapshot:
            return self._snapshot(event)
        if kind is Gap:
            return self._break(event)
        return (event,)

    def _diff(self, diff: DepthUpdate) -> tuple[Event, ...]:
        if diff.last_id < 0:  # a venue without numbers: nothing to check
            return (diff,)
        if self.market is None:
            self.market = "futures" if diff.prev_id >= 0 else "spot"
        if not self.joined:
            self._wait(diff)
            return ()
        if self._is_stale(diff):
            self.counts["stale"] += 1
            return ()
        if not self._continues(diff):
            expected = self.last_id if self.market == "futures" else self.last_id + 1
            got = diff.prev_id if self.market == "futures" else diff.first_id
            name = "pu" if self.market == "futures" else "U"
            cause = f"{name} is {got} where {expected} must follow"
            gap = Gap(diff.symbol, diff.ts_exchange, diff.ts_receive, cause, expected, got)
            out = self._break(gap)
            self._wait(diff)
            spare = self._spare
            if spare is not None and spare.last_id > self.last_id:
                out += self._join(spare, diff.ts_receive)
            return out
        self.last_id, self._last_ts, self._fresh = diff.last_id, diff.ts_exchange, False
        self.counts["applied"] += 1
        return (diff,)

    def _is_stale(self, diff: DepthUpdate) -> bool:
        if self._fresh and self.market == "futures":
            return diff.last_id < self.last_id
        return diff.last_id <= self.last_id and (self._fresh or diff.ts_exchange <= self._last_ts)

    def _continues(self, diff: DepthUpdate) -> bool:
        if diff.last_id < self.last_id:
            return False
        if self.market == "spot":
            return diff.first_id <= self.last_id + 1
        if self._fresh:
            return diff.prev_id <= self.last_id
        return diff.prev_id == self.last_id

    def _snapshot(self, snapshot: DepthSnapshot) -> tuple[Event, ...]:
        if snapshot.last_id < 0:
            self.counts["resyncs"] += self._broken
            self._broken = False
            return (snapshot,)
        self.counts["snapshots"] += 1
        if self.joined:
            # The stream is whole, so nothing is needed; but it may be the first line after an interruption.
            self.counts["snapshots_unused"] += 1
            self._spare = snapshot
            return ()
        if snapshot.last_id < self.last_id and snapshot.ts_exchange <= self._last_ts:
            self.counts["snapshots_too_old"] += 1
            return ()
        return self._join(snapshot, snapshot.ts_receive)

    def _join(self, snapshot: DepthSnapshot, now: int) -> tuple[Event, ...]:
        self._spare = None
        lowest = snapshot.last_id + (self.market == "spot")
        diffs = [diff for diff in self._waiting if diff.last_id >= lowest]
        # A snapshot that lies before the diffs at hand leaves a hole between; they stay for a newer one.
        reach = self.last_id, self._fresh
        self.last_id, self._fresh = snapshot.last_id, True
        if diffs and not self._continues(diffs[0]):
            self.last_id, self._fresh = reach
            self.counts["snapshots_too_old"] += 1
            return ()
        self.counts["stale"] += len(self._waiting) - len(diffs)
        self.counts["joins"] += 1
        self.counts["resyncs"] += self._broken
        self._waiting.clear()
        self.joined, self._broken = True, False
        self._last_ts = snapshot.ts_exchange
        # What waited was known, but the book it belongs to only now: nothing may seem to be known earlier.
        out: list[Event] = [snapshot._replace(ts_receive=max(now, snapshot.ts_receive))]
        for diff in diffs:
            out += self._diff(diff._replace(ts_receive=max(now, diff.ts_receive)))
        return tuple(out)

    def _break(self, gap: Gap) -> tuple[Event, ...]:
        told = self._broken
        self.joined, self._broken = False, True
        if told:
            return ()
        self.counts["gaps"] += 1
        return (gap,)

    def _wait(self, diff: DepthUpdate) -> None:
        self.counts["overflowed"] += len(self._waiting) == BUFFER
        self._waiting.append(diff)


def is_two_sided(snapshot: DepthSnapshot) -> bool:
    """Whether a snapshot has bids and asks: diffs would fill an empty side and make it look whole long before it is."""
    held = snapshot.sides[snapshot.quantities > 0]
    return bool((held == BID).any() and (held == ASK).any())


def synchronize(events: Iterable[Event], market: str | None = None) -> Iterator[Event]:
    """Pass raw events through one `BinanceSync` a symbol: a gap of one leaves the others alone.

    Parameters
    ----------
    events
        As `read_recording` gives them. Events of venues without numbers pass as they are.
    market
        ``"futures"``, ``"spot"``, or None to take it from each symbol's first diff.
    """
    machines: dict[str, BinanceSync] = {}
    for event in events:
        machine = machines.get(event.symbol)
        if machine is None:
            machine = machines[event.symbol] = BinanceSync(market)
        yield from machine.push(event)
