from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.binance_sync import BinanceSync
from genesis_lib.feeds.recording import Recording, hash_files, read_recording
from genesis_lib.feeds.simulation.labelled import write_labelled, write_overlay
from genesis_lib.feeds.simulation.overlay import Overlay
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.verify import audit
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Trade
from orderbook_ext import OrderBook

SIDES = ("bid", "ask")
PLANT = {"spoofing": 1, "layering": 1, "quote_stuffing": 2, "depth_shock": 2}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A recording of the simulator's, where no real one is needed."""
    out = tmp_path_factory.mktemp("base")
    return [write_labelled(out, Simulator(5, minutes=1.9))["path"]]


REAL = ("usdm_2023", "usdm_2024", "eth_2024", "coinm_btc", "coinm_eth")
BASES = ["simulated", *[pytest.param(name, marks=pytest.mark.slow) for name in REAL]]


@pytest.fixture(scope="module", params=BASES)
def laid(request, tmp_path_factory):
    paths = request.getfixturevalue(request.param)
    before = hash_files(read_recording(paths).paths)
    overlay = Overlay(read_recording(paths), PLANT, 3)
    result = write_overlay(tmp_path_factory.mktemp("laid"), overlay)
    assert hash_files(overlay.recording.paths) == before
    return paths, overlay, result


def test_the_audit_proves_it(laid):
    _, overlay, result = laid
    found = audit(read_recording(result["path"]))
    base = audit(overlay.recording)
    assert found["bbo_equal"] == found["bbo_checked"] > base["bbo_checked"]
    assert found["gaps"] == found["crossed"] == found["resyncs"] == 0
    assert found["invalid_rows"] == base["invalid_rows"]
    assert found["events"] == result["events"]


def test_it_says_what_it_is(laid):
    _, overlay, result = laid
    assert read_recording(result["path"]).provenance == "simulated"
    with open(result["path"].removesuffix(".gz") + ".meta.json") as file:  # noqa: PTH123
        beside = json.load(file)
    assert beside["overlay"] is True
    assert beside["base"]["sha256"] == overlay.recording.data_hash
    with open(result["labels"]) as file:  # noqa: PTH123
        labels = json.load(file)
    assert sorted(label["kind"] for label in labels) == sorted(kind for kind, n in PLANT.items() for _ in range(n))
    assert result["planted"] == PLANT
    assert all({"kind", "side", "start", "end", "price", "orders", "parameters"} <= set(label) for label in labels)


class Book:
    """A book that follows raw events, as any reader of the recording would."""

    def __init__(self, instrument) -> None:
        self.book, self.sync = OrderBook(instrument.tick_size, instrument.lot_size), BinanceSync()

    def take(self, event) -> None:
        for given in self.sync.push(event):
            if isinstance(given, DepthSnapshot):
                self.book.snapshot_ticks(given.sides, given.ticks, given.quantities)
            elif isinstance(given, DepthUpdate):
                self.book.apply_ticks(given.sides, given.ticks, given.quantities)


def test_outside_the_episodes_it_is_the_recording(laid):
    """Nothing recorded is left out, what is added lies in a label, and the book is the recorded one elsewhere."""
    paths, overlay, result = laid
    labels = overlay.labels
    told, base = Book(overlay.instrument), Book(overlay.instrument)
    recorded = iter(read_recording(paths))
    coming, added, trades, row = next(recorded), [], [], 0
    for event in read_recording(result["path"]):
        told.take(event)
        if isinstance(event, Trade):
            trades.append(event.trade_id)
        now = event.ts_exchange
        if coming is None or type(event) is not type(coming) or event.ts_receive != coming.ts_receive:
            added.append(type(event))
            assert any(label["start"] <= now <= label["end"] for label in labels)
            continue
        base.take(coming)
        assert now == coming.ts_exchange
        if isinstance(event, DepthUpdate) and not any(label["start"] <= now < label["end"] for label in labels):
            row += 1
            assert np.array_equal(told.book.top(30), base.book.top(30), equal_nan=True)
            if row % 500 == 0:
                assert all(np.array_equal(told.book.levels(side), base.book.levels(side)) for side in SIDES)
        elif isinstance(event, Trade) or not any(label["start"] <= now <= label["end"] for label in labels):
            assert isinstance(event, (DepthUpdate, DepthSnapshot)) or event[4:] == coming[4:]
        coming = next(recorded, None)
    assert coming is None
    assert all(np.array_equal(told.book.levels(side), base.book.levels(side)) for side in SIDES)
    assert added.count(Trade) == PLANT["spoofing"] + PLANT["layering"]
    assert added.count(DepthUpdate) > 10
    assert added.count(BookTicker) >= 2 * PLANT["depth_shock"]
    assert (np.diff(trades) >= 1).all()
    assert row > 100


def test_it_shows_what_its_labels_say(laid):
    _, overlay, result = laid
    instrument, labels = overlay.instrument, overlay.labels
    told = Book(instrument)
    depths = {id(label): ([], []) for label in labels}  # before, inside
    for event in read_recording(result["path"]):
        told.take(event)
        if not isinstance(event, DepthUpdate) or not told.sync.joined:
            continue
        for label in labels:
            if label["start"] - 5_000_000_000 <= event.ts_exchange < label["end"]:
                top = told.book.top(20)[:, 1::2].sum(axis=0)
                depths[id(label)][event.ts_exchange >= label["start"]].append(top)
    for label in labels:
        before, inside = (np.array(rows) for rows in depths[id(label)])
        sides = {"bid": [0], "ask": [1], "both": [0, 1]}[label["side"]]
        for side in sides:
            usual = np.median(before[:, side])
            if label["kind"] == "depth_shock":
                assert np.median(inside[:, side]) < 0.45 * usual
            elif label["kind"] != "quote_stuffing":
                assert inside[:, side].max() > usual + 0.3 * label["quantity"]
                assert {order["action"] for order in label["orders"]} >= {"place", "cancel", "trade"}
            else:
                assert label["placed"] > 10


def test_a_stuffer_s_orders_are_of_one_size(laid):
    labels = [label for label in laid[1].labels if label["kind"] == "quote_stuffing"]
    for label in labels:
        assert len({order["quantity"] for order in label["orders"] if order["action"] == "place"}) == 1
    assert labels


def test_the_same_seed_and_recording_give_the_same_bytes(laid, tmp_path):
    paths, _, result = laid
    again = write_overlay(tmp_path, Overlay(read_recording(paths), PLANT, 3))
    for key in ("path", "labels"):
        assert Path(result[key]).read_bytes() == Path(again[key]).read_bytes()


def test_other_seeds_and_recordings_are_told_apart(simulated):
    recording = read_recording(simulated)
    hashes = {Overlay(recording, plant, seed).data_hash for plant in ({}, {"spoofing": 1}) for seed in (1, 2)}
    assert len(hashes) == 4


def test_the_recording_is_never_written_over(simulated, monkeypatch):
    overlay = Overlay(read_recording(simulated), {}, 3)
    path = Path(write_overlay(Path(simulated[0]).parent, overlay)["path"])
    stem = path.name.rpartition("_")[0]
    monkeypatch.setattr(Recording, "data_hash", path.name.removesuffix(".gz").rpartition("_")[2])
    onto_itself = Overlay(read_recording(path), {}, 3)
    assert stem in path.name
    with pytest.raises(InputError, match="is what would be read; choose another folder"):
        write_overlay(path.parent, onto_itself, replace=True)
