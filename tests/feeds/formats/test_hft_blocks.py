"""Blocks of event rows: the same from both kinds of files, whatever their size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.hft_blocks import blocks

FIELDS = [("ev", "u8"), ("exch_ts", "i8"), ("local_ts", "i8"), ("px", "f8"), ("qty", "f8"), ("order_id", "u8")]


@pytest.fixture
def data() -> np.ndarray:
    rows = np.zeros(10_001, FIELDS)
    for name, _ in FIELDS:
        rows[name] = np.random.default_rng(1).integers(0, 2**40, len(rows))
    return rows


@pytest.mark.parametrize("size", [999, 1 << 18])
@pytest.mark.parametrize("kind", ["npz", "packed npz", "parquet"])
def test_both_kinds_of_files(tmp_path: Path, data: np.ndarray, kind: str, size: int) -> None:
    path = tmp_path / "x"
    if kind == "parquet":
        pq.write_table(pa.table({name: data[name] for name, _ in FIELDS}), path)
    else:
        with path.open("wb") as stream:
            (np.savez_compressed if "packed" in kind else np.savez)(stream, data=data)
    found = list(blocks(path, size))
    assert max(len(block["ev"]) for block in found) <= size
    for name in ("ev", "exch_ts", "local_ts", "px", "qty"):
        assert np.array_equal(np.concatenate([block[name] for block in found]), data[name])
    assert np.array_equal(np.concatenate([block["number"] for block in found]), np.arange(1, 10_002))


def test_what_cannot_be_read(tmp_path: Path, data: np.ndarray) -> None:
    np.savez(tmp_path / "other.npz", data=np.zeros(3))
    with pytest.raises(RecordingError, match="no column ev, exch_ts, px, qty"):
        list(blocks(tmp_path / "other.npz"))
    np.savez(tmp_path / "named.npz", rows=data)
    with pytest.raises(RecordingError, match=r"cannot be read: .*data\.npy"):
        list(blocks(tmp_path / "named.npz"))
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(RecordingError, match="cannot be read"):
        list(blocks(tmp_path / "x.npz"))
    np.savez_compressed(tmp_path / "bent.npz", data=data)
    raw = bytearray((tmp_path / "bent.npz").read_bytes())
    raw[5000:5100] = bytes(100)
    (tmp_path / "bent.npz").write_bytes(raw)
    with pytest.raises(RecordingError, match="cannot be read"):
        list(blocks(tmp_path / "bent.npz"))
