"""Stored rows by time, on a grid of time, or by SQL; every page that is read is checked against its checksum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from genesis_lib.clock import instant, iso
from genesis_lib.errors import InputError
from genesis_lib.storage import parquet
from genesis_lib.storage.grid import resample
from genesis_lib.storage.partitions import DAY_NS, open_parquet, read_group
from genesis_lib.types import Snapshots

LAST_NS = 2**63 - 1
__all__ = ["columns", "resample", "select", "sql", "summary"]


def select(
    folder: str | Path, symbol: str, start: Any = None, end: Any = None, *, venue: str | None = None
) -> Snapshots:
    """Read the stored rows of one instrument in a span of exchange time.

    Parameters
    ----------
    folder
        Where `genesis ingest` wrote.
    symbol, venue
        The venue may be left out when only one has the symbol.
    start, end
        ns since 1970, a date or time (`datetime`, `numpy.datetime64`), or text such as ``2024-07-19`` or
        ``2024-07-19T08:30:00Z``, in UTC where no zone is named; `start` belongs to the span, `end` does not; None is no
        limit. Only the days and row groups that hold times of the span are read.

    Returns
    -------
    Snapshots
        In order of time. The first row of each session but the earliest is invalid: no window crosses into it.

    Raises
    ------
    InputError
        When nothing is stored for the symbol, several venues have it, no row lies in the span, a file is damaged, or
        `start` or `end` is no time.
    """
    start, end = _bound(start, "start"), _bound(end, "end")
    stored = _sessions(folder, symbol, venue, start, end)
    depth = min(session.description.depth for session in stored)
    parts: list[tuple[np.ndarray, ...]] = []
    for session in stored:
        seam = len(parts)
        parts += [
            parquet.arrays_of(group, depth) for group in _groups(session, None, start, end) if len(group["valid"])
        ]
        if 0 < seam < len(parts):
            parts[seam][-1][0] = False
    if not parts:
        raise _nothing(folder, symbol, start, end)
    arrays = (np.concatenate(arrays) for arrays in zip(*parts))
    return Snapshots(stored[0].instrument, *arrays, stored[0].provenance)


def columns(
    folder: str | Path,
    symbol: str,
    names: Iterable[str],
    start: Any = None,
    end: Any = None,
    *,
    venue: str | None = None,
) -> dict[str, np.ndarray]:
    """Read some columns of one instrument in a span of exchange time, and nothing else of the files.

    Parameters
    ----------
    names
        Of the columns, such as ``ts_exchange``, ``valid``, ``bid_price_1``, ``buy_volume``; see `schema.schema_of`.
    folder, symbol, start, end, venue
        As for `select`.

    Raises
    ------
    InputError
        As `select`, and for a column that is not there.
    """
    names = list(dict.fromkeys(names))
    start, end = _bound(start, "start"), _bound(end, "end")
    stored = _sessions(folder, symbol, venue, start, end)
    for session in stored:
        known = open_parquet(session.paths[0]).schema_arrow.names
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise InputError(f"names must be columns of {', '.join(known[:10])} ... {known[-1]}, got {unknown}")
    parts = [_rows(session, names, start, end) for session in stored]
    found = {name: np.concatenate([part[name] for part in parts]) for name in names}
    if not len(found[names[0]]):
        raise _nothing(folder, symbol, start, end)
    return found


def sql(folder: str | Path, query: str, **parameters: Any) -> pa.Table:
    """Ask stored rows anything, over all symbols and days; ``rows`` is their table.

    Parameters
    ----------
    query
        For DuckDB. Beside the columns of the rows there are ``venue``, ``symbol`` and ``date``; a condition on these or
        on ``ts_exchange`` reads no more than it must.
    parameters
        Values of ``$name`` in the query.

    Raises
    ------
    InputError
        When nothing is stored, the query is wrong, or a file that it reads is damaged.

    Examples
    --------
    >>> sql("data", "select symbol, avg(ask_price_1 - bid_price_1) from rows where valid group by symbol")
    ... # doctest: +SKIP
    """
    rows = _dataset(folder)
    try:
        with duckdb.connect() as connection:
            connection.register("rows", rows)
            found = connection.sql(query, params=parameters or None)
            if found is None:
                raise InputError(f"query must ask for rows (select ...), got {query!r}")
            return found.to_arrow_table()
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise InputError(f"query of {folder}: {' '.join(str(error).split())}") from None


def summary(folder: str | Path) -> list[dict[str, Any]]:
    """Say what a folder holds: for each venue, symbol and date, rows, invalid rows, first and last exchange time."""
    query = (
        "select venue, symbol, date, count(*) as rows, count(*) filter (not valid) as invalid_rows, "
        "min(ts_exchange) as first, max(ts_exchange) as last from rows group by all order by venue, symbol, date"
    )
    return sql(folder, query).to_pylist()


def _dataset(folder: str | Path) -> ds.Dataset:
    files = sorted(Path(folder).rglob("part-*.parquet"))
    if not files:
        raise InputError(f"{folder}: no stored rows in it")
    names = pa.schema([(name, pa.string()) for name in ("venue", "symbol", "date")])
    partitions = ds.HivePartitioning(names, segment_encoding="uri")
    checked = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    try:
        return ds.dataset(
            [str(file) for file in files],
            format=ds.ParquetFileFormat(default_fragment_scan_options=checked),
            partitioning=partitions,
            partition_base_dir=str(folder),
        )
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{folder}: {error}") from None


def _bound(when: Any, name: str) -> int | None:
    """A time in ns that 64 bits hold; one that lies beyond bounds nothing less for it."""
    return None if when is None else min(max(instant(when, name), -LAST_NS), LAST_NS)


def _sessions(
    folder: str | Path, symbol: str, venue: str | None, start: int | None, end: int | None
) -> list[parquet.StoredSession]:
    """Sessions of one instrument that may hold times of a span; the folders' names say which files to open at all."""
    root = Path(folder)
    wanted = f"symbol={quote(symbol, safe='')}"
    files = [path for path in root.rglob("part-*.parquet") if path.parent.parent.name == wanted]
    venues = {path.parents[2].name: path for path in files}
    if venue is not None:
        venues = {name: path for name, path in venues.items() if name == f"venue={quote(venue, safe='')}"}
    if len(venues) != 1:
        found = sorted(parquet.sessions(venues.values()), key=lambda session: session.instrument.venue)
        several = f"several venues have it ({', '.join(session.instrument.venue for session in found)})"
        raise InputError(f"symbol {symbol!r} in {folder}: {several if found else 'nothing is stored for it'}")
    days = [None if bound is None else str(np.datetime64(bound // DAY_NS, "D")) for bound in (start, end)]
    (only,) = venues
    files = [path for path in files if path.parents[2].name == only and _is_within(path, *days)]
    stored = parquet.sessions(sorted(files))
    if not stored:
        raise _nothing(folder, symbol, start, end)
    if len({(s.instrument, s.provenance) for s in stored}) > 1:
        raise InputError(f"symbol {symbol!r} in {folder}: its sessions differ in tick size or provenance")
    return stored


def _is_within(path: Path, first: str | None, last: str | None) -> bool:
    date = path.parent.name.removeprefix("date=")
    return (first is None or date >= first) and (last is None or date <= last)


def _rows(
    session: parquet.StoredSession, names: list[str] | None, start: int | None, end: int | None
) -> dict[str, np.ndarray]:
    """Columns of a session in a span, read from the row groups that hold it; rows are in order of time."""
    parts = list(_groups(session, names, start, end))
    if parts:
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    schema = open_parquet(session.paths[0]).schema_arrow
    return {name: np.empty(0, schema.field(name).type.to_pandas_dtype()) for name in names or schema.names}


def _groups(
    session: parquet.StoredSession, names: list[str] | None, start: int | None, end: int | None
) -> Iterator[dict[str, np.ndarray]]:
    needed = None if names is None else [*dict.fromkeys(("ts_exchange", *names))]
    for path in session.paths:
        file = open_parquet(path)
        for group in range(file.num_row_groups):
            held = file.metadata.row_group(group).column(0).statistics
            if (start is not None and held.max < start) or (end is not None and held.min >= end):
                continue
            table = read_group(file, path, group, needed)
            times = table["ts_exchange"].to_numpy()
            first = 0 if start is None else int(np.searchsorted(times, start))
            last = len(times) if end is None else int(np.searchsorted(times, end))
            part = table.slice(first, last - first)
            yield {name: part[name].to_numpy() for name in names or part.column_names}


def _nothing(folder: str | Path, symbol: str, start: int | None, end: int | None) -> InputError:
    span = [None if bound is None else iso(bound) for bound in (start, end)]
    return InputError(f"no row of {symbol!r} in {folder} from {span[0]} to {span[1]}")
