"""Rows that Genesis stored, opened as sessions again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.formats import recognise
from genesis_lib.feeds.formats.stored_rows import open_files
from genesis_lib.storage.parquet import write_rows
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshot


def store(folder: Path, symbol: str) -> Path:
    levels = np.array([[1.0, 2.0, 1.5, 3.0]])
    rows = [Snapshot(t, t + 1, levels, np.zeros(len(FLOW_FIELDS)), True, 0.5) for t in range(10, 15)]
    written = write_rows(rows, Instrument("v", symbol, 0.5, 1.0), folder, provenance="recorded", data_hash="ab" * 32)
    return written.files[0]


def test_stored_rows_are_recognised_and_come_back(tmp_path: Path) -> None:
    files = [store(tmp_path, symbol) for symbol in ("A", "B")]
    assert [recognise(file) for file in files] == ["rows", "rows"]
    first, second = open_files(files)
    assert (first.name, second.name, first.kind) == ("v:A", "v:B", "rows")
    assert [row.ts_exchange for row in first.events()] == [10, 11, 12, 13, 14]
    assert len(first.data_hash) == 64
    assert [session.name for session in open_files(files, symbol="B")] == ["v:B"]
    with pytest.raises(InputError, match="stored are v:A, v:B"):
        open_files(files, symbol="C")
