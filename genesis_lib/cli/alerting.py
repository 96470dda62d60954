"""`genesis alerts`: what a session told, and who has seen it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from genesis_lib.cli import emit, json_option

ABOUT = ("provenance", "source", "venue", "symbol")  # of a journal's header


@click.command()
@click.argument("session", metavar="SESSION")
@click.option("--unacknowledged", is_flag=True, help="Those alone that nobody has seen.")
@click.option("--evidence", is_flag=True, help="Print the numbers behind each alert too.")
@json_option
def alerts(session: str, unacknowledged: bool, evidence: bool, as_json: bool) -> None:
    """List the alerts of SESSION, a name or a directory, whether it runs, has ended or was killed; oldest first.

    The figures below them count those that were merged into others (repeated) or that rules held back (held: too mild,
    or silenced) too. genesis session acknowledge marks alerts of a running session as seen.
    """
    from genesis_lib import config as configuration
    from genesis_lib.alerts.history import table
    from genesis_lib.alerts.statistics import statistics
    from genesis_lib.journal import read_journal
    from genesis_lib.live.directory import place

    where = session if "://" in session else place(session, configuration.load().paths.sessions)
    journal = read_journal(where)
    rows, figures = table(journal, unacknowledged=unacknowledged), statistics(journal)
    told = {"session": journal["session"]} | {key: journal["header"].get(key, "") for key in ABOUT}
    result = {**told, "alerts": rows, "statistics": figures}
    emit(result, as_json, None if as_json else f"{_head(told)}\n{_text(rows, figures, unacknowledged, evidence)}")


def _head(told: Mapping[str, Any]) -> str:
    """Of what market: nobody shall take a replay for it."""
    instrument = f"{told['venue']}:{told['symbol']}" if told["symbol"] else None
    named = ", ".join(filter(None, (told["source"], instrument, f"session {told['session']}")))
    return f"{told['provenance'].upper()}: {named}"


def _text(rows: list[dict[str, Any]], figures: Mapping[str, Any], is_open: bool, evidence: bool) -> str:
    from genesis_lib.cli.plain_text import figure
    from genesis_lib.clock import iso

    lines = []
    for row in rows:
        repeats = f" (and {row['repeats']} more)" if row["repeats"] else ""
        seen = f" [seen by {row['acknowledged_by'] or 'somebody'}]" if row["acknowledged"] else ""
        head = f"{row['id']:>4}  {iso(row['timestamp'])}  {row['severity']:<8}  {row['score']:>4.0f}  {row['kind']}: "
        lines.append(f"{head}{row['message']}{repeats}{seen}")
        if evidence and row["evidence"]:
            lines.append(f"      {figure(row['evidence'])}")
    if not rows:
        lines.append("no alert that nobody has seen" if is_open else "no alerts")
    counts = ("told", "escalated", "reminded", "repeated", "held", "acknowledged", "unacknowledged")
    told = [f"{name} {figures[name]:,}" + (" (by rules)" if name == "held" else "") for name in counts]
    lines.append(", ".join(told))
    if (mean := figures["mean_time_to_acknowledge_s"]) is not None:
        lines.append(f"mean time to acknowledge {mean:,.1f} s of market time")
    return "\n".join(lines)
