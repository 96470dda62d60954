"""What the benchmarks run on: a real recording where there is one, and a synthetic stream near the touch."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genesis_lib.feeds import read_recording, synchronize
from genesis_lib.types import DepthSnapshot, DepthUpdate, Instrument

ROOT = Path(__file__).resolve().parent.parent
SESSION = ("binance-usdm/btcusdt_20240718.gz", "binance-usdm/btcusdt_20240719.gz")


@dataclass(frozen=True, slots=True)
class Stream:
    """Level updates in order; `ends` holds the number of levels up to the end of each message."""

    name: str
    instrument: Instrument
    sides: np.ndarray
    ticks: np.ndarray
    quantities: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.sides)

    def head(self, n: int) -> Stream:
        """The first `n` levels, as one message."""
        n = min(n, len(self))
        return Stream(self.name, self.instrument, self.sides[:n], self.ticks[:n], self.quantities[:n], np.array([n]))

    def messages(self) -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Columns of each message by the number of levels before it."""
        bounds = zip((0, *self.ends[:-1].tolist()), self.ends.tolist())
        return {a: (self.sides[a:b], self.ticks[a:b], self.quantities[a:b]) for a, b in bounds if b > a}


def session(paths: Iterable[str | Path] = ()) -> list[Path]:
    """Files of the recording to run on: those given, else the real BTC/USDT session, else none."""
    given = [Path(path) for path in paths]
    if given:
        return given
    folder = Path(os.environ.get("GENESIS_RECORDINGS", ROOT.parent / "shared" / "recordings"))
    found = [folder / name for name in SESSION]
    return found if all(path.exists() for path in found) else []


def recorded(paths: Iterable[Path]) -> Stream:
    """Every depth level of a recording, the snapshot's first, read before anything is timed."""
    recording = read_recording(list(paths))
    events = [e for e in synchronize(recording) if isinstance(e, DepthSnapshot | DepthUpdate)]
    joined = next(i for i, event in enumerate(events) if isinstance(event, DepthSnapshot))
    columns = [np.concatenate([getattr(e, name) for e in events[joined:]]) for name in DepthUpdate._fields[-3:]]
    ends = np.cumsum([len(event.sides) for event in events[joined:]])
    return Stream(f"recorded {recording.instrument.symbol}", recording.instrument, *columns, ends)


def near_touch(n: int = 400_000, seed: int = 7, message: int = 40) -> Stream:
    """A synthetic stream: 80 % of the updates within 20 ticks of a walking mid, the rest within 2,000; 45 % delete.

    Where the mid moves, the update deletes the level that it moves over, so the book is never crossed: some peers
    would mend a crossed one, and no two books would be the same.
    """
    rng = np.random.default_rng(seed)
    step = rng.integers(-1, 2, n) * (rng.random(n) < 0.05)
    mid = 300_000 + np.cumsum(step)
    sides = rng.integers(0, 2, n).astype(np.int8)
    away = np.where(rng.random(n) < 0.8, rng.integers(0, 20, n), rng.integers(20, 2_000, n))
    quantities = np.where(rng.random(n) < 0.45, 0.0, rng.exponential(2.0, n).round(3) + 0.001)
    sides[step != 0] = step[step != 0] > 0  # upwards it moves over an ask, downwards over a bid
    ticks = np.where(sides == 0, mid - 1 - away, mid + away).astype(np.int64)
    ticks[step > 0], ticks[step < 0] = mid[step > 0] - 1, mid[step < 0]
    quantities[step != 0] = 0.0
    ends = np.append(np.arange(message, n, message), n)
    return Stream("synthetic", Instrument("synthetic", "NEAR", 0.1, 0.001), sides, ticks, quantities, ends)
