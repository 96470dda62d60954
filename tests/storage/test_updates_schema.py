"""Files of updates describe themselves; others, older ones and damaged ones are refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from genesis_lib.errors import InputError
from genesis_lib.storage.updates import sessions, write_updates
from genesis_lib.storage.updates_schema import BOOK_COLUMNS, KEY, SCHEMA, book_bytes, is_updates, row_of, span_of
from genesis_lib.types import Instrument

DAY = 86_400_000_000_000
BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)


def test_the_head_of_a_block_is_in_the_footer(market, tmp_path: Path) -> None:
    (file,) = write_updates(market(300), BTC, tmp_path, provenance="recorded", data_hash="ab" * 32).files
    metadata = pq.read_metadata(file)
    first, last, filled = row_of(metadata, 0)
    assert (first, last) == span_of(file) == (19_000 * DAY, 19_000 * DAY + 299 * 10**9)
    names = [name for at, name in enumerate(SCHEMA.names[3:]) if filled >> at & 1]
    assert {"tick", "lots_quantity", "book_bids"} <= set(names)
    assert not {"side", "tick_wide", "lots_quantity_wide", "raw_quantity"} & set(names)
    columns = [metadata.row_group(0).column(i) for i in range(metadata.num_columns)]
    assert {column.path_in_schema.split(".")[0] for column in columns} == set(SCHEMA.names) > set(BOOK_COLUMNS)
    assert 0 < book_bytes(file) < sum(column.total_compressed_size for column in columns) < file.stat().st_size


def test_other_files_and_damage_are_told(market, tmp_path: Path) -> None:
    origin = {"provenance": "recorded", "data_hash": "ab" * 32}
    (file,) = write_updates(market(300), BTC, tmp_path, **origin).files
    head = pq.read_table(file, columns=["first"])
    pq.write_table(head, tmp_path / "head.parquet")
    with pytest.raises(InputError, match="its columns are not those of version 1"):
        sessions([tmp_path / "head.parquet"])
    pq.write_table(head.replace_schema_metadata(None), tmp_path / "bare.parquet")
    with pytest.raises(InputError, match=r"bare\.parquet: not a file of level updates"):
        sessions([tmp_path / "bare.parquet"])
    assert not is_updates(tmp_path / "bare.parquet") and not is_updates(tmp_path / "none.parquet")
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 4] ^= 1
    file.write_bytes(whole)
    with pytest.raises(InputError, match="the file is damaged"):
        list(sessions([file])[0].events())
    for version, cause in ((2, "version 2; this Genesis reads version 1"), (None, "damaged description")):
        table, text = pq.read_table(tmp_path / "bare.parquet"), f'{{"version": {version or 1}}}'
        pq.write_table(table.replace_schema_metadata({KEY: text}), tmp_path / "other.parquet")
        with pytest.raises(InputError, match=f"other.parquet: {cause}"):
            sessions([tmp_path / "other.parquet"])
