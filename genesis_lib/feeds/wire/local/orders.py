"""Orders of an outside client in a simulated market: what he sent, what became of it, and the news of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from genesis_lib.feeds.simulation.participant import OwnFill
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import Instrument

MS = 1_000_000
OPEN = ("NEW", "PARTIALLY_FILLED")


@dataclass(slots=True)
class Order:
    """One order; quantities in lots, times in ms."""

    number: int
    client_id: str
    side: int  # 0 buys, 1 sells
    kind: str  # LIMIT, MARKET, LIMIT_MAKER
    terms: str  # GTC, IOC, FOK, GTX
    tick: int | None
    lots: int
    created: int
    updated: int
    status: str = "NEW"
    filled: int = 0
    notional: float = 0.0
    fills: list[OwnFill] = field(default_factory=list)


class News(NamedTuple):
    """A change of an order, with its figures as of then."""

    order: Order
    change: str  # NEW, TRADE, CANCELED, EXPIRED
    status: str
    filled: int
    notional: float
    fill: OwnFill | None
    ms: int


class OrderDesk:
    """Send orders into a simulation that is being played, and keep book of them.

    To be used from the thread that plays it. There is one participant, whoever sends; there is no account, no margin
    and no fee, and nothing keeps his orders from trading with each other.

    Parameters
    ----------
    simulator
        The one that is played.
    instrument
        What it is called at the venue.
    """

    def __init__(self, simulator: Simulator, instrument: Instrument) -> None:
        self.instrument = instrument
        self._participant = simulator.participant()
        self._orders: dict[int, Order] = {}
        self._by_client_id: dict[str, Order] = {}
        self._news: list[News] = []

    @property
    def orders(self) -> list[Order]:
        """Every order, in the order in which they came."""
        self._absorb()
        return list(self._orders.values())

    @property
    def now(self) -> int:
        """Time of the market, ms."""
        return self._participant.flow.now

    def quantity(self, lots: int) -> float:
        """Quantity of a number of lots."""
        return self._participant.flow.quantity(lots)

    def best(self, side: int) -> int | None:
        """Best tick of a side of the market."""
        return self._participant.flow.engine.best[side]

    def place(self, kind: str, side: int, lots: int, tick: int | None, terms: str, client_id: str) -> Order | None:
        """Send an order; None when it was to rest (GTX) and would have traded.

        Raises
        ------
        InputError
            For what the matching engine refuses.
        """
        self._absorb()
        report = self._participant.submit(side, lots, tick, terms)
        if report.reason == "would trade":
            return None
        order = Order(report.order, client_id, side, kind, terms, tick, lots, self.now, self.now)
        self._orders[order.number] = self._by_client_id[client_id] = order
        self._tell(order, "NEW")
        self._absorb()
        if report.dropped:
            self._end(order, "EXPIRED")
        return order

    def cancel(self, order: Order) -> bool:
        """Take an order back; False when it is no longer open."""
        self._absorb()
        if order.status not in OPEN:
            return False
        self._participant.cancel(order.number)
        self._end(order, "CANCELED")
        return True

    def find(self, number: int | None, client_id: str | None) -> Order | None:
        """An order by its number or by the client's name for it."""
        self._absorb()
        return self._orders.get(number) if number is not None else self._by_client_id.get(client_id or "")

    def news(self) -> Iterator[News]:
        """Every change since the last call, in order."""
        self._absorb()
        told, self._news = self._news, []
        return iter(told)

    def _absorb(self) -> None:
        for fill in self._participant.take_fills():
            order = self._orders[fill.order]
            order.filled += fill.lots
            order.notional += self.instrument.price(fill.tick) * self.quantity(fill.lots)
            order.fills.append(fill)
            order.status = "FILLED" if order.filled == order.lots else "PARTIALLY_FILLED"
            order.updated = fill.ts_exchange // MS
            self._tell(order, "TRADE", fill)

    def _end(self, order: Order, status: str) -> None:
        order.status, order.updated = status, self.now
        self._tell(order, status)

    def _tell(self, order: Order, change: str, fill: OwnFill | None = None) -> None:
        self._news.append(News(order, change, order.status, order.filled, order.notional, fill, order.updated))
