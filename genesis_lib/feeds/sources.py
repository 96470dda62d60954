"""Open whatever the user names: a recording, a table, the simulator or a live market, as one `Source`."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from genesis_lib.config import Config, unconfigured
from genesis_lib.errors import InputError
from genesis_lib.feeds.base import ReplaySource, Source
from genesis_lib.feeds.simulation.flow_parameters import MARKETS
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.storage.database_url import is_url, masked
from genesis_lib.types import Event, Gap, Snapshot

if TYPE_CHECKING:
    from genesis_lib.feeds.snapshots import FinishedSession

LIVE_VENUES = ("binance-usdm", "binance-coinm", "binance-spot")
DEFAULT_RECORDING = ("binance-usdm/btcusdt_20240718.gz", "binance-usdm/btcusdt_20240719.gz")
_VENUE_SPEC = re.compile(r"[a-z][a-z0-9-]*(:.*)?")


def open_source(
    spec: str | Path | Iterable[str | Path],
    *,
    speed: float = math.inf,
    seed: int | None = None,
    minutes: float | None = None,
    tick_size: float | None = None,
    symbol: str | None = None,
    config: Config | None = None,
) -> Source:
    """Open a source of events.

    Parameters
    ----------
    spec
        A path or several paths of one session (recording, Parquet folder, CSV), a database's URL,
        ``simulator[:SYMBOL]``, or ``VENUE:SYMBOL`` with a venue of `LIVE_VENUES`.
    speed
        How many times faster than it was recorded finished data is given out; a live market has its own pace.
    seed, minutes
        Of the simulator: 0 and endless when left out.
    tick_size, symbol
        For files that do not tell them, see `open_sessions`.
    config
        ``config.feeds`` may name other addresses than the venue's own.

    Returns
    -------
    Source
        Its events are synchronized: a book may be built of them as they come, and a `Gap` stands where it may not.

    Raises
    ------
    InputError
        When the specification names nothing known; the message says what is allowed.
    """
    if not speed > 0:
        raise InputError(f"speed must be greater than 0 (or max), got {speed!r}")
    if isinstance(spec, (str, Path)):
        spec = [spec]
    specs = [str(one) for one in spec]
    if not specs:
        raise InputError("source names nothing; " + _allowed())
    first = specs[0]
    if _is_market(first):
        if len(specs) > 1:
            raise InputError(f"source {first!r} stands alone, got {len(specs)} of them: {', '.join(specs)}")
        venue, _, market = first.partition(":")
        if tick_size is not None or symbol is not None:
            raise InputError(f"tick_size and symbol are for files that do not tell them, got them with {first!r}")
        return _open_venue(venue, market, speed, seed, minutes, config)
    for name in specs:
        if not is_url(name) and not Path(name).exists():
            raise InputError(f"source {name!r}: no such file or folder; " + _allowed())
    if seed is not None or minutes is not None:
        raise InputError(f"seed and minutes are the simulator's, got them with {masked(first)!r}")
    return _open_files(specs, speed, tick_size, symbol)


def default_source(recordings: str | Path) -> list[str]:
    """What to open when nothing was named: the BTC/USDT recording when it is there, else the simulator.

    Raises
    ------
    InputError
        When a folder of recordings was configured that is not there.
    """
    if not Path(recordings).is_dir() and str(recordings) != unconfigured().recordings:
        raise InputError(
            f"recordings {str(recordings)!r}: no such folder; GENESIS_RECORDINGS (or paths.recordings of genesis.toml) "
            "must name the folder of recordings, or be left out"
        )
    files = [Path(recordings) / name for name in DEFAULT_RECORDING]
    return [str(file) for file in files] if all(file.exists() for file in files) else ["simulator"]


def local_recording(
    files: Iterable[str | Path], recordings: str | Path, folder: str | Path, *, seed: int = 0, minutes: float = 10.0
) -> list[str]:
    """Name the files of a recording to work on: those given, else the default one, else one simulated into `folder`."""
    names = [str(file) for file in files] or default_source(recordings)
    if names != ["simulator"]:
        return names
    from genesis_lib.feeds.simulation.labelled import write_labelled

    return [write_labelled(Path(folder), Simulator(seed, minutes=minutes), replace=True)["path"]]


def _open_venue(
    venue: str, symbol: str, speed: float, seed: int | None, minutes: float | None, config: Config | None
) -> Source:
    if venue == "simulator":
        simulator = Simulator(seed or 0, symbol or "SIMBTC", minutes)
        return ReplaySource(
            lambda: simulator,
            simulator.instrument,
            name=simulator.name,
            provenance=simulator.provenance,
            data_hash=simulator.data_hash,
            speed=speed,
            recipe={"spec": f"simulator:{simulator.instrument.symbol}", "seed": simulator.seed, "minutes": minutes},
            is_endless=minutes is None,
        )
    if venue not in LIVE_VENUES:
        raise InputError(f"unknown venue {venue!r}; " + _allowed())
    if seed is not None or minutes is not None:
        raise InputError(f"seed and minutes are the simulator's, got them with {venue}:{symbol}")
    from genesis_lib.feeds.wire.live.websocket import LiveSource  # httpx and websockets, for those who go live

    return LiveSource(venue, symbol, config=config)


def _open_files(specs: list[str], speed: float, tick_size: float | None, symbol: str | None) -> Source:
    from genesis_lib.feeds.snapshots import open_sessions

    sessions = open_sessions(specs, tick_size=tick_size, symbol=symbol)
    names = sorted({session.instrument.name for session in sessions})
    if len(names) > 1:
        raise InputError(
            f"a source is of one instrument, got {len(names)}: {', '.join(names)}; symbol (--symbol) picks one"
        )
    ticks = sorted({session.instrument.tick_size for session in sessions})
    if len(ticks) > 1:
        raise InputError(f"the sessions of {names[0]} have several tick sizes ({ticks}); play one of them")
    first = sessions[0]
    digest = first.data_hash
    if len(sessions) > 1:
        digest = hashlib.sha256("".join(session.data_hash for session in sessions).encode()).hexdigest()
    return ReplaySource(
        lambda: _chain(sessions),
        first.instrument,
        name=" + ".join(session.name for session in sessions),
        provenance=first.provenance,
        data_hash=digest,
        speed=speed,
        recipe={"spec": specs, "tick_size": tick_size, "symbol": symbol},
    )


def _is_market(name: str) -> bool:
    named = _VENUE_SPEC.fullmatch(name) and (":" in name or name == "simulator")
    return bool(named) and not is_url(name) and not Path(name).exists()


def _chain(sessions: list[FinishedSession]) -> Iterator[Event | Snapshot]:
    """Sessions one after the other; where a later one begins nothing may look back over the seam."""
    last = 0
    for number, session in enumerate(sessions):
        fresh = number > 0
        for event in session.events():
            if fresh and event.ts_receive < last:
                raise InputError(f"{session.name} begins before {sessions[number - 1].name} ends; play one of them")
            last = max(last, event.ts_receive)
            if fresh and isinstance(event, Snapshot):
                event = event._replace(valid=False)
            elif fresh:
                yield Gap(event.symbol, event.ts_exchange, event.ts_receive, "another session begins", -1, -1)
            fresh = False
            yield event


def _allowed() -> str:
    markets = ", ".join(f"simulator:{symbol}" for symbol in MARKETS)
    live = ", ".join(f"{venue}:SYMBOL" for venue in LIVE_VENUES)
    return f"allowed: the path of a recording, a Parquet folder or a CSV, a database's URL; {markets}; {live}"
