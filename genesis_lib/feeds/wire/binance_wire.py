"""Typed events written as the messages Binance would have sent: what the simulator and the local venue speak."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Event, Instrument, MarkPrice, Trade

MS = 1_000_000
SPOT_PLACES = 8  # decimals of every price and quantity on spot


class BinanceWriter:
    """Write events of one instrument in the format of its market; a venue that is not Binance's writes as USD-M.

    Futures write as many decimals as tick and lot size have, spot always eight. Spot numbers no predecessor (`pu`) and
    tells no transaction time with its diffs; COIN-M names the pair.

    >>> writer = BinanceWriter(Instrument("simulator", "SIMBTC", 0.1, 0.001))
    >>> writer.message(Trade("SIMBTC", 2_000_000, 5, 7, 300001, 0.5, -1))
    ('simbtc@trade', '{"e":"trade","E":2,"T":2,"s":"SIMBTC","t":7,"p":"30000.1","q":"0.500","X":"MARKET","m":true}')
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.is_spot = instrument.venue == "binance-spot"
        self._pair = f'"ps":"{instrument.symbol.partition("_")[0]}",' if instrument.venue == "binance-coinm" else ""
        self._price_places = SPOT_PLACES if self.is_spot else places(instrument.tick_size)
        self._lot_places = SPOT_PLACES if self.is_spot else places(instrument.lot_size)
        self.tick_size = f"{instrument.tick_size:.{self._price_places}f}"
        self.lot_size = f"{instrument.lot_size:.{self._lot_places}f}"
        self._stream = instrument.symbol.lower()
        self._name = f'"s":"{instrument.symbol}",{self._pair}'

    def message(self, event: Event) -> tuple[str, str]:
        """Name of the stream and JSON text of its data; of a `DepthSnapshot` an empty name and the REST answer."""
        ms = event.ts_exchange // MS
        if isinstance(event, DepthUpdate):
            return f"{self._stream}@depth@{'100' if self.is_spot else '0'}ms", self.diff(event)
        if isinstance(event, Trade):
            price, quantity = self.price(event.tick), self.quantity(event.quantity)
            maker = "true" if event.side < 0 else "false"
            body = f'{self._name}"t":{event.trade_id},"p":"{price}","q":"{quantity}",'
            if self.is_spot:
                return f"{self._stream}@trade", f'{{"e":"trade","E":{ms},{body}"T":{ms},"m":{maker},"M":true}}'
            kind = "MARKET" if event.market else "NA"
            return f"{self._stream}@trade", f'{{"e":"trade","E":{ms},"T":{ms},{body}"X":"{kind}","m":{maker}}}'
        if isinstance(event, BookTicker):
            bid, ask = self.price(event.bid_tick), self.price(event.ask_tick)
            bid_size, ask_size = self.quantity(event.bid_quantity), self.quantity(event.ask_quantity)
            body = f'"u":{event.update_id},{self._name}"b":"{bid}","B":"{bid_size}","a":"{ask}","A":"{ask_size}"'
            if self.is_spot:
                return f"{self._stream}@bookTicker", f"{{{body}}}"
            return f"{self._stream}@bookTicker", f'{{"e":"bookTicker",{body},"T":{ms},"E":{ms}}}'
        if isinstance(event, DepthSnapshot):
            bids, asks = self.levels(event.sides, event.ticks, event.quantities)
            times = "" if self.is_spot else f'"E":{ms},"T":{ms},'
            return "", f'{{"lastUpdateId":{event.last_id},{times}"bids":{bids},"asks":{asks}}}'
        if isinstance(event, MarkPrice):
            head = f'{{"e":"markPriceUpdate","E":{ms},{self._name}"p":"{event.mark!r}","i":"{event.index!r}",'
            return (
                f"{self._stream}@markPrice@1s",
                head + f'"r":"{event.funding_rate!r}","T":{event.next_funding // MS}}}',
            )
        raise TypeError(f"Binance has no message for a {type(event).__name__}")

    def diff(self, event: DepthUpdate) -> str:
        """JSON text of a diff."""
        ms = event.ts_exchange // MS
        bids, asks = self.levels(event.sides, event.ticks, event.quantities)
        ids = f'"U":{event.first_id},"u":{event.last_id},'
        if self.is_spot:
            return f'{{"e":"depthUpdate","E":{ms},{self._name}{ids}"b":{bids},"a":{asks}}}'
        return f'{{"e":"depthUpdate","E":{ms},"T":{ms},{self._name}{ids}"pu":{event.prev_id},"b":{bids},"a":{asks}}}'

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

    def levels(self, sides: np.ndarray, ticks: np.ndarray, quantities: np.ndarray) -> tuple[str, str]:
        """JSON texts of bids and asks."""
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
