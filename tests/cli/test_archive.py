"""``genesis download`` against a real server: files, JSON, wrong wishes."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.feeds.wire.attempts import UNRESOLVED


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, directory=folder, **options)

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("GENESIS_FEEDS_TARDIS_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
        yield folder / "v1"
        server.shutdown()


def test_download_from_tardis(site, tmp_path):
    for kind in ("incremental_book_L2", "trades"):
        file = site / "binance-futures" / kind / "2024/03/01/BTCUSDT.csv.gz"
        file.parent.mkdir(parents=True)
        file.write_bytes(gzip.compress(b"exchange,symbol\n" * 100, mtime=0))
    command = [
        "download",
        "tardis",
        "binance-futures",
        "BTCUSDT",
        "--day",
        "2024-03-01",
        "--out",
        str(tmp_path / "raw"),
    ]
    result = CliRunner().invoke(main, [*command, "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [f.rsplit("/", 1)[1] for f in told["files"]] == [
        "binance-futures_incremental_book_L2_2024-03-01_BTCUSDT.csv.gz",
        "binance-futures_trades_2024-03-01_BTCUSDT.csv.gz",
    ]
    assert told["skipped"] == 0 and told["bytes"] > 0 and len(told["sha256"]) == 2
    assert "incremental_book_L2" in result.stderr  # the progress bar
    again = CliRunner().invoke(main, [*command, "--json"])
    assert json.loads(again.stdout)["skipped"] == 2
    assert again.stderr.count(": skipped, it is there and whole") == 2 and "0.00B" not in again.stderr


def test_download_without_a_network_says_so_while_it_tries(monkeypatch, tmp_path):
    monkeypatch.setenv("GENESIS_FEEDS_TARDIS_URL", "http://no-such-host.invalid/v1")
    monkeypatch.setenv("NO_PROXY", "*")
    command = ["download", "tardis", "binance-futures", "BTCUSDT", "--day", "2024-03-01", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == UNRESOLVED and all("cannot reach no-such-host.invalid: " in line for line in lines)
    assert all("trying again in" in line for line in lines[:-1]) and "3 attempts in a row" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["tardis", "binance", "BTCUSDT", "--day", "2024-03-02"], 1, "first of a month"),
        (["tardis", "binance", "BTCUSDT", "--day", "2024-03-01"], 1, "no such file"),
        (["tardis", "binance", "BTCUSDT"], 2, "--day"),
        (["nasdaq", "x", "y", "--day", "2024-03-01"], 2, "tardis"),
    ],
)
def test_wishes_that_cannot_be(site, tmp_path, arguments, code, message):
    result = CliRunner().invoke(main, ["download", *arguments, "--out", str(tmp_path / "raw")])
    assert result.exit_code == code and message in result.stderr
