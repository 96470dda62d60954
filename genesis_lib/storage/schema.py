"""The schema of stored book rows, and what a file says of itself in its metadata."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from genesis_lib.errors import InputError
from genesis_lib.types import FLOW_FIELDS, Instrument

SCHEMA_VERSION = 1
KEY = b"genesis"
INCIDENTS = b"genesis.incidents"  # counts by kind of the ledger beside the rows, as JSON
LEVEL_FIELDS = ("bid_price", "bid_quantity", "ask_price", "ask_quantity")


@dataclass(frozen=True, slots=True)
class Description:
    """What a file of rows says of itself: instrument, provenance, and the hash of the data it was made from."""

    venue: str
    symbol: str
    tick_size: float
    lot_size: float
    provenance: str
    data_hash: str
    depth: int
    version: int = SCHEMA_VERSION

    @property
    def instrument(self) -> Instrument:
        """The instrument of the rows."""
        return Instrument(self.venue, self.symbol, self.tick_size, self.lot_size)

    @classmethod
    def of(cls, instrument: Instrument, provenance: str, data_hash: str, depth: int) -> Description:
        """Describe rows of an instrument with `depth` levels a side."""
        grid = instrument.tick_size, instrument.lot_size
        return cls(instrument.venue, instrument.symbol, *grid, provenance, data_hash, depth)


def level_columns(depth: int) -> list[str]:
    """Names of the 4 * depth level columns, ``bid_price_1`` ... ``ask_quantity_10``, as `Snapshot.levels` has them."""
    return [f"{name}_{level}" for level in range(1, depth + 1) for name in LEVEL_FIELDS]


def schema_of(description: Description) -> pa.Schema:
    """Arrow schema of rows: times in ns, validity, flow, levels (NaN where empty)."""
    fields = [pa.field("ts_exchange", pa.int64()), pa.field("ts_receive", pa.int64()), pa.field("valid", pa.bool_())]
    fields += [pa.field(name, pa.float64()) for name in (*FLOW_FIELDS, *level_columns(description.depth))]
    text = seal(asdict(description))
    return pa.schema([field.with_nullable(False) for field in fields], metadata={KEY: text})


def seal(values: dict[str, Any]) -> bytes:
    """A file's description as JSON with its own checksum: Parquet has none for what stands in its footer."""
    text = json.dumps(values, sort_keys=True)
    return json.dumps(values | {"crc": zlib.crc32(text.encode())}, sort_keys=True).encode()


def unseal(text: bytes) -> dict[str, Any]:
    """What `seal` was given; `ValueError` when it is damaged."""
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("it is no object")
    crc = values.pop("crc", None)  # a file of before, or of another version, has none
    if crc is not None and zlib.crc32(json.dumps(values, sort_keys=True).encode()) != crc:
        raise ValueError("its checksum is another")
    return values


def describe(schema: pa.Schema, file: object) -> Description:
    """Read a file's own description.

    Raises
    ------
    InputError
        When the file was not written by Genesis, is of another schema version, or its columns are not those it names.
    """
    text = (schema.metadata or {}).get(KEY)
    if text is None:
        raise InputError(f"{file}: not a file of book rows (no {KEY.decode()!r} in its metadata)")
    try:
        values = unseal(text)
        version = values["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: damaged description: {error!r}") from None
    if version != SCHEMA_VERSION:
        raise InputError(f"{file}: schema version {version!r}; this Genesis reads version {SCHEMA_VERSION}")
    try:
        description = Description(**values)
    except TypeError as error:
        raise InputError(f"{file}: damaged description: {error}") from None
    if schema.names != schema_of(description).names:
        raise InputError(f"{file}: its columns are not those of schema version {version}, depth {description.depth}")
    return description
