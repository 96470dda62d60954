"""A simulated market that can be predicted, and exactly how well: its moves are drawn with the odds its book shows.

It speaks as any venue does (snapshot, diffs with U/u/pu, trades, best prices), goes through the same reader, rows,
features and labels, and tells beside its events what the probabilities of each row's label are. What the book shows is
a function of the ten best levels, see `signs_of`; trades are noise and say nothing.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.known_odds import HORIZON, INSTRUMENT, NEUTRAL, ONSET, SHOWN, STATES, KnownOdds, State
from genesis_lib.feeds.simulation.truth import Truth
from genesis_lib.types import ASK, BID, BookTicker, DepthSnapshot, DepthUpdate, Event, Trade

VERSION = 1  # raised whenever the same seed gives other events
EPOCH = 1_735_689_600_000  # 2025-01-01 00:00 UTC, ms
MS = 1_000_000
LEVELS = 10
JUMP = 3  # ticks of a move
INTERVAL = 36.0  # mean ms between depth messages
REDRAWN = 0.4  # share of the levels whose quantity changes from row to row
TRADES = 0.3  # chance of a trade before a row
START = 300_000  # ticks
USUAL = np.array([6.0] + [1.0] * (LEVELS - 1))  # middle quantity of each level
TILT, NOISE = 0.6, 0.4  # of log quantity: what a sign moves, and the most that chance adds
# Which level shows which sign: `x` and `y` by the side that holds more, the others by both sides being thick or thin.
AT = {"x": 0, "y": 2, "gate": 4, "calm": 6, "live": 8}


class PredictableMarket:
    """One run; iterating gives typed, synchronized events, the same ones for the same seed.

    Parameters
    ----------
    seed
        Decides everything.
    accuracy
        Of the best possible model, see `KnownOdds`.
    minutes
        Length in event time.

    Attributes
    ----------
    odds : KnownOdds
    truth : Truth
        Odds of every row's label; complete once the events were taken.

    Examples
    --------
    >>> market = PredictableMarket(seed=1, accuracy=0.75, minutes=0.1)
    >>> events = list(market)
    >>> len(market.truth) == sum(type(e).__name__.startswith("Depth") for e in events)
    True
    """

    provenance = "simulated"

    def __init__(self, seed: int = 0, accuracy: float = 0.75, minutes: float = 10.0) -> None:
        if not minutes > 0:
            raise InputError(f"minutes must be greater than 0, got {minutes!r}")
        if minutes == math.inf:
            raise InputError("minutes must be finite, got inf")
        self.seed, self.minutes, self.odds = int(seed), float(minutes), KnownOdds(accuracy)
        self.instrument, self.name = INSTRUMENT, INSTRUMENT.name
        self.plant: dict[str, int] = {}
        self.labels: list[dict[str, Any]] = []
        self._times: list[int] = []
        self._odds: list[np.ndarray] = []

    @property
    def data_hash(self) -> str:
        """sha256 over what makes these events."""
        made = f"predictable/{VERSION}/{self.seed}/{self.odds.accuracy!r}/{self.minutes!r}"
        return hashlib.sha256(made.encode()).hexdigest()

    @property
    def truth(self) -> Truth:
        """Odds of the rows given so far."""
        return Truth(np.array(self._times, np.int64), np.array(self._odds).reshape(-1, 3), self.odds.accuracy, HORIZON)

    def __iter__(self) -> Iterator[Event]:
        self._times, self._odds = [], []
        run = _Run(self.seed)
        end = EPOCH + round(self.minutes * 60_000)
        state, left, age = None, 0, 0  # the round that is shown, its rows to come, rows since the last one
        run.show(None)
        yield run.snapshot()
        self._tell(run, self.odds.pause(0))
        while run.now < end:
            if state is None and age >= HORIZON - SHOWN - 1 and run.chance() < ONSET:
                state, left = STATES[int(run.chance() * len(STATES))], SHOWN
                run.show(state)
            elif state is not None and left == 0:
                run.move(self._draw(run.chance(), self.odds.shown(state)))
                state, age = None, 0
                run.show(None)
            elif state is None:
                age += 1
            yield from run.step()
            left -= state is not None
            self._tell(run, self.odds.pause(age) if state is None else self.odds.shown(state))

    def _tell(self, run: _Run, odds: np.ndarray) -> None:
        self._times.append(run.now * MS)
        self._odds.append(odds)

    @staticmethod
    def _draw(chance: float, odds: np.ndarray) -> int:
        return int(np.searchsorted(np.cumsum(odds)[:2], chance, side="right"))


class _Run:
    """The book of a run, and the messages that tell it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed).random
        self.now = EPOCH
        self.bid = START
        self._told = START  # best bid when the last message was sent
        self._middle = np.zeros((2, LEVELS))  # log of the middle quantities that are shown
        self._sizes = np.zeros((2, LEVELS))
        self._fresh = True  # every quantity is to be drawn anew
        self._id, self._trade_id, self._received = 1_000_000, 0, 0

    def show(self, state: State | None) -> None:
        """Tilt the book to a state; None to signs that mean nothing."""
        shown = state or STATES[int(self.chance() * len(STATES))]
        x, y, gate, calm = shown
        self._middle = np.tile(np.log(USUAL), (2, 1))
        for level, sign in ((AT["x"], x), (AT["y"], y)):
            self._middle[:, level] += TILT * sign * np.array([1.0, -1.0])
        for level, sign in ((AT["gate"], gate), (AT["calm"], calm), (AT["live"], 1 if state else -1)):
            self._middle[:, level] += TILT * sign
        self._fresh = True

    def move(self, kind: int) -> None:
        """Let the price move down, stay or move up."""
        self.bid += (kind - NEUTRAL) * JUMP

    def snapshot(self) -> DepthSnapshot:
        """The whole book."""
        self._redraw()
        sides, ticks, quantities = self._levels()
        ts = self.now * MS
        return DepthSnapshot(INSTRUMENT.symbol, ts, self._receive(ts), self._id, sides, ticks, quantities)

    def step(self) -> Iterator[Event]:
        """Trades and best prices, then the depth message of the next row."""
        wait = -INTERVAL * math.log(1.0 - self.chance())
        before, self.now = self.now, self.now + 1 + int(min(wait, 1500.0))
        if self.chance() < TRADES:
            yield self._trade((before + 1 + int((self.now - before - 1) * self.chance())) * MS)
        old = {(side, tick) for side, tick in zip(*self._ticks(self._told))}
        held = self._sizes.copy()
        self._redraw()
        sides, ticks, quantities = self._levels()
        ts, first = self.now * MS, self._id + 1
        if (self.bid, *self._sizes[:, 0]) != (self._told, *held[:, 0]):
            self._id += 1
            touch = self.bid, float(self._sizes[0, 0]), self.bid + 1, float(self._sizes[1, 0])
            yield BookTicker(INSTRUMENT.symbol, ts, self._receive(ts), self._id, *touch)
        if self.bid == self._told:
            changed = (self._sizes != held).ravel()
            sides, ticks, quantities = sides[changed], ticks[changed], quantities[changed]
        else:
            gone = sorted(old - set(zip(sides.tolist(), ticks.tolist())))
            sides = np.concatenate([sides, np.array([side for side, _ in gone], np.int8)])
            ticks = np.concatenate([ticks, np.array([tick for _, tick in gone], np.int64)])
            quantities = np.concatenate([quantities, np.zeros(len(gone))])
        self._told, previous, self._id = self.bid, first - 1, self._id + 1
        yield DepthUpdate(INSTRUMENT.symbol, ts, self._receive(ts), first, self._id, previous, sides, ticks, quantities)

    def _redraw(self) -> None:
        for side in (BID, ASK):
            for level in range(LEVELS):
                if self._fresh or self.chance() < REDRAWN:
                    size = math.exp(self._middle[side, level] + NOISE * (2.0 * self.chance() - 1.0))
                    self._sizes[side, level] = round(size * 1000) / 1000
        self._fresh = False

    def _trade(self, ts: int) -> Trade:
        side = 1 if self.chance() < 0.5 else -1
        self._trade_id += 1
        tick = self._told + (side > 0)
        quantity = (1 + int(200 * self.chance() ** 4)) / 1000
        return Trade(INSTRUMENT.symbol, ts, self._receive(ts), self._trade_id, tick, quantity, side)

    @staticmethod
    def _ticks(bid: int) -> tuple[list[int], list[int]]:
        steps = range(LEVELS)
        return [BID] * LEVELS + [ASK] * LEVELS, [bid - i for i in steps] + [bid + 1 + i for i in steps]

    def _levels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        sides, ticks = self._ticks(self.bid)
        return np.array(sides, np.int8), np.array(ticks, np.int64), self._sizes.ravel().copy()

    def _receive(self, ts: int) -> int:
        received = ts + 1_500_000 + int(-600_000 * math.log(1.0 - self.chance()))
        self._received = max(received, self._received + 1)
        return self._received


def signs_of(levels: np.ndarray) -> np.ndarray:
    """What books show: (n, 5) int8 signs x, y, gate, calm and live, of rows of levels (n, 10, 4).

    >>> book = np.ones((1, 10, 4))
    >>> book[0, 0, 1] = 2.0
    >>> int(signs_of(book)[0, 0])
    1
    """
    bids, asks = levels[:, :LEVELS, 1], levels[:, :LEVELS, 3]
    both = np.sqrt(bids * asks) > USUAL
    shown = [bids[:, AT[name]] > asks[:, AT[name]] for name in ("x", "y")]
    shown += [both[:, AT[name]] for name in ("gate", "calm", "live")]
    return np.where(np.stack(shown, axis=1), 1, -1).astype(np.int8)
