"""`genesis detect`: the detectors over finished data, scored where labels say what was planted."""

from __future__ import annotations

from pathlib import Path

import click

from genesis_lib.cli import Spec, emit, json_option

COLUMNS = ("precision", "recall", "delay_ms", "alarms_per_hour")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=Spec(), metavar="PATH...")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this detector; may be given several times.")
@click.option("--show", is_flag=True, help="Print each alarm to standard error.")
@json_option
def detect(paths: tuple[str | Path, ...], kinds: tuple[str, ...], show: bool, as_json: bool) -> None:
    """Run the detectors over recordings, Parquet folders, CSV files or a database.

    Beside a simulated recording lie labels (x.labels.json); they give precision, recall and delay.
    """
    from genesis_lib.alerts import Surveillance
    from genesis_lib.clock import iso
    from genesis_lib.detectors.evaluation import Watched, evaluate_sessions, read_labels
    from genesis_lib.feeds.snapshots import build_rows, open_sessions

    watched, rows = [], 0
    for session in open_sessions(list(paths)):
        watch = Surveillance(session.instrument, kinds=kinds or None)
        alerts, labels, first, last = [], None, None, None
        for row in build_rows(session):
            first, last = row.ts_exchange if first is None else first, row.ts_exchange
            rows += 1
            for alert in watch.step(row):
                alerts.append(alert)
                if show:
                    click.echo(f"{iso(alert.timestamp)} {alert.severity:<8} {alert.kind}: {alert.message}", err=True)
        for path in session.paths:
            found = read_labels(Path(path))
            labels = labels if found is None else (labels or []) + found
        watched.append(Watched(alerts, labels, (last - first) / 3.6e12))
    report = evaluate_sessions(watched, kinds)
    hours = sum(session.hours for session in watched)
    emit({"detectors": report, "rows": rows, "hours": hours}, as_json, _table(report))


def _table(report: dict) -> str:
    lines = [f"{'detector':<20}" + "".join(f"{column:>17}" for column in COLUMNS)]
    for kind, scores in report.items():
        cells = ("-" if scores[column] is None else f"{scores[column]:.3g}" for column in COLUMNS)
        lines.append(f"{kind:<20}" + "".join(f"{cell:>17}" for cell in cells))
    return "\n".join(lines)
