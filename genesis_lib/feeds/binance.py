"""Binance's messages as typed events: a pure parser, without files or sockets. Its partner is `BinanceSync`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.feeds.binance_json import GAP, decode, id_of, message_of, nanoseconds, number_of, venue_of
from genesis_lib.feeds.binance_sync import BinanceSync, synchronize
from genesis_lib.feeds.raw_lines import receive_time
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Event, Gap, Instrument, MarkPrice, Trade
from orderbook_ext import COMPILED, ScanError, Scanner

__all__ = ["GAP", "BinanceParser", "BinanceSync", "decode", "message_of", "synchronize", "venue_of"]

MOST_TICKS = 2**50  # a book holds no more
SCANNED = (DepthUpdate, DepthSnapshot, Trade, BookTicker, MarkPrice)
GRID_ERROR = 1e-9  # of a tick; what is farther from a whole number than this and float rounding is off the grid


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
    Bytes go through `orderbook_ext.Scanner`. What it refuses is decoded as JSON and parsed as `parse` does: a message
    written as Binance does not write (an exponent, a number where text belongs) is read all the same, more slowly, and
    a bad one ends in one error. The twins in plain Python are slower than a JSON library, so they are not used here.

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
        self._scanner = Scanner(instrument.symbol, instrument.tick_size, SCANNED) if COMPILED else None

    def parse_bytes(self, payload: bytes, ts_receive: int) -> Event | None:
        """`parse` a message from its bytes: the same event, five times as fast.

        Raises
        ------
        InputError
            As `parse`, or when the bytes are no JSON; tells the byte (the first is 0).
        """
        if self._scanner is None:
            return self.parse(decode(payload), ts_receive)
        try:
            event = self._scanner.scan(payload, ts_receive)
        except ScanError as refusal:
            return self._decoded(payload, ts_receive, refusal)
        return self._scanned(event)

    def parse_line(self, block: bytes, at: int) -> tuple[Event | None, int, int]:
        """`parse_bytes` the line of a recording that starts at a place of a block of whole lines.

        Returns
        -------
        tuple
            The event, the receive time (-1: a blank line), the start of the next line.
        """
        scanner = self._scanner
        if scanner is not None:
            try:
                event = scanner.line(block, at)
                return self._scanned(event), scanner.ts_receive, scanner.end
            except ScanError as error:
                refusal = error
        else:
            refusal = None
        stop = block.index(b"\n", at) + 1
        line = block[at:stop]
        if line.isspace():
            return None, -1, stop
        stamp, _, payload = line.partition(b" ")
        ts_receive = receive_time(stamp)
        return self._decoded(payload, ts_receive, refusal), ts_receive, stop

    def _scanned(self, event: Event | None) -> Event | None:
        """Count what the scanner gave."""
        kind = self._scanner.kind
        if event is None:
            if self._scanner.other_symbol is not None:
                return self._pass_over(kind, self._scanner.other_symbol)
            self.counts[kind] += 1
            return None
        if type(event) is Trade and kind != self._trade_kind:
            if self._trade_kind is not None:
                self.counts[f"{kind} beside {self._trade_kind}"] += 1
                return None
            self._trade_kind = kind
        self.counts[kind] += 1
        return event

    def _decoded(self, payload: bytes, ts_receive: int, refusal: ScanError | None) -> Event | None:
        """Read a message that the scanner refused: it may be sound, only written as Binance does not."""
        message = decode(payload)
        try:
            return self.parse(message, ts_receive)
        except InputError as error:
            where = "" if refusal is None else f" (the scanner stopped at byte {refusal.offset})"
            raise InputError(f"{error}{where}") from None

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
            return self._pass_over(kind, symbol)
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

    def _pass_over(self, kind: str, symbol: Any) -> None:
        if not self._skip_other_symbols:
            raise InputError(f"{kind} of unknown symbol {symbol!r}; this is read as {self.instrument.name}")
        self.counts[f"other symbol {symbol}"] += 1

    def _depth(self, d: Mapping[str, Any], ts_receive: int) -> DepthUpdate:
        return DepthUpdate(
            self._symbol,
            nanoseconds(d["T"] if "T" in d else d["E"]),
            ts_receive,
            id_of(d["U"]),
            id_of(d["u"]),
            id_of(d["pu"]) if "pu" in d else -1,
            *self._levels(d["b"], d["a"]),
        )

    def _snapshot(self, d: Mapping[str, Any], ts_receive: int) -> DepthSnapshot:
        ts_exchange = nanoseconds(d["T"]) if "T" in d else nanoseconds(d["E"]) if "E" in d else ts_receive
        sides, ticks, quantities = self._levels(d["bids"], d["asks"])
        held = quantities > 0
        bids, asks = ticks[held & (sides == 0)], ticks[held & (sides == 1)]
        if len(bids) and len(asks) and bids.max() >= asks.min():
            best = [self.instrument.price(int(tick)) for tick in (bids.max(), asks.min())]
            raise InputError(f"crossed snapshot: best bid {best[0]} is not below best ask {best[1]}")
        return DepthSnapshot(self._symbol, ts_exchange, ts_receive, id_of(d["lastUpdateId"]), sides, ticks, quantities)

    def _trade(self, d: Mapping[str, Any], ts_receive: int) -> Trade | None:
        kind = d["e"]
        if self._trade_kind is None:
            self._trade_kind = kind
        elif kind != self._trade_kind:
            return None
        price, quantity, buyer_made = number_of(d["p"], "p"), number_of(d["q"], "q"), d["m"]
        if not isinstance(buyer_made, bool):
            raise InputError(f"m must be true or false, got {buyer_made!r}")
        market = d.get("X", "MARKET") == "MARKET" and price > 0 and quantity > 0
        return Trade(
            self._symbol,
            nanoseconds(d["T"] if "T" in d else d["E"]),
            ts_receive,
            id_of(d["t"] if kind == "trade" else d["a"]),
            self._tick(price, on_grid=market),
            quantity,
            -1 if buyer_made else 1,  # then the seller came
            market,
        )

    def _ticker(self, d: Mapping[str, Any], ts_receive: int) -> BookTicker:
        ts_exchange = nanoseconds(d["T"]) if "T" in d else nanoseconds(d["E"]) if "E" in d else ts_receive
        return BookTicker(
            self._symbol,
            ts_exchange,
            ts_receive,
            id_of(d["u"]),
            self._tick(number_of(d["b"], "b")),
            number_of(d["B"], "B"),
            self._tick(number_of(d["a"], "a")),
            number_of(d["A"], "A"),
        )

    def _mark(self, d: Mapping[str, Any], ts_receive: int) -> MarkPrice:
        return MarkPrice(
            self._symbol,
            nanoseconds(d["E"]),
            ts_receive,
            float(d["p"]),
            float(d.get("i") or "nan"),
            float(d.get("r") or "nan"),  # delivery contracts have no funding and send an empty string
            nanoseconds(d["T"]) if d.get("T") else 0,
        )

    def _gap(self, d: Mapping[str, Any], ts_receive: int) -> Gap:
        return Gap(self._symbol, nanoseconds(d["T"]), ts_receive, str(d["cause"]), int(d["expected"]), -1)

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
