"""A session's replay under command: what is shown is what lies there, and what is traded is what the journal says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.clock import iso
from genesis_lib.config import load
from genesis_lib.engine import Engine
from genesis_lib.errors import SessionError, StateError
from genesis_lib.feeds import RowBuilder, open_source
from genesis_lib.feeds.base import ReplaySource
from genesis_lib.journal import Journal, read_journal
from genesis_lib.journal.commands import seek_to, sought
from genesis_lib.live.client import SessionClient
from genesis_lib.live.directory import read_state
from genesis_lib.live.messages import decode
from genesis_lib.live.picture import Picture
from genesis_lib.live.playback import Playback
from genesis_lib.live.resume import Repetition

WORKER = Path(__file__).with_name("worker.py")
PATIENCE = 20.0


def simulator(speed=1.0, minutes=0.5):
    return open_source("simulator", seed=5, minutes=minutes, speed=speed)


@pytest.fixture(scope="module")
def straight():
    """Events, and the time of the newest row after each."""
    source, times = simulator(), []
    builder, events = RowBuilder(source.instrument), list(source.events())
    for event in events:
        row = builder.push(event)
        times.append(times[-1] if row is None else row.ts_exchange)
    return events, np.array(times)


def book_at(straight, position, levels=12):
    builder = RowBuilder(simulator().instrument)
    for event in straight[0][:position]:
        builder.push(event)
    return builder.book.top(levels)


def replay(client, command="status", value=None):
    return client.command(command, PATIENCE, value=value)["replay"]


def settled(client, accept, seconds=PATIENCE):
    ends = time.monotonic() + seconds
    while not accept(state := replay(client)):
        assert time.monotonic() < ends, state
        time.sleep(0.02)
    return state


def ladder(client):
    header, arrays = decode(client.request_snapshot(PATIENCE))
    return header, arrays["ladder"]


def test_a_viewer_goes_anywhere_and_sees_the_exact_book(start, straight):
    times = straight[1]
    with start(simulator()).client() as client:
        client.command("pause", PATIENCE)
        first = times[np.flatnonzero(times)[0]]
        for value, wanted in (
            ("+20", first + 20 * 10**9),
            (int(first) + 7 * 10**9 + 1, first + 7 * 10**9 + 1),
            (iso(int(first) + 13_500_000_000), first + 13_500_000_000),
        ):
            client.command("seek", PATIENCE, value=value)
            state = settled(client, lambda state: state["state"] != "seeking")
            position = state["events"]
            assert times[position - 1] == times[times <= wanted][-1] and state["state"] == "paused"
            header, shown = ladder(client)
            assert np.array_equal(shown, book_at(straight, position), equal_nan=True)
            assert header["ts"] == times[position - 1] / 1e6 and header["replay"]["time"] == header["ts"]
        before = replay(client)
        back = replay(client, "back", 5)
        assert back["time"] <= before["time"] - 5000 < back["time"] + 100
        forward = replay(client, "forward", "5")
        assert abs(forward["time"] - before["time"]) < 100
        assert forward["seeks"] == 5 and forward["end"] == times[-1] / 1e6 and 0 < forward["progress"] < 1


def test_the_chart_shows_what_was_before_and_the_account_is_empty(start):
    running = start(simulator(speed=20.0))
    with running.client() as client:
        settled(client, lambda _: client.command("status", PATIENCE)["trade_count"] > 3)
        client.command("pause", PATIENCE)
        client.command("seek", PATIENCE, value="+25")
        settled(client, lambda state: state["state"] == "paused" and state["seeks"])
        header, arrays = decode(client.request_snapshot(PATIENCE))
        assert (header["trade_count"], header["position"], header["realized"], header["fees"]) == (0, 0.0, 0.0, 0.0)
        assert header["trades"] == [] and header["active"] is True
        points = arrays["points"]
        assert len(points) == 400 and points[-1, 0] == header["ts"] and (np.diff(points[:, 0]) >= 0).all()
        assert not np.isnan(points[:, 2]).any()  # the model had seen enough
        trades = read_journal(running.directory.path)["trades"]
        client.command("resume", PATIENCE)
        settled(client, lambda _: client.command("status", PATIENCE)["trade_count"] > 0)
        running.stop()
    journal = read_journal(running.directory.path)
    names = [row["name"] for row in journal["commands"]]
    (place,) = [sought(name) for name in names if sought(name) is not None]
    (at,) = [row["event_index"] for row in journal["commands"] if sought(row["name"]) is not None]
    assert journal["trades"][: len(trades)] == trades
    assert all(row["event_index"] >= at for row in journal["trades"][len(trades) :])
    assert place > 0 and journal["summary"]["seeks"] == 1
    assert journal["summary"]["trades"] == len(journal["trades"]) - len(trades) > 0


def test_steps_are_exact_and_leave_it_paused(start, straight):
    with start(simulator()).client() as client:
        client.command("seek", PATIENCE, value="+10")
        settled(client, lambda state: state["state"] == "playing")
        one = client.command("pause", PATIENCE)
        for value, rows in ((None, 1), (1, 1), (7, 7), ("3", 3)):
            client.command("step", PATIENCE, value=value)
            ends = time.monotonic() + PATIENCE
            while (two := client.command("status", PATIENCE))["rows"] < one["rows"] + rows:
                assert time.monotonic() < ends
            time.sleep(0.05)
            assert client.command("status", PATIENCE)["rows"] == two["rows"] == one["rows"] + rows
            one = two
        assert one["replay"]["state"] == "paused"
        assert np.array_equal(ladder(client)[1], book_at(straight, one["replay"]["events"]), equal_nan=True)


def test_the_speed_is_changed_while_it_plays(start):
    with start(simulator(), stay=True).client() as client:
        for value, speed in (("5x", 5.0), (10, 10.0), (0.5, 0.5), ("max", "max")):
            assert replay(client, "speed", value)["speed"] == speed
        assert settled(client, lambda state: state["state"] == "ended")


@pytest.mark.parametrize(
    ("command", "value", "words"),
    [
        ("speed", "fast", "speed must be a positive number such as 1, 10 or 0.5, or max, got 'fast'"),
        ("speed", -1, "speed must be a positive number"),
        ("step", 0, "step takes a whole number of rows, 1 to 100000, got 0"),
        ("step", 1.5, "step takes a whole number of rows"),
        ("seek", None, "seek needs a time"),
        ("seek", "noon", "when must be nanoseconds since 1970"),
        ("back", "x", "back takes a number of seconds greater than 0, got 'x'"),
        ("forward", None, "forward takes a number of seconds"),
        ("pause", 3, "pause takes no value, got 3"),
    ],
)
def test_values_that_are_none_are_refused_in_words(command, value, words):
    source = simulator()
    playback = Playback(source, Still, Picture(), None, None)
    try:
        with pytest.raises(ValueError, match=words):
            ends = time.monotonic() + PATIENCE
            while time.monotonic() < ends:  # a time is understood once it is known where the data start
                playback.obey(command, value)
                playback.arrive()
                time.sleep(0.02)
    finally:
        source.close()


class Still:
    """An engine that has seen nothing."""

    row, seeks = None, 0


@pytest.mark.parametrize("command", ["pause", "resume", "step", "speed", "seek", "back", "forward"])
def test_a_live_market_refuses_them_all(command):
    class Live:
        pass

    playback = Playback(Live(), Still, Picture(), None, None)
    with pytest.raises(StateError, match=f"a live market cannot be stopped: {command} is for recordings"):
        playback.obey(command, 1)
    assert playback.status(False) is None
    playback.look_ahead()


def test_a_place_outside_is_refused_and_changes_nothing(start):
    with start(simulator()).client() as client:
        client.command("seek", PATIENCE, value="+1")
        settled(client, lambda state: state["end"] is not None and state["state"] == "playing")
        with pytest.raises(SessionError, match="lies behind the data, which end at"):
            client.command("seek", PATIENCE, value="+500")
        state = replay(client)
        assert (state["state"], state["seeks"]) == ("playing", 1)
        assert replay(client, "forward", 500)["time"] == state["end"]


def test_from_its_end_it_goes_back_and_on(start):
    running = start(simulator(speed=float("inf")), stay=True)
    with running.client() as client:
        settled(client, lambda state: state["state"] == "ended")
        first = read_journal(running.directory.path)["summary"]
        with pytest.raises(SessionError, match="is at its end: pause has nothing to act on"):
            client.command("pause", PATIENCE)
        client.command("back", PATIENCE, value=10)
        state = settled(client, lambda state: state["state"] == "paused" and state["end"] is not None)
        assert state["seeks"] == 1
        assert 9_000 < state["end"] - state["time"] < 11_000, "at max it would be at the end again at once"
        assert read_state(running.directory.path)["paused"] and not read_state(running.directory.path)["summary"]
        client.command("resume", PATIENCE)
        state = settled(client, lambda state: state["seeks"] == 1 and state["state"] == "ended")
        assert state["time"] == state["end"]
        summary = running.stop()
    assert first["seeks"] == 0 and summary["seeks"] == 1 and summary["events"] > first["events"]
    kept = read_journal(running.directory.path)["summary"]
    assert kept.items() <= read_state(running.directory.path)["summary"].items() and kept["seeks"] == 1


def test_at_its_end_the_speed_is_set_at_which_it_goes_on(start):
    with start(simulator(speed=float("inf")), stay=True).client() as client:
        settled(client, lambda state: state["state"] == "ended")
        assert replay(client, "speed", "2") | {"speed": 2.0, "state": "ended", "seeks": 0} == replay(client)
        client.command("seek", PATIENCE, value="-10")
        state = settled(client, lambda state: state["seeks"] == 1 and state["state"] == "playing")
        assert state["speed"] == 2.0 and not state["paused"]
        settled(client, lambda later: later["events"] > state["events"])


def test_who_comes_after_the_end_may_go_back(start):
    with start(simulator(speed=float("inf")), stay=True).client() as client:
        assert settled(client, lambda state: state["state"] == "ended")["end"] is None
        client.request_snapshot(PATIENCE)
        state = settled(client, lambda state: state["end"] is not None)
        assert state["state"] == "ended" and state["time"] == state["end"] and state["progress"] == 1.0


def test_without_a_tape_it_plays_on_and_says_so_once(start, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GENESIS_PATHS_DATA", str(tmp_path / "file"))
    with start(simulator()).client() as client:
        with pytest.raises(SessionError, match="no tape can be kept in"):
            client.command("seek", PATIENCE, value="+5")
        before = replay(client)["events"]
        settled(client, lambda state: state["events"] > before and state["state"] == "playing")


def test_broken_data_are_told_and_the_session_goes_on(start):
    source = simulator()

    def events():
        for number, event in enumerate(source.events()):
            if number == 1200:
                raise StateError("the disk is gone")
            yield event

    broken = ReplaySource(events, source.instrument, name="a", data_hash="broken", speed=1.0)
    with start(broken).client() as client:
        with pytest.raises(SessionError, match="the disk is gone"):
            client.command("seek", PATIENCE, value="+0")
            while True:
                client.command("seek", PATIENCE, value="+29")
                time.sleep(0.02)
        settled(client, lambda state: state["state"] == "playing")  # a seek before that one may still be waiting


def spawn(path, speed):
    environment = {**os.environ, "PYTHONPATH": str(WORKER.parents[2])}
    return subprocess.Popen([sys.executable, str(WORKER), str(path), str(speed)], env=environment)


def reach(path, child):
    ends = time.monotonic() + 30
    while time.monotonic() < ends and child.poll() is None:
        if read_state(path).get("pid") == child.pid:
            return SessionClient(path)
        time.sleep(0.02)
    raise AssertionError("the session did not come up")


def test_after_kill_9_it_stands_where_it_was_sent(tmp_path):
    path, child = tmp_path / "s", None
    try:
        child = spawn(path, 20.0)
        with reach(path, child) as client:
            client.command("seek", PATIENCE, value="+200")
            settled(client, lambda state: state["seeks"] == 1 and state["state"] == "playing")
            client.command("seek", PATIENCE, value="+90")
            settled(client, lambda state: state["seeks"] == 2 and state["state"] == "playing")
            settled(client, lambda _: client.command("status", PATIENCE)["trade_count"] >= 4)
            told = client.command("pause", PATIENCE)
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert read_state(path)["paused"]
        trades = read_journal(path)["trades"]
        child = spawn(path, 0.01)
        with reach(path, child) as client:
            state = settled(client, lambda state: state["events"] > 1000 and state["state"] == "paused")
            assert state["seeks"] == 2
            again = settled(client, lambda state: state["time"] and state["time"] >= told["replay"]["time"] - 1500)
            status = client.command("status", PATIENCE)
            assert status["trade_count"] >= told["trade_count"] and status["events"] <= told["events"] + 50
            assert read_journal(path)["trades"][: len(trades)] == trades
            straight = RowBuilder(open_source("simulator", seed=5).instrument)
            client.command("pause", PATIENCE)
            header, shown = ladder(client)
            for event, _ in zip(open_source("simulator", seed=5).events(), range(header["replay"]["events"])):
                straight.push(event)
            assert np.array_equal(shown, straight.book.top(12), equal_nan=True)
            assert again["seeks"] == 2 and [sought(r["name"]) for r in read_journal(path)["commands"]].count(None) >= 2
    finally:
        child.kill()
        child.wait()


def test_the_settings_say_where_tapes_are_kept(start, tmp_path):
    with start(simulator()).client() as client:
        client.command("seek", PATIENCE, value="+1")
        settled(client, lambda state: state["end"] is not None)
    kept = list((Path(load().paths.data) / "cache").glob("*.tape"))
    assert len(kept) == 1


def taken_up(tmp_path, position):
    """A session that was killed after it had been sent to a position, taken up while its tape is being made."""
    source = open_source("simulator", seed=11, minutes=0.5, speed=2.0)
    journal = Journal.open("sqlite://", "one")
    engine = Engine.build(source.instrument, journal=journal, data_hash=source.data_hash)
    commands = [{"name": seek_to(position), "event_index": 40}]
    repetition = Repetition(source, {"data_hash": source.data_hash}, commands)
    repetition.begin(100)
    playback = Playback(source, engine, Picture(), repetition, tmp_path)
    playback.take_up()
    return playback, engine, source, repetition


def arrive(playback):
    ends = time.monotonic() + PATIENCE
    while not playback.arrive():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_who_goes_elsewhere_while_it_is_taken_up_takes_no_account_along(tmp_path):
    playback, engine, source, repetition = taken_up(tmp_path, 500)
    with closing(source):
        playback.obey("seek", "+20")
        arrive(playback)
        engine.commit()
        assert [row["name"] for row in engine.journal.rows("commands")] == [seek_to(source.position)]
        assert source.position != 500 and repetition.left == 0 and source.speed == 2.0


def test_where_it_stood_is_found_again_or_it_is_said(tmp_path):
    playback, engine, source, repetition = taken_up(tmp_path, 500)
    with closing(source):
        arrive(playback)
        engine.commit()
        assert source.position == 500 and repetition.left == 60 and not playback.is_taking_up
        assert not engine.journal.rows("commands")
    playback, _, source, _ = taken_up(tmp_path / "other", 10**9)
    with closing(source):
        with pytest.raises(StateError, match="the session stood at 1000000000"):
            arrive(playback)
        assert playback.is_taking_up
