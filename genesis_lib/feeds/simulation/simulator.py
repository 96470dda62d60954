"""The simulator: a seeded market that needs no data and no network, and always says that it is simulated."""

from __future__ import annotations

import hashlib
import heapq
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from operator import attrgetter

from genesis_lib.errors import InputError, StateError
from genesis_lib.feeds.simulation.blocks import next_block, snapshot_block
from genesis_lib.feeds.simulation.episodes import Episode, schedule
from genesis_lib.feeds.simulation.flow import EPOCH, OrderFlow
from genesis_lib.feeds.simulation.flow_parameters import MARKETS, FlowParameters
from genesis_lib.feeds.simulation.participant import Participant
from genesis_lib.storage.event_block import EventBlock
from genesis_lib.types import Event, Instrument

VERSION = 2  # raised whenever the same seed gives other events


class Simulator:
    """A simulated market; iterating gives typed, synchronized events, the same ones for the same seed.

    Parameters
    ----------
    seed
        Decides everything.
    instrument
        ``SIMBTC``, ``SIMETH`` or ``SIMSOL``, or that market's `Instrument`.
    minutes
        Length in event time; endless when None.
    plant
        Planted episodes, kind and count; needs `minutes`. `labels` tells them once the events were taken.
    parameters
        Other flow than the market's own.

    Raises
    ------
    InputError
        For an unknown symbol or kind, a length that is not positive, or more episodes than fit into it.

    Examples
    --------
    >>> first = next(iter(Simulator(seed=1)))
    >>> type(first).__name__, first.symbol
    ('DepthSnapshot', 'SIMBTC')
    """

    provenance = "simulated"
    _flow: OrderFlow | None = None

    def __init__(
        self,
        seed: int = 0,
        instrument: Instrument | str = "SIMBTC",
        minutes: float | None = None,
        *,
        plant: dict[str, int] | None = None,
        parameters: FlowParameters | None = None,
    ) -> None:
        symbol = instrument if isinstance(instrument, str) else instrument.symbol
        if symbol not in MARKETS:
            raise InputError(f"simulator symbol must be one of {', '.join(MARKETS)}, got {symbol!r}")
        if minutes is not None and not minutes > 0:
            raise InputError(f"minutes must be greater than 0, got {minutes!r}")
        if minutes == math.inf:
            raise InputError("minutes must be finite, got inf; None makes a market without an end")
        if plant and minutes is None:
            raise InputError("plant needs minutes: episodes are spread over a known length")
        self.seed, self.minutes, self.plant = int(seed), minutes, dict(plant or {})
        self.labels: list[dict] = []
        self.instrument, market = MARKETS[symbol]
        self.parameters = parameters or market
        self.name = self.instrument.name
        self._episodes()

    @property
    def data_hash(self) -> str:
        """sha256 over what makes these events: simulator, version, seed, length and parameters."""
        made = json.dumps([self.name, self.minutes, self.plant, asdict(self.parameters)], sort_keys=True)
        return hashlib.sha256(f"simulator/{VERSION}/{self.seed}/{made}".encode()).hexdigest()

    def open(self) -> OrderFlow:
        """A fresh market in its first state; `OrderFlow.engine` is its true book."""
        return OrderFlow(self.seed, self.instrument, self.parameters)

    def participant(self) -> Participant:
        """Somebody who sends orders into the market that is being iterated over, from the thread that iterates.

        What he does shows in the events that follow, which are then no longer those of the seed alone.

        Raises
        ------
        StateError
            Before the first event was taken.

        Examples
        --------
        >>> simulator = Simulator(seed=1)
        >>> events = iter(simulator)
        >>> start = next(events)
        >>> trader = simulator.participant()
        >>> report = trader.submit(0, 50)  # buy 0.05 at the market
        >>> {event.side for _, event in zip(report.fills, events)}
        {1}
        """
        if self._flow is None:
            raise StateError("nobody takes the simulator's events yet: there is no market to send orders to")
        return Participant(self._flow)

    def blocks(self, messages: int = 4096) -> Iterator[EventBlock]:
        """The same events as iterating gives, as arrays of so many depth messages each, some times as fast.

        Raises
        ------
        InputError
            With planted episodes, who act between two messages; or for `messages` below 1.

        Examples
        --------
        >>> simulator = Simulator(seed=1, minutes=0.05)
        >>> sum(len(block.kind) for block in simulator.blocks()) == sum(1 for _ in simulator)
        True
        """
        if self.plant:
            raise InputError("blocks have no room for planted episodes: iterate over the simulator")
        self._flow = flow = self.open()
        yield snapshot_block(flow)
        end = self._end()
        while end is None or flow.now < end:
            yield next_block(flow, messages, end)

    def _end(self) -> int | None:
        return None if self.minutes is None else EPOCH + round(self.minutes * 60_000)

    def _episodes(self) -> list[Episode]:
        return schedule(self.plant, self.minutes, self.seed) if self.plant else []

    def __iter__(self) -> Iterator[Event]:
        self._flow = flow = self.open()
        self.labels, coming = [], self._episodes()
        yield flow.snapshot()
        end = self._end()
        while end is None or flow.now < end:
            yield from flow.step(coming[:1])
            if coming and coming[0].done:
                self.labels.append(coming.pop(0).label)


def merged(simulators: Iterable[Simulator]) -> Iterator[Event]:
    """The events of several simulators in the order of their exchange times, as one connection would bring them.

    Examples
    --------
    >>> markets = [Simulator(1, symbol, minutes=0.01) for symbol in ("SIMBTC", "SIMETH")]
    >>> sorted({event.symbol for event in merged(markets)})
    ['SIMBTC', 'SIMETH']
    """
    return heapq.merge(*simulators, key=attrgetter("ts_exchange"))
