"""Typed events written as the messages Binance would have sent: what the simulator and the local venue speak."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Event, Instrument, MarkPrice, Trade

MS = 1_000_000


class BinanceWriter:
    """Write events of one instrument in the format of USD-M futures.

    Prices and quantities have as many decimals as tick and lot size, so that reading them gives the same numbers.

    >>> writer = BinanceWriter(Instrument("simulator", "SIMBTC", 0.1, 0.001))
    >>> writer.message(Trade("SIMBTC", 2_000_000, 5, 7, 300001, 0.5, -1))
    ('simbtc@trade', '{"e":"trade","E":2,"T":2,"s":"SIMBTC","t":7,"p":"30000.1","q":"0.500","X":"MARKET","m":true}')
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._price_places = places(instrument.tick_size)
        self._lot_places = places(instrument.lot_size)
        self.tick_size = f"{instrument.tick_size:.{self._price_places}f}"
        self.lot_size = f"{instrument.lot_size:.{self._lot_places}f}"
        self._stream = instrument.symbol.lower()

    def message(self, event: Event) -> tuple[str, str]:
        """Name of the stream and JSON text of its data; of a `DepthSnapshot` an empty name and the REST answer."""
        symbol, ms = event.symbol, event.ts_exchange // MS
        if isinstance(event, DepthUpdate):
            bids, asks = self._levels(event.sides, event.ticks, event.quantities)
            head = f'{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"{symbol}","U":{event.first_id},"u":{event.last_id},'
            return f"{self._stream}@depth@0ms", head + f'"pu":{event.prev_id},"b":{bids},"a":{asks}}}'
        if isinstance(event, Trade):
            maker = "true" if event.side < 0 else "false"
            head = (
                f'{{"e":"trade","E":{ms},"T":{ms},"s":"{symbol}","t":{event.trade_id},"p":"{self.price(event.tick)}",'
            )
            return f"{self._stream}@trade", head + f'"q":"{self.quantity(event.quantity)}","X":"MARKET","m":{maker}}}'
        if isinstance(event, BookTicker):
            bid, ask = self.price(event.bid_tick), self.price(event.ask_tick)
            bid_size, ask_size = self.quantity(event.bid_quantity), self.quantity(event.ask_quantity)
            head = f'{{"e":"bookTicker","u":{event.update_id},"s":"{symbol}","b":"{bid}","B":"{bid_size}",'
            return f"{self._stream}@bookTicker", head + f'"a":"{ask}","A":"{ask_size}","T":{ms},"E":{ms}}}'
        if isinstance(event, DepthSnapshot):
            bids, asks = self._levels(event.sides, event.ticks, event.quantities)
            return "", f'{{"lastUpdateId":{event.last_id},"E":{ms},"T":{ms},"bids":{bids},"asks":{asks}}}'
        if isinstance(event, MarkPrice):
            head = f'{{"e":"markPriceUpdate","E":{ms},"s":"{symbol}","p":"{event.mark!r}","i":"{event.index!r}",'
            return (
                f"{self._stream}@markPrice@1s",
                head + f'"r":"{event.funding_rate!r}","T":{event.next_funding // MS}}}',
            )
        raise TypeError(f"Binance has no message for a {type(event).__name__}")

    def line(self, event: Event) -> str:
        """The line of a recording: receive time in ns, a blank, the message in its combined-stream envelope."""
        stream, data = self.message(event)
        return f'{event.ts_receive} {{"stream":"{stream}","data":{data}}}' if stream else f"{event.ts_receive} {data}"

    def price(self, tick: int) -> str:
        """Price of a tick, as text."""
        return f"{self.instrument.price(int(tick)):.{self._price_places}f}"

    def quantity(self, quantity: float) -> str:
        """A quantity, as text."""
        return f"{quantity:.{self._lot_places}f}"

    def _levels(self, sides: np.ndarray, ticks: np.ndarray, quantities: np.ndarray) -> tuple[str, str]:
        texts: tuple[list[str], list[str]] = ([], [])
        for side, tick, quantity in zip(sides.tolist(), ticks.tolist(), quantities.tolist()):
            texts[side].append(f'["{self.price(tick)}","{self.quantity(quantity)}"]')
        return f"[{','.join(texts[0])}]", f"[{','.join(texts[1])}]"


def places(step: float) -> int:
    """Decimals that a step needs.

    >>> places(0.001), places(1.0), places(0.5)
    (3, 0, 1)
    """
    return max(0, -Decimal(repr(step)).normalize().as_tuple().exponent)
