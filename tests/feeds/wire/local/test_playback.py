from __future__ import annotations

import asyncio
import doctest
import gzip
import json
import math

import numpy as np
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.recording import read_recording
from genesis_lib.feeds.simulation.labelled import write_labelled
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local import playback
from genesis_lib.feeds.wire.local.playback import Playback, open_playbacks, paced


def play(source) -> tuple[Playback, list]:
    """A playback at its end, and the messages that went out."""
    (played,) = open_playbacks(source)
    messages = []
    for message in played:
        list(played.take(message))
        if message.key:
            messages.append(message)
    return played, messages


def told(messages) -> list:
    return [(message.ts_receive, message.key, json.loads(message.data)) for message in messages]


def test_example():
    assert doctest.testmod(playback).failed == 0


def test_a_recording_and_the_simulation_it_was_written_from_play_the_same(tmp_path):
    simulator = Simulator(3, minutes=0.2)
    path = write_labelled(tmp_path, simulator)["path"]
    (one, live), (other, recorded) = play(simulator), play(path)
    assert told(live) == told(recorded)
    assert [message.data for message in live] == [message.data for message in recorded]
    assert one.market.depth(1000) == other.market.depth(1000)
    assert (one.provenance, other.provenance) == ("simulated", "simulated")


def test_lines_without_an_envelope_or_with_another_order_play_the_same(tmp_path):
    simulator = Simulator(3, minutes=0.05)
    with gzip.open(write_labelled(tmp_path, simulator)["path"], "rt") as stream:
        lines = [line.split(" ", 1) for line in stream]
    _, expected = play(tmp_path / "simbtc_seed3.gz")
    for name in ("bare", "turned"):
        turned = []
        for stamp, text in lines:
            message = json.loads(text)
            if "data" in message:
                message = message["data"] if name == "bare" else dict(reversed(message.items()))
            turned.append(f"{stamp} {json.dumps(message)}\n")
        (tmp_path / f"{name}.dat").write_text("".join(turned))
        (tmp_path / f"{name}.dat.meta.json").write_text((tmp_path / "simbtc_seed3.meta.json").read_text())
        _, played = play(tmp_path / f"{name}.dat")
        assert told(played) == told(expected)


def test_the_rest_answer_is_the_book_as_of_the_last_message(tmp_path):
    simulator = Simulator(4, minutes=0.1)
    played, messages = play(simulator)
    builder = RowBuilder(simulator.instrument)
    for event in simulator:
        builder.push(event)
    answer = json.loads(played.market.depth(5))
    last = [json.loads(m.data)["u"] for m in messages if m.key == "simbtc@depth"][-1]
    assert answer["lastUpdateId"] == last
    assert len(answer["bids"]) == len(answer["asks"]) == 5
    levels = np.array([[*map(float, bid), *map(float, ask)] for bid, ask in zip(answer["bids"], answer["asks"])])
    assert np.array_equal(levels, builder.book.top(5))
    assert np.array_equal(played.top(10), builder.book.top(10))


def test_a_real_recording_starts_where_its_snapshot_joins(usdm_2024):
    (played,) = open_playbacks(usdm_2024)
    answer = json.loads(played.market.depth(1000))
    recording = read_recording(usdm_2024)
    snapshot = next(event for event in recording.events() if type(event).__name__ == "DepthSnapshot")
    assert answer["lastUpdateId"] >= snapshot.last_id
    assert played.provenance == "recorded"
    assert (played.market_name, played.market.native_ms, played.market.writer.tick_size) == ("binance-usdm", 0, "0.1")


def test_without_a_snapshot_there_is_nothing_to_serve(spot_2023):
    with pytest.raises(RecordingError, match="holds no snapshot that its diffs continue"):
        open_playbacks(spot_2023)


def test_a_line_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "simbtc_seed1.gz"
    write_labelled(tmp_path, Simulator(1, minutes=0.05))
    lines = gzip.decompress(path.read_bytes()).splitlines()
    lines[7] = lines[7][:-9]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    with pytest.raises(RecordingError, match=r"simbtc_seed1\.gz:8: "):
        play(path)


def test_only_files_in_binance_format_are_played(taifex):
    with pytest.raises(InputError, match="source must be recorded in Binance's format"):
        open_playbacks(taifex / "TMFD6_2026-04-08.parquet")


def test_several_symbols_are_played_side_by_side(tmp_path):
    path = write_labelled(tmp_path, Simulator(3, "SIMETH", 0.2))["path"]
    playbacks = open_playbacks([Simulator(4, minutes=0.2), path])
    assert [playback.instrument.symbol for playback in playbacks] == ["SIMBTC", "SIMETH"]

    async def run():
        return [(playback, message) async for playback, message in paced(playbacks, math.inf)]

    played = asyncio.run(run())
    since = [message.ts_receive - playback.start for playback, message in played]
    assert since == sorted(since)
    assert {playback.instrument.symbol for playback, _ in played} == {"SIMBTC", "SIMETH"}


@pytest.mark.parametrize(
    ("sources", "market", "message"),
    [
        (lambda: [Simulator(1), Simulator(2)], None, "source must name each symbol once, got SIMBTC 2 times"),
        (lambda: [], None, "source names nothing to play"),
        (
            lambda: Simulator(1),
            "kraken",
            "market must be one of binance-usdm, binance-coinm, binance-spot, got 'kraken'",
        ),
    ],
)
def test_what_cannot_be_played_is_refused(sources, market, message):
    with pytest.raises(InputError, match=message):
        open_playbacks(sources(), market)


def test_a_recording_speaks_its_own_market(usdm_2024):
    with pytest.raises(InputError, match="market must be that of the recording, binance-usdm, got 'binance-spot'"):
        open_playbacks(usdm_2024, "binance-spot")
