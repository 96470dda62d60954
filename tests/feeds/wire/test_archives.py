"""What archives have is known before anything is asked for; their digests are believed, not their bytes."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from genesis_lib.config import Config, Feeds
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.wire.archives import BINANCE_TYPES, binance_file, days_from, download, tardis_file

DAY = date(2024, 3, 1)


@pytest.fixture
def archive():
    """A web server of named files; every GET is noted."""
    files, asked = {}, []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(self.path)
            body = files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        yield files, asked, Config(feeds=Feeds(tardis_url=f"{base}/v1", binance_archive_url=f"{base}/data"))
        server.shutdown()


def test_addresses():
    file = tardis_file("binance-futures", "btcusdt", "incremental_book_L2", DAY)
    assert file.url == "https://datasets.tardis.dev/v1/binance-futures/incremental_book_L2/2024/03/01/BTCUSDT.csv.gz"
    assert file.name == "binance-futures_incremental_book_L2_2024-03-01_BTCUSDT.csv.gz" and file.checksum_url is None
    assert tardis_file("kraken", "XBT/USD", "trades", DAY).url.endswith("/XBT-USD.csv.gz")
    file = binance_file("binance-usdm", "BTCUSDT", "bookTicker", DAY)
    url = "https://data.binance.vision/data/futures/um/daily/bookTicker/BTCUSDT/BTCUSDT-bookTicker-2024-03-01.zip"
    assert (file.url, file.checksum_url) == (url, url + ".CHECKSUM")
    assert {binance_file(venue, "X", "trades", DAY).url.split("/daily")[0][-2:] for venue in BINANCE_TYPES} == {
        "um",
        "cm",
        "ot",
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tardis_file("binance", "BTCUSDT", "trades", date(2024, 3, 2)), "first of a month"),
        (lambda: tardis_file("binance", "BTCUSDT", "candles", DAY), "type must be one of incremental_book_L2"),
        (lambda: tardis_file("binance", "../x", "trades", DAY), "symbol must be letters"),
        (lambda: tardis_file("", "BTCUSDT", "trades", DAY), "exchange must be"),
        (lambda: binance_file("binance-spot", "BTCUSDT", "bookTicker", DAY), "one of trades, aggTrades, got"),
        (lambda: binance_file("kraken", "BTCUSDT", "trades", DAY), "exchange must be one of binance-usdm"),
        (lambda: days_from(DAY, date(2024, 2, 1), "tardis"), "to must not be before day"),
    ],
)
def test_what_is_not_there_is_said_before_asking(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_days():
    assert days_from(DAY, None, "tardis") == [DAY]
    assert days_from(DAY, date(2024, 5, 15), "tardis") == [date(2024, 3, 1), date(2024, 4, 1), date(2024, 5, 1)]
    assert len(days_from(DAY, date(2024, 3, 31), "binance")) == 31


def test_binance_files_are_held_against_their_digests(archive, tmp_path):
    files, _, config = archive
    for day, honest in ((DAY, True), (DAY + timedelta(1), False)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as zipped:
            zipped.writestr("x.csv", f"1,{day}\n")
        body = buffer.getvalue()
        name = f"BTCUSDT-trades-{day}.zip"
        path = f"/data/spot/daily/trades/BTCUSDT/{name}"
        files[path] = body
        digest = hashlib.sha256(body if honest else b"other").hexdigest()
        files[path + ".CHECKSUM"] = f"{digest}  {name}\n".encode()
    got = download("binance", "binance-spot", "BTCUSDT", ("trades",), [DAY], tmp_path, config=config)
    assert got[0].path.name == "binance-spot_BTCUSDT-trades-2024-03-01.zip" and not got[0].skipped
    with pytest.raises(SessionError, match="the archive says"):
        download("binance", "binance-spot", "BTCUSDT", ("trades",), [DAY, DAY + timedelta(1)], tmp_path, config=config)
    assert {path.name for path in tmp_path.iterdir()} == {got[0].path.name, got[0].path.name + ".sha256"}
    files[f"/data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-{DAY}.zip.CHECKSUM"] = b"<html>"
    with pytest.raises(InputError, match="no sha256 in it"):
        download("binance", "binance-spot", "BTCUSDT", ("trades",), [DAY], tmp_path, config=config)


def test_nothing_is_asked_for_when_a_part_of_the_wish_cannot_be(archive, tmp_path):
    _, asked, config = archive
    tomorrow = datetime.now(UTC).date() + timedelta(1)
    for kinds, days in ((("trades", "candles"), [DAY]), (("trades",), [DAY, date(2024, 3, 2)]), (("trades",), [])):
        with pytest.raises(InputError):
            download("tardis", "binance", "BTCUSDT", kinds, days, tmp_path, config=config)
    with pytest.raises(InputError, match="day must be over"):
        download("binance", "binance-spot", "BTCUSDT", ("trades",), [tomorrow], tmp_path, config=config)
    with pytest.raises(InputError, match="archive must be one of tardis, binance"):
        download("nasdaq", "x", "y", ("trades",), [DAY], tmp_path, config=config)
    assert asked == []
    with pytest.raises(InputError, match="no such file"):
        download("tardis", "binance", "BTCUSDT", ("trades",), [DAY], tmp_path, config=config)
    assert asked == ["/v1/binance/trades/2024/03/01/BTCUSDT.csv.gz"]
