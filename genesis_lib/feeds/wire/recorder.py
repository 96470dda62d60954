"""Record a live market as raw lines that replay to the very same events."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genesis_lib.config import Config
from genesis_lib.errors import InputError
from genesis_lib.feeds.base import EndOfSource
from genesis_lib.feeds.sidecar import write_sidecar
from genesis_lib.feeds.wire.raw_writer import RawWriter
from genesis_lib.feeds.wire.websocket import LiveSource


def record(
    venue: str,
    symbol: str,
    out: Path,
    *,
    minutes: float | None = None,
    config: Config | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[dict[str, Any]], None] = lambda counts: None,
) -> dict[str, Any]:
    """Record until `minutes` have passed, `stop` says so, or Ctrl-C.

    Writes ``<symbol>_<UTC time>.gz`` (``.gz.part`` until finished) and its ``.meta.json`` into `out`.

    Returns
    -------
    dict
        ``events`` (messages written), ``gaps``, ``resyncs``, ``faults`` by kind, ``path``.

    Raises
    ------
    InputError, SessionError
        For a venue or symbol that is not there; nothing is written then.
    """
    if minutes is not None and not minutes > 0:
        raise InputError(f"minutes must be greater than 0, got {minutes!r}")
    lines: deque[bytes] = deque()
    source = LiveSource(venue, symbol, config=config, tap=lambda ts, message: lines.append(b"%d %s" % (ts, message)))
    try:
        started = datetime.now(UTC)
        path = out / f"{source.instrument.symbol.lower()}_{started:%Y%m%d_%H%M%S}.gz"
        with RawWriter(path) as writer:
            # The symbol of a venue that plays a recording is as real as the recording: what counts is what it says.
            provenance = "simulated" if source.provenance == "simulated" else "recorded"
            write_sidecar(path, source.instrument, provenance, started=started.isoformat())
            deadline = None if minutes is None else time.monotonic() + 60.0 * minutes
            told = time.monotonic()
            try:
                while not stop() and (deadline is None or time.monotonic() < deadline):
                    _drain(source)
                    _empty(lines, writer)
                    if time.monotonic() - told >= 1.0:
                        told = time.monotonic()
                        progress(_counts(source, writer))
            except (KeyboardInterrupt, EndOfSource):
                pass
            source.close()
            _empty(lines, writer)
        return _counts(source, writer) | {"faults": dict(source.ledger.counts), "path": str(path)}
    finally:
        source.close()


def _drain(source: LiveSource) -> None:
    """Take what the source has; the events themselves are not needed, only that they keep flowing."""
    wait = 0.05
    while source.poll(wait) is not None:
        wait = 0.0


def _empty(lines: deque[bytes], writer: RawWriter) -> None:
    # a deque may be appended to while it is read
    for _ in range(len(lines)):
        writer.write(lines.popleft())


def _counts(source: LiveSource, writer: RawWriter) -> dict[str, Any]:
    return {"events": writer.lines, "gaps": source.sync.counts["gaps"], "resyncs": source.sync.counts["resyncs"]}
