"""Messages of single orders to run on: a real day of the Shanghai exchange where it is, and a synthetic stream."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.streams import ROOT
from orderbook_ext import OrderAction

DAY = "sse/600519_20230207_orders.parquet"


@dataclass(frozen=True, slots=True)
class OrderStream:
    """Rows as `OrderLevelBook.apply` takes them; `ends` holds the number of rows up to the end of each message."""

    name: str
    columns: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.columns[0])

    def head(self, n: int) -> OrderStream:
        """The first `n` rows, each a message."""
        n = min(n, len(self))
        return OrderStream(self.name, tuple(column[:n] for column in self.columns), np.arange(1, n + 1))


def shanghai() -> OrderStream | None:
    """One day of 600519, its trades as two rows (bid and ask); None where the recording is not."""
    import pyarrow.parquet as parquet

    path = Path(os.environ.get("GENESIS_RECORDINGS", ROOT.parent / "shared" / "recordings")) / DAY
    if not path.exists():
        return None
    table = parquet.read_table(path)
    kind, order, counter = (table[name].to_numpy() for name in ("kind", "order_id", "counter_order_id"))
    trade = kind == "trade"
    action = np.where(trade, OrderAction.EXECUTE, np.where(kind == "add", OrderAction.ADD, OrderAction.CANCEL))
    repeat = np.where(trade, 2, 1)
    ends = np.cumsum(repeat)
    ids = np.repeat(order, repeat).astype(np.uint64)
    ids[ends[trade] - 1] = counter[trade]
    side = (table["side"].to_numpy() == "ask").astype(np.int8)
    rest = (np.repeat(column, repeat) for column in (side, table["price"].to_numpy(), table["qty"].to_numpy()))
    return OrderStream("SSE 600519", (np.repeat(action.astype(np.int8), repeat), ids, *rest), ends)


def near_touch(n: int = 300_000, seed: int = 7) -> OrderStream:
    """A synthetic stream: random ids of 63 bits, 80 % of the adds within 20 ticks of a walking mid.

    Near half of the messages add an order, the others cancel, fill or reduce one that rests; some 15,000 rest at last.
    """
    rng = np.random.default_rng(seed)
    mid = (100_000 + np.cumsum(rng.integers(-1, 2, n) * (rng.random(n) < 0.03))).tolist()
    kinds, pick = rng.random(n).tolist(), rng.random(n).tolist()
    away = np.where(rng.random(n) < 0.8, rng.integers(0, 20, n), rng.integers(20, 500, n)).tolist()
    sides, sizes = rng.integers(0, 2, n).tolist(), rng.integers(1, 500, n).tolist()
    new = rng.choice(2**63, n, replace=True).astype(np.uint64).tolist()
    resting: list[list[int]] = []  # id, side, tick, quantity
    rows = []
    for i in range(n):
        if kinds[i] < 0.45 or not resting or (len(resting) < 2_000 and kinds[i] < 0.6):
            side = sides[i]
            order = [new[i], side, mid[i] + away[i] if side else mid[i] - 1 - away[i], sizes[i]]
            resting.append(order)
            rows.append((OrderAction.ADD, *order))
            continue
        at = int(pick[i] * len(resting))
        order = resting[at]
        part = 1 + sizes[i] % order[3]
        action = (
            OrderAction.CANCEL if kinds[i] < 0.85 else OrderAction.EXECUTE if kinds[i] < 0.95 else OrderAction.REDUCE
        )
        rows.append((action, *order[:3], part if action != OrderAction.CANCEL else order[3]))
        order[3] -= rows[-1][4]
        if order[3] == 0:
            resting[at] = resting[-1]
            resting.pop()
    types = (np.int8, np.uint64, np.int8, np.int64, np.int64)
    columns = tuple(np.array(column, dtype) for column, dtype in zip(zip(*rows), types))
    return OrderStream("synthetic", columns, np.arange(1, n + 1))
