"""One of Binance's messages from its bytes, in plain Python: what _fields.pxd and _message.pxd must equal."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from orderbook_ext._json_py import (
    BRACE,
    BRACKET,
    COLON,
    DECIMAL,
    ENDED,
    FIELD,
    FLAG,
    ID,
    LEVELS,
    MESSAGE,
    ONCE,
    PLAIN,
    PRICE,
    SENT,
    TIME,
    UNCROSSED,
    Reader,
    decimal_of,
)

# Both in the order of the enums in _fields.pxd.
KEYS = (
    *("e", "E", "T", "s", "U", "u", "b", "a", "B", "A", "t", "p", "q", "X", "m", "i"),
    *("r", "pu", "bids", "asks", "symbol", "lastUpdateId", "stream", "data"),
)
KINDS = (
    *("depthUpdate", "snapshot", "trade", "aggTrade", "bookTicker", "markPriceUpdate", "partial depth", "control"),
    "",
)
TEXT, WHOLE, YES, NO, LADDER, OTHER = "text", "whole", "yes", "no", "ladder", "other"
_BEST_LEVELS = re.compile(rb"@depth[0-9]")


class Field(NamedTuple):
    """The value of a key: what kind, where it stands (a text: behind its quote), and what it says."""

    token: str
    at: int
    value: Any = None


class MessageReader(Reader):
    """Reads one message; the attributes are those of the struct in _fields.pxd.

    `scale` is 1 / tick size where that is a whole number, else 0.
    """

    def __init__(self, data: bytes, symbol: str, tick_size: float, scale: float) -> None:
        super().__init__(data)
        self.symbol, self.tick_size, self.scale = symbol.encode(), tick_size, scale
        self.fields: dict[str, Field] = {}
        self.aside = self.empty = self.foreign = False
        self.ts, self.first_id, self.last_id, self.prev_id = -1, -1, -1, -1

    def read(self) -> MessageReader:
        """Read all of it."""
        self.blank()
        if self.peek() != b"{":
            self.refuse(MESSAGE)
        self.object(outer=True)
        self.blank()
        if self.at != len(self.data):
            self.refuse(ENDED)
        self.find_kind()
        if self.kind in _FINISH:
            symbol = self.fields.get("s", self.fields.get("symbol"))
            if symbol is not None and symbol.token != TEXT:
                self.refuse(PLAIN, symbol.at)
            self.foreign = symbol is not None and symbol.value != self.symbol
            if not self.foreign:
                _FINISH[self.kind](self)
        return self

    def object(self, outer: bool) -> None:
        """Read the envelope or a bare body (`outer`), or the body inside an envelope."""
        enclosed = False
        self.take(b"{", MESSAGE)
        if self.peek() == b"}":
            self.at += 1
            return
        while True:
            name = self.at
            start, stop, plain = self.key()
            key = self.data[start:stop].decode()
            if not plain:
                self.refuse(PLAIN, start - 1)
            self.take(b":", COLON)
            if outer and key == "data":
                if enclosed:
                    self.refuse(ONCE, name)
                enclosed = True
                self.fields = {k: v for k, v in self.fields.items() if k == "stream"}
                self.aside = False
                if self.peek() == b"{":
                    self.object(outer=False)
                else:
                    self.empty = True
                    self.value()
            elif (key in KEYS[:-2] and not enclosed) or (key == "stream" and outer):
                self.field(key, name)
            else:
                self.value()
            if not self.more(b"}", BRACE):
                return

    def field(self, key: str, name: int) -> None:
        """Note the value of a key of ours, which stands at `name`."""
        if key in self.fields:
            self.refuse(ONCE, name)
        first, at = self.peek(), self.at
        found = Field(OTHER, at)
        if first == b'"':
            start, stop, plain = self.string()
            found = Field(TEXT if plain else OTHER, start, self.data[start:stop])
            if plain and key == "s":
                self.aside = found.value != self.symbol
        elif first == b"[" and key in ("b", "a", "bids", "asks") and not self.aside:
            found = Field(LADDER, at, self.ladder())
        elif first.isdigit():
            start, stop = self.number()
            if stop - start <= 19 and self.data[start:stop].isdigit():
                found = Field(WHOLE, at, int(self.data[start:stop]))
        else:
            self.value()
            if first in (b"t", b"f"):
                found = Field(YES if first == b"t" else NO, at)
        self.fields[key] = found

    def ladder(self) -> list[tuple[int, float]]:
        """Read ``[["28145.10","3.868"],...]`` into ticks and quantities."""
        levels: list[tuple[int, float]] = []
        self.take(b"[", LEVELS)
        if self.peek() == b"]":
            self.at += 1
            return levels
        while True:
            self.take(b"[", LEVELS)
            start = self.at
            price = self.quoted()
            self.take(b",", LEVELS)
            quantity = self.quoted()
            self.take(b"]", LEVELS)
            exact, whole = self.ticks(price, start)
            if not (on_grid(exact, whole) and whole > 0):
                self.refuse(PRICE, start)
            levels.append((whole, quantity))
            if not self.more(b"]", BRACKET):
                return levels

    def quoted(self) -> float:
        if self.peek() != b'"':
            self.refuse(LEVELS)
        self.at += 1
        return self.decimal()

    def ticks(self, price: float, at: int) -> tuple[float, int]:
        """Price in ticks, as it is and rounded half to even."""
        exact = price * self.scale if self.scale else price / self.tick_size
        if not exact < 2**50:
            self.refuse(PRICE, at)
        return exact, round(exact)

    def find_kind(self) -> None:
        """Find out what came."""
        fields = self.fields
        event, stream = fields.get("e"), fields.get("stream")
        self.kind = "control"
        if self.empty:
            return
        if event is not None:
            if event.token != TEXT:
                self.refuse(PLAIN, event.at)
            self.kind = event.value.decode()
            if self.kind in ("snapshot", "genesisGap"):
                self.refuse(SENT, event.at)
        elif "lastUpdateId" in fields:
            self.kind = "snapshot"
        elif {"u", "b", "a"} <= fields.keys():
            self.kind = "bookTicker"
        if stream is not None and (self.kind == "depthUpdate" or "lastUpdateId" in fields):
            if stream.token != TEXT:
                self.refuse(PLAIN, stream.at)
            wide = re.search(rb"[\x80-\xff]", stream.value)
            if wide:
                self.refuse(PLAIN, stream.at + wide.start())
            if _BEST_LEVELS.search(stream.value):
                self.kind = "partial depth"

    def need(self, key: str, token: str, fault: int) -> Field:
        """A field that must be there, with one kind of value."""
        if key not in self.fields:
            self.refuse(FIELD, missing=key)
        if self.fields[key].token != token:
            self.refuse(fault, self.fields[key].at)
        return self.fields[key]

    def id(self, key: str) -> int:
        found = self.need(key, WHOLE, ID)
        if found.value >= 2**63:
            self.refuse(ID, found.at)
        return found.value

    def time(self, key: str) -> int:
        """Nanoseconds of a time in milliseconds, or microseconds from 10**14 on."""
        found = self.need(key, WHOLE, TIME)
        ns = found.value * (1000 if found.value >= 10**14 else 1_000_000)
        if ns >= 2**63:
            self.refuse(TIME, found.at)
        return ns

    def moment(self, told: bool) -> int:
        """Time of the transaction, else of the event; -1 when neither is there and it need not be `told`."""
        if "T" in self.fields:
            return self.time("T")
        return self.time("E") if told or "E" in self.fields else -1

    def number_of(self, key: str) -> float:
        found = self.need(key, TEXT, DECIMAL)
        value = decimal_of(found.value)
        if value is None:
            self.refuse(DECIMAL, found.at)
        return value

    def signed(self, key: str, needed: bool = False) -> float:
        """A decimal that may be negative, or (unless `needed`) absent or empty: NaN."""
        if not needed and key not in self.fields:
            return math.nan
        found = self.need(key, TEXT, DECIMAL)
        if not needed and not found.value:
            return math.nan
        value = decimal_of(found.value.removeprefix(b"-"))
        if value is None:
            self.refuse(DECIMAL, found.at)
        return -value if found.value.startswith(b"-") else value

    def price(self, key: str, price: float, exactly: bool = True) -> int:
        """Ticks of the price that came with a key; `exactly` when it must lie on the grid."""
        at = self.fields[key].at
        exact, whole = self.ticks(price, at)
        if exactly and not on_grid(exact, whole):
            self.refuse(PRICE, at)
        return whole

    def finish_diff(self) -> None:
        self.prev_id = self.id("pu") if "pu" in self.fields else -1
        self.ts = self.moment(True)
        self.first_id, self.last_id = self.id("U"), self.id("u")
        self.bids, self.asks = self.need("b", LADDER, LEVELS).value, self.need("a", LADDER, LEVELS).value

    def finish_snapshot(self) -> None:
        self.ts, self.last_id = self.moment(False), self.id("lastUpdateId")
        self.bids, self.asks = self.need("bids", LADDER, LEVELS).value, self.need("asks", LADDER, LEVELS).value
        best_bid = max((tick for tick, quantity in self.bids if quantity > 0), default=-1)
        if best_bid >= min((tick for tick, quantity in self.asks if quantity > 0), default=2**63):
            self.refuse(UNCROSSED, self.fields["bids"].at)

    def finish_trade(self) -> None:
        self.ts, self.last_id = self.moment(True), self.id("t" if self.kind == "trade" else "a")
        price, self.quantity = self.number_of("p"), self.number_of("q")
        if "m" not in self.fields or self.fields["m"].token != YES:
            self.need("m", NO, FLAG)
        word = self.need("X", TEXT, PLAIN).value if "X" in self.fields else b"MARKET"
        self.side = -1 if self.fields["m"].token == YES else 1
        self.market = word == b"MARKET" and price > 0 and self.quantity > 0
        self.tick = self.price("p", price, self.market)

    def finish_ticker(self) -> None:
        self.ts, self.last_id = self.moment(False), self.id("u")
        self.bid, self.ask = (self.price(key, self.number_of(key)) for key in "ba")
        self.bid_quantity, self.ask_quantity = self.number_of("B"), self.number_of("A")

    def finish_mark(self) -> None:
        self.next_funding = self.time("T") if "T" in self.fields else 0
        self.ts = self.time("E")
        self.mark, self.index, self.rate = self.signed("p", True), self.signed("i"), self.signed("r")


_FINISH = {
    "depthUpdate": MessageReader.finish_diff,
    "snapshot": MessageReader.finish_snapshot,
    "trade": MessageReader.finish_trade,
    "aggTrade": MessageReader.finish_trade,
    "bookTicker": MessageReader.finish_ticker,
    "markPriceUpdate": MessageReader.finish_mark,
}


def on_grid(exact: float, whole: int) -> bool:
    """Whether a price of `exact` ticks is one of `whole` ticks, float rounding apart."""
    return abs(exact - whole) <= 1e-9 + 1e-15 * whole
