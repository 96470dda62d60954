"""Binance's messages as typed events: a pure parser, without files or sockets. Its partner is `BinanceSync`."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from genesis_lib.errors import InputError
from genesis_lib.feeds.binance_sync import BinanceSync, synchronize
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Event, Gap, Instrument, MarkPrice, Trade

__all__ = ["BinanceParser", "BinanceSync", "message_of", "synchronize", "venue_of"]

GAP = "genesisGap"  # not Binance's: the line a recorder writes where its connection broke
MILLISECOND = 1_000_000
MICROSECONDS_FROM = 10**14  # a time above is in microseconds (an option of the spot streams), below in milliseconds
MICROSECONDS_TO = 10**17  # the year 5138; what lies above is in another unit, and no venue sends it
MOST_TICKS = 2**50  # a book holds no more
MOST_ID = 2**63  # ids are int64 from here on
GRID_ERROR = 1e-9  # of a tick; what is farther from a whole number than this and float rounding is off the grid
_BEST_LEVELS = re.compile(r"@depth\d")  # the stream btcusdt@depth5@100ms, but not btcusdt@depth@100ms


class BinanceParser:
    """Parse the messages of one instrument.

    Parameters
    ----------
    instrument
        Gives the tick grid, and the venue: ``binance-usdm``, ``binance-coinm`` or ``binance-spot``.

    Attributes
    ----------
    counts : Counter
        Messages by kind (``depthUpdate``, ``trade``, ``bookTicker``, ``snapshot`` ...); those that give no event stand
        there under their own name: ``kline``, ``control``, ``other symbol ETHUSDT``, ``aggTrade beside trade``.

    Notes
    -----
    Exchange time is the transaction time ``T`` where sent, else the event time ``E``, else (spot bookTicker and
    snapshots) the receive time. Prices become whole ticks; a price off the grid is an error. ``trade`` and
    ``aggTrade`` tell the same trades twice: the kind that comes first is taken, the other is only counted. A trade
    whose ``X`` is not ``MARKET`` or whose price or quantity is zero (insurance fund, transfer) has ``market`` False;
    its price is none of the book's and may lie off the grid: it becomes the nearest tick.

    Examples
    --------
    >>> parser = BinanceParser(Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001))
    >>> trade = {"e": "trade", "T": 1, "s": "BTCUSDT", "t": 7, "p": "28145.10", "q": "0.002", "X": "MARKET", "m": True}
    >>> parser.parse(trade, 5).tick, parser.counts["trade"]
    (281451, 1)
    """

    def __init__(self, instrument: Instrument, *, skip_other_symbols: bool = False) -> None:
        self.instrument = instrument
        self.counts: Counter[str] = Counter()
        self._symbol = instrument.symbol
        self._skip_other_symbols = skip_other_symbols
        self._scale = 1.0 / instrument.tick_size
        whole = round(self._scale)
        self._exact = instrument.tick_size < 1 and abs(self._scale - whole) < 1e-6 * whole
        if self._exact:
            self._scale = float(whole)
        self._trade_kind: str | None = None
        self._parsers = {
            "depthUpdate": self._depth,
            "trade": self._trade,
            "aggTrade": self._trade,
            "bookTicker": self._ticker,
            "markPriceUpdate": self._mark,
            "snapshot": self._snapshot,
            GAP: self._gap,
        }

    def parse(self, message: Mapping[str, Any], ts_receive: int) -> Event | None:
        """Give the event of a decoded message, or None for a kind that is only counted.

        Raises
        ------
        InputError
            When a field is missing or wrong, a number is negative or not finite, a price is off the grid, a snapshot
            is crossed, or the symbol is another's.
        """
        kind, data = message_of(message)
        parser = self._parsers.get(kind)
        if parser is None:
            self.counts[kind] += 1
            return None
        symbol = data.get("s", data.get("symbol", self._symbol))
        if symbol != self._symbol:
            if not self._skip_other_symbols:
                raise InputError(f"{kind} of unknown symbol {symbol!r}; this is read as {self.instrument.name}")
            self.counts[f"other symbol {symbol}"] += 1
            return None
        try:
            event = parser(data, ts_receive)
        except KeyError as error:
            raise InputError(f"{kind} without its field {error}") from None
        except InputError:
            raise
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(f"{kind} with a field that cannot be read: {error}") from None
        self.counts[kind if event is not None else f"{kind} beside {self._trade_kind}"] += 1
        return event

    def _depth(self, d: Mapping[str, Any], ts_receive: int) -> DepthUpdate:
        return DepthUpdate(
            self._symbol,
            _ns(d["T"] if "T" in d else d["E"]),
            ts_receive,
            _id(d["U"]),
            _id(d["u"]),
            _id(d["pu"]) if "pu" in d else -1,
            *self._levels(d["b"], d["a"]),
        )

    def _snapshot(self, d: Mapping[str, Any], ts_receive: int) -> DepthSnapshot:
        ts_exchange = _ns(d["T"]) if "T" in d else _ns(d["E"]) if "E" in d else ts_receive
        sides, ticks, quantities = self._levels(d["bids"], d["asks"])
        held = quantities > 0
        bids, asks = ticks[held & (sides == 0)], ticks[held & (sides == 1)]
        if len(bids) and len(asks) and bids.max() >= asks.min():
            best = [self.instrument.price(int(tick)) for tick in (bids.max(), asks.min())]
            raise InputError(f"crossed snapshot: best bid {best[0]} is not below best ask {best[1]}")
        return DepthSnapshot(self._symbol, ts_exchange, ts_receive, _id(d["lastUpdateId"]), sides, ticks, quantities)

    def _trade(self, d: Mapping[str, Any], ts_receive: int) -> Trade | None:
        kind = d["e"]
        if self._trade_kind is None:
            self._trade_kind = kind
        elif kind != self._trade_kind:
            return None
        price, quantity, buyer_made = _number(d["p"], "p"), _number(d["q"], "q"), d["m"]
        if not isinstance(buyer_made, bool):
            raise InputError(f"m must be true or false, got {buyer_made!r}")
        market = d.get("X", "MARKET") == "MARKET" and price > 0 and quantity > 0
        return Trade(
            self._symbol,
            _ns(d["T"] if "T" in d else d["E"]),
            ts_receive,
            _id(d["t"] if kind == "trade" else d["a"]),
            self._tick(price, on_grid=market),
            quantity,
            -1 if buyer_made else 1,  # then the seller came
            market,
        )

    def _ticker(self, d: Mapping[str, Any], ts_receive: int) -> BookTicker:
        ts_exchange = _ns(d["T"]) if "T" in d else _ns(d["E"]) if "E" in d else ts_receive
        return BookTicker(
            self._symbol,
            ts_exchange,
            ts_receive,
            _id(d["u"]),
            self._tick(_number(d["b"], "b")),
            _number(d["B"], "B"),
            self._tick(_number(d["a"], "a")),
            _number(d["A"], "A"),
        )

    def _mark(self, d: Mapping[str, Any], ts_receive: int) -> MarkPrice:
        return MarkPrice(
            self._symbol,
            _ns(d["E"]),
            ts_receive,
            float(d["p"]),
            float(d.get("i") or "nan"),
            float(d.get("r") or "nan"),  # delivery contracts have no funding and send an empty string
            _ns(d["T"]) if d.get("T") else 0,
        )

    def _gap(self, d: Mapping[str, Any], ts_receive: int) -> Gap:
        return Gap(self._symbol, _ns(d["T"]), ts_receive, str(d["cause"]), int(d["expected"]), -1)

    def _levels(self, bids, asks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        flat = [float(text) for side in (bids, asks) for price, quantity in side for text in (price, quantity)]
        table = np.array(flat, np.float64).reshape(-1, 2)
        quantities = np.ascontiguousarray(table[:, 1])
        exact = table[:, 0] * self._scale if self._exact else table[:, 0] / self.instrument.tick_size
        whole = np.rint(exact)
        # A comparison with NaN is false, so these catch what is no number too.
        if not (table >= 0).all() or not np.isfinite(table).all():
            raise InputError(f"a level must be finite and not negative, got {self._culprit(table).tolist()}")
        on_grid = (np.abs(exact - whole) <= GRID_ERROR + 1e-15 * whole) & (whole > 0) & (whole <= MOST_TICKS)
        if not on_grid.all():
            self._off_grid(float(table[np.argmin(on_grid), 0]))
        ticks = whole.astype(np.int64)
        sides = np.ones(len(ticks), np.int8)
        sides[: len(bids)] = 0
        for column in (sides, ticks, quantities):
            column.flags.writeable = False
        return sides, ticks, quantities

    @staticmethod
    def _culprit(table: np.ndarray) -> np.ndarray:
        return table[~((table >= 0) & np.isfinite(table)).all(axis=1)][0]

    def _tick(self, price: float, *, on_grid: bool = True) -> int:
        exact = price * self._scale if self._exact else price / self.instrument.tick_size
        whole = round(exact) if exact < MOST_TICKS else MOST_TICKS + 1
        if whole > MOST_TICKS or (on_grid and abs(exact - whole) > GRID_ERROR + 1e-15 * whole):
            self._off_grid(price)
        return whole

    def _off_grid(self, price: float) -> None:
        raise InputError(
            f"price {price!r} is no positive multiple of the tick size {self.instrument.tick_size!r} of "
            f"{self.instrument.name}, or more than 2**50 ticks; give the right one (verify and ingest take --tick-size)"
        )


def message_of(message: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Kind and body of a decoded message, out of the combined stream's envelope where it has one.

    The kind is the venue's event name; ``bookTicker`` and ``snapshot`` also where the venue leaves the name out;
    ``partial depth`` for a stream of the best levels, ``control`` for answers and whatever else has no name.
    """
    if not isinstance(message, Mapping):
        raise InputError(f"a message must be a JSON object, got {type(message).__name__}")
    data = message.get("data", message)
    if not isinstance(data, Mapping):
        return "control", {}
    kind = data.get("e")
    # Streams of the best 5, 10 or 20 levels look like diffs (futures) or like a REST snapshot (spot) and are neither.
    if (kind == "depthUpdate" or "lastUpdateId" in data) and _BEST_LEVELS.search(str(message.get("stream", ""))):
        return "partial depth", data
    if kind is not None:
        return str(kind), data
    if "lastUpdateId" in data:
        return "snapshot", data
    if "u" in data and "b" in data and "a" in data:
        return "bookTicker", data
    return "control", data


def venue_of(message: Mapping[str, Any]) -> str | None:
    """Venue that a message betrays: futures diffs have ``pu``, COIN-M ones ``ps``, spot diffs neither; else None."""
    kind, data = message_of(message)
    if kind != "depthUpdate":
        return None
    return "binance-coinm" if "ps" in data else "binance-usdm" if "pu" in data else "binance-spot"


def decode(payload: bytes | str) -> Any:
    """Decode one JSON message; `InputError` when it is none."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg} at character {error.pos + 1}") from None


def _ns(value: Any) -> int:
    time = int(value)
    if not 0 <= time < MICROSECONDS_TO:
        raise InputError(f"a time must be ms or us since 1970, got {time}")
    return time * 1000 if time >= MICROSECONDS_FROM else time * MILLISECOND


def _id(value: Any) -> int:
    number = int(value)
    if not 0 <= number < MOST_ID:
        raise InputError(f"an id must be 0 to 2**63 - 1, got {number}")
    return number


def _number(value: Any, name: str) -> float:
    number = float(value)
    if not (0 <= number < math.inf):
        raise InputError(f"{name} must be finite and not negative, got {value!r}")
    return number
