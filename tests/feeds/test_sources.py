from __future__ import annotations

import math
import time
from itertools import islice, pairwise

import numpy as np
import pytest

from genesis_lib.config import load
from genesis_lib.errors import InputError
from genesis_lib.feeds.base import EndOfSource, Source
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.sources import DEFAULT_RECORDING, default_source, local_recording, open_source
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap


def drain(source) -> list:
    events = []
    while True:
        try:
            event = source.poll(0.0)
        except EndOfSource:
            return events
        if event is not None:
            events.append(event)


def test_the_simulator_is_a_source_and_says_what_it_is():
    source = open_source("simulator", seed=3, minutes=0.05)
    assert isinstance(source, Source)
    assert (source.name, source.provenance) == ("simulator:SIMBTC", "simulated")
    assert source.data_hash == Simulator(3, minutes=0.05).data_hash
    events = drain(source)
    assert isinstance(events[0], DepthSnapshot)
    assert [e.ts_receive for e in events] == [e.ts_receive for e in Simulator(3, minutes=0.05)]


def test_the_simulator_is_endless_unless_told_and_has_other_symbols():
    source = open_source("simulator:SIMETH")
    assert source.instrument.symbol == "SIMETH"
    assert len(list(islice(source.events(), 5000))) == 5000


def test_speed_paces_event_time():
    source = open_source("simulator", seed=1, minutes=0.05, speed=20.0)
    began = time.monotonic()
    events = []
    while True:
        try:
            event = source.poll(0.2)
        except EndOfSource:
            break
        if event is not None:
            events.append(event)
    span = (events[-1].ts_receive - events[0].ts_receive) / 1e9
    assert time.monotonic() - began >= span / 20.0


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("nowhere.gz", {}, "'nowhere.gz': no such file or folder; allowed: the path of a recording"),
        ("kraken:XBTUSD", {}, "unknown venue 'kraken'; allowed: .*binance-usdm:SYMBOL"),
        ("simulator:BTCUSDT", {}, "simulator symbol must be one of SIMBTC, SIMETH, SIMSOL, got 'BTCUSDT'"),
        ("binance-usdm:", {}, "symbol must be letters and digits such as BTCUSDT"),
        ("binance-usdm:BTC/USDT", {}, "symbol must be letters and digits such as BTCUSDT.*got 'BTC/USDT'"),
        (["simulator", "simulator"], {}, "'simulator' stands alone, got 2"),
        ([], {}, "source names nothing; allowed"),
        ("simulator", {"speed": 0}, "speed must be greater than 0"),
        ("simulator", {"speed": math.nan}, "speed must be greater than 0"),
        ("binance-usdm:BTCUSDT", {"seed": 1}, "seed and minutes are the simulator's"),
        (__file__, {"minutes": 1}, "seed and minutes are the simulator's"),
    ],
)
def test_what_cannot_be_opened_is_named_with_what_is_allowed(spec, options, message):
    with pytest.raises(InputError, match=message):
        open_source(spec, **options)


def test_a_recording_gives_synchronized_events(coinm_btc):
    source = open_source(coinm_btc[0])
    events = list(islice(source.events(), 3000))
    assert source.provenance == "recorded"
    assert source.instrument.name == "binance-coinm:BTCUSD_PERP"
    book = [e for e in events if isinstance(e, (DepthSnapshot, DepthUpdate, Gap))]
    assert isinstance(book[0], DepthSnapshot)
    diffs = book[1:]
    assert all(isinstance(e, DepthUpdate) for e in diffs)
    assert all(b.prev_id == a.last_id for a, b in pairwise(diffs))


def test_sessions_of_several_instruments_are_refused(usdm_2023, eth_2024):
    with pytest.raises(InputError, match="one instrument, got 2: binance-usdm:BTCUSDT, binance-usdm:ETHUSDT"):
        open_source([usdm_2023[0], eth_2024[0]])


def test_sessions_on_two_grids_are_refused(wire, tmp_path):
    for name, hour, price in (("a.gz", 0, "1.00"), ("b.gz", 1, "1.05")):
        w = wire("FOOUSDT")
        w.ts += hour * 3600 * 10**9
        w.snapshot([(price, "2")], [("2.00", "2")]).diff([(price, "3")]).write(tmp_path / name)
    with pytest.raises(InputError, match=r"FOOUSDT have several tick sizes \(\[0\.05, 1\.0\]\)"):
        open_source(tmp_path)


def test_a_seam_between_sessions_is_a_gap(usdm_2023, usdm_2024):
    source = open_source([*usdm_2023, *usdm_2024])
    gaps, last = [], 0
    for event in source.events():
        if isinstance(event, Gap):
            gaps.append(event)
        last = event.ts_exchange
    assert [gap.cause for gap in gaps] == ["another session begins"]
    assert gaps[0].ts_exchange <= last
    assert np.datetime64(gaps[0].ts_exchange, "ns").astype("datetime64[D]") == np.datetime64("2024-07-18")


def test_a_recording_is_the_default_where_there_is_one(tmp_path):
    assert default_source(tmp_path) == ["simulator"]
    for name in DEFAULT_RECORDING:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert default_source(tmp_path) == [str(tmp_path / name) for name in DEFAULT_RECORDING]


def test_recordings_that_were_configured_must_be_there(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"recordings '.*none': no such folder; GENESIS_RECORDINGS"):
        default_source(tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    assert default_source(load(env={}).paths.recordings) == ["simulator"]  # nobody asked for any
    with pytest.raises(InputError, match="no such folder"):
        default_source(load(env={"GENESIS_RECORDINGS": "elsewhere"}).paths.recordings)


def test_a_notebook_finds_a_recording_everywhere(tmp_path):
    assert local_recording(["a.gz"], tmp_path, tmp_path) == ["a.gz"]
    (file,) = local_recording([], tmp_path, tmp_path / "made", seed=3, minutes=0.1)
    source = open_source(file)
    assert source.provenance == "simulated"
    assert [e.ts_receive for e in drain(source)][:50] == [e.ts_receive for e in Simulator(3, minutes=0.1)][:50]
