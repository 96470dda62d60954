"""Small websocket logs made in the test, with checksums by another way than the library's."""

from __future__ import annotations

import binascii
import json
import random
from decimal import Decimal
from pathlib import Path

import pytest

START = 1_700_000_000


class VenueLog:
    """A market whose book moves at random, and the log that a recorder of it would write."""

    def __init__(self, symbol: str, seed: int = 0, decimals: int = 2, levels: int = 30, depth: int = 25) -> None:
        self.random, self.symbol, self.decimals, self.depth = random.Random(seed), symbol, decimals, depth
        middle = Decimal(100)
        step = Decimal(1).scaleb(-decimals)
        self.step = step
        self.bids = {middle - step * n: self.quantity() for n in range(1, levels + 1)}
        self.asks = {middle + step * n: self.quantity() for n in range(1, levels + 1)}
        self.time = START * 1_000_000
        self.lines: list[str] = [f"wss://{self.address} <-> {self.clock}"]
        self.cut()

    address = ""

    @property
    def clock(self) -> str:
        return f"{self.time // 1_000_000}.{self.time % 1_000_000:06d}".rstrip("0").rstrip(".")

    @property
    def stamp(self) -> str:
        return f"{self.time // 1_000_000}.{self.time % 1_000_000:06d}"

    def quantity(self) -> str:
        return f"{self.random.randrange(1, 10**9) / 10**8:.8f}"

    def cut(self) -> None:
        self.bids = dict(sorted(self.bids.items(), reverse=True)[: self.depth])
        self.asks = dict(sorted(self.asks.items())[: self.depth])

    def add(self, message: object) -> None:
        self.time += 1000
        self.lines.append(f"{self.clock}: {json.dumps(message, separators=(',', ':'))}")

    def move(self, count: int = 3) -> list[tuple[str, str, str]]:
        """Change some levels near the touch, and give them as (side, price, quantity) are sent."""
        changes = []
        for _ in range(count):
            side = self.random.choice(("bids", "asks"))
            book = getattr(self, side)
            best = max(book) if side == "bids" else min(book)
            sign = -1 if side == "bids" else 1
            price = best + sign * self.step * self.random.randrange(0, 12)
            if price in book and len(book) > 12 and self.random.random() < 0.4:
                del book[price]
                changes.append((side, self.price(price), "0.00000000"))
            else:
                book[price] = self.quantity()
                changes.append((side, self.price(price), book[price]))
        self.cut()
        return changes

    def price(self, price: Decimal) -> str:
        return f"{price:.{self.decimals}f}"

    def write(self, path: Path) -> Path:
        path.write_text("\n".join(self.lines) + "\n")
        return path


class KrakenLog(VenueLog):
    """Version 1 of Kraken's book feed."""

    address = "ws.kraken.com"

    def tail(self) -> list[str]:
        return [f"book-{self.depth}", self.symbol]

    def snapshot(self) -> KrakenLog:
        sides = {
            key: [[self.price(price), quantity, self.stamp] for price, quantity in book.items()]
            for key, book in (("as", self.asks), ("bs", self.bids))
        }
        self.add([7, sides, *self.tail()])
        return self

    def update(self, count: int = 3) -> KrakenLog:
        changes = self.move(count)
        parts = []
        for key, side in (("a", "asks"), ("b", "bids")):
            levels = [[price, quantity, self.stamp] for where, price, quantity in changes if where == side]
            if levels:
                parts.append({key: levels})
        parts[-1]["c"] = str(self.checksum())
        self.add([7, *parts, *self.tail()])
        return self

    def trade(self) -> KrakenLog:
        self.add([8, [[self.price(min(self.asks)), "0.50000000", self.stamp, "b", "m", ""]], "trade", self.symbol])
        return self

    def checksum(self) -> int:
        text = ""
        for book, reverse in ((self.asks, False), (self.bids, True)):
            for price in sorted(book, reverse=reverse)[:10]:
                for word in (self.price(price), book[price]):
                    text += str(int(word.replace(".", "")))
        return binascii.crc32(text.encode()) & 0xFFFFFFFF


class OkxLog(VenueLog):
    """OKX's book feed: trailing zeros dropped, a checksum with the snapshot too."""

    address = "ws.okx.com:8443/ws/v5/public"

    def price(self, price: Decimal) -> str:
        return f"{price:.{self.decimals}f}".rstrip("0").rstrip(".")

    def quantity(self) -> str:
        return super().quantity().rstrip("0").rstrip(".") or "1"

    def message(self, action: str, asks: list, bids: list, **more) -> OkxLog:
        data = {"asks": asks, "bids": bids, "ts": str(self.time // 1000), "checksum": self.checksum()} | more
        self.add({"arg": {"channel": "books", "instId": self.symbol}, "action": action, "data": [data]})
        return self

    def snapshot(self, **more) -> OkxLog:
        sides = [[[self.price(p), q, "0", "1"] for p, q in book.items()] for book in (self.asks, self.bids)]
        return self.message("snapshot", *sides, **more)

    def update(self, count: int = 3, **more) -> OkxLog:
        before = set(self.asks), set(self.bids)
        changes = self.move(count)
        sides = [
            [[p, "0" if q == "0.00000000" else q, "0", "1"] for s, p, q in changes if s == n] for n in ("asks", "bids")
        ]
        for side, old, new in zip(sides, before, (self.asks, self.bids)):  # OKX tells what falls out at the far end
            told = {level[0] for level in side}
            side += [[self.price(p), "0", "0", "0"] for p in old - set(new) if self.price(p) not in told]
        return self.message("update", *sides, **more)

    def trade(self, number: int = 1) -> OkxLog:
        data = {"instId": self.symbol, "tradeId": str(number), "px": self.price(min(self.asks)), "sz": "0.5"}
        data |= {"side": "buy", "ts": str(self.time // 1000)}
        self.add({"arg": {"channel": "trades", "instId": self.symbol}, "data": [data]})
        return self

    def checksum(self) -> int:
        words = []
        bids, asks = sorted(self.bids, reverse=True)[:25], sorted(self.asks)[:25]
        for n in range(25):
            for prices, book in ((bids, self.bids), (asks, self.asks)):
                if n < len(prices):
                    words += [self.price(prices[n]), book[prices[n]]]
        value = binascii.crc32(":".join(words).encode()) & 0xFFFFFFFF
        return value if value < 2**31 else value - 2**32


@pytest.fixture
def kraken_log() -> type[KrakenLog]:
    """Make a Kraken log."""
    return KrakenLog


@pytest.fixture
def okx_log() -> type[OkxLog]:
    """Make an OKX log."""
    return OkxLog
