"""`genesis verify` and `genesis ingest` from the shell: keys, exit codes, nothing left half-written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from genesis_lib.cli import main
from genesis_lib.feeds import read_snapshots
from genesis_lib.feeds.sidecar import write_sidecar
from genesis_lib.types import Instrument

START = 1_700_000_000_000
VERIFY_KEYS = {"events", "trades", "gaps", "resyncs", "crossed", "unknown_deletes", "bbo_checked", "bbo_equal"}
VERIFY_KEYS |= {"checksums", "checksums_ok", "snapshots", "snapshots_equal"}


def genesis(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Ten diffs on a snapshot, each with its ticker."""
    messages = [{"lastUpdateId": 1, "T": START, "bids": [["10.0", "1"]], "asks": [["10.1", "1"]]}]
    for n in range(2, 12):
        head = {"s": "BTCUSDT", "T": START + n, "E": START + n}
        diff = {"e": "depthUpdate", "U": n, "u": n, "pu": n - 1, "b": [["10.0", str(n)]], "a": []}
        ticker = {"e": "bookTicker", "u": n, "b": "10.0", "B": str(n), "a": "10.1", "A": "1"}
        messages += [{"stream": "d", "data": diff | head}, {"stream": "b", "data": ticker | head}]
    lines = [f"{(START + n) * 1000} {json.dumps(message)}\n" for n, message in enumerate(messages)]
    path = tmp_path / "btcusdt.gz"
    path.write_bytes(gzip.compress("".join(lines).encode()))
    return path


def test_verify_gives_one_json_object(recording: Path) -> None:
    result = genesis("verify", recording, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and found.keys() >= VERIFY_KEYS
    assert (found["events"], found["bbo_checked"], found["bbo_equal"], found["gaps"]) == (21, 10, 10, 0)
    assert "bbo_equal" in genesis("verify", recording).stdout


def test_ingest_writes_rows_that_come_back(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, again = (json.loads(genesis("ingest", recording, "--out", out, "--json").stdout) for _ in range(2))
    assert first == again and first["rows"] == 11 and first["invalid_rows"] == 0
    assert first["bytes"] == sum(Path(file).stat().st_size for file in first["files"])
    assert len(first["sha256"]) == 64 and first["format"] == ["binance"]
    rows, stored = read_snapshots(recording), read_snapshots(out)
    assert np.array_equal(rows.levels, stored.levels, equal_nan=True) and np.array_equal(rows.flow, stored.flow)
    assert (
        json.loads(genesis("ingest", recording, "--out", tmp_path / "two", "--depth", 2, "--json").stdout)["rows"] == 11
    )
    assert read_snapshots(tmp_path / "two").depth == 2


@pytest.mark.parametrize("command", ["verify", "ingest"])
@pytest.mark.parametrize("damage", ["truncated", "garbage", "missing", "field", "negative", "back"])
def test_bad_input_is_one_line_and_leaves_nothing(recording: Path, tmp_path: Path, command: str, damage: str) -> None:
    lines = gzip.decompress(recording.read_bytes()).decode().splitlines()
    changes = {
        "garbage": lambda: lines.insert(5, "what is this"),
        "field": lambda: lines.__setitem__(5, lines[5].replace('"pu"', '"pv"').replace('"u"', '"v"')),
        "negative": lambda: lines.__setitem__(5, lines[5].replace("10.0", "-10.0")),
        "back": lambda: lines.__setitem__(5, "1600000000000000" + lines[5][16:]),
    }
    changes.get(damage, lambda: None)()
    data = gzip.compress("\n".join(lines).encode())
    recording.write_bytes(data[:-60] if damage == "truncated" else data)
    if damage == "missing":
        recording.unlink()
    out = tmp_path / "out"
    result = genesis(command, recording, *(["--out", out] if command == "ingest" else []), "--json")
    assert result.exit_code == 1 and result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.startswith("genesis: ")]
    assert len(lines) == 1 and recording.name in lines[0] and "Traceback" not in result.stderr
    assert not out.exists()


def test_wrong_usage_is_two() -> None:
    assert genesis("verify").exit_code == 2
    assert genesis("ingest", "x").exit_code == 2
    assert genesis("verify", "x", "--tick-size", "0").exit_code == 2


def test_a_recording_without_its_snapshot_says_so(spot_2023) -> None:
    result = genesis("verify", *spot_2023, "--json")
    assert result.exit_code == 1 and "cannot be rebuilt" in result.stderr and result.stdout == ""


def test_two_sessions_at_once(recording: Path, tmp_path: Path, usdm_2023) -> None:
    found = json.loads(genesis("ingest", recording, usdm_2023[0], "--out", tmp_path / "out", "--json").stdout)
    assert found["sessions"] == 2 and found["rows"] == 11 + 4_323 and len(found["files"]) == 2


def test_a_book_that_cannot_be_trusted_is_called_so(recording: Path, tmp_path: Path) -> None:
    sound = genesis("verify", recording)
    assert sound.exit_code == 0 and sound.output.splitlines()[-1].startswith("PROVEN: ")
    lines = gzip.decompress(recording.read_bytes()).decode().splitlines(keepends=True)
    broken = tmp_path / "lossy.gz"
    broken.write_bytes(gzip.compress("".join(lines[:5] + lines[6:]).encode()))  # without one diff
    told = genesis("verify", broken)
    assert told.exit_code == 0 and told.output.splitlines()[-1].startswith("NOT PROVEN: 1 gap")
    assert json.loads(genesis("verify", broken, "--json").stdout)["doubts"] == ["1 gap"]
    assert genesis("verify", broken, "--strict").exit_code == 1
    alone = tmp_path / "alone.gz"
    alone.write_bytes(gzip.compress("".join(line for line in lines if "bookTicker" not in line).encode()))
    assert genesis("verify", alone).output.splitlines()[-1].startswith("UNCHECKED: ")


@pytest.mark.parametrize(
    ("more", "said"), [({}, "SIMULATED"), ({"overlay": True}, "SIMULATED (a recording with planted episodes)")]
)
def test_verify_takes_no_simulation_for_the_market(recording: Path, more: dict, said: str) -> None:
    assert genesis("verify", recording).stdout.startswith("RECORDED: ")
    write_sidecar(recording, Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001), "simulated", **more)
    assert genesis("verify", recording).stdout.splitlines()[0] == f"{said}: binance-usdm:BTCUSDT"
    found = json.loads(genesis("verify", recording, "--json").stdout)
    assert (found["provenance"], found["overlay"]) == ("simulated", bool(more))


def test_verify_takes_what_stands_beside_a_recording_in_any_order(recordings: Path) -> None:
    orders, snapshots = sorted((recordings / "sse").glob("600519_*"))
    for files in ((orders, snapshots), (snapshots, orders)):
        found = json.loads(genesis("verify", *files, "--json", "--strict").stdout)
        assert found["snapshots"] == found["snapshots_equal"] == 4858
        assert found["verdict"].startswith("PROVEN") and found["doubts"] == []


def test_verify_of_several_instruments_gives_sums_and_each(recordings: Path) -> None:
    found = json.loads(genesis("verify", recordings / "kraken/KRAKEN.ws.50.0", "--json").stdout)
    assert found["checksums"] == found["checksums_ok"] == 4269 and len(found["instruments"]) == 10
    alone = genesis("verify", recordings / "okx/OKX.ws.1.0", "--symbol", "BTC-USDT", "--json")
    found = json.loads(alone.stdout)
    assert found["checksums"] == found["checksums_ok"] == 98 and found["instrument"] == "okx:BTC-USDT"
    shown = genesis("verify", recordings / "okx/OKX.ws.1.0").stdout.splitlines()
    assert shown[-1].startswith("PROVEN") and any(line.startswith("okx:UNI-USD-SWAP: events 94") for line in shown)


def test_most_rows_invalid_is_said_on_the_way(recording: Path, tmp_path: Path) -> None:
    sound = genesis("ingest", recording, "--out", tmp_path / "sound", "--json")
    assert "are invalid" not in sound.stderr
    lines = gzip.decompress(recording.read_bytes()).decode().splitlines(keepends=True)
    broken = tmp_path / "crossed.gz"
    lines[1] = lines[1].replace('[["10.0", "2"]]', '[["10.2", "2"]]')  # above the best ask, and it stays there
    broken.write_bytes(gzip.compress("".join(lines).encode()))
    told = genesis("ingest", broken, "--out", tmp_path / "out", "--json")
    (line,) = [line for line in told.stderr.splitlines() if "are invalid" in line]
    assert told.exit_code == 0 and "10 of 11 rows" in line and " crossed" in line
    assert json.loads(told.stdout)["invalid_rows"] == 10
    refused = genesis("verify", "postgresql://user@host/database")
    assert refused.exit_code == 1 and "verify reads no databases" in refused.stderr


def test_verify_writes_its_ledger(recording: Path, tmp_path: Path) -> None:
    lines = gzip.decompress(recording.read_bytes()).decode().splitlines(keepends=True)
    broken = tmp_path / "lossy.gz"
    broken.write_bytes(gzip.compress("".join(lines[:5] + lines[6:]).encode()))  # without one diff
    ledger = tmp_path / "ledger.jsonl"
    told = genesis("verify", broken, "--ledger", ledger, "--strict")
    assert told.exit_code == 1 and " gap: pu is " in told.stdout
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert entries[0]["kind"] == "gap" and entries[0]["symbol"] == "BTCUSDT" and entries[0]["ts_exchange"] > 0
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert genesis("verify", tmp_path / "nothing.gz", "--ledger", tmp_path / "other.jsonl").exit_code == 1
    assert not (tmp_path / "other.jsonl").exists(), "no audit, no ledger"
