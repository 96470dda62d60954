"""Orders in Binance's words: answers to requests, and the messages of the user data stream."""

from __future__ import annotations

from typing import Any

from genesis_lib.feeds.wire.binance_wire import BinanceWriter
from genesis_lib.feeds.wire.local.orders import News, Order, OrderDesk

SIDES = ("BUY", "SELL")


class OrderWords:
    """Write the orders of one symbol in the form of its market.

    Parameters
    ----------
    desk
        Where the orders are.
    writer
        Gives the market and the decimals.
    """

    def __init__(self, desk: OrderDesk, writer: BinanceWriter) -> None:
        self._desk, self._writer, self._spot = desk, writer, writer.is_spot
        self._symbol = writer.instrument.symbol

    def placed(self, order: Order) -> dict[str, Any]:
        """The answer to a new order: on spot with its fills."""
        if not self._spot:
            return self.order(order)
        fills = [
            {
                "price": self._writer.price(fill.tick),
                "qty": self._lots(fill.lots),
                "commission": "0.00000000",
                "commissionAsset": "",
                "tradeId": fill.trade_id,
            }
            for fill in order.fills
        ]
        told = self._spot_order(order) | {"transactTime": order.updated, "fills": fills}
        return {key: value for key, value in told.items() if key not in ("time", "updateTime", "isWorking")}

    def cancelled(self, order: Order) -> dict[str, Any]:
        """The answer to a cancellation."""
        told = self.order(order)
        if self._spot:
            told |= {"origClientOrderId": order.client_id, "transactTime": order.updated}
        return told

    def order(self, order: Order) -> dict[str, Any]:
        """An order as a query tells it."""
        if self._spot:
            return self._spot_order(order)
        quantity = self._desk.quantity(order.filled)
        return {
            "orderId": order.number,
            "symbol": self._symbol,
            "status": order.status,
            "clientOrderId": order.client_id,
            "price": self._price(order),
            "avgPrice": f"{order.notional / quantity:.8f}" if quantity else "0.00000000",
            "origQty": self._lots(order.lots),
            "executedQty": self._lots(order.filled),
            "cumQty": self._lots(order.filled),
            "cumQuote": f"{order.notional:.8f}",
            "timeInForce": order.terms,
            "type": order.kind,
            "origType": order.kind,
            "reduceOnly": False,
            "closePosition": False,
            "side": SIDES[order.side],
            "positionSide": "BOTH",
            "stopPrice": "0",
            "workingType": "CONTRACT_PRICE",
            "priceProtect": False,
            "time": order.created,
            "updateTime": order.updated,
        }

    def trades(self, order: Order) -> list[dict[str, Any]]:
        """The fills of an order as a list of own trades tells them."""
        out = []
        for fill in order.fills:
            quantity = self._desk.quantity(fill.lots)
            money = f"{self._writer.instrument.price(fill.tick) * quantity:.8f}"
            told = {"symbol": self._symbol, "id": fill.trade_id, "orderId": order.number}
            told |= {"price": self._writer.price(fill.tick), "qty": self._lots(fill.lots), "quoteQty": money}
            told |= {"commission": "0", "commissionAsset": "", "time": fill.ts_exchange // 1_000_000}
            if self._spot:
                told |= {"isBuyer": order.side == 0, "isMaker": fill.maker, "isBestMatch": True, "orderListId": -1}
            else:
                told |= {"buyer": order.side == 0, "maker": fill.maker, "side": SIDES[order.side]}
                told |= {"positionSide": "BOTH", "realizedPnl": "0"}
            out.append(told)
        return out

    def event(self, news: News) -> dict[str, Any]:
        """A change of an order as the user data stream tells it."""
        order, fill = news.order, news.fill
        last = self._lots(fill.lots) if fill else self._lots(0)
        price = self._writer.price(fill.tick) if fill else self._writer.price(0)
        told = {"s": self._symbol, "c": order.client_id, "S": SIDES[order.side], "o": order.kind, "f": order.terms}
        told |= {"q": self._lots(order.lots), "p": self._price(order), "x": news.change, "X": news.status}
        told |= {"i": order.number, "l": last, "z": self._lots(news.filled), "L": price, "n": "0", "N": None}
        told |= {"T": news.ms, "t": fill.trade_id if fill else -1, "m": bool(fill and fill.maker)}
        if self._spot:
            money = self._writer.instrument.price(fill.tick) * self._desk.quantity(fill.lots) if fill else 0.0
            told |= {"P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "r": "NONE", "M": False, "Q": "0.00000000"}
            told |= {"w": news.status in ("NEW", "PARTIALLY_FILLED"), "O": order.created}
            return {"e": "executionReport", "E": news.ms} | told | {"Z": f"{news.notional:.8f}", "Y": f"{money:.8f}"}
        quantity = self._desk.quantity(news.filled)
        told |= {"ap": f"{news.notional / quantity:.8f}" if quantity else "0", "sp": "0", "ot": order.kind}
        told |= {"R": False, "wt": "CONTRACT_PRICE", "ps": "BOTH", "cp": False, "rp": "0"}
        return {"e": "ORDER_TRADE_UPDATE", "E": news.ms, "T": news.ms, "o": told}

    def _spot_order(self, order: Order) -> dict[str, Any]:
        return {
            "symbol": self._symbol,
            "orderId": order.number,
            "orderListId": -1,
            "clientOrderId": order.client_id,
            "price": self._price(order),
            "origQty": self._lots(order.lots),
            "executedQty": self._lots(order.filled),
            "cummulativeQuoteQty": f"{order.notional:.8f}",
            "status": order.status,
            "timeInForce": order.terms,
            "type": order.kind,
            "side": SIDES[order.side],
            "time": order.created,
            "updateTime": order.updated,
            "isWorking": True,
        }

    def _price(self, order: Order) -> str:
        return self._writer.price(order.tick or 0)

    def _lots(self, lots: int) -> str:
        return self._writer.quantity(self._desk.quantity(lots))
