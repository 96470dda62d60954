"""The binary COPY format, byte by byte; tests/storage/test_postgres.py sends it to a server."""

from __future__ import annotations

import struct

import numpy as np

from genesis_lib.storage.copy_format import decode, encode
from genesis_lib.types import Instrument, Snapshots


def array(values) -> bytes:
    head = struct.pack(">5i", 1, 0, 701, len(values), 1)
    return head + b"".join(struct.pack(">id", 8, value) for value in values)


def test_a_tuple_is_what_the_documentation_says(rows) -> None:
    row = rows(3, depth=2)
    ours = encode(row[1:2], 7, 41)
    flow, levels = array(row.flow[1]), array(row.levels[1].reshape(-1))
    theirs = struct.pack(">h", 7)
    for number in (7, 41, row.ts_exchange[1], row.ts_receive[1]):
        theirs += struct.pack(">iq", 8, number)
    theirs += struct.pack(">i?", 1, row.valid[1])
    theirs += struct.pack(">i", len(flow)) + flow + struct.pack(">i", len(levels)) + levels
    assert ours == theirs
    assert encode(row, 7, 40)[len(ours) : 2 * len(ours)] == ours
    assert encode(row[:0], 1, 0) == b""


def test_what_a_cursor_gives_becomes_rows(rows) -> None:
    row = rows(2, depth=5)
    given = [(int(r.ts_exchange), int(r.ts_receive), r.valid, array(r.flow), array(r.levels.reshape(-1))) for r in row]
    back = decode(given, Instrument("v", "s", 1.0, 1.0), 5, "live")
    for name in Snapshots.__slots__[1:6]:
        ours, theirs = getattr(back, name), getattr(row, name)
        assert ours.dtype == theirs.dtype and ours.tobytes() == np.ascontiguousarray(theirs).tobytes()
    assert back.provenance == "live" and ours.dtype.isnative
