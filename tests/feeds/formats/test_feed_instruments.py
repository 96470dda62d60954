"""Grids of a log's instruments: exact, from all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats import feed_instruments, kraken
from genesis_lib.feeds.formats.feed_instruments import whole_ticks
from genesis_lib.types import Instrument


def test_the_grid_is_that_of_the_whole_log(kraken_log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_instruments, "MOST_STRINGS", 5)  # folded over and over
    log = kraken_log("A/B", levels=12)
    log.snapshot()
    log.lines[-1] = log.lines[-1].replace('.01"', '.10"').replace('.99"', '.90"')
    log.step /= 2  # half a cent appears only in an update
    log.decimals = 3
    for _ in range(20):
        log.update()
    (session,) = kraken.open_files([log.write(tmp_path / "K.ws.1.0")])
    assert session.instrument == Instrument("kraken", "A/B", 0.005, 1e-08)


def test_a_symbol_can_be_chosen(kraken_log, tmp_path: Path) -> None:
    one, two = kraken_log("A/B").snapshot(), kraken_log("C/D", seed=1).snapshot()
    one.lines += two.lines[1:]
    path = one.write(tmp_path / "K.ws.1.0")
    assert [s.instrument.symbol for s in kraken.open_files([path])] == ["A/B", "C/D"]
    assert [s.instrument.symbol for s in kraken.open_files([path], symbol="C/D")] == ["C/D"]
    with pytest.raises(RecordingError, match="no book of 'E/F' in it; there are A/B, C/D"):
        kraken.open_files([path], symbol="E/F")
    with pytest.raises(InputError, match="tick_size is of one instrument, got 2"):
        kraken.open_files([path], tick_size=0.01)


@pytest.mark.parametrize("price", ["0.0005", "-1", "abc", "NaN", "0", "1e40"])
def test_prices_off_the_grid(price: str) -> None:
    instrument = Instrument("v", "s", 0.001, 1.0)
    assert whole_ticks("1.230", instrument) == 1230
    with pytest.raises(InputError, match="price"):
        whole_ticks(price, instrument)


def test_a_log_whose_numbers_are_no_grid_is_named(kraken_log, tmp_path: Path) -> None:
    log = kraken_log("A/B")
    log.add([7, {"as": [], "bs": []}, *log.tail()])
    with pytest.raises(RecordingError, match=r"K.ws.1.0: no positive number to take a grid from"):
        kraken.open_files([log.write(tmp_path / "K.ws.1.0")])
