"""Everything that can be trained or evaluated on, as book rows a session: files, and the simulator beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from genesis_lib.errors import InputError
from genesis_lib.feeds import RowBuilder, open_source, read_sessions
from genesis_lib.feeds.snapshots import collect
from genesis_lib.types import Snapshots

SIMULATOR = "simulator"
SIMULATOR_SEED = 1000  # sessions to learn from; the desk's own session, seed 0, is not among them


def gather_sessions(
    specs: str | Path | Iterable[str | Path],
    depth: int = 10,
    *,
    minutes: float | None = None,
    seed: int | None = None,
    tick_size: float | None = None,
    symbol: str | None = None,
) -> list[Snapshots]:
    """Read the sessions of several specifications.

    Parameters
    ----------
    specs
        Recordings, Parquet folders, CSV files, and ``simulator[:SYMBOL]`` (several give several seeds).
    depth
        Levels a side.
    minutes
        Length of each simulated session; 10 when left out.
    seed
        Of the first simulated session, counted up from there; 1000 when left out.
    tick_size, symbol
        For files that do not tell them, see `open_sessions`.

    Raises
    ------
    InputError
        When there is nothing to read, or `minutes` or `seed` is given without a simulator, or `tick_size` or `symbol`
        without a file.
    """
    names = [str(spec) for spec in ([specs] if isinstance(specs, (str, Path)) else specs)]
    simulated = [name for name in names if name == SIMULATOR or name.startswith(f"{SIMULATOR}:")]
    files = [name for name in names if name not in simulated]
    if not names:
        raise InputError("paths name nothing: give a recording, a Parquet folder, a CSV or simulator[:SYMBOL]")
    if not simulated and (minutes is not None or seed is not None):
        raise InputError("minutes and seed are the simulator's, and no path names the simulator")
    if not files and (tick_size is not None or symbol is not None):
        raise InputError("tick_size and symbol are for files that do not tell them, and no path names a file")
    sessions = read_sessions(files, depth, tick_size=tick_size, symbol=symbol) if files else []
    first = SIMULATOR_SEED if seed is None else seed
    for number, name in enumerate(simulated):
        source = open_source(name, seed=first + number, minutes=10.0 if minutes is None else minutes)
        builder = RowBuilder(source.instrument, depth)
        rows = (row for row in map(builder.push, source.events()) if row is not None)
        sessions.append(collect(rows, source.instrument, source.provenance))
    return sessions
