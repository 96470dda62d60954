"""Invariant: what a fault touched is invalid, stands in the ledger, and reaches no feature, label, sample or trade.

Each kind of fault is put into one made-up market and followed from the event to the training set and the engine.
"""

from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.config import load
from genesis_lib.engine import Engine
from genesis_lib.features import FeatureSet, model_inputs
from genesis_lib.feeds import Ledger, RowBuilder
from genesis_lib.training import Label, Rows
from genesis_lib.training.dataset import Samples
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Gap, Instrument, Snapshots, Trade

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
COUNT, FAULT = 400, 200
WINDOW, HORIZON = 20, 10
NUMBERED = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)
PLAIN = Instrument("taifex", "BTCUSDT", 0.1, 0.001)  # numbers nothing: only time tells a hole
STEP = SECOND // 10
NAMES = ("mid", "return_10", "obi_1", "ofi_1", "trade_imbalance_10")


def levels(number: int, mid: int) -> tuple[np.ndarray, ...]:
    """Ten levels a side around a mid, the sizes from the number of the message."""
    away = np.arange(10)
    sides = np.repeat(np.array([0, 1], np.int8), 10)
    ticks = np.concatenate([mid - 1 - away, mid + 1 + away]).astype(np.int64)
    return sides, ticks, 1.0 + (number * 7 + np.arange(20)) % 13


def mid_of(number: int) -> int:
    return 1000 + round(5 * np.sin(number / 15))


def snapshot(number: int, ts: int) -> DepthSnapshot:
    return DepthSnapshot("BTCUSDT", ts, ts, number, *levels(number, mid_of(number)))


def market() -> list[list[Event]]:
    """The events of each row: a trade, then a diff that moves the book to its next state; a snapshot at first."""
    rows: list[list[Event]] = [[snapshot(0, START)]]
    for number in range(1, COUNT):
        ts = START + number * STEP
        old, new = levels(number - 1, mid_of(number - 1)), levels(number, mid_of(number))
        gone = ~np.isin(old[1] * 2 + old[0], new[1] * 2 + new[0])
        sides, ticks, quantities = (np.concatenate([a[gone], b]) for a, b in zip(old, new))
        quantities[: gone.sum()] = 0.0
        trade = Trade("BTCUSDT", ts - 1, ts - 1, number, mid_of(number - 1) + 1, 0.5, 1)
        rows.append([trade, DepthUpdate("BTCUSDT", ts, ts, number, number, number - 1, sides, ticks, quantities)])
    return rows


def one_level(rows: list[list[Event]], side: int, tick: int, quantity: float) -> DepthUpdate:
    """A diff of one level, half a step before the row of the fault."""
    ts = rows[FAULT][-1].ts_exchange - STEP // 2
    arrays = np.array([side], np.int8), np.array([tick], np.int64), np.array([quantity])
    return DepthUpdate("BTCUSDT", ts, ts, FAULT, FAULT, FAULT - 1, *arrays)


def gap(rows: list[list[Event]]) -> None:
    ts = rows[FAULT][-1].ts_exchange
    rows[FAULT] = [Gap("BTCUSDT", ts, ts, "pu is 7 where 5 must follow", 5, 7)]
    later = snapshot(FAULT + 3, rows[FAULT + 3][-1].ts_exchange)
    waited = [event._replace(ts_receive=later.ts_receive) for event in rows[FAULT + 4]]
    rows[FAULT + 1 : FAULT + 5] = [[later], waited]


def crossed(rows: list[list[Event]]) -> None:
    tick = mid_of(FAULT - 1) + 1
    rows[FAULT] = [one_level(rows, 0, tick + 1, 1.0), rows[FAULT][0], one_level(rows, 0, tick + 1, 0.0), *rows[FAULT]]


def locked(rows: list[list[Event]]) -> None:
    tick = mid_of(FAULT - 1) + 1
    rows[FAULT] = [one_level(rows, 0, tick, 1.0), rows[FAULT][0], one_level(rows, 0, tick, 0.0), *rows[FAULT]]


def one_sided(rows: list[list[Event]]) -> None:
    _, ticks, _ = levels(FAULT - 1, mid_of(FAULT - 1))
    asks = np.ones(10, np.int8), ticks[10:], np.zeros(10)
    emptied = one_level(rows, 1, 1, 0.0)._replace(sides=asks[0], ticks=asks[1], quantities=asks[2])
    rows[FAULT] = [emptied, *rows[FAULT]]


def clock_back(rows: list[list[Event]]) -> None:
    for number in range(FAULT, FAULT + 5):
        rows[number] = [event._replace(ts_exchange=event.ts_exchange - 30 * SECOND) for event in rows[number]]


def clock_set(rows: list[list[Event]]) -> None:
    for number in range(FAULT, COUNT):
        rows[number] = [event._replace(ts_receive=event.ts_receive + 5 * SECOND) for event in rows[number]]


def hole(rows: list[list[Event]]) -> None:
    later = 60 * SECOND
    for number in range(FAULT, COUNT):
        moved = [e._replace(ts_exchange=e.ts_exchange + later, ts_receive=e.ts_receive + later) for e in rows[number]]
        rows[number] = moved


def late_snapshot(rows: list[list[Event]]) -> None:
    """The session begins with trades and diffs that wait for the first snapshot."""
    first = snapshot(FAULT, rows[FAULT][-1].ts_exchange)
    trades = [event for part in rows[1:FAULT] for event in part if isinstance(event, Trade)]
    waited = [event._replace(ts_receive=first.ts_receive) for event in rows[FAULT + 1]]
    rows[: FAULT + 2] = [[*trades, first], waited]


FAULTS = {
    "gap": (gap, NUMBERED, "gap"),
    "crossed book": (crossed, NUMBERED, "crossed"),
    "locked book": (locked, NUMBERED, "locked"),
    "one-sided book": (one_sided, NUMBERED, "one-sided"),
    "clock set back": (clock_back, NUMBERED, "clock jump"),
    "receive clock set": (clock_set, NUMBERED, "clock jump"),
    "hole": (hole, PLAIN, "hole"),
    "late first snapshot": (late_snapshot, NUMBERED, None),
}


class Eager:
    """A model that always says up, so that the engine would buy at any row."""

    name, version, columns, levels = "eager", "1", ("obi_1",), 1

    def exposure(self, instrument, first, last):
        return "unseen"

    def predictor(self):
        return self

    def step(self, row):
        return np.array([0.0, 0.0, 1.0]) if np.isfinite(row).all() else np.full(3, np.nan)


def build(instrument: Instrument, rows: list[list[Event]], ledger: Ledger) -> tuple[Snapshots, list[Event]]:
    events = [event for part in rows for event in part]
    builder = RowBuilder(instrument, ledger=ledger)
    made = [row for row in map(builder.push, events) if row is not None]
    return Snapshots.of(made, instrument), events


def test_without_a_fault_every_row_is_valid() -> None:
    ledger = Ledger()
    rows, _ = build(NUMBERED, market(), ledger)
    assert rows.valid.all() and len(rows) == COUNT and not ledger.counts


@pytest.mark.parametrize("name", FAULTS)
def test_from_the_fault_to_the_training_set(name: str) -> None:
    inject, instrument, kind = FAULTS[name]
    sound, _ = build(instrument, market(), Ledger())
    faulty = market()
    inject(faulty)
    ledger = Ledger()
    rows, events = build(instrument, faulty, ledger)
    bad = np.flatnonzero(~rows.valid)
    assert len(bad), "the fault went unseen"
    if kind is not None:
        entry, *_ = [entry for entry in ledger.incidents if entry.kind == kind]
        assert entry.symbol == "BTCUSDT" and entry.cause and entry.ts_exchange >= START - 30 * SECOND

    # A valid row is one of the sound market, to the last bit and with all its flow: what was touched is not among them.
    known = {row.levels.tobytes() + row.flow.tobytes() for row in sound}
    for row in rows:
        assert not row.valid or row.levels.tobytes() + row.flow.tobytes() in known

    # Features: NaN at the rows, and every window starts anew behind them, in the batch and in the stream.
    features = FeatureSet(NAMES)
    values = features.batch(rows)
    assert np.isnan(values[bad]).all()
    assert np.array_equal(values, np.array([features.step(row) for row in rows]), equal_nan=True)
    behind = int(bad[-1]) + 1
    alone = FeatureSet(NAMES).batch(rows[behind:])
    assert np.array_equal(values[behind:], alone, equal_nan=True)
    assert np.isnan(FeatureSet(model_inputs(rows.depth)).batch(rows)[bad]).all()

    # Labels and samples: no window and no horizon touches a bad row or reaches across one.
    pooled = Rows.of([rows], rows.depth)
    assert (pooled.starts[bad] == -1).all() and np.isnan(pooled.inputs[bad]).all()
    move, end = Label(horizon=HORIZON, threshold=0.0).moves(pooled.mid, pooled.starts)
    assert np.isnan(move[bad]).all() and (end[bad] == -1).all()
    samples = Samples.of(pooled, Label(horizon=HORIZON, threshold=0.0), WINDOW)
    assert len(samples)
    for first, last in zip(samples.start, samples.end):
        assert not ((bad >= first) & (bad <= last)).any()
    assert not np.intersect1d(np.flatnonzero(samples.rows_used(np.arange(len(samples)), len(rows))), bad).size

    # The engine: the model is not asked and no entry is decided at a bad row.
    engine = Engine(instrument, artifact=Eager(), config=load(env={}, strategy={"preset": "seed"}))
    engine.start()
    row_of_event, made = {}, 0
    for event in events:
        step = engine.step(event)
        if step is not None and step.row is not None:
            row_of_event[step.event_index] = made
            if not rows.valid[made]:
                assert np.isnan(engine.probabilities).all() and engine.signal == "NONE"
            made += 1
    assert made == len(rows)
    engine.commit()
    entries = [order for order in engine.journal.rows("orders") if order["type"] == "ENTRY"]
    decided = [row_of_event[order["event_index"]] for order in entries if order["status"] == "submitted"]
    assert decided and rows.valid[decided].all()
