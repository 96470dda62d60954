"""Small recordings made in the test: a snapshot, diffs that continue it, trades, tickers."""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

START = 1_700_000_000_000_000_000


class Wire:
    """Write the lines of a USD-M recording, one millisecond apart unless told otherwise."""

    def __init__(self, symbol: str = "BTCUSDT") -> None:
        self.symbol, self.lines, self.ts, self.last = symbol, [], START, 100

    def add(self, data: dict[str, Any], stream: str | None = "s", step_ms: int = 1) -> Wire:
        self.ts += step_ms * 1_000_000
        message = {"stream": stream, "data": data} if stream else data
        self.lines.append(f"{self.ts} {json.dumps(message)}")
        return self

    def snapshot(self, bids=(("100.0", "1"), ("99.9", "2")), asks=(("100.1", "3"), ("100.2", "4")), **change) -> Wire:
        data = {"lastUpdateId": self.last, "E": self.ms, "T": self.ms, "bids": list(bids), "asks": list(asks)}
        return self.add(data | change, None)

    def diff(self, bids=(), asks=(), step_ms: int = 1, drop: tuple[str, ...] = (), **change) -> Wire:
        first, previous, self.last = self.last + 1, self.last, self.last + 10
        ids = {"U": first, "u": self.last, "pu": previous}
        data = {
            "e": "depthUpdate",
            "E": self.ms,
            "T": self.ms,
            "s": self.symbol,
            **ids,
            "b": list(bids),
            "a": list(asks),
        }
        kept = {key: value for key, value in (data | change).items() if key not in drop}
        return self.add(kept, step_ms=step_ms)

    def trade(self, price="100.1", quantity="0.5", buyer_is_maker=False, kind="trade", **change) -> Wire:
        data = {"e": kind, "E": self.ms, "T": self.ms, "s": self.symbol, "t": 1, "a": 1, "p": price, "q": quantity}
        return self.add(data | {"X": "MARKET", "m": buyer_is_maker} | change)

    def ticker(self, bid=("100.0", "1"), ask=("100.1", "3"), **change) -> Wire:
        data = {"e": "bookTicker", "u": self.last, "s": self.symbol, "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
        return self.add(data | {"T": self.ms, "E": self.ms} | change)

    @property
    def ms(self) -> int:
        return self.ts // 1_000_000

    def write(self, path: Path) -> Path:
        data = "".join(f"{line}\n" for line in self.lines).encode()
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
        return path


@pytest.fixture
def wire() -> Callable[..., Wire]:
    """Make an empty `Wire`."""
    return Wire


_spec = importlib.util.spec_from_file_location("market_files", Path(__file__).with_name("market_files.py"))
market_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(market_files)


@pytest.fixture
def kraken_log() -> type:
    """Make a Kraken log."""
    return market_files.KrakenLog


@pytest.fixture
def okx_log() -> type:
    """Make an OKX log."""
    return market_files.OkxLog


@pytest.fixture
def order_market() -> type:
    """Make a market that Databento tells of; skips where databento-dbn is not installed."""
    pytest.importorskip("databento_dbn", reason="databento-dbn is not installed: pip install -e .[databento]")
    return market_files.OrderMarket


@pytest.fixture
def lobster_market() -> type:
    """Make a market that LOBSTER tells of."""
    return market_files.LobsterMarket


@pytest.fixture
def shanghai_market() -> type:
    """Make a market in Shanghai."""
    return market_files.ShanghaiMarket
