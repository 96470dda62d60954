"""Precision, recall and delay by hand."""

import json

import pytest

from genesis_lib.detectors import DETECTORS, Alert
from genesis_lib.detectors.evaluation import (
    Watched,
    evaluate,
    evaluate_sessions,
    labels_path,
    precision_recall,
    read_labels,
)
from genesis_lib.errors import RecordingError

S = 1_000_000_000


def alert(kind, second):
    return Alert(kind, "info", 50.0, int(second * S), "x.")


LABELS = [
    {"kind": "spoofing", "start": 10 * S, "end": 12 * S},
    {"kind": "spoofing", "start": 50 * S, "end": 51 * S},
    {"kind": "layering", "start": 80 * S, "end": 82 * S},
]


def test_by_hand():
    alerts = [alert("spoofing", t) for t in (9, 11, 13, 30)] + [alert("layering", 11), alert("depth_shock", 5)]
    report = evaluate(alerts, LABELS, 0.5)
    spoofing = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "delay_ms": 1000.0, "alarms_per_hour": 8.0}
    assert report["spoofing"] == spoofing | {"alarms": 4, "episodes": 2}
    assert report["layering"]["f1"] == 0.0
    assert report["layering"]["precision"] == report["layering"]["recall"] == 0.0
    assert report["layering"]["delay_ms"] is None
    assert report["depth_shock"]["precision"] is None and report["depth_shock"]["alarms_per_hour"] == 2.0
    assert list(report) == list(DETECTORS)


def test_without_labels_only_the_rate_is_known():
    report = evaluate([alert("spoofing", 1)], None, 2.0, ["spoofing", "layering"])
    assert list(report) == ["spoofing", "layering"]
    assert [report["spoofing"][k] for k in ("precision", "recall", "delay_ms", "alarms_per_hour")] == [None] * 3 + [0.5]
    assert evaluate([], None, 0.0)["spoofing"]["alarms_per_hour"] is None


def test_an_alarm_may_belong_to_two_episodes():
    labels = [{"kind": "spoofing", "start": 0, "end": 5 * S}, {"kind": "spoofing", "start": 4 * S, "end": 8 * S}]
    report = evaluate([alert("spoofing", 4.5)], labels, 1.0)["spoofing"]
    assert (report["precision"], report["recall"], report["delay_ms"]) == (1.0, 1.0, 2500.0)


def test_sessions_of_the_same_time_are_held_apart():
    alarms, label = [alert("spoofing", 11)], LABELS[:1]
    report = evaluate_sessions([Watched(alarms, [], 0.5), Watched([], label, 0.5)], ["spoofing"])["spoofing"]
    assert (report["precision"], report["recall"], report["alarms_per_hour"]) == (0.0, 0.0, 1.0)
    # What nobody labelled is neither right nor wrong.
    report = evaluate_sessions([Watched(alarms, None, 0.5), Watched(alarms, label, 0.5)], ["spoofing"])["spoofing"]
    assert (report["precision"], report["recall"], report["alarms"]) == (1.0, 1.0, 2)


def test_the_curve_leaves_out_what_scored_less():
    scored = [(11, 60.0), (13, 80.0), (30, 70.0), (51, 90.0)]
    session = Watched([Alert("spoofing", "info", score, t * S, "x.") for t, score in scored], LABELS, 1.0)
    points = precision_recall([session], "spoofing")
    assert [point["least_score"] for point in points] == [60.0, 70.0, 80.0, 90.0]
    assert [point["precision"] for point in points] == [0.75, pytest.approx(2 / 3), 1.0, 1.0]
    assert [point["recall"] for point in points] == [1.0, 1.0, 1.0, 0.5]
    assert points[-1]["f1"] == pytest.approx(2 / 3) and points[-1]["alarms_per_hour"] == 1.0
    assert precision_recall([session], "layering") == []


def test_labels_are_read_from_beside_the_recording(tmp_path):
    recording = tmp_path / "sim.gz"
    assert read_labels(recording) is None
    labels_path(recording).write_text(json.dumps(LABELS))
    assert labels_path(recording).name == "sim.labels.json" and read_labels(recording) == LABELS


@pytest.mark.parametrize("content", ["{", "[1]", '[{"kind": "spoofing"}]', '[{"kind": "x", "start": "a", "end": 1}]'])
def test_foreign_labels_are_refused(tmp_path, content):
    labels_path(tmp_path / "sim.gz").write_text(content)
    with pytest.raises(RecordingError, match=r"sim\.labels\.json: not a list of labels"):
        read_labels(tmp_path / "sim.gz")


def test_what_no_detector_watches_for_is_missed_and_said_so():
    report = evaluate([], [{"kind": "iceberg", "start": 0, "end": 9}], 1.0)
    assert set(report) == {*DETECTORS, "iceberg"}
    assert report["iceberg"]["recall"] == 0.0 and report["iceberg"]["episodes"] == 1
    assert "iceberg" not in evaluate([], [{"kind": "iceberg", "start": 0, "end": 9}], 1.0, ["spoofing"])
