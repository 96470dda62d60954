"""Markets that move at random and the files that makers would write of them, by other ways than the library's."""

from __future__ import annotations

import binascii
import json
import random
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

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


class OrderMarket:
    """Orders at random on one or several instruments, and Databento's records of them: MBO and MBP-10.

    The levels come from a dictionary of orders that is sorted at each look, by another way than the library's.
    """

    UNDEF = 2**63 - 1

    def __init__(self, seed: int = 0, instruments: tuple[int, ...] = (11,), tick: int = 10_000_000) -> None:
        import databento_dbn

        self.dbn, self.random, self.tick = databento_dbn, random.Random(seed), tick
        self.orders: dict[int, dict[int, tuple[str, int, int]]] = {number: {} for number in instruments}
        self.mbo: list[bytes] = []
        self.mbp: list[bytes] = []
        self.number, self.sequence, self.time = 0, 0, START * 10**9
        self.symbols = {number: f"SYM{number}" for number in instruments}
        for instrument in instruments:
            self.event(instrument, [("R", "N", self.UNDEF, 0, 0)], flags=8)

    def levels(self, instrument: int) -> list:
        found = []
        for side, sign in (("B", -1), ("A", 1)):
            at: dict[int, list[int]] = {}
            for where, price, size in self.orders[instrument].values():
                if where == side:
                    at.setdefault(price, []).append(size)
            found.append([(price, sum(at[price]), len(at[price])) for price in sorted(at, key=lambda p: sign * p)][:10])
        return found

    def event(self, instrument: int, rows: list[tuple[str, str, int, int, int]], flags: int = 0) -> None:
        """Records (action, side, price, size, order) of one event; the book follows them."""
        self.sequence += 1
        self.time += self.random.randrange(1, 10**6)
        for place, (action, side, price, size, order) in enumerate(rows):
            before = self.levels(instrument)
            self.follow(instrument, action, side, price, size, order)
            after = self.levels(instrument)
            last = 128 if place == len(rows) - 1 else 0
            common = {"flags": flags | last, "ts_in_delta": 5, "sequence": self.sequence}
            kinds = {
                "A": self.dbn.Action.ADD,
                "C": self.dbn.Action.CANCEL,
                "M": self.dbn.Action.MODIFY,
                "R": self.dbn.Action.CLEAR,
                "T": self.dbn.Action.TRADE,
                "F": self.dbn.Action.FILL,
            }
            sides = {"B": self.dbn.Side.BID, "A": self.dbn.Side.ASK, "N": self.dbn.Side.NONE}
            head = (2, instrument, self.time)
            self.mbo.append(
                bytes(
                    self.dbn.MBOMsg(
                        *head, order, price, size, kinds[action], sides[side], self.time + 900, channel_id=0, **common
                    )
                )
            )
            if action in "TR" or before != after:
                pairs = []
                for n in range(10):
                    bid, ask = (found[n] if n < len(found) else (self.UNDEF, 0, 0) for found in after)
                    pairs.append(self.dbn.BidAskPair(bid[0], ask[0], bid[1], ask[1], bid[2], ask[2]))
                record = self.dbn.MBP10Msg(
                    *head, price, size, kinds[action], sides[side], 0, self.time + 900, levels=pairs, **common
                )
                self.mbp.append(bytes(record))

    def follow(self, instrument: int, action: str, side: str, price: int, size: int, order: int) -> None:
        orders = self.orders[instrument]
        if action == "A":
            orders[order] = (side, price, size)
        elif action == "M":
            orders[order] = (orders[order][0], price, size)
        elif action == "C":
            where, at, held = orders[order]
            if held > size:
                orders[order] = (where, at, held - size)
            else:
                del orders[order]
        elif action == "R":
            orders.clear()

    def step(self) -> None:
        """One thing that happens."""
        instrument = self.random.choice(list(self.orders))
        orders = self.orders[instrument]
        what = self.random.random()
        side = self.random.choice("BA")
        middle = 10_000 * self.tick
        if what < 0.5 or len(orders) < 40:
            self.number += 1
            distance = self.tick * self.random.randrange(1, 25)
            price = middle - distance if side == "B" else middle + distance
            self.event(instrument, [("A", side, price, self.random.randrange(1, 500), self.number)])
        elif what < 0.7:
            order = self.random.choice(list(orders))
            where, price, size = orders[order]
            gone = size if self.random.random() < 0.7 else self.random.randrange(1, size + 1)
            self.event(instrument, [("C", where, price, gone, order)])
        elif what < 0.8:
            order = self.random.choice(list(orders))
            where, price, _ = orders[order]
            price += self.tick * self.random.choice((0, 0, -1, 1)) * (abs(price - middle) > 2 * self.tick)
            self.event(instrument, [("M", where, price, self.random.randrange(1, 500), order)])
        elif what < 0.85:
            self.event(instrument, [("T", "N", middle + self.tick // 2, 7, 0)])
        else:
            best = self.levels(instrument)["BA".index(side)]
            if not best:
                return
            rest = [order for order, (s, p, _) in orders.items() if (s, p) == (side, best[0][0])][:3]
            taker = "A" if side == "B" else "B"
            rows = [("T", taker, best[0][0], sum(orders[order][2] for order in rest), 0)]
            for order in rest:
                rows += [
                    ("F", side, best[0][0], orders[order][2], order),
                    ("C", side, best[0][0], orders[order][2], order),
                ]
            self.event(instrument, rows)

    def run(self, steps: int) -> OrderMarket:
        for _ in range(steps):
            self.step()
        return self

    def bytes_of(self, schema: str, records: list[bytes] | None = None) -> bytes:
        """A DBN file."""
        import datetime

        kind = self.dbn.Schema.MBO if schema == "mbo" else self.dbn.Schema.MBP_10
        day = datetime.date(2023, 11, 14)
        span = {"start_date": day, "end_date": day + datetime.timedelta(days=1)}
        mappings = [
            SimpleNamespace(raw_symbol=symbol, intervals=[SimpleNamespace(**span, symbol=str(number))])
            for number, symbol in self.symbols.items()
        ]
        metadata = self.dbn.Metadata(
            "XNAS.ITCH",
            START * 10**9,
            self.dbn.SType.RAW_SYMBOL,
            self.dbn.SType.INSTRUMENT_ID,
            kind,
            symbols=list(self.symbols.values()),
            mappings=mappings,
        )
        records = records if records is not None else (self.mbo if schema == "mbo" else self.mbp)
        return bytes(metadata) + b"".join(records)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Both files."""
        paths = folder / "x.mbo.dbn", folder / "x.mbp-10.dbn"
        for path, schema in zip(paths, ("mbo", "mbp-10")):
            path.write_bytes(self.bytes_of(schema))
        return paths


class LobsterMarket:
    """A stock's orders at random, some from before the first message, and LOBSTER's two files of it."""

    EMPTY = 9_999_999_999

    def __init__(self, seed: int = 0, levels: int = 10, seeded: int = 40) -> None:
        self.random, self.levels = random.Random(seed), levels
        self.orders: dict[int, tuple[int, int, int]] = {}  # id -> direction, price, size
        self.number, self.time = 1000, 34200_000_000_000
        self.messages: list[str] = []
        self.rows: list[str] = []
        self.shown: list[bool] = []  # whether a message changes the rows
        for _ in range(seeded):
            self.number += 1
            self.orders[self.number] = self.order()

    def order(self) -> tuple[int, int, int]:
        direction = self.random.choice((1, -1))
        return direction, 1_000_000 - direction * 100 * self.random.randrange(1, 20), self.random.randrange(1, 400)

    def book(self, direction: int) -> list[tuple[int, int]]:
        at: dict[int, int] = {}
        for where, price, size in self.orders.values():
            if where == direction:
                at[price] = at.get(price, 0) + size
        return sorted(at.items(), reverse=direction == 1)

    def row(self) -> str:
        asks, bids = self.book(-1), self.book(1)
        fields: list[int] = []
        for n in range(self.levels):
            fields += asks[n] if n < len(asks) else (self.EMPTY, 0)
            fields += bids[n] if n < len(bids) else (-self.EMPTY, 0)
        return ",".join(map(str, fields))

    def tell(self, kind: int, order: int, size: int, price: int, direction: int) -> None:
        self.time += self.random.randrange(1, 10**8)
        seconds = f"{self.time // 10**9}.{self.time % 10**9:09d}".rstrip("0")
        self.messages.append(f"{seconds},{kind},{order},{size},{price},{direction}")
        self.rows.append(self.row())

    def step(self) -> None:
        what = self.random.random()
        known = list(self.orders)
        if what < 0.45 or len(known) < 20:
            self.number += 1
            self.orders[self.number] = direction, price, size = self.order()
            self.tell(1, self.number, size, price, direction)
        elif what < 0.9:
            order = self.random.choice(known)
            direction, price, size = self.orders[order]
            kind = 4 if what > 0.75 else 3 if what > 0.6 else 2
            if kind == 4:  # only at the touch
                best = self.book(direction)[0][0]
                order = next(o for o, (d, p, _) in self.orders.items() if (d, p) == (direction, best))
                direction, price, size = self.orders[order]
            gone = size if kind == 3 else self.random.randrange(1, size + 1)
            if gone == size and kind == 2:
                kind = 3
            if gone == size:
                del self.orders[order]
            else:
                self.orders[order] = (direction, price, size - gone)
            self.tell(kind, order, gone, price, direction)
        elif what < 0.97:
            self.tell(5, 0, 50, 1_000_050, -1)
        else:
            self.tell(6, -1, 500, 1_000_000, -1)

    def run(self, steps: int) -> LobsterMarket:
        for _ in range(steps):
            self.step()
        return self

    def write(self, folder: Path, name: str = "TEST_2012-06-21_34200000_57600000") -> tuple[Path, Path]:
        """Messages and rows."""
        paths = folder / f"{name}_message_{self.levels}.csv", folder / f"{name}_orderbook_{self.levels}.csv"
        for path, lines in zip(paths, (self.messages, self.rows)):
            path.write_text("\n".join(lines) + "\n")
        return paths


class ShanghaiMarket:
    """A Shanghai stock's orders of a day: a call auction, then trading, and the exchange's ten-level snapshots."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.rows: list[tuple] = []
        self.snapshots: list[tuple] = []
        self.orders: dict[int, list] = {}  # id -> side, price, quantity
        self.number = self.seq = 0
        self.time = 9_15_00_00
        for _ in range(40):
            self.add(*self.order(), time=9_15_00_00 + self.number)
        self.time = 9_30_00_00

    def order(self) -> tuple[str, int, int]:
        side = self.random.choice(("bid", "ask"))
        distance = 10 * self.random.randrange(1, 25)
        return side, 100_000 - distance if side == "bid" else 100_000 + distance, 1000 * self.random.randrange(1, 50)

    def tell(self, kind: str, side: str, order: int, counter: int, price: int, quantity: int, time: int = 0) -> None:
        self.seq += self.random.randrange(1, 9)
        self.rows.append((self.seq, time or self.time, kind, side, order, counter, price, quantity))

    def add(self, side: str, price: int, quantity: int, time: int = 0) -> None:
        self.number += 1
        self.orders[self.number] = [side, price, quantity]
        self.tell("add", side, self.number, 0, price, quantity, time)

    def take(self) -> None:
        """An order that trades with up to three resting ones, and then perhaps rests itself."""
        self.number += 1
        side = self.random.choice(("bid", "ask"))
        against = "ask" if side == "bid" else "bid"
        rest = sorted(
            (price if against == "ask" else -price, order)
            for order, (where, price, _) in self.orders.items()
            if where == against
        )[:3]
        for _, order in rest[: self.random.randrange(1, 4)]:
            _, price, held = self.orders[order]
            done = held if self.random.random() < 0.7 else 1000
            pair = (self.number, order) if side == "bid" else (order, self.number)
            self.tell("trade", "", *pair, price, done)
            if done < held:
                self.orders[order][2] -= done
                return
            del self.orders[order]
        left = [price for where, price, _ in self.orders.values() if where == against]
        if left and self.random.random() < 0.5:
            price = min(*left, 100_000) - 10 if side == "bid" else max(*left, 100_000) + 10
            self.orders[self.number] = [side, price, 3000]
            self.tell("add", side, self.number, 0, price, 3000)

    def step(self) -> None:
        what = self.random.random()
        if what < 0.5 or len(self.orders) < 30:
            self.add(*self.order())
        elif what < 0.8:
            order = self.random.choice(list(self.orders))
            side, price, quantity = self.orders.pop(order)
            self.tell("cancel", side, order, 0, price, quantity)
        else:
            self.take()

    def look(self) -> None:
        """The exchange publishes its best ten levels."""
        fields: list[int] = []
        sides = []
        for side in ("bid", "ask"):
            at: dict[int, int] = {}
            for where, price, quantity in self.orders.values():
                if where == side:
                    at[price] = at.get(price, 0) + quantity
            sides.append(sorted(at.items(), reverse=side == "bid"))
        for n in range(10):
            for levels in sides:
                fields += levels[n] if n < len(levels) else (0, 0)
        self.snapshots.append((self.time // 100, 2, *fields))

    def run(self, seconds: int) -> ShanghaiMarket:
        for second in range(seconds):
            for _ in range(4):
                self.step()
                self.time += self.random.randrange(1, 20)
            self.time = 9_30_00_00 + second // 60 * 10_000 + second % 60 * 100 + 100
            if second % 3 == 0:
                self.look()
        return self

    def write(self, folder: Path, name: str = "600000_20230207") -> tuple[Path, Path]:
        """Orders and snapshots."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = ["seq", "time", "kind", "side", "order_id", "counter_order_id", "price", "qty"]
        levels = [f"{side}_{what}_{n}" for n in range(1, 11) for side in ("bid", "ask") for what in ("price", "qty")]
        paths = folder / f"{name}_orders.parquet", folder / f"{name}_snapshots.parquet"
        for path, rows, columns in zip(paths, (self.rows, self.snapshots), (names, ["time", "phase", *levels])):
            pq.write_table(pa.table({name: list(column) for name, column in zip(columns, zip(*rows))}), path)
        return paths
