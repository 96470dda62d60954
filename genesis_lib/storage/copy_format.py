"""Book rows as PostgreSQL's binary COPY wants them, and the values of a binary cursor as arrays again.

Every row of a session has the same number of levels, so its bytes always have the same layout, and numpy writes
thousands of them at once.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshots

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # signature, no flags, no extension
TRAILER = b"\xff\xff"
FLOAT8, FLOAT8_ARRAY = 701, 1022  # type numbers of PostgreSQL
COLUMNS = ("session", "seq", "ts_exchange", "ts_receive", "valid", "flow", "levels")


def encode(rows: Snapshots, session: int, first: int) -> bytes:
    """The tuples of rows, without `HEADER` and `TRAILER`.

    Parameters
    ----------
    rows
        Any number of them.
    session, first
        Key of their session, and the number of the first row in it.

    References
    ----------
    PostgreSQL documentation, "COPY", section "Binary Format"; array_send in src/backend/utils/adt/arrayfuncs.c.
    """
    table = np.zeros(len(rows), _tuple(rows.depth))
    table["fields"] = len(COLUMNS)
    scalars = {
        "session": session,
        "seq": first + np.arange(len(rows)),
        "ts_exchange": rows.ts_exchange,
        "ts_receive": rows.ts_receive,
        "valid": rows.valid,
    }
    for name, values in scalars.items():
        table[name]["value"] = values
        table[name]["size"] = table.dtype[name]["value"].itemsize
    for name, values in (("flow", rows.flow), ("levels", rows.levels.reshape(len(rows), 4 * rows.depth))):
        column = table[name]
        column["size"] = column.dtype["value"].itemsize
        array = column["value"]
        array["dimensions"], array["kind"], array["length"], array["begins"] = 1, FLOAT8, values.shape[1], 1
        array["items"]["size"] = 8
        array["items"]["value"] = values
    return table.tobytes()


def decode(tuples: list[tuple], instrument: Instrument, depth: int, provenance: str) -> Snapshots:
    """Rows from what a cursor gave: exchange time, receive time, valid, and the bytes of flow and levels."""
    exchange, receive, valid, flow, levels = zip(*tuples)
    return Snapshots(
        instrument,
        np.array(exchange, np.int64),
        np.array(receive, np.int64),
        _floats(levels, 4 * depth).reshape(-1, depth, 4),
        _floats(flow, len(FLOW_FIELDS)),
        np.array(valid, bool),
        provenance,
    )


def _floats(values: tuple[bytes, ...], length: int) -> np.ndarray:
    arrays = np.frombuffer(b"".join(values), _array(length))
    return arrays["items"]["value"].astype(np.float64)


@cache
def _array(length: int) -> np.dtype:
    item = np.dtype([("size", ">i4"), ("value", ">f8")])
    head = [(name, ">i4") for name in ("dimensions", "nulls", "kind", "length", "begins")]
    return np.dtype([*head, ("items", item, (length,))])


@cache
def _tuple(depth: int) -> np.dtype:
    kinds = dict.fromkeys(COLUMNS[:4], ">i8") | {"valid": "i1"}
    kinds |= {"flow": _array(len(FLOW_FIELDS)), "levels": _array(4 * depth)}
    return np.dtype([("fields", ">i2"), *((name, [("size", ">i4"), ("value", kinds[name])]) for name in COLUMNS)])
