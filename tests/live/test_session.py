import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.engine import Engine
from genesis_lib.errors import RecordingError, SessionError
from genesis_lib.feeds import open_source
from genesis_lib.feeds.base import EndOfSource, ReplaySource
from genesis_lib.journal import read_journal
from genesis_lib.live.client import SessionClient
from genesis_lib.live.directory import SessionDirectory, read_state
from genesis_lib.live.messages import decode
from genesis_lib.types import Trade

WORKER = Path(__file__).with_name("worker.py")
PATIENCE = 10.0  # seconds; the machine that runs the tests may be busy with others


def simulator(minutes=0.3, speed=float("inf")):
    return open_source("simulator", seed=5, minutes=minutes, speed=speed)


def picture(client):
    return decode(client.request_snapshot(PATIENCE))


def wait_for(client, accept, seconds=20.0):
    """First message from now on that is accepted."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        message = client.poll(0.5)
        if message is not None and accept(decode(message)[0]):
            return decode(message)
    raise AssertionError("no such message came")


@pytest.fixture(scope="module")
def alone(worker):
    """What the engine decides by itself on the same events."""
    source = simulator()
    from genesis_lib.config import load

    engine = Engine.build(source.instrument, artifact=worker.QueueReader(), config=load(strategy={"preset": "seed"}))
    engine.start()
    for event in source.events():
        engine.step(event)
    return engine.finish()


def test_a_session_decides_what_the_engine_decides_whoever_watches(start, alone):
    assert alone["trades"] > 20
    quiet = start(simulator(), "quiet").join()
    assert quiet["journal_sha256"] == alone["journal_sha256"] and quiet["trades"] == alone["trades"]

    watched = start(simulator(0.3, speed=12.0), "watched")
    with watched.client() as one:
        one.command("pause", PATIENCE)  # until all viewers are there, however slowly their processes start
        two = watched.client()
        two.request_snapshot(PATIENCE)
        vanishing = subprocess.Popen(
            [sys.executable, "-c", "import sys, time; from genesis_lib.live import SessionClient\n"
             "c = SessionClient(sys.argv[1]); c.request_snapshot(10); print('up', flush=True); time.sleep(60)",
             str(watched.directory.path)], stdout=subprocess.PIPE)  # fmt: skip
        assert vanishing.stdout.readline() == b"up\n"
        one.command("resume", PATIENCE)
        os.kill(vanishing.pid, signal.SIGKILL)
        vanishing.wait()
        vanishing.stdout.close()
        two.close()
        assert picture(one)[0]["state"] == "RUNNING"
        assert watched.join()["journal_sha256"] == alone["journal_sha256"]
    assert set(quiet["latency_us"]) == {"p50", "p99"} and quiet["latency_us"]["p50"] > 0
    assert quiet["session"] == "quiet"


def test_all_viewers_see_the_same_and_a_late_one_catches_up(start):
    running = start(simulator(None, speed=20.0))
    first, second = running.client(), running.client()
    seen = [{}, {}]
    for client in (first, second):
        client.request_snapshot(PATIENCE)
    ends = time.monotonic() + 1.5
    while time.monotonic() < ends:
        for client, heard in zip((first, second), seen):
            if (message := client.poll(0.01)) is not None:
                header = decode(message)[0]
                heard[header["seq"]] = (header["kind"], message)
    both = [n for n in seen[0] if n in seen[1] and seen[0][n][0] == seen[1][n][0] == "frame"]
    assert len(both) > 10
    assert all(seen[0][n] == seen[1][n] for n in both)

    header, arrays = picture(first)
    late, late_arrays = picture(second)
    assert len(arrays["points"]) > 30 and arrays["ladder"].shape == (12, 4)
    # What the first was told since its picture, appended to it, is what the second is shown now.
    points, number = arrays["points"], header["seq"]
    while number < late["seq"]:
        message = first.poll(PATIENCE)
        frame, news = decode(message)
        assert frame["seq"] == number + 1
        points, number = np.concatenate([points, news["points"]])[-500:], frame["seq"]
    assert np.array_equal(points, late_arrays["points"], equal_nan=True)
    first.close()
    second.close()


def test_frames_carry_what_the_desk_shows(start):
    with start(simulator(0.4), stay=True).client() as client:
        header, arrays = wait_for(client, lambda header: header["state"] == "ENDED")
        header, arrays = picture(client)
    assert header["kind"] == "snapshot" and header["provenance"] == "simulated"
    assert header["instrument"] == "simulator:SIMBTC" and header["model"]["name"] == "queue-reader"
    assert header["model"] == {"name": "queue-reader", "version": "1", "exposure": None}, "simulated flow is no witness"
    assert header["preset"] == "seed" and header["active"] is True and header["gaps"] == 0 and header["valid"] is True
    assert header["trade_count"] >= len(header["trades"]) == min(50, header["trade_count"]) > 10
    assert set(header["trades"][0]) == {"id", "timestamp", "side", "price", "size", "type", "confidence", "pnl"}
    assert header["signal"]["class"] in ("UP", "DOWN", "NEUTRAL") and sum(header["signal"]["p"]) == pytest.approx(1)
    assert header["total"] == pytest.approx(header["realized"] + header["unrealized"])
    assert header["equity"] == pytest.approx(header["total"] - header["fees"])
    ladder, points = arrays["ladder"], arrays["points"]
    assert header["mid"] == (ladder[0, 0] + ladder[0, 2]) / 2 == points[-1, 1] and header["ts"] == points[-1, 0]
    assert header["spread"] == pytest.approx(ladder[0, 2] - ladder[0, 0])
    assert (np.diff(ladder[:, 0]) < 0).all() and (np.diff(ladder[:, 2]) > 0).all()
    assert points.shape[1] == 6 and (np.diff(points[:, 0]) >= 0).all()


def test_frames_come_by_the_wall_clock_even_when_nothing_happens(start):
    running = start(simulator(None, speed=1e-6))
    with running.client() as client:
        client.request_snapshot(PATIENCE)
        heard = [decode(client.poll(PATIENCE))[0] for _ in range(5)]
    assert len({header["events"] for header in heard}) == 1
    assert [header["seq"] - heard[0]["seq"] for header in heard] == [0, 1, 2, 3, 4]


def test_commands_are_acknowledged_between_events_at_full_speed(start):
    running = start(simulator(None))
    with running.client() as client:
        waited = []
        for name in ("stop", "start", "status") * 4:
            began = time.perf_counter()
            reply = client.command(name, PATIENCE)
            waited.append(time.perf_counter() - began)
            assert reply["active"] is (name != "stop")
            assert {"state", "position", "realized", "unrealized", "session"} <= set(reply)
        print(f"acknowledged after {1e3 * np.median(waited):.1f} ms, at most {1e3 * max(waited):.1f} ms")
        assert reply["events"] > 0
        before = client.command("status", PATIENCE)["events"]
        wait_for(client, lambda header: header["events"] > before)


def test_kill_leaves_the_market_until_a_reset_and_reset_clears_what_viewers_show(start):
    running = start(simulator(None, speed=50.0))
    with running.client() as client:
        client.request_snapshot(PATIENCE)
        wait_for(client, lambda header: header["trade_count"] > 2)
        assert client.command("kill", PATIENCE)["state"] == "KILLED"
        wait_for(client, lambda header: header["position"] == 0)
        with pytest.raises(SessionError, match="reset it before"):
            client.command("start", PATIENCE)
        client.command("reset", PATIENCE)
        header, _ = wait_for(client, lambda header: header["kind"] == "snapshot")
        assert header["trades"] == [] and header["realized"] == 0 and header["trade_count"] == 0
        assert client.command("start", PATIENCE)["state"] == "RUNNING"
        wait_for(client, lambda header: header["trade_count"] > 0)
        with pytest.raises(SessionError, match="one of start, stop"):
            client.command("dance")
    names = [row["name"] for row in read_journal(running.directory.path)["commands"]]
    assert names == ["start", "kill", "reset", "start"]


def test_a_paused_replay_stands_still_and_goes_on_at_its_pace(start):
    running = start(simulator(None, speed=5.0))
    with running.client() as client:
        assert client.command("pause", PATIENCE)["state"] == "PAUSED"
        before = client.command("status", PATIENCE)["events"]
        client.request_snapshot(PATIENCE)
        for _ in range(5):
            assert decode(client.poll(PATIENCE))[0]["events"] == before
        assert client.command("resume", PATIENCE)["state"] == "RUNNING"
        wait_for(client, lambda header: header["events"] > before)


def test_after_its_end_a_session_stays_for_its_viewers(start):
    running = start(simulator(0.1), stay=True)
    with running.client() as client:
        header, _ = wait_for(client, lambda header: header["state"] == "ENDED")
        assert client.command("status", PATIENCE)["state"] == "ENDED"
        with pytest.raises(SessionError, match="at its end: stop has nothing to act on"):
            client.command("stop", PATIENCE)
        assert len(picture(client)[1]["points"]) > 0
        assert read_state(running.directory.path)["state"] == "ENDED"
        summary = running.stop()
        assert summary["events"] == header["events"] and not client.alive
        with pytest.raises(SessionError, match="has ended"):
            client.command("status")
    state = read_state(running.directory.path)
    assert state["summary"]["journal_sha256"] == summary["journal_sha256"] and state["ended_ns"] > state["started_ns"]
    assert not list(running.directory.path.glob("*.sock"))


def test_a_slow_viewer_is_shown_the_picture_anew(start):
    running = start(simulator(None, speed=20.0), fps=1000.0)
    with running.client() as client:
        client.request_snapshot(PATIENCE)
        ends, kinds = time.monotonic() + 20, []
        while "snapshot" not in kinds and time.monotonic() < ends:
            time.sleep(0.3)  # some hundred frames are published meanwhile, and few are kept for us
            while (message := client.poll(0)) is not None:
                kinds.append(decode(message)[0]["kind"])
                if kinds[-1] == "snapshot":
                    break
        assert kinds[-1] == "snapshot"


class Faulty:
    """A live market that fails now and then."""

    provenance, data_hash, name = "live", "live", "faulty"

    def __init__(self, faults, ends=True):
        self.instrument = simulator().instrument
        self._events = iter(list(simulator().events())[:600])
        self._faults, self._given, self._ends = dict(faults), 0, ends

    def poll(self, timeout):
        self._given += 1
        if error := self._faults.pop(self._given, None):
            raise error
        event = next(self._events, None)
        if event is None and self._ends:
            raise EndOfSource
        return event

    def close(self):
        self._faults = {}


def test_a_live_session_records_a_fault_and_goes_on_on_an_invalid_book(start):
    fault = RecordingError("not JSON", "wire", 301)
    running = start(Faulty({301: fault}), stay=True)
    with running.client() as client:
        wait_for(client, lambda header: header["state"] == "ENDED")
        header, arrays = picture(client)
        assert [alert["message"] for alert in header["alerts"] if alert["kind"] == "fault"] == ["wire:301: not JSON"]
        assert header["faults"] == 1 and header["gaps"] == 1 and header["valid"] is False
        assert 1.0 in arrays["points"][:, 5] and arrays["points"][-1, 5] == 0.0
    summary = running.stop()
    assert summary["events"] == 601 and summary["gaps"] == 1
    assert "wire:301: not JSON" in read_journal(running.directory.path)["gaps"][0]["cause"]


def test_a_live_market_cannot_be_paused(start):
    with (
        start(Faulty({}, ends=False)).client() as client,
        pytest.raises(SessionError, match="cannot be stopped: pause"),
    ):
        client.command("pause", PATIENCE)


def test_a_live_source_that_only_fails_is_given_up_with_the_reason(start):
    running = start(Faulty({n: RecordingError(f"no {n}") for n in range(10, 400)}))
    running.join()
    assert isinstance(running.error, SessionError) and "nothing but faults, the last one: no 110" in str(running.error)


def test_a_recording_that_breaks_ends_the_session_with_the_reason_and_an_intact_journal(start):
    whole = simulator()

    def broken():
        for n, event in enumerate(whole.events()):
            if n == 700:
                raise RecordingError("truncated gzip", "a.gz", 700)
            yield event

    running = start(ReplaySource(broken, whole.instrument, name="a.gz"))
    running.join()
    assert str(running.error) == "a.gz:700: truncated gzip"
    state = read_state(running.directory.path)
    assert state["state"] == "ENDED" and state["reason"] == "a.gz:700: truncated gzip"
    assert read_journal(running.directory.path)["summary"]["events"] == 700


def test_a_recording_that_no_book_can_start_from_is_said_to_be_one(start):
    source = simulator()
    trades = [event for event in source.events() if isinstance(event, Trade)]
    running = start(ReplaySource(lambda: trades, source.instrument, name="trades.gz"))
    running.join()
    assert str(running.error).startswith(f"trades.gz: {len(trades)} events, but no book row")


def test_a_defect_is_not_swallowed_but_the_journal_is_closed(start):
    source = simulator()
    foreign = Trade("SIMBTC", 0, 0, 1, None, 1.0, 1)  # no price: not an error of the input but of who made it

    def events():
        yield from list(source.events())[:100]
        yield foreign

    running = start(ReplaySource(events, source.instrument, name="defect"))
    running.join()
    assert isinstance(running.error, TypeError)
    assert read_state(running.directory.path)["reason"].startswith("TypeError")
    SessionDirectory(running.directory.path).close()


def test_a_length_in_market_time_ends_it(start):
    summary = start(simulator(None), minutes=0.05).join()
    times = [event.ts_receive for event in simulator(0.1).events()]
    assert summary["events"] == next(n for n, at in enumerate(times, 1) if at >= times[0] + 3_000_000_000)


def spawn(path, speed, *sources):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(WORKER.parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    return subprocess.Popen([sys.executable, str(WORKER), str(path), str(speed), *sources], env=environment)


def reach(path, child):
    ends = time.monotonic() + 30
    while time.monotonic() < ends and child.poll() is None:
        if read_state(path).get("pid") == child.pid:
            return SessionClient(path)
        time.sleep(0.02)
    raise AssertionError("the session did not come up")


def test_after_kill_9_it_comes_back_with_all_it_had_told(tmp_path):
    path = tmp_path / "s"
    child = spawn(path, 30.0)
    try:
        with reach(path, child) as client:
            client.request_snapshot(PATIENCE)
            told, _ = wait_for(client, lambda header: header["trade_count"] >= 20)
            stopped = client.command("stop", PATIENCE)
            child.kill()
            child.wait()
        trades = read_journal(path)["trades"]
        assert len(trades) >= max(told["trade_count"], stopped["trade_count"])

        child = spawn(path, 30.0)
        with reach(path, child) as client:
            header, _ = picture(client)
            assert header["active"] is False  # it had been told to stop, and had said so
            assert header["trade_count"] >= stopped["trade_count"]
            known = {trade["id"]: trade for trade in header["trades"]}
            assert all(known.get(trade["id"], trade) == trade for trade in told["trades"])
            ids = {row["trade_id"] for row in trades}
            settled = [row for row in read_journal(path)["trades"] if row["trade_id"] in ids]
            assert settled == trades
            done = read_journal(path)["trades"][: header["trade_count"]]
            assert header["realized"] == pytest.approx(sum(row["pnl"] for row in done))
            assert header["position"] == pytest.approx(sum(row["direction"] * row["size"] for row in done))
            # It goes on where it was, not at the start of the day.
            later, _ = wait_for(client, lambda header: header["events"] > stopped["events"] and header["ts"])
            assert later["ts"] >= told["ts"]
    finally:
        child.terminate()
        child.kill()
        child.wait()


def test_a_session_is_not_taken_up_with_another_market(start, worker, tmp_path):
    start(simulator(0.05)).join()
    with (
        SessionDirectory(tmp_path / "s") as directory,
        pytest.raises(SessionError, match="has symbol SIMBTC, got SIMETH"),
    ):
        worker.make(open_source("simulator:SIMETH", minutes=0.05), directory)


def test_session_json_is_whole_and_private(start):
    running = start(simulator(None))
    state = json.loads((running.directory.path / "session.json").read_text())
    assert state["pid"] == os.getpid() and state["state"] == "RUNNING" and state["commands"].startswith("ipc://")
    assert running.directory.path.stat().st_mode & 0o777 == 0o700
