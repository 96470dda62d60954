"""``genesis bench`` on small inputs: rows that tell what they are, and benchmarks that notice a wrong result."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from genesis_lib.cli import bench as command
from genesis_lib.cli import main
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.binance_wire import BinanceWriter


@pytest.fixture
def benchmarks(monkeypatch, tmp_path):
    """The checkout's benchmarks, made small, on a machine without recordings and models."""
    command.import_benchmarks()
    from benchmarks import book, features, matching, models, orders, pipeline, predictor, simulator, streams, train

    near_touch = streams.near_touch
    monkeypatch.setattr(book, "near_touch", lambda: near_touch(3_000))
    monkeypatch.setattr(book, "CALLS", 500)
    single_orders = orders.near_touch
    monkeypatch.setattr(orders, "near_touch", lambda: single_orders(3_000))
    monkeypatch.setattr(matching, "ORDERS", 500)
    monkeypatch.setattr(simulator, "MESSAGES", 40)
    monkeypatch.setattr(simulator, "ORDERS", 500)
    monkeypatch.setattr(simulator, "HOUR_MS", 10_000)
    monkeypatch.setattr(orders, "CALLS", 500)
    monkeypatch.setattr(orders, "POSITIONS", 200)
    monkeypatch.setattr(features, "PEER_STEPS", 5)
    monkeypatch.setattr(features, "SIMULATED_MINUTES", 0.25)
    monkeypatch.setattr(models, "PASSES", 1)
    monkeypatch.setattr(predictor, "STEPS", 30)
    monkeypatch.setattr(predictor, "PEER_STEPS", 10)
    monkeypatch.setattr(predictor, "CHECKED", 4)
    monkeypatch.setattr(predictor, "SYMBOLS", 3)
    monkeypatch.setattr(predictor, "MARKET_ROUNDS", 2)
    monkeypatch.setattr(predictor, "CACHES", 1 << 16)
    monkeypatch.setattr(pipeline, "PEER_EVENTS", 20)
    monkeypatch.setattr(train, "BATCH", 16)
    monkeypatch.setattr(train, "REPEATS", 1)
    monkeypatch.setattr(train, "NETS", ("causal-16",))
    monkeypatch.setattr(train, "SEQUENCES", 2)
    monkeypatch.setattr(train, "STRETCH", 16)
    monkeypatch.setattr(train, "CHECKED", 8)
    monkeypatch.setattr(train, "THREADS", (1,))
    monkeypatch.setattr(pipeline, "SIMULATED_MINUTES", 0.25)
    monkeypatch.setenv("GENESIS_RECORDINGS", str(tmp_path / "none"))
    monkeypatch.setenv("GENESIS_PATHS_MODELS", str(tmp_path / "models"))
    return book


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """Six seconds of the simulator, in the format of a raw Binance recording."""
    simulator = Simulator(5, minutes=0.1)
    writer = BinanceWriter(simulator.instrument)
    file = tmp_path_factory.mktemp("bench") / "recording.dat"
    file.write_text("".join(writer.line(event).rstrip("\n") + "\n" for event in simulator))
    return file


def rows_of(*arguments: str) -> tuple[list[dict], str]:
    result = CliRunner().invoke(main, ["bench", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["rows"], result.stderr


def test_book_rows_without_a_recording(benchmarks):
    rows, notes = rows_of("book")
    assert {row["stage"] for row in rows} == {"book"} and len(rows) >= 8
    assert all(row["name"].startswith("synthetic: ") for row in rows)
    names = {row["name"]: row["ns"] for row in rows}
    for row in rows:
        assert row["ns"] > 0
        assert (row["ratio"] is None) == (row["peer"] == "")
        if row["peer"]:
            assert math.isclose(row["ratio"], names[row["peer"]] / row["ns"])
    assert "no recording here (set GENESIS_RECORDINGS)" in notes


def test_a_recording_is_measured_too(benchmarks, recording):
    rows, notes = rows_of("book", "--path", str(recording))
    assert {row["name"].split(" ")[0] for row in rows} == {"synthetic:", "recorded"}
    assert "no recording" not in notes


def test_a_wrong_book_is_noticed(benchmarks, monkeypatch):
    class Forgetful(benchmarks.OrderBook):
        def apply_ticks(self, sides, ticks, quantities):
            return super().apply_ticks(sides[:-1], ticks[:-1], np.where(quantities > 0, quantities, 1.0)[:-1])

    monkeypatch.setattr(benchmarks, "OrderBook", Forgetful)
    result = CliRunner().invoke(main, ["bench", "book"])
    assert isinstance(result.exception, AssertionError) and "the times mean nothing" in str(result.exception)


def test_scan_rows_and_a_wrong_scanner(benchmarks, recording, monkeypatch):
    from benchmarks import raw_day, scan

    monkeypatch.setattr(scan, "LEVELS", 2_000)
    monkeypatch.setattr(scan, "RUNS", 1)
    rows, _ = rows_of("scan", "--path", str(recording))
    ours = [row for row in rows if "bytes to the book, one block" in row["name"]]
    assert {row["name"].split(" ")[0] for row in ours} == {"synthetic:", "recorded"}
    assert any(row["peer"].endswith("orjson + sortedcontainers") for row in ours) and all(row["ratio"] for row in ours)
    day = raw_day.run(10_000)
    assert day["levels"] == 10_000 and day["seconds"] > 0

    class Hasty(scan.Scanner):
        def follow(self, block, *arguments, **options):
            return super().follow(block[: block.index(b"\n") + 1], *arguments, **options)

    monkeypatch.setattr(scan, "Scanner", Hasty)
    result = CliRunner().invoke(main, ["bench", "scan"])
    assert isinstance(result.exception, AssertionError) and "the times mean nothing" in str(result.exception)


def test_order_rows_and_a_wrong_order_book(benchmarks, monkeypatch):
    rows, notes = rows_of("orders")
    assert {row["stage"] for row in rows} == {"orders"} and "no recording here" in notes
    assert [row["name"] for row in rows if row["ratio"]] == [
        "synthetic: one batch",
        "synthetic: one batch, level changes of each message",
        "synthetic: a message a call",
        "synthetic: one batch, top-10 to numpy each time",
        "synthetic: a message a call, top-10 to numpy each time",
        "synthetic: place in the queue",
    ]
    from benchmarks import orders

    class Hasty(orders.OrderLevelBook):
        def apply(self, actions, ids, sides, ticks, quantities):
            return super().apply(actions[:-1], ids[:-1], sides[:-1], ticks[:-1], quantities[:-1])

    monkeypatch.setattr(orders, "OrderLevelBook", Hasty)
    result = CliRunner().invoke(main, ["bench", "orders"])
    assert isinstance(result.exception, AssertionError) and "the times mean nothing" in str(result.exception)


def test_storage_rows_and_wrong_files(benchmarks, monkeypatch):
    from benchmarks import storage

    monkeypatch.setattr(storage, "SIMULATED_MINUTES", 0.05)
    monkeypatch.setattr(storage, "TIMES", 2)
    monkeypatch.setattr(storage, "HOUR_NS", 5_000_000_000)
    monkeypatch.setattr(storage, "REPEATS", 1)
    rows, notes = rows_of("storage")
    assert "no recording here" in notes and " B an event" in rows[0]["name"]
    assert rows[1]["ratio"] and rows[1]["peer"] == rows[0]["name"] and rows[-1]["name"].endswith("from Parquet")
    if "no PostgreSQL" not in notes:
        assert rows[-1]["peer"].endswith("from PostgreSQL") and rows[-1]["ratio"]

    def no_server():
        raise storage.NoServer("none for this test")

    monkeypatch.setattr(storage, "server", no_server)
    rows, notes = rows_of("storage")
    assert len(rows) == 3 and rows[-1]["ratio"] is None and "none for this test" in notes
    select, events = storage.select, storage.hftbacktest_events
    wrong = {"select": lambda *args: select(*args)[:-1], "hftbacktest_events": lambda *args: np.roll(events(*args), 1)}
    for name, value in wrong.items():
        monkeypatch.setattr(storage, name, value)
        result = CliRunner().invoke(main, ["bench", "storage"])
        assert isinstance(result.exception, AssertionError) and "the times mean nothing" in str(result.exception)


def test_the_other_stages(benchmarks):
    asked = ["matching", "features", "predictor", "pipeline", "train"]
    rows, notes = rows_of(*asked)
    stages = [row["stage"] for row in rows]
    assert stages == sorted(stages, key=asked.index) and set(stages) == set(asked)
    timed = [row for row in rows if row["p99_ns"] is not None]
    assert timed and all(row["p99_ns"] >= row["ns"] > 0 for row in timed)
    assert any(row["name"] == "simulated: wire to decision" for row in rows)
    assert "untrained network" in notes
    named = [row["name"] for row in rows if row["stage"] == "predictor"]
    assert named[0].startswith("the original service") and sum("the answer" in name for name in named) == 4
    assert sum(name.startswith("3 instruments, 10 rows/s each") and "of a core" in name for name in named) == 4


def test_a_wrong_predictor_is_noticed(benchmarks, monkeypatch):
    from genesis_lib.models.predictor import Predictor

    step = Predictor.step
    monkeypatch.setattr(Predictor, "step", lambda self, row: step(self, row) + 2e-6)
    result = CliRunner().invoke(main, ["bench", "predictor"])
    assert isinstance(result.exception, AssertionError) and "the times mean nothing" in str(result.exception)


def test_dense_training_that_computes_something_else_is_noticed(benchmarks, monkeypatch):
    from genesis_lib.models.causal import Causal

    dense = Causal.dense
    monkeypatch.setattr(Causal, "forward", lambda self, x: dense(self, x)[:, 0])
    monkeypatch.setattr(Causal, "dense", lambda self, x: dense(self, x) * (1 + 1e-4))
    result = CliRunner().invoke(main, ["bench", "train"])
    assert isinstance(result.exception, AssertionError) and "the times mean nothing" in str(result.exception)


@pytest.mark.slow
def test_scale_tells_how_long_and_how_much(benchmarks, monkeypatch):
    from benchmarks import scale

    for name, value in {"ROWS": 6_000, "HOURS": 0.04, "PASSES": 2, "FOLDS": 2, "THREADS": 1}.items():
        monkeypatch.setattr(scale, name, value)
    for options, told in (((), "projected"), (("--full",), "measured")):
        rows, _ = rows_of("scale", *options)
        last = rows[-2]
        assert f"2 folds of 2 passes, {told}; peak memory" in last["name"] and last["ratio"] > 2
        assert last["ns"] > sum(row["ns"] for row in rows if row["name"].startswith("a fold's"))
    wrong = CliRunner().invoke(main, ["bench", "train", "--full"])
    assert wrong.exit_code == 2 and "bench scale" in wrong.output


@pytest.mark.parametrize(
    ("ns", "said"), [(8.46, "8.46 ns"), (13_400, "13.4 us"), (2.5e6, "2.5 ms"), (3.2e9, "3.2 s"), (2.4e12, "40 min")]
)
def test_durations_have_three_digits_and_a_unit_that_suits(ns, said):
    assert command.duration(ns) == said


def test_the_table_lines_up():
    table = [
        {"stage": "book", "name": "peer", "ns": 7516.0, "ratio": None, "peer": "", "p99_ns": None},
        {"stage": "book", "name": "ours", "ns": 8.46, "ratio": 888.4, "peer": "peer", "p99_ns": 2.5e6},
    ]
    assert command.render(table).splitlines() == [
        "stage  what     time     p99   ratio  against",
        "-----  ----  -------  ------  ------  -------",
        "book   peer  7.52 us",
        "book   ours  8.46 ns  2.5 ms  888.4x  peer",
    ]


def test_an_installed_package_has_no_benchmarks(monkeypatch, tmp_path):
    monkeypatch.setattr("genesis_lib.__file__", str(tmp_path / "genesis_lib" / "__init__.py"))
    result = CliRunner().invoke(main, ["bench", "book"])
    assert result.exit_code == 1
    assert result.output.startswith("genesis: no benchmarks beside ") and result.output.count("\n") == 1


def test_wrong_usage(tmp_path):
    assert CliRunner().invoke(main, ["bench", "everything"]).exit_code == 2
    assert CliRunner().invoke(main, ["bench", "book", "--path", str(tmp_path / "none.gz")]).exit_code == 2
