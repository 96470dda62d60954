"""The requests about orders that a venue on the simulator answers, with Binance's checks and error codes."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from genesis_lib.feeds.wire.local.order_words import SIDES, OrderWords
from genesis_lib.feeds.wire.local.orders import OPEN, Order, OrderDesk
from genesis_lib.feeds.wire.local.playback import Playback
from genesis_lib.feeds.wire.local.rest_error import RestError
from genesis_lib.feeds.wire.local.symbol_info import LEAST_NOTIONAL

_DECIMAL = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?")
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


class OrderRequests:
    """Answer requests about orders for the symbols that are simulated; recordings take none.

    Keys, signatures and timestamps are not looked at: nothing that is worth anything is traded here. All orders are
    those of one participant.

    Attributes
    ----------
    listen_keys : set of str
        Names under which the user data stream may be listened to.
    """

    def __init__(self, playbacks: dict[str, Playback], market: str) -> None:
        self._spot = market == "binance-spot"
        self._desks = {
            symbol: OrderDesk(playback.simulator, playback.instrument)
            for symbol, playback in playbacks.items()
            if playback.simulator is not None
        }
        self._words = {
            symbol: OrderWords(desk, playbacks[symbol].market.writer) for symbol, desk in self._desks.items()
        }
        self._writers = {symbol: playbacks[symbol].market.writer for symbol in self._desks}
        self._known, self.listen_keys = set(playbacks), set()
        own, keys = ("myTrades", "userDataStream") if self._spot else ("userTrades", "listenKey")
        every = "openOrders" if self._spot else "allOpenOrders"
        self._requests: dict[tuple[str, str], Callable[[dict[str, str]], Any]] = {
            ("POST", "order"): self._place,
            ("POST", "order/test"): self._test,
            ("GET", "order"): lambda query: self._tell(*self._find(query, -2013, "Order does not exist.")),
            ("DELETE", "order"): self._cancel,
            ("GET", "openOrders"): self._open_orders,
            ("GET", "allOrders"): lambda query: [self._tell(*pair) for pair in self._all(query)],
            ("DELETE", every): self._cancel_all,
            ("GET", own): self._trades,
            ("POST", keys): self._listen,
            ("PUT", keys): lambda query: {},
            ("DELETE", keys): self._forget,
        }

    def answers(self, method: str, name: str) -> bool:
        """Whether there is such a request."""
        return bool(self._desks) and (method, name) in self._requests

    def answer(self, method: str, name: str, query: dict[str, str]) -> Any:
        """Answer it; raises `RestError`."""
        return self._requests[method, name](query)

    def news(self, symbol: str) -> list[str]:
        """Messages for the user data stream about a symbol, since the last call."""
        desk = self._desks.get(symbol)
        return [] if desk is None else [json.dumps(self._words[symbol].event(one)) for one in desk.news()]

    def _desk(self, query: dict[str, str]) -> tuple[str, OrderDesk]:
        symbol = _given(query, "symbol")
        if symbol not in self._known:
            raise RestError(-1121, "Invalid symbol.")
        if symbol not in self._desks:
            raise RestError(-2010, "This symbol is played from a recording: it takes no orders.")
        return symbol, self._desks[symbol]

    def _place(self, query: dict[str, str]) -> dict[str, Any]:
        symbol, desk = self._desk(query)
        kind, side, lots, tick, terms, client_id = self._checked(query, symbol, desk)
        order = desk.place(kind, side, lots, tick, terms, client_id)
        if order is None and self._spot:
            raise RestError(-2010, "Order would immediately match and take.")
        if order is None:
            words = "Due to the order could not be executed as maker, the Post Only order will be rejected."
            raise RestError(-5022, words)
        return self._words[symbol].placed(order)

    def _test(self, query: dict[str, str]) -> dict[str, Any]:
        self._checked(query, *self._desk(query))
        return {}

    def _checked(
        self, query: dict[str, str], symbol: str, desk: OrderDesk
    ) -> tuple[str, int, int, int | None, str, str]:
        side, kind = _given(query, "side"), _given(query, "type")
        if side not in SIDES:
            raise RestError(-1117, "Invalid side.")
        if kind not in ("LIMIT", "MARKET", *(["LIMIT_MAKER"] if self._spot else [])):
            raise RestError(-1116, "Invalid orderType.")
        writer, tick, terms = self._writers[symbol], None, "GTC"
        lots = _whole(_given(query, "quantity"), writer.lot_size, "quantity")
        if lots is None or lots < 1:
            raise self._filter("LOT_SIZE", -4003, "Quantity less than or equal to zero.")
        if kind != "MARKET":
            tick = _whole(_given(query, "price"), writer.tick_size, "price")
            if tick is None or tick < 1:
                raise self._filter("PRICE_FILTER", -4014, "Price not increased by tick size.")
            terms = "GTX" if kind == "LIMIT_MAKER" else _given(query, "timeInForce")
        if terms not in ("GTC", "IOC", "FOK") and (terms != "GTX" or (self._spot and kind != "LIMIT_MAKER")):
            raise RestError(-1115, "Invalid timeInForce.")
        number = SIDES.index(side)
        shown = tick if tick is not None else desk.best(1 - number)
        if writer.instrument.price(shown or 0) * desk.quantity(lots) < float(LEAST_NOTIONAL):
            words = f"Order's notional must be no smaller than {LEAST_NOTIONAL} (unless you choose reduce only)."
            raise self._filter("NOTIONAL", -4164, words)
        client_id = query.get("newClientOrderId") or f"genesis-{secrets.token_hex(8)}"
        if not _CLIENT_ID.fullmatch(client_id):
            legal = "legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'."
            raise RestError(-1100, f"Illegal characters found in parameter 'newClientOrderId'; {legal}")
        if (known := desk.find(None, client_id)) is not None and known.status in OPEN:
            raise RestError(
                *((-2010, "Duplicate order sent.") if self._spot else (-4116, "ClientOrderId is duplicated."))
            )
        return kind, number, lots, tick, terms, client_id

    def _filter(self, name: str, code: int, words: str) -> RestError:
        return RestError(-1013, f"Filter failure: {name}") if self._spot else RestError(code, words)

    def _find(self, query: dict[str, str], code: int, words: str) -> tuple[str, Order]:
        symbol, desk = self._desk(query)
        number, client_id = query.get("orderId"), query.get("origClientOrderId")
        if not number and not client_id:
            raise RestError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        if number and not number.isdecimal():
            raise RestError(-1100, "Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'.")
        order = desk.find(int(number) if number else None, client_id)
        if order is None:
            raise RestError(code, words)
        return symbol, order

    def _tell(self, symbol: str, order: Order) -> dict[str, Any]:
        return self._words[symbol].order(order)

    def _cancel(self, query: dict[str, str]) -> dict[str, Any]:
        symbol, order = self._find(query, -2011, "Unknown order sent.")
        if not self._desks[symbol].cancel(order):
            raise RestError(-2011, "Unknown order sent.")
        return self._words[symbol].cancelled(order)

    def _all(self, query: dict[str, str]) -> list[tuple[str, Order]]:
        symbols = [self._desk(query)[0]] if "symbol" in query else list(self._desks)
        return [(symbol, order) for symbol in symbols for order in self._desks[symbol].orders]

    def _open_orders(self, query: dict[str, str]) -> list[dict[str, Any]]:
        return [self._tell(symbol, order) for symbol, order in self._all(query) if order.status in OPEN]

    def _cancel_all(self, query: dict[str, str]) -> Any:
        symbol, desk = self._desk(query)
        gone = [order for order in desk.orders if desk.cancel(order)]
        if not self._spot:
            return {"code": 200, "msg": "The operation of cancel all open order is done."}
        if not gone:
            raise RestError(-2011, "Unknown order sent.")
        return [self._words[symbol].cancelled(order) for order in gone]

    def _trades(self, query: dict[str, str]) -> list[dict[str, Any]]:
        symbol, desk = self._desk(query)
        told = [trade for order in desk.orders for trade in self._words[symbol].trades(order)]
        return sorted(told, key=lambda trade: trade["id"])

    def _listen(self, query: dict[str, str]) -> dict[str, str]:
        key = secrets.token_hex(32)
        self.listen_keys.add(key)
        return {"listenKey": key}

    def _forget(self, query: dict[str, str]) -> dict[str, str]:
        self.listen_keys.discard(query.get("listenKey", ""))
        return {}


def _given(query: dict[str, str], name: str) -> str:
    if not query.get(name):
        raise RestError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return query[name]


def _whole(text: str, step: str, name: str) -> int | None:
    """How many steps a decimal is, None when it is no whole number of them."""
    if not _DECIMAL.fullmatch(text):
        legal = f"legal range is '^{_DECIMAL.pattern}$'."
        raise RestError(-1100, f"Illegal characters found in parameter '{name}'; {legal}")
    number, rest = divmod(Decimal(text), Decimal(step))
    return None if rest else int(number)
