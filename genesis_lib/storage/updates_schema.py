"""The schema of stored level updates, and what a file of them says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genesis_lib.errors import InputError
from genesis_lib.storage.event_block import CHAINED, NARROW, PLAIN, QUANTITIES, TEXT
from genesis_lib.storage.partitions import open_parquet
from genesis_lib.storage.schema import unseal
from genesis_lib.types import Instrument

KEY = b"genesis.updates"
VERSION = 1
HEAD = ("first", "last", "filled")  # of a block: its span of exchange time, and a bit for each list that is not empty

TYPES = {name: pa.from_numpy_dtype(dtype) for name, dtype in PLAIN.items()}
TYPES |= dict.fromkeys((*CHAINED, "units", *(f"lots_{name}" for name in QUANTITIES)), pa.int64())
TYPES |= {f"{name}_wide": pa.int64() for name in NARROW} | dict.fromkeys(NARROW, pa.int32())
TYPES |= dict.fromkeys((f"raw_{name}" for name in QUANTITIES), pa.float64()) | {TEXT: pa.string()}
# Numbers split into their bytes: the high ones are nearly all 0 and vanish, the low ones are what there is to tell.
SPLIT = [name for name, kind in TYPES.items() if kind in (pa.int64(), pa.float64()) or name in NARROW]
EMPTY = {name: [] if name == TEXT else np.empty(0, kind.to_pandas_dtype()) for name, kind in TYPES.items()}
_BOOK = ("kind", "ts_exchange", "ts_receive", "book_levels", "book_id", "book_first", "book_previous")
BOOK_COLUMNS = (*_BOOK, "book_bids", "side", "tick", "tick_wide", "lots_quantity", "lots_quantity_wide", "raw_quantity")
SCHEMA = pa.schema(
    [pa.field(name, pa.int64(), nullable=False) for name in HEAD]
    + [
        pa.field(name, pa.list_(pa.field("element", kind, nullable=False)), nullable=False)
        for name, kind in TYPES.items()
    ]
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a file of updates says of itself: instrument, provenance, and the hash of the data it was made from."""

    venue: str
    symbol: str
    tick_size: float
    lot_size: float
    provenance: str
    data_hash: str
    version: int = VERSION

    @property
    def instrument(self) -> Instrument:
        """The instrument of the events."""
        return Instrument(self.venue, self.symbol, self.tick_size, self.lot_size)


def is_updates(path: Path) -> bool:
    """Whether a Parquet file says that it holds level updates, of whatever version."""
    try:
        return KEY in (pq.read_metadata(path).metadata or {})
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return False


def origin_of(path: Path) -> Origin:
    """Read a file's own description; `InputError` when it has none, or one of another version."""
    file = open_parquet(path)
    text = (file.metadata.metadata or {}).get(KEY)
    if text is None:
        raise InputError(f"{path}: not a file of level updates (no {KEY.decode()!r} in its metadata)")
    try:
        values = unseal(text)
        version = values["version"]
        origin = Origin(**values) if version == VERSION else None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged description: {error!r}") from None
    if origin is None:
        raise InputError(f"{path}: version {version!r}; this Genesis reads version {VERSION}")
    if file.schema_arrow.names != [*HEAD, *TYPES]:
        raise InputError(f"{path}: its columns are not those of version {VERSION}")
    return origin


def span_of(path: Path) -> tuple[int, int]:
    """First and last exchange time of a file of updates."""
    metadata = open_parquet(path).metadata
    rows = [row_of(metadata, group) for group in range(metadata.num_row_groups)]
    return min(row[0] for row in rows), max(row[1] for row in rows)


def row_of(metadata: pq.FileMetaData, group: int) -> tuple[int, ...]:
    """The head of a block, which the statistics of its one row tell without reading it."""
    return tuple(metadata.row_group(group).column(at).statistics.min for at in range(len(HEAD)))


def book_bytes(path: Path) -> int:
    """Bytes of the columns that the book is made of, times and ids of its messages among them."""
    metadata, total = open_parquet(path).metadata, 0
    for group in range(metadata.num_row_groups):
        columns = [metadata.row_group(group).column(i) for i in range(metadata.num_columns)]
        total += sum(c.total_compressed_size for c in columns if c.path_in_schema.split(".")[0] in BOOK_COLUMNS)
    return total
