"""Lay planted episodes over a real recording: the market that was, with agents in it who were not.

Notes
-----
What the recording tells is told again, in its order and at its times. The quantities of levels that an agent uses are
his and the recorded ones together; where he acts between two messages the venue tells one more. Ids are numbered anew
so that what was added has its place in the sequence. An agent acts only right after a diff to which nothing that was
told is ahead, so that best prices and depth stay those of one book. The recorded market does not react: that is the
difference to an episode in simulated flow.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from genesis_lib.feeds.binance_sync import BinanceSync
from genesis_lib.feeds.recording import Recording
from genesis_lib.feeds.simulation.overlay_book import OverlaidBook
from genesis_lib.feeds.simulation.overlay_episodes import OverlayEpisode
from genesis_lib.feeds.simulation.overlay_plan import spans_of, spread
from genesis_lib.feeds.simulation.planted import MS
from genesis_lib.types import ASK, BID, BookTicker, DepthSnapshot, DepthUpdate, Event, Trade

VERSION = 2  # raised whenever the same seed and recording give other events


class Window(NamedTuple):
    """Time after a message in which nothing else was told: exchange times (ns) at which an agent may have one more."""

    first: int
    last: int


class Overlay:
    """A recording with planted episodes; iterating gives raw events, the same ones for the same seed and recording.

    Parameters
    ----------
    recording
        Whose diffs are numbered and start from a snapshot.
    plant
        How many of each kind of `overlay_episodes.SCRIPTS`.
    seed
        Decides times, sides and sizes.

    Attributes
    ----------
    labels : list of dict
        Of the episodes that have ended, once the events were taken; as those of simulated flow.

    Raises
    ------
    InputError
        For an unknown kind, a negative count, more episodes than fit where the recorded book is whole, or a recording
        without numbered diffs.
    """

    provenance = "simulated"

    def __init__(self, recording: Recording, plant: dict[str, int], seed: int = 0) -> None:
        self.recording, self.plant, self.seed = recording, dict(plant), int(seed)
        self.instrument = recording.instrument
        self.labels: list[dict] = []
        self._spans = spans_of(recording)
        self._plan()

    def _plan(self) -> list[OverlayEpisode]:
        return spread(self.plant, self._spans, self.seed)

    @property
    def data_hash(self) -> str:
        """sha256 over what makes these events: the recording's bytes, what is laid over it, and the seed."""
        made = json.dumps([VERSION, self.seed, self.plant, self.recording.data_hash])
        return hashlib.sha256(f"overlay/{made}".encode()).hexdigest()

    @property
    def minutes(self) -> float:
        """Length in event time of what is overlaid."""
        return (self._spans[-1][1] - self._spans[0][0]) / 60e9

    def __iter__(self) -> Iterator[Event]:
        self.labels = []
        told = Told(OverlaidBook(self.instrument), self._plan())
        for event, coming in _with_next(self.recording):
            yield from told.push(event, coming)
            self.labels += told.take_labels()


class Told:
    """One pass over a recording: what is told of each of its events."""

    def __init__(self, book: OverlaidBook, episodes: list[OverlayEpisode]) -> None:
        self.book, self._coming = book, episodes
        self._sync = BinanceSync()
        self._inserted: list[int] = []  # recorded id after which each added message stands
        self._ahead = -1  # newest recorded id told by bookTicker
        self._trade_id, self._trades = -1, 0  # last recorded one, how many were added
        self._before: tuple[int, tuple] = (-2, (None, None))  # recorded id since when it is not thinned like this
        self._best: tuple[int, tuple] = (-1, ())  # id of the newest best prices told, and these
        self._labels: list[dict] = []
        self._raw: DepthUpdate | None = None  # the recorded diff that is not told yet
        self._last: DepthUpdate | None = None  # the recorded diff that the book is up to
        self._whole = False
        self._out: list[Event] = []

    def take_labels(self) -> list[dict]:
        """Labels of the episodes that have ended since the last call."""
        labels, self._labels = self._labels, []
        return labels

    def push(self, event: Event, coming: Event | None) -> list[Event]:
        """Take a recorded event, and see the time of the one after; give what is told."""
        self._out = []
        kind = type(event)
        if kind is DepthUpdate:
            self._diff(event, coming)
        elif kind is BookTicker:
            self._ticker(event)
        elif kind is Trade:
            self._trade_id = max(self._trade_id, event.trade_id)
            self._out.append(event._replace(trade_id=event.trade_id + self._trades))
        elif kind is DepthSnapshot:
            self._apply(event)
            self._out.append(event._replace(last_id=event.last_id + bisect_left(self._inserted, event.last_id)))
        else:
            self._out.append(event)
        return self._out

    def _apply(self, event: Event) -> bool:
        """Follow the recording; whether the book is whole and up to this event."""
        given = self._sync.push(event)
        for one in given:
            if type(one) in (DepthUpdate, DepthSnapshot):
                self.book.apply(one)
        return bool(given) and self._sync.joined and type(given[-1]) is type(event)

    def _diff(self, event: DepthUpdate, coming: Event | None) -> None:
        self._raw, self._whole = event, self._apply(event)
        if self._whole and self._coming and None not in self.book.touch:
            episode = self._coming[0]
            self._last = event
            episode.watch(self.book, event.ts_exchange, *self.book.touch)
            if self._ahead <= event.last_id:
                episode.act(self, event.ts_exchange, self._window(event, coming))
            if episode.done:
                self._labels.append(self._coming.pop(0).label)
                if self._coming:
                    self._coming[0].follow(episode)
        self.tell()

    def _window(self, event: DepthUpdate, coming: Event | None) -> Window | None:
        if coming is None:
            return None
        room = min(coming.ts_exchange - event.ts_exchange, coming.ts_receive - event.ts_receive) // MS
        first, last = event.ts_exchange + MS, event.ts_exchange + (room - 1) * MS
        return Window(first, last) if first <= last else None

    def tell(self, ts: int | None = None) -> None:
        """Tell the recorded diff, with what agents changed until now; behind it what they change at a later time."""
        raw, self._raw = self._raw, None
        if raw is not None:
            last = raw.last_id + bisect_left(self._inserted, raw.last_id)
            first = raw.first_id + bisect_left(self._inserted, raw.first_id)
            previous = raw.prev_id + bisect_right(self._inserted, raw.prev_id) if raw.prev_id >= 0 else raw.prev_id
            columns = self.book.tell(raw) if self._whole else raw[6:]
            self._tell_best(raw.ts_exchange, raw.ts_receive, last)
            update = (raw.ts_exchange, raw.ts_receive, first, last, previous, *columns)
            self._out.append(DepthUpdate(raw.symbol, *update))
        last = self._last
        if ts is not None and ts > last.ts_exchange and self.book.changed:
            receive = last.ts_receive + ts - last.ts_exchange
            before = last.last_id + bisect_right(self._inserted, last.last_id)
            self._inserted.append(last.last_id)
            columns = self.book.take_changed()
            self._tell_best(ts, receive, before + 1)
            ids = before + 1, before + 1, before if last.prev_id >= 0 else last.prev_id
            self._out.append(DepthUpdate(last.symbol, ts, receive, *ids, *columns))

    def trade(self, ts: int, tick: int, quantity: float, aggressor: int) -> None:
        """Tell a trade that was not recorded."""
        self._trades += 1
        receive, symbol = self._last.ts_receive + ts - self._last.ts_exchange, self._last.symbol
        self._out.append(Trade(symbol, ts, receive, self._trade_id + self._trades, tick, quantity, aggressor))

    def thin(self, side: int, edge: int, share: float) -> None:
        """Thin a side of the book; what is told late of an id before now is told as it was."""
        if self._before[0] != self._sync.last_id:
            self._before = self._sync.last_id, self.book.thinned
        self.book.thin(side, edge, share)

    def _tell_best(self, ts: int, receive: int, number: int) -> None:
        """Tell the best prices anew where an agent has just changed what rests there."""
        if self._ahead < 0 or self._before[0] != self._sync.last_id:
            return
        best: list = []
        for side, tick, thinned in zip((BID, ASK), self.book.touch, self.book.thinned):
            best += [tick, self.book.left(side, tick, self.book.held(side, tick), thinned)]
        if tuple(best) != self._best[1]:
            self._best = number, tuple(best)
            self._out.append(BookTicker(self.book.instrument.symbol, ts, receive, number, *best))

    def _ticker(self, event: BookTicker) -> None:
        if event.update_id > self._sync.last_id and self._coming:
            self._coming[0].watch(self.book, event.ts_exchange, event.bid_tick, event.ask_tick)
        bid, ask = self._before[1] if event.update_id < self._before[0] else self.book.thinned
        told = event._replace(
            update_id=event.update_id + bisect_left(self._inserted, event.update_id),
            bid_quantity=self.book.left(BID, event.bid_tick, event.bid_quantity, bid),
            ask_quantity=self.book.left(ASK, event.ask_tick, event.ask_quantity, ask),
        )
        self._ahead = max(self._ahead, event.update_id)
        if told.update_id >= self._best[0]:
            self._best = told.update_id, told[4:]
        self._out.append(told)


def _with_next(events: Iterable[Event]) -> Iterator[tuple[Event, Event | None]]:
    """Each event with the one after."""
    before = None
    for event in events:
        if before is not None:
            yield before, event
        before = event
    if before is not None:
        yield before, None
