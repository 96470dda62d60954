from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderbook_ext import OrderBook
from orderbook_ext._scan_py import Progress

class Scanner:
    symbol: str
    tick_size: float
    kind: str
    other_symbol: str | None
    end: int
    ts_receive: int

    def __init__(self, symbol: str, tick_size: float, events: Sequence[type[tuple]] | None = None) -> None: ...
    def scan(self, payload: bytes | bytearray | memoryview, ts_receive: int = 0) -> Any: ...
    def line(self, block: bytes, at: int = 0) -> Any: ...
    def feed(
        self, payload: bytes | bytearray | memoryview, book: OrderBook
    ) -> tuple[int, int, int, int, int] | None: ...
    def follow(
        self,
        block: bytes | bytearray | memoryview,
        book: OrderBook,
        last_id: int,
        *,
        at: int = 0,
        last_ts: int = 0,
        fresh: bool = False,
        tops: NDArray[np.float64] | None = None,
        times: NDArray[np.int64] | None = None,
    ) -> Progress: ...
