from __future__ import annotations

import asyncio
import doctest
import gzip
import json

import numpy as np
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.recording import read_recording
from genesis_lib.feeds.simulation.labelled import write_labelled
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire import playback
from genesis_lib.feeds.wire.playback import Playback


def play(source) -> tuple[Playback, list]:
    played = Playback(source)

    async def run():
        return [message async for message in played.messages()]

    return played, asyncio.run(run())


def test_example():
    assert doctest.testmod(playback).failed == 0


def test_a_recording_and_the_simulation_it_was_written_from_play_the_same(tmp_path):
    simulator = Simulator(3, minutes=0.2)
    path = write_labelled(tmp_path, simulator)["path"]
    (one, live), (other, recorded) = play(simulator), play(path)
    assert live == recorded
    assert one.depth(1000) == other.depth(1000)
    assert (one.provenance, other.provenance) == ("simulated", "simulated")
    assert all(json.loads(m.combined)["data"] == json.loads(m.data) for m in live)


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
        assert [(m.stream, json.loads(m.data)) for m in played] == [(m.stream, json.loads(m.data)) for m in expected]
        assert all(json.loads(m.combined)["data"] == json.loads(m.data) for m in played)


def test_the_rest_answer_is_the_book_as_of_the_last_message(tmp_path):
    simulator = Simulator(4, minutes=0.1)
    played, messages = play(simulator)
    builder = RowBuilder(simulator.instrument)
    for event in simulator:
        builder.push(event)
    answer = json.loads(played.depth(5))
    last = [json.loads(m.data)["u"] for m in messages if m.is_diff][-1]
    assert answer["lastUpdateId"] == last
    assert len(answer["bids"]) == len(answer["asks"]) == 5
    levels = np.array([[*map(float, bid), *map(float, ask)] for bid, ask in zip(answer["bids"], answer["asks"])])
    assert np.array_equal(levels, builder.book.top(5))
    assert np.array_equal(played.top(10), builder.book.top(10))


def test_a_real_recording_starts_where_its_snapshot_joins(usdm_2024):
    played = Playback(usdm_2024)
    answer = json.loads(played.depth(1000))
    recording = read_recording(usdm_2024)
    snapshot = next(event for event in recording.events() if type(event).__name__ == "DepthSnapshot")
    assert answer["lastUpdateId"] >= snapshot.last_id
    assert played.provenance == "recorded"
    assert played.exchange_info()["symbols"][0]["filters"][0]["tickSize"] == "0.1"


def test_without_a_snapshot_there_is_nothing_to_serve(spot_2023):
    with pytest.raises(RecordingError, match="holds no snapshot that its diffs continue"):
        Playback(spot_2023)


def test_a_line_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "simbtc_seed1.gz"
    write_labelled(tmp_path, Simulator(1, minutes=0.05))
    lines = gzip.decompress(path.read_bytes()).splitlines()
    lines[7] = lines[7][:-9]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    with pytest.raises(RecordingError, match=r"simbtc_seed1\.gz:8: "):
        play(path)


def test_only_one_session_in_binance_format_is_served(taifex):
    with pytest.raises(InputError, match="source must be one session recorded in Binance's format"):
        Playback(taifex / "TMFD6_2026-04-08.parquet")
