"""Alarms held against labels of what was planted: precision, recall, delay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from genesis_lib.clock import NS
from genesis_lib.detectors.base import DETECTORS, Alert
from genesis_lib.errors import RecordingError

GRACE_NS = 2 * NS  # an alarm this soon after an episode's end still belongs to it


class Watched(NamedTuple):
    """What a session's detectors said, what was planted in it (None where nobody knows), and its length in hours."""

    alerts: Sequence[Alert]
    labels: Sequence[Mapping] | None
    hours: float
    name: str = ""
    rows: int = 0
    instrument: str = ""
    provenance: str = "recorded"


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
    """Score the alarms of one session a kind; see `evaluate_sessions`."""
    return evaluate_sessions([Watched(tuple(alerts), labels, hours)], kinds)


def evaluate_sessions(
    sessions: Sequence[Watched], kinds: Iterable[str] = (), *, least_score: float = 0.0
) -> dict[str, dict[str, float | int | None]]:
    """Score alarms a kind; an alarm is held against the labels of its own session, and of no other at the same time.

    Parameters
    ----------
    sessions
        Labels are episodes with ``kind``, ``start``, ``end`` (ns, exchange time).
    kinds
        Kinds to report; when left out every detector, and what was planted that none of them watches for (recall 0).
    least_score
        Alarms below it are left out.

    Returns
    -------
    dict
        Kind -> ``precision`` (alarms of labelled sessions that fall into an episode of their kind, or within `GRACE_NS`
        of its end), ``recall`` (episodes that raised an alarm), ``f1`` (their harmonic mean, 0 where either is 0 or
        there was no alarm), ``delay_ms`` (median from an episode's start to its first alarm), ``alarms_per_hour``,
        ``alarms``, ``episodes``. The first four are None without episodes of the kind, precision also without alarms,
        delay where no episode was found.
    """
    hours = sum(session.hours for session in sessions)
    told = {label["kind"] for session in sessions for label in session.labels or ()}
    report = {}
    for kind in tuple(kinds) or (*DETECTORS, *sorted(told - set(DETECTORS))):
        alarms = judged = right = planted = 0
        delays: list[float] = []
        for session in sessions:
            times = [alert.timestamp for alert in session.alerts if alert.kind == kind and alert.score >= least_score]
            alarms += len(times)
            if session.labels is None:
                continue
            hits = [
                sorted(time for time in times if label["start"] <= time <= label["end"] + GRACE_NS)
                for label in session.labels
                if label["kind"] == kind
            ]
            starts = [label["start"] for label in session.labels if label["kind"] == kind]
            inside = {time for hit in hits for time in hit}
            judged, planted = judged + len(times), planted + len(starts)
            right += sum(time in inside for time in times)
            delays += [(hit[0] - start) / 1e6 for hit, start in zip(hits, starts) if hit]
        precision = right / judged if planted and judged else None
        recall = len(delays) / planted if planted else None
        report[kind] = {
            "precision": precision,
            "recall": recall,
            "f1": None if recall is None else 2 * precision * recall / (precision + recall) if right else 0.0,
            "delay_ms": median(delays) if delays else None,
            "alarms_per_hour": alarms / hours if hours > 0 else None,
            "alarms": alarms,
            "episodes": planted,
        }
    return report


def precision_recall(sessions: Sequence[Watched], kind: str) -> list[dict[str, float | None]]:
    """What precision and recall would be if only alarms from a score on were told.

    Returns
    -------
    list of dict
        ``least_score``, ``precision``, ``recall``, ``f1``, ``alarms_per_hour``, one for each score that an alarm of the
        kind had, ascending; empty without alarms.
    """
    scores = sorted({alert.score for session in sessions for alert in session.alerts if alert.kind == kind})
    points = []
    for score in scores:
        found = evaluate_sessions(sessions, [kind], least_score=score)[kind]
        kept = ("precision", "recall", "f1", "alarms_per_hour")
        points.append({"least_score": score, **{name: found[name] for name in kept}})
    return points
