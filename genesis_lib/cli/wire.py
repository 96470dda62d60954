"""Commands on data that is not a finished file yet: record, simulate, venue."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click
from click.core import ParameterSource

from genesis_lib.cli import emit, json_option


@click.command()
@click.option("--venue", required=True, help="binance-usdm, binance-coinm or binance-spot.")
@click.option("--symbol", "symbols", required=True, multiple=True, help="For example BTCUSDT; may be given again.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into.")
@click.option("--minutes", type=float, help="Stop after so long; until Ctrl-C when left out.")
@json_option
def record(venue: str, symbols: tuple[str, ...], out: Path, minutes: float | None, as_json: bool) -> None:
    """Record live markets as raw lines that replay to the very same events.

    Each symbol has files of its own: another one at midnight UTC and at the size that rotate_mb of [feeds] sets. After
    a crash everything but the last second is in the .gz.part, which every command reads.
    """
    from genesis_lib.config import load
    from genesis_lib.feeds.wire.live.recorder import record as run

    with _termination() as stop, Progress(sys.stderr) as progress:
        result = run(venue, symbols, out, minutes=minutes, config=load(), stop=stop.is_set, progress=progress.tell)
    emit(result, as_json)


class Progress:
    """One line on a terminal that changes in place; elsewhere a line at times, so that a log stays short.

    Parameters
    ----------
    out
        Standard error.
    every
        Seconds between lines where `out` is no terminal; a connection that is lost or back is told at once.
    """

    def __init__(self, out: TextIO, every: float = 30.0) -> None:
        self._out, self._every, self._terminal = out, every, out.isatty()
        self._said, self._at, self._missing = "", -math.inf, ""

    def tell(self, counts: dict[str, Any]) -> None:
        """Show counts by name."""
        text = "  ".join(f"{key} {value}" for key, value in counts.items())
        missing, now = counts.get("no connection", ""), time.monotonic()
        if self._terminal:
            self._out.write(f"\r{text:<{len(self._said)}}")  # what was longer is wiped out
        elif missing != self._missing or now - self._at >= self._every:
            self._out.write(f"{text}\n")
            self._at = now
        self._said, self._missing = text, missing
        self._out.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal and self._said:
            self._out.write("\n")


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides every event.")
@click.option("--minutes", type=float, default=10.0, show_default=True, help="Length in event time.")
@click.option("--plant", default="", metavar="KIND=COUNT,...", help="Episodes to plant, for example spoofing=5.")
@click.option(
    "--symbol", default="SIMBTC", show_default=True,
    help="SIMBTC, SIMETH, SIMSOL; a comma between several. One that is named twice is made once.",
)  # fmt: skip
@click.option(
    "--predictable", type=float, metavar="ACCURACY",
    help="Another market: SIMBAYES, whose best possible model has this accuracy, with each row's odds beside it.",
)  # fmt: skip
@click.option(
    "--onto", multiple=True, metavar="FILE...",
    help="Lay the episodes of --plant over this recording instead of simulated flow; several files, or repeated.",
)  # fmt: skip
@click.argument("more", nargs=-1, metavar="")
@click.option("--force", is_flag=True, help="Replace an earlier recording of the same name that differs.")
@json_option
@click.pass_context
def simulate(
    context: click.Context,
    out: Path,
    seed: int,
    minutes: float,
    plant: str,
    symbol: str,
    predictable: float | None,
    onto: tuple[str, ...],
    more: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Write labelled synthetic order flow, as a recording that says it is simulated; several symbols, one each.

    Symbols of one seed share a hidden factor: they move together, however they are made.
    With --onto FILE... it is a real recording with simulated spoofing, layering, quote_stuffing and depth_shock in it.
    """
    from genesis_lib.feeds.simulation.labelled import parse_plant, write_labelled, write_overlay
    from genesis_lib.feeds.simulation.simulator import Simulator

    given = [
        f"--{name}"
        for name in ("minutes", "symbol", "predictable")
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if more and not onto:
        raise click.UsageError(f"unexpected {more[0]!r}: files are given behind --onto")
    if onto:
        from genesis_lib.feeds.recording import read_recording
        from genesis_lib.feeds.simulation.overlay import Overlay

        if given:
            raise click.UsageError(f"--onto takes market and length from the recording: leave {given[0]} out")
        planted = parse_plant(plant)
        if not any(planted.values()):
            raise click.UsageError("--onto without --plant would copy the recording: name episodes, --plant KIND=COUNT")
        overlay = Overlay(read_recording([*onto, *more]), planted, seed)
        emit(write_overlay(out, overlay, replace=force), as_json)
        return
    if predictable is not None:
        from genesis_lib.feeds.simulation.predictable import PredictableMarket
        from genesis_lib.feeds.simulation.truth import write_predictable

        if plant or symbol != "SIMBTC":
            raise click.UsageError("--predictable makes a market of its own: leave --plant and --symbol out")
        emit(write_predictable(out, PredictableMarket(seed, predictable, minutes), replace=force), as_json)
        return
    planted = parse_plant(plant)
    symbols = dict.fromkeys(map(str.strip, symbol.split(",")))
    markets = [Simulator(seed, name, minutes, plant=planted) for name in symbols]
    told = {market.instrument.symbol: write_labelled(out, market, replace=force) for market in markets}
    one = next(iter(told.values()))
    if len(told) > 1:
        one = {"events": sum(made["events"] for made in told.values()), "planted": one["planted"], "markets": told}
    emit(one, as_json)


@click.command()
@click.argument("source", nargs=-1, required=True)
@click.option("--port", type=click.IntRange(0, 65535), default=9443, show_default=True, help="0 takes a free one.")
@click.option("--speed", default="1", show_default=True, help="Times as fast as recorded, or max.")
@click.option("--market", help="Whose protocol a simulator speaks: binance-usdm (default), -coinm or -spot.")
@click.option("--faults", default="", metavar="KIND=RATE[:VALUE],...", help="What goes wrong, for example drop=0.01.")
@click.option("--fault-seed", type=int, default=0, show_default=True, help="Decides which messages are hit.")
@click.option("--fault-streams", default="*", show_default=True, help="Pattern of the streams that may be hit.")
@click.option("--lifetime", type=float, default=86400.0, show_default=True, help="Seconds until a connection ends.")
def venue(
    source: tuple[str, ...],
    port: int,
    speed: str,
    market: str | None,
    faults: str,
    fault_seed: int,
    fault_streams: str,
    lifetime: float,
) -> None:
    """Serve recordings (FILE... or folders) and simulator[:SYMBOL] over Binance's protocol on loopback.

    Several symbols are served at once. Faults are drop, duplicate, reorder, delay, disconnect, halfopen, malformed,
    outage, clock_skew (per message), stale_snapshot, http429 and http418 (per depth request); RATE is a probability.
    One at a time: POST {"kind": "drop"} to /genesis/faults.
    """
    from collections import Counter

    from genesis_lib.errors import InputError
    from genesis_lib.feeds.simulation.simulator import Simulator
    from genesis_lib.feeds.wire.local.fault_plan import FaultPlan
    from genesis_lib.feeds.wire.local.venue import LocalVenue
    from genesis_lib.storage.database_url import is_url, masked

    try:
        pace = float("inf") if speed == "max" else float(speed)
    except ValueError:
        raise InputError(f"speed must be a number or max, got {speed!r}") from None
    data: list[Simulator | Path] = []
    for name in source:
        if is_url(name):
            raise InputError(f"{masked(name)}: a database holds rows, and a venue speaks of every update")
        kind, _, symbol = name.partition(":")
        data.append(Simulator(0, symbol or "SIMBTC") if kind == "simulator" else Path(name))
    plan = FaultPlan.parse(faults, fault_seed, fault_streams)
    options = {"port": port, "speed": pace, "market": market, "faults": plan, "lifetime": lifetime}
    with _termination() as stop, LocalVenue(data, **options) as served:
        names = [f"{one.name} ({one.provenance}) as {one.instrument.symbol}" for one in served.playbacks.values()]
        click.echo("\n".join(names))
        click.echo(f"GENESIS_FEEDS_REST_URL={served.rest_url} GENESIS_FEEDS_WEBSOCKET_URL={served.websocket_url}")
        try:
            while not stop.wait(0.2) and not served.ended.is_set():
                pass
        except KeyboardInterrupt:
            pass
        counts = Counter(fault.kind for fault in served.injected)
        if counts:
            click.echo("faults: " + "  ".join(f"{kind} {count}" for kind, count in sorted(counts.items())), err=True)
        served.check()
        if served.ended.is_set():
            click.echo(f"all has been served: {'; '.join(names)}", err=True)


@contextmanager
def _termination() -> Iterator[threading.Event]:
    """Inside, SIGTERM sets an event, so that a command ends as it does on Ctrl-C."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
