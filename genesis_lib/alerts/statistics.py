"""Figures of a session's alarms: how many, of what, how often repeated, how soon somebody had seen them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import fmean, median
from typing import Any

from genesis_lib.clock import NS, iso

HOUR = 3600 * NS
COLUMNS = ("told", "repeated", "held", "acknowledged")


def statistics(journal: Mapping[str, Any]) -> dict[str, Any]:
    """Count a journal's alarms.

    Parameters
    ----------
    journal
        As `genesis_lib.journal.read_journal` gives it: its ``alerts``, ``acknowledgements`` and ``alert_tallies``.

    Returns
    -------
    dict
        ``told``, ``escalated``, ``reminded``, ``repeated``, ``held``, ``acknowledged``, ``unacknowledged``: alarms.
        ``by_kind``, ``by_severity``, ``by_hour`` (UTC, market's time): `COLUMNS` of each. Alarms are counted under the
        severity that they began with; unacknowledged are those that nobody has seen, or not since they grew worse.
        ``mean_time_to_acknowledge_s``, ``median_time_to_acknowledge_s``: from when an alarm was first told to when it
        was first acknowledged, in the market's time; None where none was.
    """
    # A row that an earlier version wrote has no cause: each was told once.
    told = [row for row in journal["alerts"] if row["cause"] in ("new", None)]
    causes = Counter(row["cause"] for row in journal["alerts"])
    tables: dict[str, dict[str, Counter]] = {"by_kind": {}, "by_severity": {}, "by_hour": {}}
    totals: Counter[str] = Counter()

    def count(row: Mapping[str, Any], outcome: str, timestamp: int, number: int = 1) -> None:
        totals[outcome] += number
        keys = row["kind"], row["severity"], iso(timestamp // HOUR * HOUR)[:13] + "Z"
        for name, key in zip(tables, keys):
            tables[name].setdefault(key, Counter())[outcome] += number

    for row in told:
        count(row, "told", row["timestamp"])
    for row in journal["alert_tallies"]:
        count(row, row["outcome"], row["timestamp"], row["number"])
    first = {row["alert_id"]: row for row in told}
    seen: dict[int, int] = {}
    for row in journal["acknowledgements"]:
        if row["alert_id"] not in seen and row["alert_id"] in first:
            seen[row["alert_id"]] = row["timestamp"]
            count(first[row["alert_id"]], "acknowledged", row["timestamp"])
    waits = [max(0, ts - first[number]["timestamp"]) / NS for number, ts in seen.items()]
    return {
        **{name: totals[name] for name in COLUMNS},
        "escalated": causes["escalated"],
        "reminded": causes["reminder"],
        "unacknowledged": _unseen(journal),
        "mean_time_to_acknowledge_s": fmean(waits) if waits else None,
        "median_time_to_acknowledge_s": median(waits) if waits else None,
        **{
            name: {key: {column: found[key][column] for column in COLUMNS} for key in sorted(found)}
            for name, found in tables.items()
        },
    }


def _unseen(journal: Mapping[str, Any]) -> int:
    """How many nobody has seen, or not since they grew worse."""
    unseen: set[int] = set()
    number = 0
    for row in sorted((*journal["alerts"], *journal["acknowledgements"]), key=lambda row: row["seq"]):
        if "kind" not in row:
            unseen.discard(row["alert_id"])
        elif row["cause"] != "reminder":
            number = max(number, number + 1 if row["alert_id"] is None else row["alert_id"])
            unseen.add(number if row["alert_id"] is None else row["alert_id"])
    return len(unseen)
