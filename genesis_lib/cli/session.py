"""`genesis run` and `genesis session`: start the live session with its dashboard, and command it from a shell."""

from __future__ import annotations

import getpass
import itertools
import json
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from genesis_lib.cli import emit, grid_options, json_option
from genesis_lib.cli.plain_text import acknowledged, progress, whole
from genesis_lib.config import Config, load, root
from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds import default_source
from genesis_lib.feeds.base import parse_speed
from genesis_lib.live.client import ALERT_COMMANDS, COMMANDS, REPLAY_COMMANDS, SessionClient
from genesis_lib.live.directory import SessionDirectory, is_running, place, read_state, session_name
from genesis_lib.storage.database_url import HIDDEN, is_url, masked
from genesis_lib.strategy import preset

NOTEBOOK = Path("notebooks/05_live_trading.ipynb")
REMEMBERED = ("source", "speed", "model", "seed", "minutes", "strategy", "tick_size", "symbol")
SHOW_SPEED = "4"  # of what plays when nothing was named: a newcomer should not wait minutes for the first trade
READY_S = 60.0
COMMAND_S = 5.0  # patience of a shell; a viewer's is shorter
SOURCES = "_GENESIS_SOURCES"  # of the session's process where a database's URL is among them: ps shows arguments
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


@click.command()
@click.option(
    "--source",
    "source",
    multiple=True,
    metavar="SPEC",
    help="Recording, Parquet folder, CSV, simulator[:SYMBOL], or VENUE:SYMBOL. Repeat for the files of one recording.",
)
@click.option("--speed", metavar="X|max", help="Times as fast as recorded.  [1; 4 without a source; max if headless]")
@click.option("--model", metavar="MODEL", help="Name, version, champion, or none.  [champion]")
@click.option("--strategy", metavar="PRESET", help="Preset of rules.  [default]")
@click.option("--minutes", type=float, metavar="M", help="End after so many minutes of market time.")
@click.option("--seed", type=int, metavar="N", help="Seed of the simulator.")
@grid_options
@click.option(
    "--session", "session", metavar="DIR|NAME", help="Directory or name; an ended or killed one is taken up again."
)
@click.option("--headless", is_flag=True, help="No dashboard; end with the source and print the summary.")
@click.option("--port", type=int, metavar="P", help="Port of the dashboard.  [8866]")
@click.option("--no-browser", is_flag=True, help="Open no browser.")
@click.option(
    "--stay", is_flag=True, hidden=True, help="Headless, but stay after the source's end until standard input closes."
)
@json_option
def run(headless: bool, port: int | None, no_browser: bool, stay: bool, as_json: bool, **wanted: Any) -> None:
    """Trade on paper, live: one session process, and a dashboard that any number of viewers may open.

    Without --source it plays the BTC/USDT recording of 2024 where the recordings are, else the simulator. Ctrl-C ends
    everything.
    """
    config = load(session={"port": port})
    if stay and (sources := os.environ.pop(SOURCES, None)):
        wanted["source"] = json.loads(sources)
    path, wanted = _session(config, wanted)
    config = load(session={"port": port}, strategy={"preset": wanted["strategy"]})
    pace = "1" if wanted["source"] else SHOW_SPEED
    wanted["source"] = list(wanted["source"]) or default_source(config.paths.recordings)
    wanted["speed"] = wanted["speed"] or ("max" if headless else pace)
    parse_speed(wanted["speed"])
    if (minutes := wanted["minutes"]) is not None and not 0 < minutes < float("inf"):
        raise InputError(f"minutes must be a number greater than 0, got {minutes!r}")
    preset(config.strategy.preset)
    path = path or _fresh(place(session_name(wanted["source"][0]), config.paths.sessions))
    if headless:
        summary = _play(path, config, wanted, stay)
    else:
        summary = _serve(path, config, wanted, no_browser)
    emit(summary, as_json)


def _fresh(path: Path) -> Path:
    """The path, or with a number where two sessions start within a second."""
    taken = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], taken) if not one.exists())


def _session(config: Config, wanted: dict[str, Any]) -> tuple[Path | None, dict[str, Any]]:
    """Directory of the session, and its settings: an earlier run's where nothing else was asked for."""
    session = wanted.pop("session")
    if session is None:
        return None, wanted
    path = place(session, config.paths.sessions)
    before = read_state(path)
    if is_running(path):
        raise SessionError(f"session {path.name} is running already (process {before.get('pid', 'unknown')})")
    remembered = before.get("run", {})
    hidden = [one for one in remembered.get("source") or () if is_url(one) and HIDDEN in one]
    if hidden and not wanted["source"]:
        raise SessionError(f"session {path.name} played {hidden[0]}, of which no password is kept: name it as --source")
    return path, {key: remembered.get(key) if wanted[key] in (None, ()) else wanted[key] for key in REMEMBERED}


def _play(path: Path, config: Config, wanted: dict[str, Any], stay: bool) -> dict[str, Any]:
    """The session itself, in this process."""
    from genesis_lib.feeds import open_source
    from genesis_lib.live.session import Session
    from genesis_lib.models import registry

    model = wanted["model"] or "champion"
    artifact = None if model == "none" else registry.load(model, root=config.paths.models)
    sources = wanted["source"]
    simulated = sources[0].partition(":")[0] == "simulator" and not Path(sources[0]).exists()
    source = open_source(
        sources[0] if len(sources) == 1 else sources,
        speed=parse_speed(wanted["speed"]),
        seed=wanted["seed"],
        minutes=wanted["minutes"] if simulated else None,
        tick_size=wanted["tick_size"],
        symbol=wanted["symbol"],
        config=config,
    )
    with SessionDirectory(path) as directory:
        about = {"run": {key: wanted[key] for key in REMEMBERED} | {"source": list(map(masked, sources))}}
        minutes = None if simulated else wanted["minutes"]
        try:
            session = Session(
                source, directory, config=config, artifact=artifact, stay=stay, minutes=minutes, about=about
            )
        except BaseException:
            source.close()
            directory.discard()
            raise
        _on_signal(session.stop)
        if stay:
            _on_orphaned(session.stop)
        else:
            stood = "; paused, as it was: genesis session resume" if directory.before.get("paused") else ""
            click.echo(f"session {path.name}: {source.name} ({source.provenance}){stood}", err=True)
        return session.run()


def _serve(path: Path, config: Config, wanted: dict[str, Any], no_browser: bool) -> dict[str, Any]:
    """The session and its dashboard, each in a process of its own, until Ctrl-C."""
    from genesis_lib.live.supervise import Family, listening, wait_until
    from genesis_lib.widgets.serve import check_port, free_port, new_token, page_url, voila_command

    host, port, token = config.session.host, config.session.port, new_token()
    check_port(host, port)
    port = port or free_port(host)
    argv, environment = voila_command(root() / NOTEBOOK, port=port, host=host, token=token, session_dir=path)
    claimed = SessionDirectory(path)  # made, and nobody else's
    claimed.close()
    ended = threading.Event()
    _on_signal(ended.set)
    with Family() as family:
        play = [sys.executable, "-m", "genesis_lib", "run", "--headless", "--stay", "--json", *_arguments(path, wanted)]
        secret = {SOURCES: json.dumps(list(wanted["source"]))} if any(map(is_url, wanted["source"])) else {}
        session = family.start("session", play, {**os.environ, **ONE_THREAD, **secret}, path / "session.log")

        def started() -> bool:
            return read_state(path).get("pid") == session.process.pid and is_running(path)

        try:
            up = wait_until(started, session, READY_S, ended.is_set)
        except SessionError:
            claimed.discard()  # it never was a session; its last words are in the error
            raise
        if up:
            click.echo(f"session {path.name}: {' '.join(map(masked, wanted['source']))}", err=True)
            voila = family.start("dashboard", argv, environment, path / "dashboard.log")
            if wait_until(lambda: listening(host, port), voila, READY_S, ended.is_set):
                url = page_url(host, port, token)
                click.echo(f"dashboard: {url}", err=True)
                _open_browser(url, no_browser)
                _watch(session, voila, ended)
    state = read_state(path)
    if state.get("reason"):
        raise SessionError(state["reason"])
    return state.get("summary") or {"session": path.name}


def _watch(session, voila, ended: threading.Event) -> None:
    told = False
    while not ended.wait(0.2):
        if session.code is not None:
            raise SessionError(session.obituary())
        if voila.code is not None and not told:
            told = True
            click.echo(f"genesis: {voila.obituary()}; the session goes on, Ctrl-C ends it", err=True)


def _arguments(path: Path, wanted: dict[str, Any]) -> list[str]:
    arguments = ["--session", str(path)]
    for key in REMEMBERED:
        values = list(map(masked, wanted[key])) if key == "source" else [wanted[key]]
        arguments += [
            word for value in values if value is not None for word in (f"--{key.replace('_', '-')}", str(value))
        ]
    return arguments


def _open_browser(url: str, no_browser: bool) -> None:
    shown = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if shown and not no_browser and sys.stderr.isatty():
        webbrowser.open(url)


def _on_signal(stop: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop())


def _on_orphaned(stop: Callable[[], None]) -> None:
    def listen() -> None:
        # os.read, not sys.stdin: a thread that holds its lock would crash the interpreter's shutdown.
        while os.read(0, 1):
            continue
        stop()

    threading.Thread(target=listen, name="genesis-parent", daemon=True).start()


@click.command(context_settings={"ignore_unknown_options": True})  # -30 is a time
@click.argument("action", type=click.Choice([*COMMANDS, *ALERT_COMMANDS, *REPLAY_COMMANDS]))
@click.argument("value", required=False)
@click.option("--by", metavar="WHO", help="Who has seen the alerts.  [your login name]")
@click.option("--session", "session", metavar="DIR|NAME", help="Directory or name.  [the newest that runs]")
@json_option
def session(action: str, value: str | None, by: str | None, session: str | None, as_json: bool) -> None:
    """Ask a running session how it is, or command it.

    stop takes no new entries (exits go on); kill closes the position and blocks the strategy until reset; reset clears
    position, profit and trades. acknowledge ID, KIND or all marks alerts as seen (see genesis alerts).

    Where finished data are played: pause, resume, step [ROWS], speed X|max, seek TIME (2024-07-18T23:58:00Z, +90
    seconds from the start, -30 before the end, or ns since 1970), back SECONDS, forward SECONDS. Going to another time
    clears the account, as a reset does. At the end of the data the speed can still be set, and from there a move goes
    on at that speed, except at max: then it stays paused at the new place until resume or step.
    """
    if by is not None and action not in ALERT_COMMANDS:
        raise click.UsageError(f"--by is for {', '.join(ALERT_COMMANDS)}, not for {action}")
    told = {"what": value, "by": _login() if by is None else by} if action in ALERT_COMMANDS else value
    with SessionClient(session) as client:
        result = client.command(action, timeout=COMMAND_S, value=told)
        ends = time.monotonic() + COMMAND_S
        while action not in ALERT_COMMANDS and _is_under_way(result["replay"] or {}) and time.monotonic() < ends:
            time.sleep(0.05)  # the data are being made ready; whoever asks again later sees how far they are
            result = client.command("status", timeout=COMMAND_S)
    shown = whole if action == "status" else acknowledged if action in ALERT_COMMANDS else progress
    emit(result, as_json, None if as_json else shown(result))


def _login() -> str:
    """Who is at the shell; nobody where the system does not know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _is_under_way(replay: dict[str, Any]) -> bool:
    return replay.get("state") == "seeking" or replay.get("steps", 0) > 0
