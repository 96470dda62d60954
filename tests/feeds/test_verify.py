"""The audit: the pinned counts of the real sessions, and what it says of a damaged one."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from genesis_lib.errors import GenesisError, InputError, RecordingError
from genesis_lib.feeds import audit, open_sessions, read_recording
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.verify import audit_files, verdict

# diffs, applied, trades, deletes of levels never held, as an independent reader counted them
PINNED = {
    "usdm_2023": (16_110, 16_110, 12_935, 3_599),
    "usdm_2024": (9_022, 9_017, 10_701, 8_497),
    "eth_2024": (8_929, 8_924, 13_655, 4_211),
    "coinm_btc": (26_847, 26_824, 2_286, 40_176),
    "coinm_eth": (22_909, 22_887, 1_732, 31_244),
}


@pytest.mark.parametrize("session", PINNED)
def test_the_pinned_sessions(session: str, request: pytest.FixtureRequest) -> None:
    found = audit(read_recording(request.getfixturevalue(session)))
    diffs, applied, trades, unknown = PINNED[session]
    assert (found["diffs"], found["applied"], found["trades"]) == (diffs, applied, trades)
    assert found["bbo_checked"] == found["bbo_equal"] == applied
    assert found["gaps"] == found["resyncs"] == found["crossed"] == found["one_sided"] == 0
    assert found["unknown_deletes"] == unknown and found["stale"] == diffs - applied
    assert found["events"] == sum(found["kinds"].values()) and len(found["data_hash"]) == 64
    assert found["trades_aside"] == (session == "usdm_2023")  # one payment of the insurance fund


def test_a_wrong_book_is_seen(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff().ticker().diff([("100.0", "9")]).ticker().diff().ticker(("100.0", "9"))
    found = audit(read_recording(w.write(tmp_path / "a.gz")))
    # The second ticker still tells the size before the update; the audit takes nobody's side but counts.
    assert (found["bbo_checked"], found["bbo_equal"]) == (3, 2)


def test_only_a_ticker_at_or_before_the_update_counts(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff([("100.0", "9")]).ticker(u=111).diff()
    found = audit(read_recording(w.write(tmp_path / "a.gz")))
    assert (found["applied"], found["bbo_checked"], found["bbo_equal"]) == (2, 1, 0)


def test_a_gap_is_counted_with_time_and_cause(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff()
    w.last += 7
    w.diff().snapshot().diff([("100.2", "1")], [("999.9", "0")])
    found = audit(read_recording(w.write(tmp_path / "a.gz")))
    assert (found["gaps"], found["resyncs"], found["applied"], found["diffs"]) == (1, 1, 3, 3)
    assert found["crossed"] == 1 and found["unknown_deletes"] == 1
    assert len(found["incidents"]) == 1 and "gap: pu is 117 where 110 must follow" in found["incidents"][0]


def test_no_snapshot_no_book(wire, spot_2023, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be rebuilt: 3929 diffs, but no REST snapshot"):
        audit(read_recording(spot_2023))


def test_a_snapshot_that_nothing_continues(wire, tmp_path: Path) -> None:
    w = wire().diff().diff().snapshot(lastUpdateId=50)
    with pytest.raises(RecordingError, match="no diff continues"):
        audit(read_recording(w.write(tmp_path / "a.gz")))


def test_a_venue_without_numbers(taifex) -> None:
    found = audit(read_recording(taifex / "TXFD6_2026-04-08.parquet"))
    assert found["events"] == 849_329 and found["applied"] == 169_355 and found["trades"] == 65_076
    assert found["crossed"] == found["locked"] == found["gaps"] == found["bbo_checked"] == 0
    assert found["holes"] == 5 and "333.5 s without an update" in found["incidents"][0]


def test_files_of_a_session_in_any_order(usdm_2024) -> None:
    found = audit_files(usdm_2024[::-1])
    assert found["applied"] == found["bbo_equal"] == 9_017 and "instruments" not in found
    assert found["compared"] and verdict(found).startswith("PROVEN")


def test_several_symbols_in_one_file_and_one_of_them(wire, tmp_path: Path) -> None:
    one, two = wire("BTCUSDT").snapshot(symbol="BTCUSDT").diff().ticker(), wire("ETHUSDT")
    two.ts += 100
    two.snapshot(symbol="ETHUSDT", bids=[("10.00", "1")], asks=[("10.01", "1")])
    two.diff([("9.99", "2")]).ticker(("10.00", "1"), ("10.01", "1")).diff().ticker(("10.00", "7"), ("10.01", "1"))
    one.lines = sorted(one.lines + two.lines, key=lambda line: int(line.split()[0]))
    path = one.write(tmp_path / "both.gz")
    found = audit_files([path])
    assert (found["bbo_checked"], found["bbo_equal"], found["applied"]) == (3, 2, 3)
    assert {name: part["bbo_checked"] for name, part in found["instruments"].items()} == {
        "binance-usdm:BTCUSDT": 1,
        "binance-usdm:ETHUSDT": 2,
    }
    assert verdict(found).startswith("NOT PROVEN: 1 of 3 best prices differ (the diffs are unbroken: bookTicker")
    alone = audit_files([path], symbol="BTCUSDT")
    assert alone["bbo_checked"] == alone["bbo_equal"] == 1 and "instruments" not in alone


def test_zstd(wire, tmp_path: Path) -> None:
    import pyarrow as pa

    w = wire().snapshot().diff().ticker()
    path = tmp_path / "a.zst"
    path.write_bytes(pa.Codec("zstd").compress("\n".join(w.lines).encode() + b"\n", asbytes=True))
    assert audit_files([path])["bbo_equal"] == 1
    for _ in range(3000):
        w.diff()
    path.write_bytes(pa.Codec("zstd").compress("\n".join(w.lines).encode() + b"\n", asbytes=True)[:-9])
    with pytest.raises(RecordingError, match="the zstd file is truncated or damaged"):
        audit_files([path])


def test_several_sessions_of_which_one_has_no_book(wire, tmp_path: Path) -> None:
    good = wire().snapshot().diff().ticker()
    later = wire()
    later.ts += 3_600 * 10**9
    later.diff().diff().snapshot(lastUpdateId=50)
    found = audit_files([good.write(tmp_path / "a.gz"), later.write(tmp_path / "b.gz")])
    assert found["bbo_equal"] == 1 and list(found["instruments"]) == ["binance-usdm:BTCUSDT", "binance-usdm:BTCUSDT #2"]
    assert "no diff continues" in verdict(found) and verdict(found).startswith("NOT PROVEN")


def test_several_sessions_of_which_none_has_a_book(wire, tmp_path: Path) -> None:
    files = []
    for hour in range(2):
        w = wire()
        w.ts += hour * 3_600 * 10**9
        files.append(w.diff().diff().snapshot(lastUpdateId=50).write(tmp_path / f"{hour}.gz"))
    with pytest.raises(
        RecordingError, match=r"none of 2 sessions has a book: .*no diff continues.*; .*no diff continues"
    ):
        audit_files(files)


def test_files_of_several_formats(kraken_log, wire, lobster_market, tmp_path: Path) -> None:
    files = [
        kraken_log("A/B").snapshot().update().write(tmp_path / "K.ws.1.0"),
        wire().snapshot().diff().ticker().write(tmp_path / "a.gz"),
        *lobster_market().run(20).write(tmp_path),
    ]
    ledger = Ledger()
    found = audit_files(files, ledger=ledger)
    assert (found["checksums_ok"], found["bbo_equal"], found["snapshots_equal"]) == (1, 1, 19)
    assert sorted(found["instruments"]) == ["binance-usdm:BTCUSDT", "kraken:A/B", "nasdaq:TEST"]
    assert verdict(found).startswith("PROVEN") and not ledger.counts["gap"]


def test_bad_rows_are_counted_and_listed(kraken_log, tmp_path: Path) -> None:
    log = kraken_log("A/B").snapshot().update()
    log.lines.insert(2, f"{log.clock}: [7,{{")
    path = log.write(tmp_path / "K.ws.1.0")
    found = audit_files([path])
    assert found["quarantined"] == found["gaps"] == 1 and verdict(found).startswith(
        "NOT PROVEN: 1 gap, 1 row that cannot be right"
    )


@pytest.mark.parametrize("venue", ["kraken", "okx"])
@pytest.mark.parametrize("cut", [3, 40])
def test_a_log_that_ends_within_a_line(kraken_log, okx_log, tmp_path: Path, venue: str, cut: int) -> None:
    log = {"kraken": kraken_log, "okx": okx_log}[venue]("A/B").snapshot().update().update()
    path = log.write(tmp_path / "X.ws.1.0")
    path.write_bytes(path.read_bytes()[:-cut] if cut > 3 else path.read_bytes() + b"161")
    ledger = Ledger()
    found = audit_files([path], ledger=ledger)
    assert (found["quarantined"], found["gaps"], found["checksums"]) == (1, 1, found["checksums_ok"])
    assert verdict(found).startswith("NOT PROVEN: ") and ledger.counts["quarantined"] == 1
    assert all("gap: a message that cannot be read: " in line for line in found["ledger"])
    with pytest.raises(RecordingError, match=r"X.ws.1.0:\d+: "):
        read_recording(path)


def test_what_cannot_be_audited(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        audit_files([tmp_path / "nothing"])
    (tmp_path / "x.txt").write_text("hello\n")
    with pytest.raises(RecordingError, match=r"x.txt: unknown format"):
        audit_files([tmp_path / "x.txt"])
    (tmp_path / "x.txt").rename(tmp_path / "x.meta.json")
    with pytest.raises(RecordingError, match=r"no market data in this folder .*; passed over: x\.meta\.json$"):
        audit_files([tmp_path])
    with pytest.raises(InputError, match="verify reads no databases"):
        audit_files(["postgresql://user@host/database"])


def test_a_folder_stands_for_the_data_in_it(wire, kraken_log, tmp_path: Path) -> None:
    data = wire().snapshot().diff().ticker().write(tmp_path / "a.gz").read_bytes()
    later = wire()
    later.ts += 3_600 * 10**9
    later.snapshot().diff().ticker().write(tmp_path / "b.gz").rename(tmp_path / "b.gz.part")
    kraken_log("A/B").snapshot().update().write(tmp_path / "KRAKEN.ws.50.0")
    for name in ("a.labels.json", "a.ledger.jsonl", "quarantine.jsonl", "a.gz.sha256"):
        (tmp_path / name).write_text("{}\n")
    found = audit_files([tmp_path])
    assert (found["bbo_equal"], found["checksums_ok"]) == (2, 1) and verdict(found).startswith("PROVEN")
    assert [session.name for session in open_sessions(tmp_path)] == ["KRAKEN.ws.50.0", "a.gz", "b.gz.part"]
    (tmp_path / "a.gz").write_bytes(data[:-9])
    with pytest.raises(RecordingError, match=r"truncated after this line \(renamed to a\.gz\.part, it is read up"):
        list(read_recording(tmp_path / "a.gz"))
    (tmp_path / "a.gz").rename(tmp_path / "a.gz.part")
    assert len(list(read_recording(tmp_path / "a.gz.part"))) > 0


@pytest.mark.slow
def test_damaged_files_are_audited_or_refused(kraken_log, okx_log, lobster_market, order_market, tmp_path) -> None:
    """Whatever bytes are changed: a finding or an error that names the file, never another exception."""
    chance = random.Random(11)
    logs = [maker("A/B", seed=1).snapshot() for maker in (kraken_log, okx_log)]
    for log in logs:
        for _ in range(30):
            log.update()
    sound = [
        [logs[0].write(tmp_path / "K.ws.1.0")],
        [logs[1].write(tmp_path / "O.ws.1.0")],
        [*lobster_market(1).run(80).write(tmp_path)],
        [*order_market(1).run(150).write(tmp_path)],
    ]
    content = {path: path.read_bytes() for files in sound for path in files}
    seen = Counter()
    for _ in range(250):
        files = chance.choice(sound)
        path = chance.choice(files)
        data = bytearray(content[path])
        for _ in range(chance.choice((1, 3))):
            at, how = chance.randrange(len(data)), chance.random()
            if how < 0.5:
                data[at] = chance.randrange(256)
            elif how < 0.7:
                del data[at : at + chance.randrange(1, 20)]
            elif how < 0.85:
                data[at:at] = bytes(chance.choices(b'0123456789,."[]{}-e', k=3))
            else:
                del data[at + 1 :]
        path.write_bytes(bytes(data))
        try:
            seen[verdict(audit_files(files)).partition(":")[0]] += 1
        except GenesisError as error:
            seen["refused"] += 1
            assert path.name.split("_")[0] in str(error) or "no " in str(error)
        path.write_bytes(content[path])
    assert seen["NOT PROVEN"] > 50 and seen["refused"] > 50, seen
