"""Several symbols in one recording: each line to its own book."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.binance_symbols import glance, survey


def mixed(wire, path: Path, *, price: str = "20.0", tickers: bool = True) -> Path:
    """Two symbols, their lines in turn, the snapshots without a name."""
    one, two = wire("BTCUSDT").snapshot().ticker(), wire("XUSDT")
    two.snapshot(bids=[(price, "1")], asks=[(f"{float(price) + 0.1:.1f}", "1")])
    two.ticker(bid=(price, "1"), ask=(f"{float(price) + 0.1:.1f}", "1"))
    for number in range(5):
        one.diff([("99.8", f"{number + 1}")])
        two.diff([(f"{float(price) - 0.3:.1f}", f"{number + 1}.5")])
    lines = [line for pair in zip(one.lines, two.lines) for line in pair]
    one.lines = [line for line in lines if tickers or "bookTicker" not in line]
    return one.write(path)


def test_a_snapshot_without_a_name_is_of_the_symbol_whose_prices_it_has(wire, tmp_path: Path) -> None:
    path = mixed(wire, tmp_path / "a.gz")
    assert glance([path]) == ["BTCUSDT", "XUSDT"]
    found = survey([path])
    assert found.owners == {(path, 1): "BTCUSDT", (path, 2): "XUSDT"}
    assert found.of_others("XUSDT") == {(path, 1)}
    instrument = found.instrument("XUSDT", None, None)
    assert (instrument.name, instrument.tick_size) == ("binance-usdm:XUSDT", 19.7)
    assert found.instrument("BTCUSDT", None, None).tick_size == 0.1


@pytest.mark.parametrize("change", [{"price": "100.0"}, {"tickers": False}])
def test_what_prices_do_not_tell_is_refused(wire, tmp_path: Path, change) -> None:
    with pytest.raises(RecordingError, match=r"a\.gz:1: a REST snapshot that does not name its symbol"):
        survey([mixed(wire, tmp_path / "a.gz", **change)])
