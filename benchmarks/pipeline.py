"""From the wire to the decision, ns an event: a raw depth message in, the strategy's decision out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, quantiles, undisturbed
from benchmarks.models import measured_model
from benchmarks.streams import session
from genesis_lib.engine import Engine
from genesis_lib.feeds.binance import BinanceParser, BinanceSync
from genesis_lib.feeds.raw_lines import Line, raw_lines
from genesis_lib.feeds.recording import read_recording
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.binance_wire import BinanceWriter
from genesis_lib.types import DepthUpdate, Instrument

PEER_EVENTS = 300
SIMULATED_MINUTES = 2.0


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure each depth message of a recording (of the simulator where there is none) once the model answers."""
    from benchmarks.service import EagerPredictor, EagerService

    artifact = measured_model()
    name, instrument, lines = wire(paths)
    service = EagerService(EagerPredictor.of(artifact), instrument.tick_size)
    theirs, expected = service_spans(service, lines)
    p50, p99 = quantiles(theirs)
    peer = Row("pipeline", f"{name}: json, sortedcontainers, torch on 100 rows", p50, p99_ns=p99)
    rows = [peer]
    for words, detect in (("wire to decision", False), ("wire to decision, with the detectors", True)):
        engine = Engine.build(instrument, artifact=artifact, detect=detect)
        ours, answers = engine_spans(engine, instrument, lines)
        assert_equal(answers, expected)
        p50, p99 = quantiles(ours)
        rows.append(Row("pipeline", f"{name}: {words}", p50, p99_ns=p99).against(peer))
    return rows


def assert_equal(answers: dict[int, np.ndarray], expected: dict[int, np.ndarray]) -> None:
    """Both must predict the same after the same message, or the times mean nothing."""
    common = answers.keys() & expected.keys()
    if len(common) < len(expected) / 2:
        raise AssertionError(f"only {len(common)} of {len(expected)} messages were answered by both")
    difference = max(float(np.abs(answers[number] - expected[number]).max()) for number in common)
    if not difference < 1e-3:
        raise AssertionError(f"the engine and the plain service differ by {difference:.2g}")


def wire(paths: Iterable[str | Path]) -> tuple[str, Instrument, list[Line]]:
    """Raw lines in memory, and what they are of."""
    files = session(paths)
    if files:
        instrument = read_recording(files).instrument
        return f"recorded {instrument.symbol}", instrument, list(raw_lines(files))
    print("pipeline: no recording here (set GENESIS_RECORDINGS): the simulator's messages are run", file=sys.stderr)
    simulator = Simulator(0, minutes=SIMULATED_MINUTES)
    writer = BinanceWriter(simulator.instrument)
    lines = []
    for number, event in enumerate(simulator, 1):
        stamp, _, payload = writer.line(event).encode().partition(b" ")
        lines.append(Line(int(stamp), payload, Path("simulator"), number))
    return "simulated", simulator.instrument, lines


def engine_spans(engine: Engine, instrument: Instrument, lines: list[Line]) -> tuple[list[int], dict[int, np.ndarray]]:
    """ns of each depth message that led to a prediction and a decision, and the predictions by line.

    Every other message is handled too, but untimed.
    """
    parser, sync = BinanceParser(instrument), BinanceSync()
    taken, answers = [], {}
    engine.start()
    with undisturbed():
        for at, line in enumerate(lines):
            signals = engine.signals
            start = time.perf_counter_ns()
            event = parser.parse_bytes(line.payload, line.ts_receive)
            if event is None:
                continue
            for ready in sync.push(event):
                engine.step(ready)
            span = time.perf_counter_ns() - start
            if type(event) is DepthUpdate and engine.signals == signals + 1:
                taken.append(span)
                answers[at] = engine.probabilities
    return taken, answers


def service_spans(service, lines: list[Line]) -> tuple[list[int], dict[int, np.ndarray]]:
    """The same for the plain service, up to `PEER_EVENTS` predictions."""
    taken, answers = [], {}
    with undisturbed():
        for at, line in enumerate(lines):
            if b'"depthUpdate"' not in line.payload and b'"bids"' not in line.payload:
                continue
            start = time.perf_counter_ns()
            answer = service.message(line.payload)
            span = time.perf_counter_ns() - start
            if answer is not None:
                taken.append(span)
                answers[at] = answer
                if len(taken) == PEER_EVENTS:
                    break
    if not taken:
        raise AssertionError(f"{len(lines)} messages and no prediction: nothing was timed")
    return taken, answers
