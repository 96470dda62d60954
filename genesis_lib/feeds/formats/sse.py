"""Shanghai's order-by-order feed as Parquet columns, and the exchange's own ten-level snapshots beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.feed_instruments import MOST_TICKS
from genesis_lib.feeds.formats.order_flow import GROUPS, FlowBlock, OrderFlowRecording
from genesis_lib.feeds.instruments import SECOND
from genesis_lib.types import BID, Instrument, Trade
from orderbook_ext import OrderAction

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

NAME = "sse"
UNIT = 0.001  # CNY of a price, shares of a quantity
ORDERS = ("seq", "time", "kind", "side", "order_id", "counter_order_id", "price", "qty")
SNAPSHOTS = ("time", "phase", "bid_price_1", "bid_qty_1", "ask_price_1", "ask_qty_1")
CENTISECOND = SECOND // 100
CONTINUOUS = (9_30_00_00, 14_57_00_00)  # HHMMSSss; before and after, orders wait for a call auction
_NAME = re.compile(r"(\d{6})_(\d{8})")
_SHANGHAI = ZoneInfo("Asia/Shanghai")


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file is Parquet with the columns of orders or of snapshots."""
    return head.startswith(b"PAR1") and _kind(path) is not None


def open_files(paths, *, tick_size=None, symbol=None, venue=None, quarantine=None) -> list[SseOrders]:
    """Open order files as sessions; a snapshot file of the same stock and day becomes what its session is held against.

    Raises
    ------
    RecordingError
        When there are snapshots without their orders, or a file's name does not begin with ``STOCK_YYYYMMDD``.
    """
    orders, snapshots = {}, {}
    for path in map(Path, paths):
        (orders if _kind(path) == "orders" else snapshots)[_of_name(path)] = path
    lonely = [path for key, path in snapshots.items() if key not in orders]
    if lonely:
        raise RecordingError(
            "snapshots without the orders of that stock and day: nothing to rebuild a book of", lonely[0]
        )
    sessions = []
    for key, path in sorted(orders.items()):
        session = SseOrders(path, tick_size=tick_size, symbol=symbol, venue=venue or NAME, quarantine=quarantine)
        session.snapshots = snapshots.get(key)
        sessions.append(session)
    return sessions


class SseOrders(OrderFlowRecording):
    """One stock's orders of one day.

    An event is what the exchange does at one go: a cancel, an order that rests, or an order with all its trades and
    what then rests of it; in a call auction all trades of one moment. Trades of call auctions have ``market`` False:
    they are no matches in the continuous book.

    Attributes
    ----------
    snapshots : Path or None
        The exchange's snapshots of the day.

    Notes
    -----
    A trade names both orders; the newer one is the aggressor. It has not been added then: the exchange adds what is
    left of it after its trades, so the book never crosses in continuous trading.
    """

    kind = NAME
    snapshots: Path | None = None

    def __init__(
        self,
        path: Path,
        *,
        tick_size: float | None = None,
        symbol: str | None = None,
        venue: str = NAME,
        quarantine: Quarantine | None = None,
    ) -> None:
        self._columns = _read(path, ORDERS, quarantine)
        stock, self.day = _of_name(path)
        prices, quantities = self._columns["price"], self._columns["qty"]
        self._tick, self._lot = _grid(prices), _grid(quantities)
        if tick_size is not None:
            self._tick = round(tick_size / UNIT)
            off = np.flatnonzero(prices % max(self._tick, 1))
            if self._tick < 1 or len(off):
                raise InputError(f"tick_size {tick_size!r} is not the grid of {path.name}, whose prices have {UNIT}")
        instrument = Instrument(venue, symbol or stock, _units(self._tick), _units(self._lot))
        super().__init__((path,), instrument)

    @property
    def unit(self) -> tuple[int, int]:
        """Units of a tick and of a lot, as the files count them."""
        return self._tick, self._lot

    @property
    def span(self) -> tuple[int, int]:
        """Exchange time of the first and the last message, ns."""
        times = nanoseconds(self.day, self._columns["time"][[0, -1]])
        return int(times[0]), int(times[1])

    def blocks(self) -> Iterator[FlowBlock]:
        """Read the orders, some thousand events at a time."""
        c = self._columns
        self.counts.clear()
        for kind, number in zip(*np.unique(c["kind"], return_counts=True)):
            self.counts[str(kind)] += int(number)
        self.lines = len(c["kind"])
        trade = c["kind"] == "trade"
        bounds = _events(c, trade)
        rests = _rests(c, trade)
        times = nanoseconds(self.day, c["time"])
        for start in range(0, len(bounds), GROUPS):
            ends = bounds[start : start + GROUPS]
            first = bounds[start - 1] if start else 0
            yield self._block(slice(first, ends[-1]), ends - first, times, trade, rests)

    def _block(self, part: slice, ends: np.ndarray, times, trade, rests) -> FlowBlock:
        c = {name: column[part] for name, column in self._columns.items()}
        trade, rests, times = trade[part], rests[:, part], times[part]
        # A trade becomes two messages, one for each of its orders that rests.
        count = np.where(trade, rests.sum(axis=0), 1)
        rows = np.repeat(np.arange(len(trade)), count)
        begin = np.cumsum(count) - count
        counter = trade[rows] & ((np.arange(len(rows)) > begin[rows]) | ~rests[0, rows])  # the trade's other order
        actions = np.where(trade, OrderAction.EXECUTE, OrderAction.CANCEL)
        actions = np.where(c["kind"] == "add", OrderAction.ADD, actions).astype(np.int8)
        sides = np.where(c["side"] == "ask", 1, BID).astype(np.int8)
        block = FlowBlock(
            actions[rows],
            np.where(counter, c["counter_order_id"][rows], c["order_id"][rows]),
            sides[rows],
            c["price"][rows] // self._tick,
            c["qty"][rows] // self._lot,
            np.cumsum(count)[ends - 1],
            times[ends - 1],
            times[ends - 1],
        )
        groups = np.searchsorted(ends, np.arange(len(trade)), side="right").tolist()
        for row in np.flatnonzero(c["doubtful"]).tolist():
            block.gaps[groups[row]] = "a row before this was set aside"
        symbol, lot, market = self.instrument.symbol, self._lot, _continuous(c["time"])
        buys = c["order_id"] > c["counter_order_id"]
        for row in np.flatnonzero(trade).tolist():
            quantity = float(c["qty"][row] / lot * self.instrument.lot_size)
            side = (1 if buys[row] else -1) if market[row] else 0
            tick, time = int(c["price"][row] // self._tick), int(times[row])
            done = Trade(symbol, time, time, int(c["seq"][row]), tick, quantity, side, bool(market[row]))
            block.trades.append((groups[row], done))
        return block


def read_snapshots(path: Path) -> dict[str, np.ndarray]:
    """Columns of a snapshot file: ``time`` (HHMMSS) and levels (n, 10, 4): bid price, bid qty, ask price, ask qty."""
    names = [f"{side}_{what}_{n}" for n in range(1, 11) for side in ("bid", "ask") for what in ("price", "qty")]
    columns = _read(path, ("time", "phase", *names), None)
    levels = np.stack([columns[name] for name in names], axis=1).reshape(-1, 10, 4)
    return {"time": columns["time"], "phase": columns["phase"], "levels": levels}


def nanoseconds(day: date, times: np.ndarray) -> np.ndarray:
    """Nanoseconds since 1970 UTC of times HHMMSSss on a day in Shanghai."""
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=_SHANGHAI).timestamp())
    hours, minutes, rest = times // 1_000_000, times // 10_000 % 100, times % 10_000
    return (midnight * 100 + (hours * 60 + minutes) * 6000 + rest) * CENTISECOND


def _continuous(times: np.ndarray) -> np.ndarray:
    return (times >= CONTINUOUS[0]) & (times < CONTINUOUS[1])


def _events(c: dict[str, np.ndarray], trade: np.ndarray) -> np.ndarray:
    """Ends of what the exchange did at one go."""
    newer = np.where(trade, np.maximum(c["order_id"], c["counter_order_id"]), c["order_id"])
    same = trade[:-1] & (c["kind"][1:] != "cancel") & (newer[1:] == newer[:-1])
    auction = ~_continuous(c["time"])
    same |= trade[:-1] & trade[1:] & auction[:-1] & (c["time"][1:] == c["time"][:-1])
    return np.append(np.flatnonzero(~same) + 1, len(trade))


def _rests(c: dict[str, np.ndarray], trade: np.ndarray) -> np.ndarray:
    """Which of a trade's two orders rest (2, n): those added before; the older one must, so it counts in any case."""
    adds = np.flatnonzero(c["kind"] == "add")
    order = np.argsort(c["order_id"][adds], kind="stable")
    ids, places = c["order_id"][adds][order], adds[order]
    found = np.zeros((2, len(trade)), bool)
    older = np.minimum(c["order_id"], c["counter_order_id"])
    rows = np.arange(len(trade))
    for side, name in enumerate(("order_id", "counter_order_id")):
        at = np.minimum(np.searchsorted(ids, c[name]), max(len(ids) - 1, 0))
        known = (ids[at] == c[name]) & (places[at] < rows) if len(ids) else np.zeros(len(rows), bool)
        found[side] = trade & (known | (c[name] == older))
    return found


def _kind(path: Path) -> str | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return None
    return "orders" if names.issuperset(ORDERS) else "snapshots" if names.issuperset(SNAPSHOTS) else None


def _of_name(path: Path) -> tuple[str, date]:
    found = _NAME.match(path.name)
    try:
        return found[1], datetime.strptime(found[2], "%Y%m%d").date()
    except (TypeError, ValueError):
        raise RecordingError("the name must begin with stock and day, as 600519_20230207 does", path) from None


def _read(path: Path, names: tuple[str, ...], quarantine: Quarantine | None) -> dict[str, np.ndarray]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=list(names))
        columns = {
            name: table[name].to_numpy() if name in ("kind", "side") else table[name].cast(pa.int64()).to_numpy()
            for name in names
        }
    except (pa.ArrowException, KeyError, OSError) as error:
        raise RecordingError(f"cannot be read: {error}", path) from None
    if not table.num_rows:
        raise RecordingError("no row in it", path)
    for name in names:
        if name not in ("kind", "side") and table[name].null_count:
            row = int(np.argmax(table[name].is_null().to_numpy())) + 1
            raise RecordingError(f"no {name}, which every row must have", path, row)
    if "kind" not in columns:
        return columns
    kind, side = columns["kind"].astype(str), columns["side"].astype(str)
    columns["kind"], columns["side"] = kind, side
    time = columns["time"]
    # Nothing goes back from a time that is none.
    daily = (time >= 0) & (time < 24_00_00_00)
    time = time[np.maximum.accumulate(np.where(daily, np.arange(len(time)), 0))]
    bad = np.full(len(kind), "", object)
    for wrong, cause in (
        (~np.isin(kind, ("add", "cancel", "trade")), "unknown kind"),
        ((kind == "add") & ~np.isin(side, ("bid", "ask")), "an order without a side"),
        ((kind == "add") & (columns["price"] <= 0), "an order without a price"),
        ((kind != "cancel") & (columns["qty"] <= 0), "a quantity that is not positive"),
        ((columns["order_id"] < 0) | (columns["counter_order_id"] < 0), "a negative order number"),
        ((columns["price"] < 0) | (columns["qty"] < 0), "a negative price or quantity"),
        ((columns["price"] > MOST_TICKS) | (columns["qty"] > MOST_TICKS), "more than any book holds"),
        (~daily, "no time of a day"),
        (np.diff(time, prepend=time[0]) < 0, "time goes back"),
    ):
        bad[wrong & (bad == "")] = cause
    rows = np.flatnonzero(bad != "")
    for row in rows.tolist():
        text = ", ".join(f"{name} {columns[name][row]}" for name in names)
        if quarantine is None:
            raise RecordingError(f"{bad[row]} ({text})", path, row + 1)
        quarantine.reject(path, row + 1, bad[row], text)
    columns = {name: np.delete(column, rows) for name, column in columns.items()}
    if not len(columns["kind"]):
        raise RecordingError("no row in it that can be right", path)
    # The first good row behind one that was set aside, or the last row.
    behind = np.searchsorted(np.delete(np.arange(len(kind)), rows), np.unique(rows))
    columns["doubtful"] = np.isin(np.arange(len(columns["kind"])), np.minimum(behind, len(columns["kind"]) - 1))
    return columns


def _grid(numbers: np.ndarray) -> int:
    return max(int(np.gcd.reduce(np.unique(numbers))), 1)


def _units(count: int) -> float:
    return count / 1000
