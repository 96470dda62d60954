"""Lists of Binance's messages: order, times, grids, and files that cannot be one session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats import binance_lists
from genesis_lib.feeds.verify import audit_files
from genesis_lib.types import DepthSnapshot, DepthUpdate, Trade

START = 1_600_000_000_000


def diff(n: int, first: int, last: int, bids=(), asks=(), symbol: str = "ETHBTC") -> dict:
    return {"e": "depthUpdate", "E": START + n, "s": symbol, "U": first, "u": last, "b": list(bids), "a": list(asks)}


def trade(n: int, number: int) -> dict:
    told = {"e": "aggTrade", "E": START + n + 1, "s": "ETHBTC", "a": number, "p": "0.02", "q": "1", "T": START + n}
    return told | {"m": False, "M": True}


def snapshot(number: int, bid: str = "1.0") -> dict:
    return {"lastUpdateId": number, "bids": [["0.0199", bid], ["0.0198", "2"]], "asks": [["0.0201", "3"]]}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    content = {
        "a_update.json": [diff(1, 1, 5), diff(3, 6, 9, [["0.01990", "4.0"]]), diff(5, 10, 12, [], [["0.0203", "1"]])],
        "a_trades.json": [trade(3, 7)],
        "a_snapshot.json": snapshot(5),
        "b_snapshot.json": snapshot(9, "4.0"),
    }
    for name, value in content.items():
        (tmp_path / name).write_text(json.dumps(value))
    return sorted(tmp_path.iterdir())


def test_messages_in_order(files: list[Path]) -> None:
    (session,) = binance_lists.open_files(files[::-1])
    kinds = [type(event) for event in session]
    assert kinds == [DepthUpdate, Trade, DepthSnapshot, DepthUpdate, DepthSnapshot, DepthUpdate]
    assert session.instrument.name == "binance-spot:ETHBTC" and session.instrument.tick_size == 0.0001
    assert session.lines == 6 and session.counts["aggTrade"] == 1
    assert all(event.ts_receive >= event.ts_exchange for event in session)
    for path in files:
        assert binance_lists.recognises(path, path.read_bytes()[:200])
    assert not binance_lists.recognises(Path("x"), b'[{"e":"kline"}]')


def test_a_later_snapshot_proves_the_book(files: list[Path]) -> None:
    found = audit_files(files)
    assert (found["snapshots"], found["snapshots_equal"], found["applied"], found["gaps"]) == (1, 1, 2, 0)
    assert found["snapshot_levels"] == found["snapshot_levels_equal"] == 3


def test_the_two_hours(recordings: Path) -> None:
    paths = sorted((recordings / "binance-spot-ethbtc-2020").glob("*.json"))
    if not paths:
        pytest.skip("the lists of 2020 are not here")
    found = audit_files(paths)
    assert found["snapshots"] == found["snapshots_equal"] == 1 and found["gaps"] == found["crossed"] == 0
    assert (found["snapshot_levels"], found["snapshot_levels_equal"]) == (2000, 998 + 986)
    assert (found["diffs"], found["trades"]) == (7199, 3501)


def test_what_cannot_be_one_session(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no diffs among these files"):
        binance_lists.open_files([path for path in files if "snapshot" in path.name])
    with pytest.raises(RecordingError, match="no diffs of symbol 'X' in it; it has ETHBTC"):
        binance_lists.open_files(files, symbol="X")
    other = tmp_path / "c_update.json"
    other.write_text(json.dumps([diff(9, 20, 21, symbol="BNBBTC")]))
    with pytest.raises(RecordingError, match=r"several symbols \(BNBBTC, ETHBTC\)"):
        binance_lists.open_files([*files, other])
    other.write_text('[{"e": "depthUpdate", "s": "ETHBTC"}]')
    with pytest.raises(RecordingError, match="message 1 has no time E"):
        binance_lists.open_files([other])
    other.write_text('[{"e": "depthUpdate",')
    with pytest.raises(RecordingError, match="not JSON"):
        binance_lists.open_files([other])
