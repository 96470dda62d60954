"""Faults on their way: drawn by a plan or ordered one at a time, applied to the messages of a venue, and logged."""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import NamedTuple

from genesis_lib.errors import InputError
from genesis_lib.feeds.wire.local.fault_plan import MALFORMED, REST_KINDS, STREAM_KINDS, FaultPlan, Injected, known_kind
from genesis_lib.feeds.wire.local.market import Update
from genesis_lib.feeds.wire.local.subscribers import Subscriber, Subscribers

SKEWED_FOR = 0.3  # s
_TIMES = re.compile(r'("[ET]": ?)(\d+)')
_MARK_TIME = re.compile(r'("E": ?)(\d+)')  # T of a mark price is when funding is due
_FIELDS = {"depthUpdate": ("U", "u", "b", "a"), "trade": ("t", "p", "q", "m"), "aggTrade": ("a", "p", "q", "m")}
_WRONG = (None, "?", {"x": 1})  # what a lax reader takes for a number or a list of levels is not among them


class Order(NamedTuple):
    """A fault that is to happen to the next message that it fits."""

    kind: str
    value: float
    streams: str


class Faults:
    """Stands between the messages of a venue and its subscribers.

    Parameters
    ----------
    plan
        What is drawn for each message.
    subscribers
        Who would get them.

    Attributes
    ----------
    injected : list of Injected
        Every fault that happened, in order; only appended to, so any thread may read it.
    stalled : int
        Messages of any stream that are still to be swallowed.
    """

    def __init__(self, plan: FaultPlan, subscribers: Subscribers) -> None:
        self.plan = plan
        self.injected: list[Injected] = []
        self.stalled = 0
        self._subscribers = subscribers
        self._random = random.Random(plan.seed)
        self._orders: deque[Order] = deque()
        self._lock = threading.Lock()
        self._dropping: Counter[str] = Counter()
        self._held: dict[str, list[tuple[int, str | bytes, tuple[Subscriber, ...]]]] = {}
        self._silent: list[tuple[str, float]] = []  # pattern of streams that are out, loop time until which
        self._scope = "*"  # pattern that the fault at hand was ordered for
        self._skew, self._skewed_until = 0, 0.0
        self._apply: dict[str, Callable[[Update, float], None]] = {
            "drop": self._drop,
            "duplicate": self._duplicate,
            "reorder": self._reorder,
            "delay": self._delay,
            "disconnect": self._disconnect,
            "halfopen": self._half_open,
            "malformed": self._malform,
            "outage": self._outage,
            "clock_skew": self._skew_clock,
        }

    def order(self, kind: str, value: float | None = None, *, streams: str = "*", count: int = 1) -> None:
        """Let a fault happen to the next messages (or depth requests) that it fits; any thread may call this.

        Raises
        ------
        InputError
            For a kind that there is none of, or a count below 1.
        """
        if count < 1:
            raise InputError(f"count must be at least 1, got {count!r}")
        value = self.plan.value(known_kind(kind)) if value is None else float(value)
        with self._lock:
            self._orders.extend([Order(kind, value, streams)] * count)

    def clear(self) -> None:
        """Forget what was ordered and has not happened, and draw no more; what is under way ends by itself."""
        with self._lock:
            self._orders.clear()
        self.plan = FaultPlan()

    def waiting(self) -> int:
        """How many ordered faults have not happened yet."""
        return len(self._orders)

    def send(self, update: Update) -> None:
        """Give a message to everyone who wants it, or do to it what is due."""
        key = update.key
        if key not in self._subscribers.wanted:
            return
        if self._silent:
            self._silent = [one for one in self._silent if one[1] > _now()]
            if any(fnmatchcase(key, pattern) for pattern, _ in self._silent):
                return
        if self._dropping[key] or self.stalled:
            self.stalled -= self.stalled > 0
            self._dropping[key] -= self._dropping[key] > 0
            return
        if self._skew:
            update = update._replace(data=self.skewed(update.data))
        found = self._next(key)
        if found is None:
            self._pass(key, update.data)
        else:
            self._apply[found[0]](update, found[1])
        self._release(key)

    def flush(self) -> None:
        """Send what is still held back: the data is over."""
        for key in list(self._held):
            self._release(key, every=True)

    def rest(self, request: str) -> tuple[str, float] | None:
        """The fault that hits a depth request, if any: kind and value."""
        found = self._take(REST_KINDS, request)
        if found is None:
            for kind in REST_KINDS:
                rate = self.plan.rates.get(kind, 0.0)
                if rate and self._random.random() < rate:
                    found = kind, self.plan.value(kind)
                    break
        return found

    def skewed(self, data: str) -> str:
        """A message, or a REST answer, with its times as far off as they are just now."""
        if self._skew and _now() >= self._skewed_until:
            self._skew = 0
        if not self._skew:
            return data
        pattern = _MARK_TIME if '"markPriceUpdate"' in data[:40] else _TIMES
        return pattern.sub(lambda match: f"{match[1]}{int(match[2]) + self._skew}", data)

    def log(self, kind: str, stream: str, detail: str, value: float, first_id: int = -1, last_id: int = -1) -> None:
        """Enter a fault that happened."""
        self.injected.append(Injected(time.time_ns(), kind, stream, detail, first_id, last_id, value))

    def _next(self, key: str) -> tuple[str, float] | None:
        self._scope = key
        found = self._take(STREAM_KINDS, key)
        if found is None and self.plan.rates and fnmatchcase(key, self.plan.streams):
            drawn = self._random.random()
            for kind in STREAM_KINDS:
                drawn -= self.plan.rates.get(kind, 0.0)
                if drawn < 0:
                    return kind, self.plan.value(kind)
        return found

    def _take(self, kinds: tuple[str, ...], key: str) -> tuple[str, float] | None:
        if not self._orders:
            return None
        with self._lock:
            for order in self._orders:
                if order.kind in kinds and (kinds is REST_KINDS or fnmatchcase(key, order.streams)):
                    self._orders.remove(order)
                    self._scope = order.streams
                    return order.kind, order.value
        return None

    def _note(self, kind: str, update: Update, value: float, detail: str = "") -> None:
        self.log(kind, update.key, detail, value, update.first_id, update.last_id)

    def _pass(self, key: str, message: str | bytes) -> None:
        for subscriber in self._subscribers.listening(key):
            self._subscribers.deliver(subscriber, key, message)

    def _release(self, key: str, *, every: bool = False) -> None:
        held = self._held.get(key)
        if not held:
            return
        due = [item for item in held if every or item[0] <= 0]
        self._held[key] = [(left - 1, *rest) for left, *rest in held if not (every or left <= 0)]
        for _, message, subscribers in due:
            for subscriber in subscribers:
                self._subscribers.deliver(subscriber, key, message)

    def _hold(self, key: str, message: str, places: int) -> None:
        """Send a message after `places` later ones of its stream, to those who listen now and still do then."""
        self._held.setdefault(key, []).append((places, message, tuple(self._subscribers.listening(key))))

    def _drop(self, update: Update, value: float) -> None:
        self._dropping[update.key] = max(0, round(value) - 1)
        self._note("drop", update, value)

    def _duplicate(self, update: Update, value: float) -> None:
        self._pass(update.key, update.data)
        self._hold(update.key, update.data, round(value))
        self._note("duplicate", update, value)

    def _reorder(self, update: Update, value: float) -> None:
        self._hold(update.key, update.data, max(1, round(value)))
        self._note("reorder", update, value)

    def _delay(self, update: Update, value: float) -> None:
        for subscriber in self._subscribers.listening(update.key):
            subscriber.pause(value)
        self._pass(update.key, update.data)
        self._note("delay", update, value)

    def _disconnect(self, update: Update, value: float) -> None:
        hit = self._some(update.key, value)
        self._note("disconnect", update, value, "; ".join(subscriber.label for subscriber in hit))
        for subscriber in hit:
            subscriber.cut()
        self._pass(update.key, update.data)  # to the others

    def _half_open(self, update: Update, value: float) -> None:
        hit = self._some(update.key, value)
        self._note("halfopen", update, value, "; ".join(subscriber.label for subscriber in hit))
        for subscriber in hit:
            subscriber.go_silent()
        self._pass(update.key, update.data)

    def _some(self, key: str, value: float) -> list[Subscriber]:
        if value == math.inf:
            return list(self._subscribers.all.values())
        listening = [one for one in self._subscribers.listening(key) if not one.silent]
        return self._random.sample(listening, min(len(listening), max(1, round(value))))

    def _malform(self, update: Update, value: float) -> None:
        how = MALFORMED[round(value) - 1] if value else self._random.choice(MALFORMED)
        self._pass(update.key, malformed(update.data, how, self._random))
        self._note("malformed", update, value, how)

    def _outage(self, update: Update, value: float) -> None:
        self._silent.append((self._scope, _now() + value))
        self._note("outage", update, value, self._scope)

    def _skew_clock(self, update: Update, value: float) -> None:
        self._skew, self._skewed_until = round(1000 * value), _now() + SKEWED_FOR
        self._note("clock_skew", update, value)
        self._pass(update.key, self.skewed(update.data))


def malformed(data: str, how: str, draw: random.Random) -> str | bytes:
    """Break a message so that a careful reader can see it.

    Parameters
    ----------
    data
        JSON text of the message, without an envelope.
    how
        One of `fault_plan.MALFORMED`.
    draw
        Decides where.

    Returns
    -------
    str or bytes
        Bytes (a binary frame) for what is no longer text.

    Notes
    -----
    A flipped bit that makes one digit into another is passed over and another one drawn: Binance sends no checksum, so
    no client could see it. (TLS does not let any of them through.)
    """
    if how == "garbage":
        return draw.randbytes(draw.randint(1, 200))
    if how == "truncated":
        return data[: draw.randrange(1, len(data))]
    if how == "wrong type":
        told = json.loads(data)
        names = [name for name in _FIELDS.get(told.get("e", ""), ("u", "b", "a", "B", "A", "p", "c")) if name in told]
        told[draw.choice(names or list(told))] = draw.choice(_WRONG)
        return json.dumps(told, separators=(",", ":"))
    while True:
        flipped = bytearray(data.encode())
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        try:
            json.loads(flipped.decode())
        except ValueError:
            return bytes(flipped)


def _now() -> float:
    return asyncio.get_running_loop().time()
