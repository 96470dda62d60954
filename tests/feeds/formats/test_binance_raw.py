"""Raw Binance lines as one format of the table."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds import read_sessions, read_snapshots
from genesis_lib.feeds.formats import recognise
from genesis_lib.feeds.formats.binance_raw import open_files, recognises


def test_a_receive_time_and_an_object() -> None:
    assert recognises(Path("x"), b'1700000000000000 {"lastUpdateId":1}')
    assert not recognises(Path("x"), b"1700000000000,1,2,3")
    assert not recognises(Path("x"), b'{"lastUpdateId":1}')


@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_files_of_an_instrument_are_a_session(wire, tmp_path: Path, name: str) -> None:
    path = wire().snapshot().diff([("99.8", "1")]).write(tmp_path / name)
    assert recognise(path) == "binance"
    (session,) = open_files([path])
    assert session.kind == "binance" and session.instrument.name == "binance-usdm:BTCUSDT"


def test_each_symbol_of_a_recording_is_a_session(wire, tmp_path: Path) -> None:
    one, two = wire("BTCUSDT").snapshot().ticker(), wire("ETHUSDT")
    two.snapshot(bids=[("20.00", "1")], asks=[("20.01", "1")]).ticker(bid=("20.00", "1"), ask=("20.01", "1"))
    for number in range(5):
        one.diff([("99.8", f"{number + 1}")])
        two.diff([("19.99", f"{number + 1}")])
    alone = [read_snapshots(symbol.write(tmp_path / f"{number}.gz")) for number, symbol in enumerate((one, two))]
    one.lines = sorted(one.lines + two.lines, key=lambda line: int(line.split()[0]))
    path = one.write(tmp_path / "both.gz")
    sessions = read_sessions(path)
    assert [part.instrument.name for part in sessions] == ["binance-usdm:BTCUSDT", "binance-usdm:ETHUSDT"]
    for part, expected in zip(sessions, alone):
        assert np.array_equal(part.levels, expected.levels, equal_nan=True) and part.valid.all()
    assert np.array_equal(read_snapshots(path, symbol="ETHUSDT").levels, alone[1].levels, equal_nan=True)
    with pytest.raises(RecordingError, match=r"both\.gz: no diffs of symbol 'XYZ' in it; it has BTCUSDT, ETHUSDT"):
        read_snapshots(path, symbol="XYZ")
    with pytest.raises(InputError, match="'XYZ' is not in these recordings; they are of binance-usdm:BTCUSDT"):
        read_snapshots(tmp_path / "0.gz", symbol="XYZ")


def test_real_recordings_in_one_file(usdm_2024, eth_2024, tmp_path: Path) -> None:
    packed = (usdm_2024[0].read_bytes(), eth_2024[0].read_bytes())
    lines = [line for data in packed for line in gzip.decompress(data).splitlines(keepends=True)]
    path = tmp_path / "both.txt"
    path.write_bytes(b"".join(sorted(lines, key=lambda line: int(line[:19]))))
    for part, name in zip(read_sessions(path), (usdm_2024[0], eth_2024[0])):
        alone = read_snapshots(name)
        assert np.array_equal(part.levels, alone.levels, equal_nan=True) and np.array_equal(part.flow, alone.flow)
