"""Databento's files: DBN and CSV give the same records, whole or not at all."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats import databento_files
from genesis_lib.feeds.formats.databento_files import MBO, MBP10, describe, records, schema_of


def all_of(path: Path) -> np.ndarray:
    described = describe(path)
    return np.concatenate(list(records(path, described)))


def same(one: np.ndarray, two: np.ndarray) -> bool:
    """Apart from what a CSV does not hold."""
    names = [name for name in one.dtype.names if name not in ("length", "channel_id", "ts_in_delta", "depth")]
    return all(np.array_equal(one[name], two[name]) for name in names)


def csv(market, source: Path, path: Path, **options) -> Path:
    with path.open("wb") as stream:
        coder = market.dbn.Transcoder(stream, market.dbn.Encoding.CSV, market.dbn.Compression.NONE, **options)
        coder.write(source.read_bytes())
        coder.flush()
    return path


def test_layouts_are_those_of_the_package(order_market) -> None:
    market = order_market()
    assert MBO.itemsize == market.dbn.MBOMsg.size_hint == 56
    assert MBP10.itemsize == market.dbn.MBP10Msg.size_hint == 368
    assert market.dbn.F_LAST == databento_files.F_LAST and market.dbn.UNDEF_PRICE == databento_files.UNDEF_PRICE
    assert market.dbn.F_TOB == databento_files.F_TOB and market.dbn.F_SNAPSHOT == databento_files.F_SNAPSHOT
    assert market.dbn.F_MAYBE_BAD_BOOK == databento_files.F_MAYBE_BAD_BOOK and market.dbn.F_MBP == databento_files.F_MBP


def test_records_are_those_that_were_encoded(order_market, tmp_path: Path) -> None:
    market = order_market(1, (11, 12)).run(50)
    mbo, mbp = market.write(tmp_path)
    assert b"".join(market.mbo) == all_of(mbo).tobytes() and b"".join(market.mbp) == all_of(mbp).tobytes()
    described = describe(mbo)
    assert (described.schema, described.dataset) == ("mbo", "XNAS.ITCH")
    assert described.symbols == {11: "SYM11", 12: "SYM12"} and describe(mbp).schema == "mbp-10"


def test_compressed_files_and_small_chunks(order_market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = order_market(2).run(40)
    mbo, _ = market.write(tmp_path)
    plain = all_of(mbo)
    monkeypatch.setattr(databento_files, "CHUNK", 1000)
    assert np.array_equal(all_of(mbo), plain)
    data, packed = mbo.read_bytes(), tmp_path / "y.dbn.zst"
    half = len(data) // 2  # two zstd frames, as Databento's own files have many
    packed.write_bytes(pa.Codec("zstd").compress(data[:half], asbytes=True))
    with packed.open("ab") as stream:
        stream.write(pa.Codec("zstd").compress(data[half:], asbytes=True))
    assert np.array_equal(all_of(packed), plain)
    (tmp_path / "z.dbn.gz").write_bytes(gzip.compress(data))
    assert np.array_equal(all_of(tmp_path / "z.dbn.gz"), plain)


@pytest.mark.parametrize(
    "options", [{}, {"pretty_px": False, "pretty_ts": False}, {"map_symbols": False}, {"pretty_ts": False}]
)
def test_csv_gives_the_same_records(options: dict, order_market, tmp_path: Path) -> None:
    market = order_market(3, (11, 12)).run(60)
    for source in market.write(tmp_path):
        path = csv(market, source, tmp_path / "x.csv", **options)
        assert schema_of(path.read_bytes()[:4000]) == describe(source).schema
        assert same(all_of(source), all_of(path))


def test_csv_as_a_table_library_writes_it(order_market, tmp_path: Path) -> None:
    import pandas as pd

    market = order_market(4).run(60)
    for source in market.write(tmp_path):
        table = pd.read_csv(csv(market, source, tmp_path / "x.csv"), parse_dates=["ts_recv", "ts_event"])
        for column in table.columns:
            if "_sz_" in column:
                table[column] = table[column].astype(float)
        table.to_csv(tmp_path / "y.csv")  # with its index, blank where the time has a T, sizes as 242.0
        assert same(all_of(source), all_of(tmp_path / "y.csv"))


def test_a_live_file_has_other_records_and_times_of_sending(order_market, tmp_path: Path) -> None:
    market = order_market(5).run(20)
    other = bytes([8]) + bytes([23]) + bytes(30)  # a record of 32 bytes and of another kind
    longer = [bytes([16, *record[1:]]) + bytes(8) for record in market.mbo]
    path = tmp_path / "live.dbn"
    path.write_bytes(market.bytes_of("mbo", [other, *longer[:7], other, *longer[7:]]))
    found = all_of(path)
    assert len(found) == len(market.mbo) and found["order_id"].tolist() == [
        int.from_bytes(record[16:24], "little") for record in market.mbo
    ]


def test_damage_is_told(order_market, tmp_path: Path) -> None:
    market = order_market(6).run(5)
    path = tmp_path / "x.dbn"
    data = market.bytes_of("mbo")
    path.write_bytes(data[:-10])
    with pytest.raises(RecordingError, match=f"ends inside record {len(market.mbo)}"):
        all_of(path)
    path.write_bytes(data[:60])
    with pytest.raises(RecordingError, match="ends inside its metadata"):
        describe(path)
    path.write_bytes(market.bytes_of("mbo", [*market.mbo[:2], bytes(56)]))
    with pytest.raises(RecordingError, match="record 3 has a length of 0 bytes"):
        all_of(path)
    for times in (2**63, 2**64 - 1):  # beyond all times; undefined, both of them
        record = bytearray(market.mbo[1])
        record[8:16] = record[40:48] = times.to_bytes(8, "little")
        path.write_bytes(market.bytes_of("mbo", [market.mbo[0], bytes(record)]))
        with pytest.raises(RecordingError, match=r"x.dbn: of mbo record 2 the times are none"):
            all_of(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(RecordingError, match="neither MBO nor MBP-10"):
        describe(path)


def test_whole_prices_among_decimals(tmp_path: Path) -> None:
    names = "ts_event,rtype,publisher_id,instrument_id,action,side,price,size,flags,sequence"
    levels = [f"{side}_{what}_{n:02}" for n in range(10) for what in ("px", "sz", "ct") for side in ("bid", "ask")]
    path = tmp_path / "x.csv"
    rows = [f"{n},10,2,7,A,B,99,10,128,{n}," + "99,99.5,5,5,1,1," + ",".join(["98,100,5,5,1,1"] * 9) for n in (1, 2)]
    path.write_text("\n".join([f"{names},{','.join(levels)}", *rows]) + "\n")
    found = all_of(path)
    assert found["price"].tolist() == [99_000_000_000] * 2
    assert found["levels"]["bid_px"][0, :2].tolist() == [99_000_000_000, 98_000_000_000]
    assert found["levels"]["ask_px"][1, :2].tolist() == [99_500_000_000, 100_000_000_000]


def test_bad_csv_lines_are_named(tmp_path: Path) -> None:
    names = "ts_event,rtype,publisher_id,instrument_id,action,side,price,size,order_id,flags,sequence"
    path = tmp_path / "x.csv"
    path.write_text(f"{names}\n1,160,2,7,A,B,1.5,10,5,128,1\n2,160,2,x,A,B,1.5,10,5,128,1\n")
    with pytest.raises(RecordingError, match=r"x.csv:3: a field that is no number"):
        all_of(path)
    path.write_text(f"{names}\n1,160,2,7,A,B,1.5,-10,5,128,1\n")
    with pytest.raises(RecordingError, match="a size must be a whole number of 32 bits"):
        all_of(path)
    path.write_text(f"{names}\n1,160,2,7,\u00c4,B,1.5,10,5,128,1\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"x.csv: in lines 2 to 2: .*ascii"):
        all_of(path)
    path.write_text(f"{names}\n1,160,2,7,A,B,1.5,10\n")
    with pytest.raises(RecordingError, match="must have 11 fields"):
        all_of(path)


def test_without_the_package(order_market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    mbo, _ = order_market().run(5).write(tmp_path)
    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    with pytest.raises(InputError, match=r"pip install 'genesis-workbench\[databento\]'"):
        describe(mbo)
