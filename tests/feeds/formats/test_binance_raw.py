"""Raw Binance lines as one format of the table."""

from __future__ import annotations

from pathlib import Path

import pytest

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
