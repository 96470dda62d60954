"""Wherever a replay is sent, it stands where a straight pass stands there: every level, and all that follows."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genesis_lib.config import load
from genesis_lib.errors import InputError, RecordingError, StateError
from genesis_lib.feeds import ingest, open_source, read_snapshots
from genesis_lib.feeds.base import EndOfSource, ReplaySource
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.replay import Replay
from genesis_lib.feeds.tape import file as tapes

SIMULATED = {"spec": "simulator", "seed": 9, "minutes": 0.5}


def settings_in(folder):
    return load(env={}, paths={"data": str(folder)})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return settings_in(tmp_path_factory.mktemp("data"))


class Straight:
    """A pass without any seek: what must be found at each place."""

    def __init__(self, spec, **options):
        self.source = open_source(spec, **options)
        self.events = list(self.source.events())
        builder, self.rows, self.ends = RowBuilder(self.source.instrument), [], []
        for position, event in enumerate(self.events, 1):
            if (row := builder.push(event)) is not None:
                self.rows.append(row)
                self.ends.append(position)
        self.times = [row.ts_exchange for row in self.rows]

    def at(self, position):
        builder = RowBuilder(self.source.instrument)
        for event in self.events[:position]:
            builder.push(event)
        return builder

    def row_of(self, when):
        return int(np.searchsorted(self.times, when, "right")) - 1


def same_row(one, other):
    if one is None or other is None:
        return one is other
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other))


def same_book(one, other):
    return all(one.levels(side).tobytes() == other.levels(side).tobytes() for side in ("bid", "ask"))


def same_event(one, other):
    return type(one) is type(other) and all(np.array_equal(a, b, equal_nan=_floats(a)) for a, b in zip(one, other))


def _floats(value):
    return isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")


@pytest.fixture(scope="module")
def straight():
    return Straight(**SIMULATED)


@pytest.fixture(scope="module")
def replay(data):
    patch = pytest.MonkeyPatch()
    patch.setattr(tapes, "EVENTS", 128)  # read by the thread of a source without a recipe
    source = open_source(**SIMULATED)
    source = ReplaySource(source.events, source.instrument, name="s", data_hash="small blocks")
    with Replay(source, config=data) as replay:
        replay.prepare()
        patch.undo()
        yield replay


MOVES = st.one_of(
    st.tuples(st.just("seek"), st.floats(0, 30)),
    st.tuples(st.just("back"), st.floats(0.001, 20)),
    st.tuples(st.just("forward"), st.floats(0.001, 20)),
    st.tuples(st.just("rows"), st.integers(1, 40)),
    st.tuples(st.just("events"), st.integers(1, 40)),
    st.tuples(st.just("enter"), st.integers(0, 2500)),
)


@given(st.lists(MOVES, min_size=1, max_size=8), st.integers(1, 30))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_way_there_gives_the_same_place(straight, replay, moves, following):
    replay.enter(0)
    position = 0
    for name, value in moves:
        row = int(np.searchsorted(straight.ends, position, "right")) - 1
        if name == "enter":
            position = min(value, len(straight.events))
            replay.enter(position)
        elif name == "events":
            position = min(position + value, len(straight.events))
            replay.step(value, "events")
        elif name == "rows":
            row = min(row + value, len(straight.rows))
            position = straight.ends[row] if row < len(straight.rows) else len(straight.events)
            replay.step(value)
        else:
            base = straight.times[0] if name == "seek" or row < 0 else straight.times[row]
            shift = round(value * 1e9)
            when = base + (-shift if name == "back" else shift)
            found = max(0, straight.row_of(max(straight.times[0], min(when, straight.times[-1]))))
            position = straight.ends[found]
            getattr(replay, name)(
                when
                if name == "seek" and when <= straight.times[-1]
                else value
                if name != "seek"
                else straight.times[-1]
            )
    assert replay.source.position == replay.state.events == position
    builder = straight.at(position)
    assert same_book(builder.book, replay.book)
    row = int(np.searchsorted(straight.ends, position, "right")) - 1
    assert same_row(replay.row, straight.rows[row] if row >= 0 else None)
    for expected in straight.events[position : position + following]:
        assert same_event(replay.poll(), expected)
        row += builder.push(expected) is not None
        assert same_row(replay.row, straight.rows[row] if row >= 0 else None)
    assert same_book(builder.book, replay.book)


def write_csv(rows, path):
    """Top-10 rows as such files have them: a time, and 40 columns of prices and quantities."""
    names = [f"{side}_{what}_{n}" for n in range(1, 11) for side in ("bid", "ask") for what in ("price", "qty")]
    frame = pd.DataFrame(rows.levels.reshape(len(rows), 40), columns=names)
    frame.insert(0, "timestamp", rows.ts_exchange // 1000)
    frame.dropna().to_csv(path, index=False)


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("parquet", "taifex", "csv", "updates", "postgres")]


@pytest.mark.parametrize("spec", ["usdm_2024", *SLOW])
def test_in_real_data_whatever_they_are_stored_as(spec, request, tmp_path, data):
    if spec == "taifex":
        paths = [request.getfixturevalue("taifex") / "TMFD6_2026-04-08.parquet"]
    else:
        paths = request.getfixturevalue("usdm_2024")
    if spec == "parquet":
        ingest(paths, tmp_path / "rows")
        paths = [tmp_path / "rows"]
    elif spec == "updates":
        paths = ingest(paths, tmp_path / "rows", updates=True)["updates_files"]
    elif spec == "postgres":
        url = request.getfixturevalue("postgres")
        ingest(paths, url)
        paths = url
    elif spec == "csv":
        write_csv(read_snapshots(paths), tmp_path / "BTCUSDT.csv")
        paths = [tmp_path / "BTCUSDT.csv"]
    straight = Straight(paths)
    rng = np.random.default_rng(1)
    with Replay(paths, config=data) as replay:
        replay.prepare()
        for when in rng.integers(straight.times[0], straight.times[-1], 12).tolist():
            row = straight.row_of(when)
            assert same_row(replay.seek(when), straight.rows[row])
            assert replay.source.position == straight.ends[row]
            for expected in straight.events[straight.ends[row] :][:300]:
                assert same_event(replay.poll(), expected)
            assert same_row(
                replay.row, straight.rows[int(np.searchsorted(straight.ends, replay.source.position, "right")) - 1]
            )
        middle = len(straight.events) // 2
        replay.enter(middle)
        assert same_book(straight.at(middle).book, replay.book)


def test_the_state_tells_where_it_stands(data):
    with Replay(**SIMULATED, config=data, speed=2.0) as replay:
        state = replay.state
        assert (state.state, state.speed, state.time, state.events, state.end) == ("playing", 2.0, None, 0, None)
        replay.prepare()
        replay.seek("+15")
        replay.pause()
        state = replay.state
        assert state.state == "paused" and 0.49 < state.progress < 0.51 and state.known == state.end
        assert state.start <= state.time <= state.start + 15_000_000_000 and 0 < state.events < state.total_events
        assert replay.poll() is None and replay.state == state
        assert replay.step().ts_exchange >= state.time and replay.state.rows == state.rows + 1
        replay.speed = math.inf
        replay.resume()
        rest = sum(1 for _ in replay)
        assert rest == replay.state.total_rows - state.rows - 1
        assert (replay.state.state, replay.state.progress) == ("ended", 1.0)
        assert replay.step(5) is replay.row  # there is nothing more
        assert replay.back(10).ts_exchange < state.end and replay.state.state == "playing"
        with pytest.raises(EndOfSource):
            while True:
                replay.poll()


class Clock:
    """Time that passes only where somebody waits for it."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += max(seconds, 1e-6)


def test_speed_is_kept_and_changed_while_it_runs(data, monkeypatch):
    with Replay("simulator", seed=9, minutes=0.5, config=data) as replay:
        replay.prepare()
        clock = Clock()
        monkeypatch.setattr("genesis_lib.feeds.base.time", clock)
        replay.seek("+5")
        for speed in (1.0, 5.0, 20.0, 0.5):
            replay.speed = speed
            began, first = clock.now, replay.row.ts_exchange
            while clock.now < began + 0.4:
                replay.poll(0.01)
            assert (replay.row.ts_exchange - first) / 1e9 == pytest.approx(0.4 * speed, abs=0.1 + 0.05 * speed)
        with pytest.raises(InputError, match="speed must be a positive number"):
            replay.speed = 0
        with pytest.raises(InputError, match="speed must be a positive number"):
            replay.speed = None
        replay.speed = "2x"
        assert replay.speed == 2.0


def test_places_outside_the_data_are_refused(data):
    with Replay(**SIMULATED, config=data) as replay:
        with pytest.raises(InputError, match="lies behind the data"):
            replay.seek("+60")
        with pytest.raises(InputError, match="when must be"):
            replay.seek("noon")
        first = replay.seek("+0")
        assert same_row(replay.back(100), first)
        assert replay.forward(1000).ts_exchange == replay.state.end
        for move in (replay.back, replay.forward):
            for wrong in (math.nan, math.inf, 1e300, "9", None, True):
                with pytest.raises(InputError, match="seconds must be a number"):
                    move(wrong)
        for wrong in (0, -1, 1.5, True):
            with pytest.raises(InputError, match="n must be a whole number"):
                replay.step(wrong)
        with pytest.raises(InputError, match="unit must be one of rows, events"):
            replay.step(1, "days")


def test_a_span_before_the_end_waits_until_the_end_is_known(data):
    with Replay("simulator", seed=21, minutes=0.3, config=data) as replay:
        row = replay.seek("-5")
        assert replay.state.end - 6_000_000_000 < row.ts_exchange <= replay.state.end - 5_000_000_000
    with Replay("simulator", seed=21, config=data) as replay, pytest.raises(StateError, match="not known yet"):
        replay.seek("-5")


def test_an_endless_simulator_is_entered_far_ahead(data):
    with Replay("simulator", seed=2, config=data) as replay:
        with pytest.raises(InputError, match="more than a day ahead"):
            replay.seek("+99999999")
        with pytest.raises(InputError, match="more than a day ahead"):
            replay.forward(1e8)
        row = replay.seek("+400")  # further than is made ready by itself
        assert replay.state.end is None and replay.state.progress is None
        straight = RowBuilder(replay.source.instrument)
        for event in islice(open_source("simulator", seed=2).events(), replay.source.position):
            straight.push(event)
        assert same_book(straight.book, replay.book) and row.ts_exchange <= replay.state.start + 400_000_000_000


def test_broken_data_can_be_entered_as_far_as_they_are_whole(data):
    source = open_source(**SIMULATED)

    def events():
        yield from islice(source.events(), 1500)
        raise RecordingError("the gzip file is truncated after this line", "a.gz", 1500)

    with Replay(ReplaySource(events, source.instrument, name="a.gz", data_hash="broken"), config=data) as replay:
        replay.seek("+2")
        with pytest.raises(RecordingError, match=r"a.gz:1500: the gzip file is truncated"):
            replay.seek("+29")
        assert replay.source.position > 0
        with pytest.raises(RecordingError, match="truncated"):
            replay.step(10**9)
        assert replay.source.position == 1500


def test_a_live_market_is_no_replay(monkeypatch, data):
    class Live:
        name, closed = "binance-usdm:BTCUSDT", False

        def close(self):
            Live.closed = True

    monkeypatch.setattr("genesis_lib.feeds.replay.open_source", lambda *_, **__: Live())
    with pytest.raises(StateError, match="a live market cannot be replayed: binance-usdm:BTCUSDT"):
        Replay("binance-usdm:BTCUSDT", config=data)
    assert Live.closed


def test_memory_stays_flat_however_long_the_recording(data, monkeypatch):
    """What is held of a tape does not grow with its events, but by an entry of the index a block."""
    with Replay("simulator", seed=4, minutes=3, config=data) as replay:
        replay.prepare()
        tape = replay.source.tape
        for when in range(0, 180, 7):
            replay.seek(f"+{when}")
        held = tape._unpacked.cache_info()
        assert held.currsize <= held.maxsize == 4 < len(tape._blocks)
