"""The REST requests that a local venue answers, in Binance's words, with its weights and error codes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from genesis_lib.feeds.wire.local.faults import Faults
from genesis_lib.feeds.wire.local.order_requests import OrderRequests
from genesis_lib.feeds.wire.local.playback import Playback
from genesis_lib.feeds.wire.local.request_weights import RequestWeights, Verdict, weight_of
from genesis_lib.feeds.wire.local.rest_error import RestError
from genesis_lib.feeds.wire.local.streams import INTERVALS
from genesis_lib.feeds.wire.local.symbol_info import exchange_info

PREFIXES = ("/fapi/v1/", "/dapi/v1/", "/api/v3/")
DEPTHS = (5, 10, 20, 50, 100, 500, 1000)  # that futures know
MOST_DEPTH = 5000  # levels that spot gives
BROKEN = "Internal error; unable to process your request. Please try again."


class Answer(NamedTuple):
    """Status, JSON text and headers beside the usual ones."""

    status: int
    body: str
    headers: dict[str, str]


class Rest:
    """Answer requests about the symbols that are played, and about orders where they are simulated.

    Parameters
    ----------
    playbacks
        By symbol.
    market
        Whose rules: ``binance-usdm``, ``binance-coinm`` or ``binance-spot``.
    """

    def __init__(self, playbacks: dict[str, Playback], market: str, weights: RequestWeights, faults: Faults) -> None:
        self._playbacks, self._market, self._spot = playbacks, market, market == "binance-spot"
        self._weights, self._faults = weights, faults
        self.orders = OrderRequests(playbacks, market)
        self._sent = 0  # orders
        self.refusals: list[tuple[int, str | None]] = []
        self.not_before = 0.0  # wall time until which the last refusal asked to wait
        self.too_early = 0  # depth requests that did not
        self._requests: dict[str, Callable[[dict[str, str]], Any]] = {
            "ping": lambda query: {},
            "time": lambda query: {"serverTime": self._clock()},
            "exchangeInfo": self._exchange_info,
            "depth": self._depth,
            "trades": self._trades,
            "aggTrades": self._aggregates,
            "klines": self._klines,
            "ticker/price": self._each(self._price),
            "ticker/bookTicker": self._each(self._book_ticker),
            "ticker/24hr": self._each(self._day),
            **({} if self._spot else {"premiumIndex": self._each(self._premium)}),
        }

    def answer(self, method: str, path: str, body: str = "") -> tuple[str, Answer]:
        """Name of the request (empty for one that there is none of) and the answer."""
        url = urlsplit(path)
        prefix = next((prefix for prefix in PREFIXES if url.path.startswith(prefix)), "")
        name = url.path.removeprefix(prefix)
        if url.path == "/fapi/v2/ticker/price":  # the one that has moved
            prefix, name = PREFIXES[0], "ticker/price"
        about_orders = self.orders.answers(method, name)
        if not prefix or not (about_orders or (method == "GET" and name in self._requests)):
            return "", _refused(RestError(-5000, f"Path {url.path}, Method {method} is invalid", 404), {})
        query = dict(parse_qsl(body, keep_blank_values=True)) | dict(parse_qsl(url.query, keep_blank_values=True))
        verdict = self._weights.take(weight_of(self._market, name, query))
        headers = {"X-MBX-USED-WEIGHT": str(verdict.used), "X-MBX-USED-WEIGHT-1M": str(verdict.used)}
        if verdict.status != 200:
            return name, _limited(verdict, headers)
        try:
            if about_orders:
                told = self.orders.answer(method, name, query)
                self._sent += (method, name) == ("POST", "order")
                headers["X-MBX-ORDER-COUNT-1M"] = str(self._sent)
            else:
                told = self._requests[name](query)
        except RestError as error:
            return name, _refused(error, headers)
        except _Limited as limited:
            return name, _limited(limited.verdict, headers, limited.retry_after)
        return name, Answer(200, told if isinstance(told, str) else json.dumps(told), headers)

    def _clock(self) -> int:
        return max(playback.now for playback in self._playbacks.values()) // 1_000_000

    def _playback(self, query: dict[str, str]) -> Playback:
        symbol = query.get("symbol", "")
        if not symbol:
            raise RestError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        if symbol not in self._playbacks:
            raise RestError(-1121, "Invalid symbol.")
        return self._playbacks[symbol]

    def _limit(self, query: dict[str, str], usual: int, most: int) -> int:
        text = query.get("limit", str(usual))
        if not text.isdecimal() or len(text) > 20:
            legal = "legal range is '^[0-9]{1,20}$'."
            raise RestError(-1100, f"Illegal characters found in parameter 'limit'; {legal}")
        if int(text) < 1:
            raise RestError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(int(text), most)

    def _each(self, answer: Callable[[Playback], dict | None]) -> Callable[[dict[str, str]], Any]:
        """One object for a symbol, a list of all without one."""

        def answer_all(query: dict[str, str]) -> Any:
            if "symbol" in query:
                return answer(self._playback(query)) or {}
            return [told for told in map(answer, self._playbacks.values()) if told]

        return answer_all

    def _exchange_info(self, query: dict[str, str]) -> dict:
        playbacks = list(self._playbacks.values())
        if "symbol" in query:
            playbacks = [self._playback(query)]
        elif "symbols" in query:
            try:
                playbacks = [self._playback({"symbol": symbol}) for symbol in json.loads(query["symbols"])]
            except (ValueError, TypeError):
                raise RestError(-1100, "Illegal characters found in parameter 'symbols'.") from None
        return exchange_info(self._market, playbacks, self._clock(), self._weights.limit)

    def _depth(self, query: dict[str, str]) -> str:
        playback = self._playback(query)
        limit = self._limit(query, 100 if self._spot else 500, MOST_DEPTH)
        if not self._spot and limit not in DEPTHS:
            raise RestError(-4021, f"'{query['limit']}' is not valid depth limit")
        self.too_early += time.monotonic() < self.not_before
        age = 0
        if self.refusals:
            self._refuse(*self.refusals.pop(0))
        found = self._faults.rest("depth")
        if found is not None:
            kind, value = found
            if kind == "stale_snapshot":
                age = max(1, round(value))
            else:
                self._faults.log(kind, "depth", f"Retry-After {value:g}", value)
                self._refuse(int(kind.removeprefix("http")), f"{value:g}")
        text = playback.market.depth(limit, age)
        if text is None:
            raise RestError(-1001, BROKEN, 503)
        if age:
            number = json.loads(text)["lastUpdateId"]
            behind = f"{playback.instrument.symbol} as of {number}, the book is at {playback.last_id}"
            self._faults.log("stale_snapshot", "depth", behind, value, number, number)
        return self._faults.skewed(text)

    def _refuse(self, status: int, retry_after: str | None) -> None:
        with suppress(ValueError):
            self.not_before = time.monotonic() + float(retry_after or 0)
        words = "Too many requests; please use the websocket for live updates."
        raise _Limited(Verdict(status, 0, 0, words), retry_after)

    def _trades(self, query: dict[str, str]) -> list[dict]:
        market, limit = self._playback(query).market, self._limit(query, 500, 1000)
        out = []
        for trade in list(market.statistics.trades)[-limit:]:
            price, quantity = market.writer.price(trade.tick), market.writer.quantity(trade.quantity)
            money = f"{market.instrument.price(trade.tick) * trade.quantity:.8f}"
            told = {"id": trade.trade_id, "price": price, "qty": quantity, "quoteQty": money}
            told |= {"time": trade.ts_exchange // 1_000_000, "isBuyerMaker": trade.side < 0}
            out.append(told | ({"isBestMatch": True} if self._spot else {}))
        return out

    def _aggregates(self, query: dict[str, str]) -> list[dict]:
        market, limit = self._playback(query).market, self._limit(query, 500, 1000)
        out = []
        for one in list(market.statistics.aggregates)[-limit:]:
            trade, more = one.first, {"M": True} if self._spot else {}
            told = {"a": one.number, "p": market.writer.price(trade.tick), "q": market.writer.quantity(one.quantity)}
            told |= {"f": trade.trade_id, "l": one.last_id, "T": trade.ts_exchange // 1_000_000, "m": trade.side < 0}
            out.append(told | more)
        return out

    def _klines(self, query: dict[str, str]) -> list[list]:
        statistics, limit = self._playback(query).market.statistics, self._limit(query, 500, 1500)
        interval = query.get("interval", "")
        if interval not in INTERVALS:
            raise RestError(-1120, "Invalid interval.")
        return [statistics.row(bar, interval) for bar in statistics.bars(interval)[-limit:]]

    def _price(self, playback: Playback) -> dict | None:
        trades = playback.market.statistics.trades
        if not trades:
            return None
        told = {"symbol": playback.instrument.symbol, "price": playback.market.writer.price(trades[-1].tick)}
        return told if self._spot else told | {"time": trades[-1].ts_exchange // 1_000_000}

    def _book_ticker(self, playback: Playback) -> dict | None:
        market, write = playback.market, playback.market.writer
        bid, ask = market.book.best_bid_tick, market.book.best_ask_tick
        if bid is None or ask is None or not market.is_whole:
            return None
        bid_size, ask_size = market.book.top(1)[0, 1], market.book.top(1)[0, 3]
        told = {"symbol": playback.instrument.symbol, "bidPrice": write.price(bid), "bidQty": write.quantity(bid_size)}
        told |= {"askPrice": write.price(ask), "askQty": write.quantity(ask_size)}
        return told if self._spot else told | {"lastUpdateId": playback.last_id, "time": playback.now // 1_000_000}

    def _day(self, playback: Playback) -> dict | None:
        told = playback.market.ticker(self._clock(), mini=False)
        if told is None:
            return None
        names = {"p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "c": "lastPrice"}
        names |= {"Q": "lastQty", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume"}
        names |= {"q": "quoteVolume", "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count"}
        names |= {"x": "prevClosePrice", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty"}
        return {"symbol": told["s"]} | {name: told[key] for key, name in names.items() if key in told}

    def _premium(self, playback: Playback) -> dict | None:
        mark = playback.market.mark
        if mark is None:
            return None
        told = {"symbol": playback.instrument.symbol, "markPrice": repr(mark.mark), "indexPrice": repr(mark.index)}
        told |= {"lastFundingRate": repr(mark.funding_rate), "nextFundingTime": mark.next_funding // 1_000_000}
        return told | {"time": mark.ts_exchange // 1_000_000}


class _Limited(Exception):
    def __init__(self, verdict: Verdict, retry_after: str | None) -> None:
        super().__init__(verdict.message)
        self.verdict, self.retry_after = verdict, retry_after


def _limited(verdict: Verdict, headers: dict[str, str], retry_after: str | None = "") -> Answer:
    after = str(verdict.retry_after) if retry_after == "" else retry_after
    body = json.dumps({"code": -1003, "msg": verdict.message})
    return Answer(verdict.status, body, headers | ({} if after is None else {"Retry-After": after}))


def _refused(error: RestError, headers: dict[str, str]) -> Answer:
    return Answer(error.status, json.dumps({"code": error.code, "msg": str(error)}), headers)
