"""Alarms held against labels of what was planted: precision, recall, delay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from genesis_lib.clock import NS
from genesis_lib.detectors.base import DETECTORS, Alert
from genesis_lib.errors import RecordingError

GRACE_NS = 2 * NS  # an alarm this soon after an episode's end still belongs to it


def labels_path(recording: Path) -> Path:
    """Where the labels of a recording lie: ``x.gz`` has ``x.labels.json``."""
    return recording.with_name(recording.name.removesuffix(".gz") + ".labels.json")


def read_labels(recording: Path) -> list[dict] | None:
    """Read the labels beside a recording; None where there are none.

    Raises
    ------
    RecordingError
        When the file is not a list of objects with ``kind``, ``start`` and ``end`` (ns).
    """
    path = labels_path(recording)
    if not path.exists():
        return None
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
        return [
            label | {"kind": str(label["kind"]), "start": int(label["start"]), "end": int(label["end"])}
            for label in labels
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"not a list of labels with kind, start and end: {error!r}", path) from None


def evaluate(
    alerts: Iterable[Alert], labels: Sequence[Mapping] | None, hours: float, kinds: Iterable[str] = ()
) -> dict[str, dict[str, float | int | None]]:
    """Score alarms a kind.

    Parameters
    ----------
    alerts
        Alarms of any kinds.
    labels
        Episodes with ``kind``, ``start``, ``end`` (ns, exchange time); None where nobody knows what happened.
    hours
        Length of the data in event time.
    kinds
        Kinds to report; every detector when left out.

    Returns
    -------
    dict
        Kind -> ``precision`` (alarms that fall into an episode of their kind, or within `GRACE_NS` of its end),
        ``recall`` (episodes that raised an alarm), ``delay_ms`` (median from an episode's start to its first alarm),
        ``alarms_per_hour``, ``alarms``, ``episodes``. The first three are None without episodes of the kind, precision
        without alarms, delay where no episode was found.
    """
    alerts = list(alerts)
    report = {}
    for kind in kinds or DETECTORS:
        times = sorted(alert.timestamp for alert in alerts if alert.kind == kind)
        episodes = [(label["start"], label["end"] + GRACE_NS) for label in labels or () if label["kind"] == kind]
        hits = [[time for time in times if start <= time <= end] for start, end in episodes]
        inside = {time for hit in hits for time in hit}
        delays = [(hit[0] - start) / 1e6 for hit, (start, _) in zip(hits, episodes) if hit]
        report[kind] = {
            "precision": sum(time in inside for time in times) / len(times) if episodes and times else None,
            "recall": len(delays) / len(episodes) if episodes else None,
            "delay_ms": median(delays) if delays else None,
            "alarms_per_hour": len(times) / hours if hours > 0 else None,
            "alarms": len(times),
            "episodes": len(episodes),
        }
    return report
