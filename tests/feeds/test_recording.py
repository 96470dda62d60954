"""Recordings: two clocks, several files, and bad input told with file, line and cause."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds import Ledger, RowBuilder, read_recording, read_snapshots
from genesis_lib.feeds.recording import identify, raw_lines
from genesis_lib.feeds.sidecar import write_sidecar
from genesis_lib.feeds.verify import audit
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Gap, Instrument, MarkPrice, Trade


@pytest.fixture
def session(wire):
    """A snapshot, then three diffs, a trade and a ticker."""
    w = wire().diff([("99.9", "5")]).snapshot().diff([("99.8", "1")]).trade().ticker()
    return w.diff([], [("100.1", "0")]).diff([("99.8", "0")])


def test_events_come_typed_and_in_order(session, tmp_path: Path) -> None:
    recording = read_recording(session.write(tmp_path / "a.gz"))
    assert recording.instrument == Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)
    kinds = [type(event) for event in recording]
    assert kinds == [DepthUpdate, DepthSnapshot, DepthUpdate, Trade, BookTicker, DepthUpdate, DepthUpdate]
    assert recording.lines == 7 and recording.counts["depthUpdate"] == 4
    assert [event.ts_receive for event in recording] == sorted(event.ts_receive for event in recording)
    builder = RowBuilder(recording.instrument, 2)
    rows = [row for row in map(builder.push, recording.events()) if row is not None]
    assert len(rows) == 5 and rows[-1].levels[0].tolist() == [100.0, 1.0, 100.2, 4.0]  # the first diff joined too
    assert recording.provenance == "recorded" and recording.kind == "binance"


def test_a_recording_is_an_iterator_too(session, tmp_path: Path) -> None:
    recording = read_recording(session.write(tmp_path / "a.gz"))
    first = next(recording)
    assert isinstance(first, DepthUpdate) and isinstance(next(recording), DepthSnapshot)
    assert next(iter(recording)).last_id == first.last_id, "iterating begins anew"
    assert isinstance(next(recording), DepthUpdate), "and leaves this pass where it is"


def test_plain_files_microseconds_and_name_order(session, tmp_path: Path) -> None:
    first, second = session.lines[:3], session.lines[3:]
    micro = [f"{line[:16]} {line.split(' ', 1)[1]}" for line in first]
    (tmp_path / "s_1.dat").write_text("\n".join(micro) + "\n\n")
    (tmp_path / "s_2.dat").write_text("\n".join(second))
    recording = read_recording([tmp_path / "s_2.dat", str(tmp_path / "s_1.dat")])
    whole = read_recording(session.write(tmp_path / "whole.gz"))
    assert [event.ts_receive for event in recording] == [event.ts_receive for event in whole]
    assert recording.name == "s_1.dat + s_2.dat"
    both = (tmp_path / "s_1.dat").read_bytes() + (tmp_path / "s_2.dat").read_bytes()
    assert recording.data_hash == hashlib.sha256(both).hexdigest()


def test_an_unknown_symbol_gets_the_grid_of_its_first_levels(wire, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("genesis_lib.feeds.recording.MANY_LEVELS", 1)
    w = wire("FOOUSDT").diff([("1.0025", "7")]).snapshot([("1.0025", "20"), ("1.0000", "5")], [("1.0050", "10")])
    recording = read_recording(w.write(tmp_path / "foo.gz"))
    assert recording.instrument == Instrument("binance-usdm", "FOOUSDT", 0.0025, 1.0)
    path = w.diff([("1.0030", "1")]).write(tmp_path / "off.gz")
    with pytest.raises(RecordingError, match=r"off.gz:3: price 1.003 .*--tick-size"):
        list(read_recording(path))
    assert len(list(read_recording(path, tick_size=0.0001))) == 3
    lonely = wire("FOOUSDT").diff([("1.0", "1")]).write(tmp_path / "lonely.gz")
    with pytest.raises(RecordingError, match=r"unknown symbol 'FOOUSDT'.*no REST snapshot"):
        read_recording(lonely)


def test_other_symbols_are_refused_unless_one_is_asked_for(session, wire, tmp_path: Path) -> None:
    session.lines += wire("ETHUSDT").diff(step_ms=30).lines
    path = session.write(tmp_path / "two.gz")
    with pytest.raises(RecordingError, match=r"two.gz:8: depthUpdate of unknown symbol 'ETHUSDT'"):
        list(read_recording(path))
    recording = read_recording(path, instrument=Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001))
    assert len(list(recording)) == 7 and recording.counts["other symbol ETHUSDT"] == 1


def test_a_break_gives_a_gap_and_the_next_snapshot_heals(session, tmp_path: Path) -> None:
    session.last += 5  # a diff was lost
    session.diff([("99.7", "1")]).diff().snapshot().diff()
    events = list(read_recording(session.write(tmp_path / "a.gz")).events())
    at = next(index for index, event in enumerate(events) if type(event) is Gap)
    assert [type(event) for event in events[at:]] == [Gap, DepthSnapshot, DepthUpdate, DepthUpdate]


@pytest.mark.parametrize(
    ("damage", "line", "cause"),
    [
        (lambda lines: [*lines[:4], lines[4][:-20], *lines[5:]], 5, "not JSON"),
        (lambda lines: [*lines[:3], lines[3].replace('"m": false', '"n": 0'), *lines[4:]], 4, "trade without .* 'm'"),
        (lambda lines: [*lines[:2], lines[2].replace('"pu"', '"pv"').replace('"U"', '"V"'), *lines[3:]], 3, "'U'"),
        (lambda lines: [*lines[:2], lines[2].replace("99.8", "NaN"), *lines[3:]], 3, "finite and not negative"),
        (lambda lines: [*lines[:2], lines[2].replace("99.8", "-99.8"), *lines[3:]], 3, "finite and not negative"),
        (lambda lines: [lines[0], lines[1].replace("100.0", "100.1"), *lines[2:]], 2, "crossed snapshot"),
        (lambda lines: [*lines[:6], "1600000000000000000" + lines[6][19:]], 7, "receive time jumps back"),
        (lambda lines: [*lines[:6], lines[6][4:]], 7, "receive time of 16"),
        (lambda lines: [*lines[:6], lines[6][:20] + "[1]"], 7, "JSON object"),
    ],
)
def test_bad_lines_are_named(session, tmp_path: Path, damage, line: int, cause: str) -> None:
    path = tmp_path / "bad.dat"
    path.write_text("\n".join(damage(session.lines)))
    with pytest.raises(RecordingError, match=cause) as caught:
        list(read_recording(path))
    assert str(caught.value).startswith(f"{path}:{line}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("ms", [-(10**9), -5000, 10**9])
def test_exchange_time_that_jumps_is_told_with_its_rows_and_never_refused(session, tmp_path: Path, ms: int) -> None:
    session.diff(T=session.ms + ms).diff().diff()
    path = session.write(tmp_path / "a.gz")
    ledger = Ledger(tmp_path / "ledger.jsonl")
    found = audit(read_recording(path), ledger)
    assert found["clock_jumps"] == 2 and found["invalid_rows"] == 2 + 2  # two of them where the session begins
    assert ledger.counts["clock jump"] == 2
    assert found["applied"] == found["diffs"] and found["gaps"] == 0


def test_a_clock_that_is_set_back_a_little_is_no_damage(session, tmp_path: Path) -> None:
    session.ts -= 900_000_000
    session.diff()
    assert len(list(read_recording(session.write(tmp_path / "a.gz")))) == 8


def test_truncated_and_damaged_gzip(session, tmp_path: Path) -> None:
    for _ in range(2000):
        session.diff([("99.8", str(session.last))])
    data = session.write(tmp_path / "whole.gz").read_bytes()
    path = tmp_path / "cut.gz"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(RecordingError, match=r"cut.gz:\d+: the gzip file is truncated"):
        list(read_recording(path))
    path.write_bytes(data[: len(data) // 2] + bytes(40) + data[len(data) // 2 + 40 :])
    with pytest.raises(RecordingError, match=r"cut.gz:\d+: "):
        list(read_recording(path))


def test_what_is_no_recording_at_all(wire, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        read_recording(tmp_path / "none.gz")
    with pytest.raises(RecordingError, match="not a file"):
        read_recording(tmp_path)
    with pytest.raises(InputError, match="at least one file"):
        read_recording([])
    (tmp_path / "empty.dat").write_bytes(b"")
    with pytest.raises(RecordingError, match="no depthUpdate"):
        read_recording(tmp_path / "empty.dat")
    with pytest.raises(RecordingError, match="no depthUpdate"):
        read_recording(wire().trade().write(tmp_path / "trades.gz"))
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"hello world\n"))
    with pytest.raises(RecordingError, match=r"text.gz:1: a line must begin with a receive time"):
        read_recording(tmp_path / "text.gz")


def test_importing_feeds_is_cheap_and_recordings_need_no_tables() -> None:
    heavy = "{'pandas', 'pyarrow', 'duckdb', 'torch', 'websockets', 'httpx'}"
    code = f"import sys, genesis_lib.feeds; a = {heavy} & set(sys.modules) | ({{'numpy'}} & set(sys.modules))\n"
    code += f"import genesis_lib.feeds.verify; print(sorted(a | {heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_sidecar_says_what_the_lines_do_not(wire, tmp_path: Path) -> None:
    path = wire("SIMBTC").snapshot().diff().write(tmp_path / "sim.gz")
    instrument = Instrument("simulator", "SIMBTC", 0.1, 0.001)
    write_sidecar(path, instrument, "simulated")
    recording = read_recording(path)
    assert recording.provenance == "simulated" and recording.instrument == instrument
    assert identify(path) == ("simulator", "SIMBTC")


def test_the_two_clocks_of_the_real_recordings(usdm_2023, usdm_2024) -> None:
    first, second = (next(iter(read_recording(paths))) for paths in (usdm_2023, usdm_2024))
    assert first.ts_receive == 1_680_652_700_423_575_000 and first.ts_exchange == 1_680_652_700_430_000_000
    assert second.ts_receive == 1_721_347_020_984_480_942 and second.ts_exchange == 1_721_347_022_504_000_000


def test_marks_of_the_real_recording(usdm_2023) -> None:
    recording = read_recording(usdm_2023[0])
    mark = next(event for event in recording if type(event) is MarkPrice)
    assert (mark.mark, mark.index, mark.funding_rate) == (28147.27373413, 28159.75642857, 0.00002754)


def test_spot_2023_is_read_as_far_as_it_goes(spot_2023) -> None:
    recording = read_recording(spot_2023)
    assert recording.instrument == Instrument("binance-spot", "BTCUSDT", 0.01, 0.00001)
    kinds = [type(event) for event in recording.events()]
    assert DepthUpdate not in kinds and kinds.count(BookTicker) == 8_015 and kinds.count(Trade) == 3_144
    assert sum(1 for _ in raw_lines(spot_2023)) == 15_088


def test_an_hour_of_spot_diffs_explains_the_next_snapshot(recordings, tmp_path: Path) -> None:
    """Another layout of the same messages (one JSON list a kind), so written as lines first."""
    folder = recordings / "binance-spot-ethbtc-2020"
    if not folder.is_dir():
        pytest.skip(f"real recording not here ({folder})")
    first, second = (orjson.loads(file.read_bytes()) for file in sorted(folder.glob("*_snapshot.json")))
    files = sorted(folder.glob("*_update.json"))
    updates = [message for file in files for message in orjson.loads(file.read_bytes())]
    lines = [(updates[0]["E"] + 1, first), *((message["E"], message) for message in updates)]
    data = b"".join(
        b"%d %s\n" % (ms * 1000, orjson.dumps(message)) for ms, message in sorted(lines, key=lambda x: x[0])
    )
    (tmp_path / "ethbtc.dat").write_bytes(data)
    recording = read_recording(tmp_path / "ethbtc.dat")
    assert recording.instrument.venue == "binance-spot" and recording.instrument.tick_size == 1e-6
    builder = RowBuilder(recording.instrument)
    told = {side: [(float(price), float(size)) for price, size in second[side]] for side in ("bids", "asks")}
    held = {"bids": set(), "asks": set()}
    for event in recording.events():
        # The snapshot's id falls inside a batch of one second: its levels are those before or after that batch.
        if type(event) is DepthUpdate and event.last_id > second["lastUpdateId"]:
            collect_held(builder, told, held)
            builder.push(event)
            collect_held(builder, told, held)
            break
        builder.push(event)
    assert builder.counts["gaps"] == 0 and builder.counts["updates"] > 3_000
    assert [len(levels) for levels in told.values()] == [1000, 1000]
    assert len(held["bids"]) >= 998 and len(held["asks"]) >= 986


def collect_held(builder: RowBuilder, told: dict, held: dict) -> None:
    for side, levels in told.items():
        held[side] |= {price for price, size in levels if builder.book.level(side[:3], price) == size}


def test_a_snapshot_that_lacks_a_side_joins_nothing(wire, tmp_path: Path) -> None:
    w = wire().snapshot(asks=[]).diff([("99.8", "1")]).snapshot(bids=[("100.0", "0")]).diff([("99.8", "2")])
    path = w.write(tmp_path / "a.gz")
    with pytest.raises(RecordingError, match="2 diffs, and every REST snapshot lacks a side"):
        read_snapshots(path)
    recording = read_recording(w.snapshot().diff([("99.8", "3")]).write(path))
    assert len([event for event in recording.events() if type(event) is DepthSnapshot]) == 1
    assert recording.counts["one-sided snapshot"] == 2 and recording.counts["snapshot"] == 3
    assert read_snapshots(path).levels[:, 0, 2].tolist() == [100.1] * 3


def test_events_of_other_formats_are_recordings_too(recordings, tmp_path: Path) -> None:
    head = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
    rows = [f"okex,{{}},1700000000000000,1700000000000005,true,{side}" for side in ("bid,10.5,1", "ask,11,2")]
    path = tmp_path / "x.csv"
    path.write_text("\n".join([head, *(row.format("A") for row in rows)]))
    recording = read_recording(path)
    assert recording.kind == "tardis" and [type(event) for event in recording] == [DepthSnapshot]
    path.write_text("\n".join([head, *(row.format(symbol) for symbol in "AB" for row in rows)]))
    with pytest.raises(InputError, match="2 sessions \\(okex:A, okex:B\\); open_sessions"):
        read_recording(path)
    assert read_recording(path, instrument=Instrument("okex", "B", 0.5, 1.0)).instrument.symbol == "B"
    with pytest.raises(InputError, match="10 sessions \\(kraken:ADA/XBT"):
        read_recording(recordings / "kraken" / "KRAKEN.ws.50.0")
    path.write_text("hello")
    with pytest.raises(RecordingError, match="a line must begin with a receive time"):
        list(raw_lines([path]))
