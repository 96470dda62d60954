"""Binance's public archives: rows of one level, trades beside them, and what makes no book."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds import ingest, open_sessions, read_snapshots
from genesis_lib.feeds.formats import recognise
from genesis_lib.feeds.formats.binance_archive import _HEADS, AGGREGATES, COLUMNS, DEPTH, TICKER, TRADES
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import Instrument, Trade

START = 1_700_000_000_000
TICKERS = [f"{100 + n},27077.{n},19.35,27077.{n + 1},8.6,{START + 10 * n},{START + 10 * n + 5}" for n in range(6)]


def archive(
    folder: Path, kind: str, rows: list[str], *, header: bool = True, name: str = "BTCUSDT", packed=True
) -> Path:
    text = "\n".join([*(_HEADS[kind] if header else ()), *rows]) + "\n"
    stem = f"{name}-{kind}-2023-11-14"
    if not packed:
        (folder / f"{stem}.csv").write_text(text)
        return folder / f"{stem}.csv"
    with zipfile.ZipFile(folder / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(f"{stem}.csv", text)
    return folder / f"{stem}.zip"


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_best_prices_are_rows_of_one_level(tmp_path: Path, header: bool, packed: bool) -> None:
    path = archive(tmp_path, TICKER, TICKERS, header=header, packed=packed)
    assert recognise(path) == "binance-archive"
    rows = read_snapshots(path)
    assert rows.instrument == Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001) and rows.valid.all()
    assert rows.levels[:2, 0].tolist() == [[27077.0, 19.35, 27077.1, 8.6], [27077.1, 19.35, 27077.2, 8.6]]
    assert rows.ts_exchange.tolist() == [(START + 10 * n) * 10**6 for n in range(6)]


def test_venues_and_grids_by_name(tmp_path: Path) -> None:
    path = archive(tmp_path, TICKER, TICKERS, name="DOGEUSD_PERP")
    assert open_sessions(path)[0].instrument == Instrument("binance-coinm", "DOGEUSD_PERP", 0.1, 2.15)
    bare = path.rename(tmp_path / "quotes.zip")
    with pytest.raises(RecordingError, match="no column names its symbol"):
        open_sessions(bare)
    assert open_sessions(bare, symbol="X", tick_size=0.05)[0].instrument.tick_size == 0.05


@pytest.mark.parametrize("kind", [TRADES, AGGREGATES])
@pytest.mark.parametrize("header", [True, False])
def test_trades_go_with_the_best_prices(tmp_path: Path, kind: str, header: bool) -> None:
    book = archive(tmp_path, TICKER, TICKERS)
    middle = "300.1" if kind == TRADES else "7,9"
    rows = [f"{n},27077.{n},0.5,{middle},{START + 10 * n + 3},{'true' if n % 2 else 'false'}" for n in range(4)]
    trades = archive(tmp_path, kind, rows, header=header)
    (session,) = open_sessions([trades, book])
    found = [event for event in session.events() if type(event) is Trade]
    assert [(trade.trade_id, trade.tick, trade.side) for trade in found] == [
        (n, 270770 + n, -1 if n % 2 else 1) for n in range(4)
    ]
    stored = ingest([trades, book], tmp_path / "out")
    assert stored["rows"] == 6 and read_snapshots(tmp_path / "out").flow[:, 0].tolist() == [0, 1, 1, 1, 1, 0]
    with pytest.raises(RecordingError, match="trades alone make no book: give the bookTicker archive of BTCUSDT"):
        open_sessions(trades)


def test_spot_trades_in_microseconds(tmp_path: Path) -> None:
    rows = [f"{n},27077.0,0.5,13538.5,{START * 1000 + n},True,True" for n in range(3)]
    path = archive(tmp_path, TRADES, rows, header=False)
    with pytest.raises(RecordingError, match="trades alone"):
        open_sessions(path)
    assert recognise(path) == "binance-archive"


def test_bad_rows_of_both_kinds(tmp_path: Path) -> None:
    spoilt = list(TICKERS)
    spoilt[2] = spoilt[2].replace("27077.3", "27077.2")  # locked
    spoilt[4] = "1,2"
    rows = [f"{n},27077.{n},0.5,7,{START + 10 * n + 3},true" for n in range(5)]
    rows[1] = rows[1].replace("0.5", "-0.5")
    rows[3] = "and more"
    book, trades = archive(tmp_path, TICKER, spoilt), archive(tmp_path, TRADES, rows)
    quarantine = Quarantine()
    told: list[tuple] = []
    quarantine.reject = lambda file, line, reason, text, **_: told.append((file.name, line, reason, text))
    (session,) = open_sessions([book, trades], quarantine=quarantine)
    assert len([event for event in session.events() if type(event) is Trade]) == 3
    assert sorted(told) == [
        (book.name, 4, "crossed", spoilt[2]),
        (book.name, 6, "unreadable", "1,2"),
        (trades.name, 3, "negative", rows[1]),
        (trades.name, 5, "unreadable", "and more"),
    ]
    with pytest.raises(RecordingError, match=r"bookTicker-2023-11-14\.zip:4: crossed"):
        list(open_sessions([book, trades], strict=True)[0].events())


def test_sums_are_no_book(tmp_path: Path) -> None:
    path = archive(tmp_path, DEPTH, ["2023-11-14 00:00:05,-5,10,20"])
    with pytest.raises(RecordingError, match="bookDepth holds sums"):
        open_sessions(path)
    assert COLUMNS.keys() < _HEADS.keys() and np.isfinite(START)
