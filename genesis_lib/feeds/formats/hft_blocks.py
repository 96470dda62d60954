"""hftbacktest's event rows in blocks: from Parquet by row group, from npz by unpacking it bit by bit."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from genesis_lib.errors import RecordingError

ROWS = 1 << 18  # of a block
DTYPES = {"ev": np.uint64, "exch_ts": np.int64, "px": np.float64, "qty": np.float64}


def blocks(path: Path, rows: int = ROWS) -> Iterator[dict[str, np.ndarray]]:
    """Columns ``ev``, ``exch_ts``, ``local_ts``, ``px``, ``qty`` and ``number`` (of the row, from 1).

    Raises
    ------
    RecordingError
        When the file cannot be read, or has not the columns of an event.
    """
    first = 1
    for columns in _npz(path, rows) if zipfile.is_zipfile(path) else _parquet(path, rows):
        missing = [name for name in DTYPES if name not in columns]
        if missing:
            raise RecordingError(f"no column {', '.join(missing)}: not hftbacktest's event format", path)
        wanted = {name: np.array(columns[name], dtype) for name, dtype in DTYPES.items()}
        wanted["local_ts"] = np.array(columns.get("local_ts", wanted["exch_ts"]), np.int64)
        count = len(wanted["ev"])
        wanted["number"] = np.arange(first, first + count)
        first += count
        yield wanted


def _parquet(path: Path, rows: int) -> Iterator[dict[str, np.ndarray]]:
    import pyarrow as pa  # for those who read it: it is not quick to load
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = [name for name in (*DTYPES, "local_ts") if name in file.schema_arrow.names]
        if set(DTYPES) - set(names):
            yield dict.fromkeys(names, ())
        for batch in file.iter_batches(rows, columns=names):
            yield {name: batch[name].to_numpy(zero_copy_only=False) for name in names}
    except (pa.ArrowException, ValueError, OSError) as error:
        raise RecordingError(f"cannot be read: {error}", path) from None


def _npz(path: Path, rows: int) -> Iterator[dict[str, np.ndarray]]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open("data.npy") as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
            if dtype.names is None or dtype.hasobject or len(shape) != 1:
                yield {}
                return
            left = shape[0]
            while left:
                count = min(left, rows)
                data = np.frombuffer(stream.read(count * dtype.itemsize), dtype)
                if len(data) < count:
                    raise RecordingError(f"cannot be read: it ends {left - len(data)} rows too early", path)
                left -= count
                yield {name: np.ascontiguousarray(data[name]) for name in dtype.names}
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, OSError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"cannot be read: {error}", path) from None
