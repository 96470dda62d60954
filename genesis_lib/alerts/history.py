"""Alarms of a journal: what was told of each, how often, and who has seen it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from genesis_lib.alerts.desk import Entry
from genesis_lib.detectors import Alert

Row = Mapping[str, Any]


def entries(alerts: Iterable[Row], acknowledgements: Iterable[Row] = ()) -> list[Entry]:
    """The alarms of a session, oldest first, as they stand after the last record.

    Parameters
    ----------
    alerts, acknowledgements
        Rows of a journal, see `genesis_lib.journal.read_journal`. Those that an earlier version wrote have no number
        and are numbered by their order.

    Returns
    -------
    list of Entry
        An alarm that grew worse after somebody had seen it, is unseen again.
    """
    found: dict[int, Entry] = {}
    records = [(row["seq"], row, True) for row in alerts] + [(row["seq"], row, False) for row in acknowledgements]
    for _, row, is_alert in sorted(records, key=lambda record: record[0]):
        if is_alert:
            _tell(found, row)
        elif (entry := found.get(row["alert_id"])) is not None:
            entry.acknowledged, entry.by = True, row["by"] or ""
    return list(found.values())


def _tell(found: dict[int, Entry], row: Row) -> None:
    number = row["alert_id"] if row["alert_id"] is not None else max(found, default=0) + 1
    entry = found.get(number)
    if entry is None:
        evidence = json.loads(row["evidence"]) if row["evidence"] else {}
        alert = Alert(row["kind"], row["severity"], row["score"] or 0.0, row["timestamp"], row["message"], evidence)
        found[number] = Entry(number, alert, row["severity"], row["timestamp"])
        return
    entry.told, entry.repeats = row["timestamp"], row["repeats"] or 0
    if row["cause"] == "reminder":
        entry.reminders += 1
    elif row["cause"] == "escalated":
        entry.severity, entry.acknowledged, entry.by = row["severity"], False, ""


def table(journal: Mapping[str, Any], *, unacknowledged: bool = False) -> list[dict[str, Any]]:
    """The alarms of a journal as plain values, oldest first.

    Parameters
    ----------
    journal
        As `read_journal` gives it.
    unacknowledged
        Those alone that nobody has seen.
    """
    seen = {row["alert_id"]: row for row in journal["acknowledgements"]}
    rows = []
    for entry in entries(journal["alerts"], journal["acknowledgements"]):
        if unacknowledged and entry.acknowledged:
            continue
        alert, by = entry.alert, seen.get(entry.id) if entry.acknowledged else None
        rows.append(
            {
                "id": entry.id,
                "kind": alert.kind,
                "severity": entry.severity,
                "score": alert.score,
                "timestamp": alert.timestamp,
                "message": alert.message,
                "evidence": dict(alert.evidence),
                "repeats": entry.repeats,
                "reminders": entry.reminders,
                "last_told": entry.told,
                "acknowledged": entry.acknowledged,
                "acknowledged_by": by["by"] if by else None,
                "acknowledged_at": by["timestamp"] if by else None,
            }
        )
    return rows
