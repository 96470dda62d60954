"""`genesis detect`: the detectors over finished data or simulated sessions, scored where the truth is known."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from genesis_lib.cli import Spec, emit, json_option

NAME = 24  # characters of a session's name that a table shows
COLUMNS = ("precision", "recall", "f1", "delay_ms", "alarms_per_hour", "alarms", "episodes")
OF_SEEDS = ("plant", "jobs")
SIMULATED = ("symbol", "minutes")  # what a recording decides where there is one


@click.command()
@click.argument("paths", nargs=-1, type=Spec(), metavar="[PATH]...")
@click.option("--seeds", metavar="A-B", help="Plant episodes by these seeds: over PATH, or in simulated sessions.")
@click.option("--symbol", default="SIMBTC", show_default=True, help="Simulated market of --seeds without a PATH.")
@click.option("--minutes", type=float, default=30.0, show_default=True, help="Length of each simulated session.")
@click.option(
    "--plant",
    metavar="KIND=COUNT,...",
    help="Episodes a session (5 of each, 2 crashes; over a PATH 3 of each).",
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Seeds run at a time.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this detector; may be given several times.")
@click.option("--show", is_flag=True, help="Print each alarm of a PATH to standard error.")
@click.option("--curves", is_flag=True, help="Add precision and recall by the least score that is told.")
@click.option("--markdown", is_flag=True, help="Print the tables as Markdown.")
@json_option
@click.pass_context
def detect(
    context: click.Context,
    paths: tuple[str | Path, ...],
    seeds: str | None,
    symbol: str,
    minutes: float,
    plant: str | None,
    jobs: int,
    kinds: tuple[str, ...],
    show: bool,
    curves: bool,
    markdown: bool,
    as_json: bool,
) -> None:
    """Run the detectors over recordings, Parquet folders, CSV files or a database, or over simulated sessions.

    Beside a simulated recording lie labels (x.labels.json); they give precision, recall and delay. --seeds simulates
    and scores in one go; with a PATH it lays the episodes over that recording, whose market does not react to them.
    """
    from genesis_lib.clock import iso
    from genesis_lib.detectors import make_detectors
    from genesis_lib.detectors.evaluation import evaluate_sessions, precision_recall
    from genesis_lib.detectors.trials import parse_seeds, watch_overlays, watch_seeds, watch_session
    from genesis_lib.feeds.simulation.labelled import parse_plant
    from genesis_lib.feeds.snapshots import open_sessions

    if not paths and seeds is None:
        raise click.UsageError("give PATH, --seeds, or both")

    def given(names: tuple[str, ...]) -> list[str]:
        return [name for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]

    if seeds is None and (wrong := given(OF_SEEDS + SIMULATED)):
        raise click.UsageError(f"--{wrong[0]} belongs to --seeds, which was not given")
    if paths and (wrong := given(SIMULATED)):
        raise click.UsageError(f"--{wrong[0]} is the simulator's, and a PATH was given")
    if seeds is not None and show:
        raise click.UsageError("--show needs a PATH without --seeds: several seeds run side by side")
    make_detectors(kinds)  # an unknown kind is told before anything runs
    planted = parse_plant(plant) if plant is not None else None
    if seeds is not None and paths:
        options = {"kinds": kinds, "plant": planted, "jobs": jobs, "progress": not as_json}
        watched = watch_overlays(_recordings(paths), parse_seeds(seeds), **options)
    elif seeds is not None:
        options = {"kinds": kinds, "symbol": symbol, "minutes": minutes, "plant": planted}
        watched = watch_seeds(parse_seeds(seeds), jobs=jobs, progress=not as_json, **options)
    else:

        def tell(alert) -> None:
            if show:
                click.echo(f"{iso(alert.timestamp)} {alert.severity:<8} {alert.kind}: {alert.message}", err=True)

        watched = [
            watch_session(session, kinds, tell=tell, progress=not as_json) for session in open_sessions(list(paths))
        ]
    report = evaluate_sessions(watched, kinds)
    answer = {
        "detectors": report,
        "rows": sum(session.rows for session in watched),
        "hours": sum(session.hours for session in watched),
        "sessions": [
            {name: getattr(session, name) for name in ("name", "instrument", "provenance", "rows", "hours")}
            | {"alarms": _counts(session, report)}
            for session in watched
        ],
    }
    text = _table(report, markdown)
    if not markdown:
        text = _what(answer, len(watched)) + "\n\n" + text
    if seeds is None and (markdown or len(watched) > 1):
        text += "\n\n" + _sessions(answer["sessions"], markdown)
    if curves:
        answer["curves"] = {
            kind: precision_recall(watched, kind) for kind, found in report.items() if found["episodes"]
        }
        text += "".join("\n\n" + _curve(kind, points, markdown) for kind, points in answer["curves"].items())
    emit(answer, as_json, text)


def _recordings(paths) -> list:
    """The sessions of PATHs that are recordings of messages; rows alone have nothing to lay an episode over."""
    from genesis_lib.errors import InputError
    from genesis_lib.feeds.recording import Recording
    from genesis_lib.feeds.snapshots import open_sessions

    sessions = open_sessions(list(paths))
    for session in sessions:
        if not isinstance(session, Recording):
            raise InputError(f"{session.name}: --seeds needs a recording with numbered diffs to lay episodes over")
    return sessions


def _what(answer: dict, count: int) -> str:
    """What was looked at, in words."""
    made = " and ".join(sorted({session["provenance"].upper() for session in answer["sessions"]}))
    names = ", ".join(sorted({session["instrument"] for session in answer["sessions"]}))
    sessions = f"{count} session{'s' * (count > 1)}"
    return f"{made}: {sessions} of {names}, {answer['rows']:,} rows in {answer['hours']:.2f} hours"


def _counts(session, kinds) -> dict[str, int]:
    return {kind: sum(alert.kind == kind for alert in session.alerts) for kind in kinds}


def _table(report: dict, markdown: bool) -> str:
    rows = [(kind, *(_cell(scores[column], column) for column in COLUMNS)) for kind, scores in report.items()]
    return _lines(("detector", *COLUMNS), rows, markdown)


def _sessions(sessions: list[dict], markdown: bool) -> str:
    """Alarms of each session, a kind a row."""
    names = [session["name"].split(".")[0][:NAME] for session in sessions]
    if len(set(names)) < len(names):
        names = [f"{name} {session['instrument'].partition(':')[2]}" for name, session in zip(names, sessions)]
    head = ("alarms in", *names)
    rows = [("hours", *(f"{session['hours']:.2f}" for session in sessions))]
    rows += [(kind, *(str(session["alarms"][kind]) for session in sessions)) for kind in sessions[0]["alarms"]]
    return _lines(head, rows, markdown)


def _curve(kind: str, points: list[dict], markdown: bool) -> str:
    columns = ("least_score", "precision", "recall", "f1", "alarms_per_hour")
    step = max(1, len(points) // 10)  # a dozen points show the shape; --json has all
    rows = [tuple(_cell(point[column]) for column in columns) for point in [*points[:-1:step], *points[-1:]]]
    return kind + ":\n\n" + _lines(columns, rows, markdown)


def _cell(value: float | None, column: str = "") -> str:
    return "-" if value is None else f"{value:.0f}" if column == "delay_ms" else f"{value:.3g}"


def _lines(head: tuple[str, ...], rows: list[tuple[str, ...]], markdown: bool) -> str:
    if markdown:
        rule = "|".join(("---", *["---:"] * (len(head) - 1)))
        return "\n".join(
            ["| " + " | ".join(head) + " |", f"|{rule}|", *("| " + " | ".join(row) + " |" for row in rows)]
        )
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width) for k, (cell, width) in enumerate(zip(row, widths))
        )
        for row in (head, *rows)
    )
