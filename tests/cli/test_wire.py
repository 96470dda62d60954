from __future__ import annotations

import gzip
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from websockets.sync import client

from genesis_lib.cli import main
from genesis_lib.cli.wire import Progress
from genesis_lib.feeds.recording import read_recording
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.venue import LocalVenue


def run(*arguments: str, env: dict | None = None):
    return CliRunner().invoke(main, arguments, env=env)


def test_simulate_writes_a_labelled_recording(tmp_path):
    result = run(
        *("simulate", "--out", str(tmp_path), "--seed", "3", "--minutes", "0.7"),
        *("--plant", "spoofing=1,depth_shock=1", "--json"),
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["planted"] == {"spoofing": 1, "depth_shock": 1}
    recording = read_recording(told["path"])
    assert sum(1 for _ in recording) == told["events"]
    assert recording.provenance == "simulated"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plant", "painting=1"), "plant knows no kind 'painting'; allowed: spoofing"),
        (("--plant", "spoofing"), "plant must be KIND=COUNT,KIND=COUNT, got 'spoofing'"),
        (("--minutes", "0"), "minutes must be greater than 0, got 0.0"),
        (("--symbol", "BTCUSDT"), "simulator symbol must be one of SIMBTC, SIMETH, SIMSOL, got 'BTCUSDT'"),
    ],
)
def test_simulate_refuses_in_one_line_and_writes_nothing(tmp_path, arguments, message):
    result = run("simulate", "--out", str(tmp_path), *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_simulate_writes_a_recording_for_each_symbol(tmp_path):
    arguments = ("simulate", "--seed", "3", "--minutes", "0.1", "--json", "--out")
    told = json.loads(run(*arguments, str(tmp_path / "all"), "--symbol", "SIMBTC,SIMETH, SIMBTC, SIMSOL").stdout)
    assert list(told["markets"]) == ["SIMBTC", "SIMETH", "SIMSOL"]
    assert told["events"] == sum(made["events"] for made in told["markets"].values())
    alone = json.loads(run(*arguments, str(tmp_path / "alone"), "--symbol", "SIMETH").stdout)
    assert Path(alone["path"]).read_bytes() == Path(told["markets"]["SIMETH"]["path"]).read_bytes()


def test_simulate_lays_episodes_over_a_recording(tmp_path):
    base = json.loads(run("simulate", "--out", str(tmp_path), "--seed", "4", "--minutes", "0.8", "--json").stdout)
    held = Path(base["path"]).read_bytes()
    arguments = ("--onto", base["path"], "--plant", "depth_shock=1,quote_stuffing=1", "--seed", "5")
    result = run("simulate", "--out", str(tmp_path / "laid"), *arguments, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["planted"] == {"depth_shock": 1, "quote_stuffing": 1}
    assert told["events"] > base["events"]
    assert Path(base["path"]).read_bytes() == held
    verified = run("verify", told["path"], "--json")
    assert verified.exit_code == 0, verified.output
    assert json.loads(verified.stdout)["bbo_equal"] == json.loads(verified.stdout)["bbo_checked"] > 500


def test_simulate_takes_the_files_of_a_recording_together_or_one_by_one(tmp_path):
    base = json.loads(run("simulate", "--out", str(tmp_path), "--seed", "4", "--minutes", "0.8", "--json").stdout)
    lines = gzip.decompress(Path(base["path"]).read_bytes()).splitlines(keepends=True)
    files = [str(tmp_path / name) for name in ("a.gz", "b.gz")]
    middle = len(lines) // 2
    for file, part in zip(files, (lines[:middle], lines[middle:])):
        Path(file).write_bytes(gzip.compress(b"".join(part)))
    forms = {"together": ("--onto", *files), "repeated": ("--onto", files[0], "--onto", files[1])}
    laid = {}
    for name, form in forms.items():
        result = run("simulate", "--out", str(tmp_path / name), "--plant", "depth_shock=1", *form, "--json")
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout)
        assert told["events"] > base["events"]
        laid[name] = Path(told["path"]).read_bytes()
    assert laid["together"] == laid["repeated"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.gz",), "unexpected 'a.gz': files are given behind --onto"),
        (("--onto", "a.gz", "--minutes", "3"), "leave --minutes out"),
        (("--onto", "a.gz", "b.gz", "--symbol", "SIMETH"), "leave --symbol out"),
        (("--onto", "a.gz"), "name episodes, --plant KIND=COUNT"),
        (("--onto", "a.gz", "--plant", "spoofing=0"), "name episodes, --plant KIND=COUNT"),
    ],
)
def test_simulate_says_what_an_overlay_does_not_take(tmp_path, arguments, message):
    result = run("simulate", "--out", str(tmp_path), *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_simulate_does_not_overwrite_another_simulation_unless_forced(tmp_path):
    def simulate(minutes: str, *more: str):
        return run("simulate", "--out", str(tmp_path), "--minutes", minutes, "--json", *more)

    events = [json.loads(simulate(minutes, *more).stdout)["events"] for minutes, more in (("0.02", ()), ("0.02", ()))]
    refused = simulate("0.03")
    assert (refused.exit_code, "holds another simulation" in refused.stderr) == (1, True)
    assert not list(tmp_path.glob("*.part"))
    assert events[0] == events[1] < json.loads(simulate("0.03", "--force").stdout)["events"]


def test_record_writes_what_the_venue_sends(tmp_path):
    with LocalVenue(Simulator(1), speed=5.0) as venue:
        env = {"GENESIS_FEEDS_REST_URL": venue.rest_url, "GENESIS_FEEDS_WEBSOCKET_URL": venue.websocket_url}
        arguments = ("--symbol", "SIMBTC", "--out", str(tmp_path), "--minutes", "0.03", "--json")
        result = run("record", "--venue", "binance-usdm", *arguments, env=env)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["gaps"], told["resyncs"]) == (0, 0)
    assert sum(1 for _ in read_recording(told["path"]).events()) > 50


def test_record_takes_several_symbols(tmp_path):
    with LocalVenue([Simulator(1, "SIMBTC"), Simulator(1, "SIMETH")], speed=5.0) as venue:
        env = {"GENESIS_FEEDS_REST_URL": venue.rest_url, "GENESIS_FEEDS_WEBSOCKET_URL": venue.websocket_url}
        both = ("--symbol", "SIMBTC", "--symbol", "simeth")
        arguments = ("--venue", "binance-usdm", *both, "--out", str(tmp_path), "--minutes", "0.03", "--json")
        result = run("record", *arguments, env=env)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert list(told["symbols"]) == ["SIMBTC", "SIMETH"]
    for one in told["symbols"].values():
        assert sum(1 for _ in read_recording(one["paths"])) > 50
    assert told["events"] == sum(one["events"] for one in told["symbols"].values())


class Out(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.isatty = lambda: terminal


LOST = {"events": 12, "no connection": "since 21:03:10 UTC"}


def test_progress_changes_in_place_on_a_terminal():
    with Progress(out := Out(True)) as progress:
        progress.tell(LOST)
        progress.tell({"events": 13})
    longer = "events 12  no connection since 21:03:10 UTC"
    assert out.getvalue() == f"\r{longer}\r{'events 13':<{len(longer)}}\n"


def test_progress_in_a_log_is_a_line_at_times_and_where_a_connection_comes_or_goes():
    with Progress(out := Out(False)) as progress:
        for counts in ({"events": 11}, {"events": 12}, LOST, LOST, {"events": 13}, {"events": 14}):
            progress.tell(counts)
    assert out.getvalue().splitlines() == ["events 11", "events 12  no connection since 21:03:10 UTC", "events 13"]
    with Progress(out := Out(False), every=0.0) as progress:
        progress.tell({"events": 11})
        progress.tell({"events": 11})
    assert out.getvalue() == "events 11\n" * 2


def test_venue_says_that_all_has_been_served(tmp_path):
    told = json.loads(run("simulate", "--out", str(tmp_path), "--minutes", "0.02", "--json").stdout)
    command = [sys.executable, "-m", "genesis_lib", "venue", told["path"], "--port", "0", "--speed", "max"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        name = process.stdout.readline().strip()
        url = re.search(r"WEBSOCKET_URL=(\S+)", process.stdout.readline())[1]
        with client.connect(f"{url}/ws/simbtc@trade"):
            _, said = process.communicate(timeout=30)
    assert said.splitlines() == [f"all has been served: {name}"] and name.endswith("(simulated) as SIMBTC")
    assert process.returncode == 0


def test_record_names_the_venues_there_are(tmp_path):
    result = run("record", "--venue", "mtgox", "--symbol", "BTCUSDT", "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "venue must be one of binance-usdm, binance-coinm, binance-spot, got 'mtgox'" in result.stderr


def test_venue_serves_until_it_is_told_to_stop():
    command = [sys.executable, "-m", "genesis_lib", "venue", "simulator", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "simulator:SIMBTC (simulated) as SIMBTC\n"
        port = int(re.search(r"REST_URL=http://127\.0\.0\.1:(\d+)", process.stdout.readline())[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /fapi/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        os.kill(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
        process.wait()


def test_venue_serves_several_symbols_with_faults_and_counts_them(tmp_path):
    path = json.loads(run("simulate", "--out", str(tmp_path), "--minutes", "0.1", "--json").stdout)["path"]
    command = [sys.executable, "-m", "genesis_lib", "venue", path, "simulator:SIMETH", "--port", "0", "--speed", "50"]
    command += ["--faults", "drop=0.2,duplicate=0.1", "--fault-seed", "4", "--fault-streams", "*@trade"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        names = {process.stdout.readline().rsplit(" ", 1)[1] for _ in range(2)}
        assert names == {"SIMBTC\n", "SIMETH\n"}
        url = re.search(r"WEBSOCKET_URL=(\S+)", process.stdout.readline())[1]
        with client.connect(f"{url}/ws/simbtc@trade/simeth@trade", proxy=None, close_timeout=0.2) as connection:
            symbols = [json.loads(connection.recv(5))["s"] for _ in range(100)]
        assert set(symbols) == {"SIMBTC", "SIMETH"}
        os.kill(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 0
        assert re.fullmatch(r"faults: drop \d+  duplicate \d+\n|faults: d\w+ \d+\n", errors), errors
    finally:
        process.kill()
        process.wait()


def test_venue_says_that_a_port_is_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("venue", "simulator", "--port", str(port))
    assert result.exit_code == 1
    assert result.stderr == f"genesis: port {port} on 127.0.0.1 is in use; choose another with --port\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.gz",), "nowhere.gz: no such file"),
        (("simulator", "--speed", "fast"), "speed must be a number or max, got 'fast'"),
        (("simulator:XYZ",), "simulator symbol must be one of SIMBTC, SIMETH, SIMSOL, got 'XYZ'"),
        (("simulator", "simulator"), "source must name each symbol once, got SIMBTC 2 times"),
        (("simulator", "--market", "mtgox"), "market must be one of binance-usdm, binance-coinm, binance-spot"),
        (("simulator", "--faults", "dorp=0.1"), "no fault is called 'dorp' (did you mean drop?)"),
        (("simulator", "--lifetime", "0"), "lifetime must be greater than 0, got 0.0"),
    ],
)
def test_venue_refuses_in_one_line(arguments, message):
    result = run("venue", *arguments, "--port", "0")
    assert result.exit_code == 1
    assert message in result.stderr


def test_simulate_writes_a_market_of_known_odds_with_its_truth(tmp_path):
    arguments = ["simulate", "--out", str(tmp_path), "--predictable", "0.8", "--minutes", "0.2", "--json"]
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["bayes"]["accuracy"] == pytest.approx(0.8)
    assert (found["horizon"], found["label"]) == (20, "smoothed, horizon 20, threshold 0")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"simbayes_seed0.{suffix}" for suffix in ("gz", "labels.json", "meta.json", "truth.npz")
    ]
    refused = run(*arguments, "--plant", "spoofing=1")
    assert refused.exit_code == 2 and "leave --plant and --symbol out" in refused.stderr
    impossible = run("simulate", "--out", str(tmp_path), "--predictable", "1.5")
    assert impossible.exit_code == 1 and "accuracy must lie between" in impossible.stderr
