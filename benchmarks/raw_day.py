"""A raw day from bytes to book and top-10 on one core: ``python -m benchmarks.raw_day --levels 100000000``.

Diffs of 40 levels near the touch, written as Binance writes, streamed in blocks of some 8 MB and never all in memory.
Only the scanner is timed: what makes the text would take ten times as long.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.streams import near_touch
from genesis_lib.feeds.wire.binance_wire import BinanceWriter
from genesis_lib.types import DepthUpdate, Instrument
from orderbook_ext import OrderBook, Scanner

DISTINCT = 2_000_000  # levels made; after them the same come again, under new ids and times
MESSAGES = 8_000  # of a block


def bodies(n: int) -> tuple[Instrument, list[bytes], int]:
    """The two ladders of each message, as text; levels a message."""
    stream = near_touch(n)
    writer, found = BinanceWriter(stream.instrument), []
    for columns in stream.messages().values():
        data = writer.message(DepthUpdate(stream.instrument.symbol, 0, 0, 0, 0, 0, *columns))[1]
        found.append(data[data.index('"b":') :].encode())
    return stream.instrument, found, len(stream) // len(found)


def blocks(symbol: bytes, ladders: list[bytes], messages: int) -> Iterator[bytes]:
    """Lines of as many messages, in blocks."""
    head = b'%d {"stream":"near@depth@0ms","data":{"e":"depthUpdate","E":%d,"T":%d,"s":"%s","U":%d,"u":%d,"pu":%d,%s}\n'
    for first in range(0, messages, MESSAGES):
        lines = []
        for n in range(first, min(first + MESSAGES, messages)):
            ms = 1_700_000_000_000 + n
            # Futures ids leave holes: `pu` alone tells that nothing is missing.
            ids = (3 * n + 2, 3 * n + 3, 3 * n)
            lines.append(head % (ms * 1_000_000 + 500, ms + 1, ms, symbol, *ids, ladders[n % len(ladders)]))
        yield b"".join(lines)


def run(levels: int) -> dict[str, float]:
    """Scan a day of `levels`: seconds by the clock and of the processor, ns a level, GB, the peak of memory in MB."""
    instrument, ladders, width = bodies(min(levels, DISTINCT))
    messages = levels // width
    book, scanner = (
        OrderBook(instrument.tick_size, instrument.lot_size),
        Scanner(instrument.symbol, instrument.tick_size),
    )
    tops, times = np.empty((MESSAGES, book.depth, 4)), np.empty((MESSAGES, 2), np.int64)
    last_id = last_ts = spent = busy = size = told = done = 0
    for block in blocks(instrument.symbol.encode(), ladders, messages):
        start, working = time.perf_counter_ns(), time.thread_time_ns()
        got = scanner.follow(block, book, last_id, last_ts=last_ts, tops=tops, times=times)
        spent += time.perf_counter_ns() - start
        busy += time.thread_time_ns() - working
        last_id, last_ts = got.last_id, got.last_ts
        size, told, done = size + len(block), told + got.levels, done + got.applied
        if got.stop != "end" or got.position != len(block):
            raise AssertionError(f"stopped after {done} messages: {got}")
    if done != messages or book.is_crossed or not np.array_equal(tops[got.applied - 1], book.top()):
        raise AssertionError(f"{done} of {messages} messages, {book!r}: the time means nothing")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = {"seconds": spent / 1e9, "cpu_seconds": busy / 1e9}
    return {"levels": told, **seconds, "ns": spent / told, "GB": size / 1e9, "peak_MB": peak}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--levels", type=int, default=20_000_000)
    found = run(parser.parse_args().levels)
    print(", ".join(f"{name} {value:,.1f}" for name, value in found.items()), file=sys.stdout)
