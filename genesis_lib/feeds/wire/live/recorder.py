"""Record live markets as raw lines that replay to the very same events."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genesis_lib.config import Config
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.integrity import Incident, Ledger
from genesis_lib.feeds.wire.live.channel import Channel
from genesis_lib.feeds.wire.live.feed import LiveFeed
from genesis_lib.feeds.wire.live.recovery import percentiles
from genesis_lib.feeds.wire.live.rotation import RotatingRecording
from genesis_lib.feeds.wire.raw_writer import FLUSH_EVERY

WAITING = 1 << 28  # bytes of lines that may wait for the disk
STEP = 0.05  # s


class Waiting:
    """Lines and incidents on their way from the network thread to the disk; bounded, and nothing of it is lost unsaid.

    Parameters
    ----------
    most
        Bytes. When so much waits no more lines are taken until half of it is written; each symbol that had to pass one
        over tells a gap when it goes on (see `Channel`).
    """

    def __init__(self, most: int = WAITING) -> None:
        self._most, self._full = most, False
        self._items: deque[tuple[str, int, bytes] | Incident] = deque()
        self._taken = self._given = 0  # bytes; each is changed by one thread alone

    def take(self, symbol: str, ts: int, message: bytes) -> bool:
        """Take a line; False when there is no room. Called in the network thread."""
        waiting = self._taken - self._given
        self._full = waiting > (self._most // 2 if self._full else self._most)
        if self._full:
            return False
        self._taken += len(message)
        self._items.append((symbol, ts, message))
        return True

    def note(self, incident: Incident) -> None:
        """Take an incident."""
        self._items.append(incident)

    def give(self) -> list[tuple[str, int, bytes] | Incident]:
        """Everything that has come, in order. Called by the writer."""
        items = [self._items.popleft() for _ in range(len(self._items))]
        self._given += sum(len(item[2]) for item in items if not isinstance(item, Incident))
        return items


class PassedOn(Ledger):
    """A ledger that also hands every incident to a function."""

    def __init__(self, hear: Callable[[Incident], None]) -> None:
        super().__init__()
        self._hear = hear

    def note(self, ts_exchange: int, kind: str, cause: str, symbol: str = "") -> None:
        """Enter an incident, and pass it on."""
        super().note(ts_exchange, kind, cause, symbol)
        self._hear(Incident(int(ts_exchange), kind, cause, symbol))


def record(
    venue: str,
    symbols: str | Iterable[str],
    out: Path,
    *,
    minutes: float | None = None,
    config: Config | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[dict[str, Any]], None] = lambda counts: None,
) -> dict[str, Any]:
    """Record until `minutes` have passed, `stop` says so, or Ctrl-C.

    Writes for each symbol ``<symbol>_<UTC time>.gz`` (``.gz.part`` until finished), its ``.meta.json`` and its
    ``.ledger.jsonl`` into `out`; see `RotatingRecording`. A later file of a symbol begins with a snapshot of its own
    within moments, so that it can be read alone. What was recorded before stays: each run begins new files.

    About every second `progress` is told ``events``, ``gaps`` and ``resyncs`` so far; and while streams do not come
    ``no connection``, a text that says since when, and of which symbols where others do.

    Returns
    -------
    dict
        ``events`` (lines written), ``gaps``, ``resyncs``, ``faults`` by kind, ``recovery_ms`` (``p50``, ``p99``,
        ``max``; None without a gap), ``path`` of the first file, all ``paths``; and ``symbols``, the same of each.

    Raises
    ------
    InputError, SessionError
        For a venue or symbol that is not there (nothing is written then); for a disk that is full.
    """
    if minutes is not None and not minutes > 0:
        raise InputError(f"minutes must be greater than 0, got {minutes!r}")
    config = config or Config()
    waiting = Waiting()
    ledger = PassedOn(waiting.note)
    names = [symbols] if isinstance(symbols, str) else list(symbols)
    with LiveFeed(venue, names, config=config, tap=waiting.take, ledger=ledger, deliver=False) as feed:
        # The symbol of a venue that plays a recording is as real as the recording: what counts is what it says.
        provenance = "simulated" if feed.provenance == "simulated" else "recorded"
        most_bytes, now = int(config.feeds.rotate_mb * 1_000_000), time.time_ns()
        channels = feed.channels
        files: dict[str, RotatingRecording] = {}
        try:
            for symbol, instrument in feed.instruments.items():
                files[symbol] = RotatingRecording(out, instrument, provenance, most_bytes, now)
        except BaseException:
            for file in files.values():
                file.abandon()
            raise
        writer = Writer(waiting, files, feed.refresh)
        writer.start()
        told = began = time.monotonic()
        try:
            while not stop() and (minutes is None or time.monotonic() - began < 60.0 * minutes):
                time.sleep(STEP)
                if time.monotonic() - told >= 1.0:
                    told = time.monotonic()
                    progress(_sums(channels, files) | _missing(channels))
                if writer.error or feed.stopped or not feed.instruments:
                    break
        except KeyboardInterrupt:
            pass  # the end of most recordings
        finally:
            feed.close()
            writer.finish()
    if writer.error is not None:
        raise writer.error
    if "" in feed.failures:
        raise SessionError(feed.failures[""])
    return _sums(channels, files) | _details(channels, files, ledger)


class Writer(threading.Thread):
    """Put what waits on the disk, in a thread that no Ctrl-C interrupts between a line's coming and its writing.

    Attributes
    ----------
    error : BaseException or None
        What ended it early, such as a full disk; the files are then ``.part``, whole up to the last flush.
    """

    def __init__(self, waiting: Waiting, files: dict[str, RotatingRecording], rotated: Callable[[str], None]) -> None:
        super().__init__(name="genesis-recorder", daemon=True)
        self._waiting, self._files, self._rotated = waiting, files, rotated
        self._finish = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Write until `finish`, at least every `STEP`, and flush every `FLUSH_EVERY` seconds."""
        try:
            flushed = time.monotonic()
            while not self._finish.wait(STEP):
                self._write()
                if time.monotonic() - flushed >= FLUSH_EVERY:
                    flushed = time.monotonic()
                    for file in self._files.values():
                        file.flush()
            self._write()
            for file in self._files.values():
                file.close()
        except BaseException as error:
            self.error = error
            for file in self._files.values():
                file.abandon()

    def finish(self) -> None:
        """Write what still waits, and finish the files."""
        self._finish.set()
        self.join()

    def _write(self) -> None:
        for item in self._waiting.give():
            if isinstance(item, Incident):
                for file in [self._files[item.symbol]] if item.symbol in self._files else self._files.values():
                    file.note(item)
            elif self._files[item[0]].write(*item[1:]):
                self._rotated(item[0])


def _sums(channels: dict[str, Channel], files: dict[str, RotatingRecording]) -> dict[str, Any]:
    counts: Counter[str] = sum((channel.sync.counts for channel in channels.values()), Counter())
    events = sum(file.lines for file in files.values())
    return {"events": events, "gaps": counts["gaps"], "resyncs": counts["resyncs"]}


def _missing(channels: dict[str, Channel]) -> dict[str, str]:
    down = [(channel.down_since, symbol) for symbol, channel in channels.items() if channel.down]
    if not down:
        return {}
    since = datetime.fromtimestamp(min(down)[0], UTC)
    of = "" if len(down) == len(channels) else f" for {', '.join(symbol for _, symbol in down)}"
    return {"no connection": f"since {since:%H:%M:%S} UTC{of}"}


def _details(channels: dict[str, Channel], files: dict[str, RotatingRecording], ledger: Ledger) -> dict[str, Any]:
    paths = {symbol: [str(path) for path in file.paths] for symbol, file in files.items()}
    every = [path for of_symbol in paths.values() for path in of_symbol]
    recoveries = [one for channel in channels.values() for one in channel.recoveries]
    each = {
        symbol: {
            "events": files[symbol].lines,
            "gaps": channel.sync.counts["gaps"],
            "resyncs": channel.sync.counts["resyncs"],
            "recovery_ms": percentiles(channel.recoveries),
            "paths": paths[symbol],
        }
        for symbol, channel in channels.items()
    }
    return {
        "faults": dict(ledger.counts),
        "recovery_ms": percentiles(recoveries),
        "path": every[0],
        "paths": every,
        "symbols": each,
    }
