"""Stored rows by time, through DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.storage import parquet
from genesis_lib.types import Snapshots


def select(
    folder: str | Path, symbol: str, start: int | None = None, end: int | None = None, *, venue: str | None = None
) -> Snapshots:
    """Read the stored rows of one instrument in a span of exchange time.

    Parameters
    ----------
    folder
        Where `genesis ingest` wrote.
    symbol, venue
        The venue may be left out when only one has the symbol.
    start, end
        ns since 1970 UTC; `start` belongs to the span, `end` does not; None is no limit.

    Returns
    -------
    Snapshots
        In order of time. The first row of each session but the earliest is invalid: no window crosses into it.

    Raises
    ------
    InputError
        When nothing is stored for the symbol, several venues have it, or no row lies in the span.
    """
    files = sorted(Path(folder).rglob("part-*.parquet"))
    stored = [s for s in parquet.sessions(files) if s.instrument.symbol == symbol]
    if venue is not None:
        stored = [s for s in stored if s.instrument.venue == venue]
    venues = sorted({s.instrument.venue for s in stored})
    if len(venues) != 1:
        what = f"several venues have it ({', '.join(venues)})" if venues else "nothing is stored for it"
        raise InputError(f"symbol {symbol!r} in {folder}: {what}")
    if len({(s.instrument, s.provenance) for s in stored}) > 1:
        raise InputError(f"symbol {symbol!r} in {folder}: its sessions differ in tick size or provenance")
    depth = min(s.description.depth for s in stored)
    condition, bounds = _condition(start, end)
    parts = [parquet.arrays_of(_rows(s, condition, bounds), depth) for s in stored]
    parts = [part for part in parts if len(part[0])]
    if not parts:
        raise InputError(f"no row of {symbol!r} in {folder} from {start} to {end}")
    for *_, valid in parts[1:]:
        valid[0] = False
    arrays = (np.concatenate(arrays) for arrays in zip(*parts))
    return Snapshots(stored[0].instrument, *arrays, stored[0].provenance)


def summary(folder: str | Path) -> list[dict[str, object]]:
    """Say what a folder holds: venue, symbol, date, rows, invalid rows, first and last exchange time."""
    files = sorted(Path(folder).rglob("part-*.parquet"))
    if not files:
        raise InputError(f"{folder}: no stored rows in it")
    query = (
        "select venue, symbol, date::varchar as date, count(*) as rows, count(*) filter (not valid) as invalid_rows, "
        "min(ts_exchange) as first, max(ts_exchange) as last from read_parquet($files, hive_partitioning = true, "
        "union_by_name = true) group by all order by venue, symbol, date"
    )
    with duckdb.connect() as connection:
        result = connection.execute(query, {"files": [str(file) for file in files]})
        names = [column[0] for column in result.description]
        return [dict(zip(names, row)) for row in result.fetchall()]


def _condition(start: int | None, end: int | None) -> tuple[str, dict[str, int]]:
    bounds = {name: value for name, value in (("start", start), ("end", end)) if value is not None}
    parts = [f"ts_exchange {'>=' if name == 'start' else '<'} ${name}" for name in bounds]
    return (" where " + " and ".join(parts) if parts else ""), bounds


def _rows(session: parquet.StoredSession, condition: str, bounds: dict[str, int]) -> dict[str, np.ndarray]:
    # The order of the files and of their rows is that of time; DuckDB keeps it (preserve_insertion_order).
    query = f"select * from read_parquet($files, hive_partitioning = false){condition}"
    with duckdb.connect() as connection:
        files = [str(path) for path in session.paths]
        columns = connection.execute(query, {"files": files, **bounds}).fetchnumpy()
    return {name: np.asarray(column) for name, column in columns.items()}
