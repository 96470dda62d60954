"""The same data under two names is refused, whoever reads it and whatever format it has."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds import ingest
from genesis_lib.feeds.formats.copies import refuse_copies
from genesis_lib.feeds.verify import audit_files

HEAD = "exchange,symbol,timestamp,local_timestamp"
BOOK = f"{HEAD},is_snapshot,side,price,amount\n" + "".join(
    f"bitmex,XBTUSD,17000000000000{n:02d},17000000000000{n:02d},{flag},{side},{price},{n + 1}\n"
    for n, flag, side, price in ((0, "true", "bid", 100), (0, "true", "ask", 101), (9, "false", "bid", 100))
)
TRADES = f"{HEAD},id,side,price,amount\nbitmex,XBTUSD,1700000000000005,1700000000000005,a,buy,101,2\n"


def test_plain_and_compressed_of_one_name(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "book.csv").write_text(BOOK)
    (data / "trades.csv").write_text(TRADES)
    sound = ingest(data, tmp_path / "out")
    assert sound["rows"] == 2 and audit_files([data / "book.csv", data / "trades.csv"])["trades"] == 1
    (data / "trades.csv.gz").write_bytes(gzip.compress(TRADES.encode()))
    told = r"trades\.csv and .*trades\.csv\.gz are one file"
    with pytest.raises(InputError, match=told):
        ingest(data, tmp_path / "again")
    with pytest.raises(InputError, match=told):
        audit_files(sorted(data.glob("*.csv*")))
    assert not (tmp_path / "again").exists()


def test_a_copy_of_each_format(wire, kraken_log, lobster_market, tmp_path: Path) -> None:
    originals = {
        wire().snapshot().diff().ticker().write(tmp_path / "a.gz"): tmp_path / "b.gz",
        kraken_log("A/B").snapshot().update().write(tmp_path / "K.ws.1.0"): tmp_path / "K.ws.1.1",
    }
    for path, copy in originals.items():
        copy.write_bytes(path.read_bytes())
        for read in (audit_files, lambda paths: ingest(paths, tmp_path / "out")):
            with pytest.raises(InputError, match=f"{path.name} and .*{copy.name} hold the same bytes"):
                read([path, copy])
    pair = [*lobster_market().run(20).write(tmp_path)]
    (tmp_path / "elsewhere").mkdir()
    copies = [tmp_path / "elsewhere" / path.name for path in pair]
    for path, copy in zip(pair, copies):
        copy.write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="hold the same bytes"):
        audit_files([*pair, *copies])


def test_an_archive_and_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "t.zip").write_bytes(b"1")
    (tmp_path / "t.csv").write_bytes(b"22")
    with pytest.raises(InputError, match="one file"):
        refuse_copies([tmp_path / "t.zip", tmp_path / "t.csv"])
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "t.csv").write_bytes(b"33")  # another day, another folder: neither name nor size says a thing
    refuse_copies([tmp_path / "t.csv", tmp_path / "day" / "t.csv"])
