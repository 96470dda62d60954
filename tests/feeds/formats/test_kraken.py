"""Kraken: every checksum of the recording, both versions of the protocol, and the venue's own example."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genesis_lib.feeds.formats import kraken, okx
from genesis_lib.feeds.formats.kraken import Kraken
from genesis_lib.types import BID, DepthSnapshot, DepthUpdate, Trade


@pytest.fixture(scope="module")
def real(recordings: Path) -> Path:
    path = recordings / "kraken/KRAKEN.ws.50.0"
    if not path.exists():
        pytest.skip("the Kraken recording is not here")
    return path


def test_every_checksum_of_the_recording(real: Path) -> None:
    sessions = kraken.open_files([real])
    assert len(sessions) == 10 and sessions[0].kind == "kraken"
    log = sessions[0].log
    events = sum(1 for _ in log.read())
    counts = [state.counts for state in log.states.values()]
    assert sum(c["checksums"] for c in counts) == sum(c["checksums_ok"] for c in counts) == 4269
    assert events == sum(c["snapshot"] + c["update"] for c in counts) == 4279
    grids = {s.instrument.symbol: s.instrument.tick_size for s in sessions}
    assert grids["XBT/CHF"] == 0.1 and grids["ADA/XBT"] == 1e-8 and grids["XMR/USD"] == 0.01


def test_one_pair_alone_gives_the_same(real: Path) -> None:
    (session,) = kraken.open_files([real], symbol="XMR/USD")
    alone = list(session.events())
    assert session.counts["checksums_ok"] == session.counts["checksums"] == 846
    together = [event for event in session.log.read() if event.symbol == "XMR/USD"]
    assert len(alone) == len(together) == 847 and alone[5].ticks.tolist() == together[5].ticks.tolist()


def test_recognised_by_content(real: Path, kraken_log, okx_log) -> None:
    head = real.read_bytes()[:65536]
    assert kraken.recognises(real, head) and not okx.recognises(real, head)
    later = "\n".join(kraken_log("A/B").snapshot().update().lines[1:]).encode()  # a file after the first has no address
    assert kraken.recognises(Path("x"), later) and not okx.recognises(Path("x"), later)


def test_events(kraken_log, tmp_path: Path) -> None:
    log = kraken_log("A/B").snapshot().update().trade()
    (session,) = kraken.open_files([log.write(tmp_path / "K.ws.1.0")])
    snapshot, update, trade = session.events()
    assert type(snapshot) is DepthSnapshot and len(snapshot.ticks) == 50 and snapshot.ticks[0] == 9999
    assert type(update) is DepthUpdate and update.ts_receive > snapshot.ts_receive > update.ts_exchange - 10**7
    assert type(trade) is Trade and trade.side == 1 and trade.quantity == 0.5


def test_levels_that_fall_out_of_the_subscription_are_removed(kraken_log, tmp_path: Path) -> None:
    log = kraken_log("A/B", depth=10).snapshot()
    log.bids[max(log.bids) + log.step / 1] = "1.00000000"
    gone = min(log.bids)
    log.cut()
    log.add([7, {"b": [[log.price(max(log.bids)), "1.00000000", log.stamp]], "c": str(log.checksum())}, *log.tail()])
    (session,) = kraken.open_files([log.write(tmp_path / "K.ws.1.0")])
    update = list(session.events())[-1]
    assert session.counts["checksums_ok"] == 1
    assert (update.sides[1], update.ticks[1], update.quantities[1]) == (BID, int(gone * 100), 0.0)


def test_version_2(tmp_path: Path) -> None:
    asks = [(45285.2 + n / 10, "0.00100000") for n in range(12)]
    bids = [(45283.5 - n / 10, "0.10000000") for n in range(12)]
    digits = "".join(f"{p:.1f}".replace(".", "") + q.replace(".", "").lstrip("0") for p, q in asks[:10] + bids[:10])
    import zlib

    def side(levels):
        return "[" + ",".join(f'{{"price":{p:.1f},"qty":{q}}}' for p, q in levels) + "]"

    time = "2023-11-14T22:13:20.440295Z"
    book = f'"bids":{side(bids)},"asks":{side(asks)},"checksum":{zlib.crc32(digits.encode())}'
    lines = [
        "wss://ws.kraken.com/v2 <-> 1700000000.1",
        '1700000000.2: {"channel":"status","type":"update","data":[{"system":"online"}]}',
        f'1700000000.5: {{"channel":"book","type":"snapshot","data":[{{"symbol":"BTC/USD",{book}}}]}}',
        f'1700000000.6: {{"channel":"book","type":"update","data":[{{"symbol":"BTC/USD","bids":[],"asks":[],'
        f'"checksum":{zlib.crc32(digits.encode())},"timestamp":"{time}"}}]}}',
        '1700000000.7: {"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":45283.5,'
        f'"qty":0.5,"ord_type":"market","trade_id":9,"timestamp":"{time}"}}]}}',
    ]
    path = tmp_path / "K.ws.1.0"
    path.write_text("\n".join(lines) + "\n")
    assert kraken.recognises(path, path.read_bytes())
    (session,) = kraken.open_files([path])
    snapshot, update, trade = session.events()
    assert session.counts["checksums"] == session.counts["checksums_ok"] == 2 and session.instrument.tick_size == 0.1
    assert len(snapshot.ticks) == 24 and update.ts_exchange == 1_700_000_000_440_295_000
    assert (trade.tick, trade.side, trade.trade_id) == (452835, -1, 9)
    assert [k for k in Kraken().messages(json.dumps({"method": "pong"}).encode(), 0)] == ["pong"]


def as_version_2(log, granted: bool) -> list[str]:
    """The lines of a version 1 log as version 2 sends the same."""
    lines = ["wss://ws.kraken.com/v2 <-> 1700000000.1"]
    if granted:
        result = {"channel": "book", "depth": log.depth, "snapshot": True, "symbol": log.symbol}
        lines.append("1700000000.1: " + json.dumps({"method": "subscribe", "result": result, "success": True}))
    for line in log.lines[1:]:
        stamp, _, payload = line.partition(": ")
        parts: dict = {}
        for part in json.loads(payload)[1:-2]:
            parts |= part
        sides = {}
        for name, key in (("bids", "b"), ("asks", "a")):
            levels = parts.get(key, parts.get(key + "s", []))
            sides[name] = ",".join(f'{{"price":{price},"qty":{quantity}}}' for price, quantity, _ in levels)
        told = ",".join(f'"{name}":[{levels}]' for name, levels in sides.items())
        kind, checksum = ("update", f',"checksum":{parts["c"]}') if "c" in parts else ("snapshot", "")
        data = f'{{"symbol":"{log.symbol}",{told}{checksum}}}'
        lines.append(f'{stamp}: {{"channel":"book","type":"{kind}","data":[{data}]}}')
    return lines


@pytest.mark.parametrize(("levels", "granted"), [(30, True), (30, False), (7, True)])
def test_version_2_is_cut_to_its_depth(levels: int, granted: bool, kraken_log, tmp_path: Path) -> None:
    log = kraken_log("A/B", seed=levels, depth=10, levels=levels).snapshot()
    for _ in range(200):
        log.update(4)
    path = tmp_path / "K.ws.1.0"
    path.write_text("\n".join(as_version_2(log, granted)) + "\n")
    (session,) = kraken.open_files([path])
    events = list(session.events())
    assert len(events) == 201 and session.counts["checksums"] == session.counts["checksums_ok"] == 200
    assert max(len(event.ticks) for event in events[1:]) > 4  # a level that fell out is told as gone
