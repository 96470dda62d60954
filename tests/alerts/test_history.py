"""Alarms of a journal, as they were told and seen."""

from genesis_lib.alerts.history import entries, table

NONE = dict.fromkeys(("alert_id", "cause", "score", "evidence", "repeats"))


def told(seq, number, cause="new", severity="info", repeats=0, kind="layering"):
    evidence = '{"side":"bid","levels":[1,2]}'
    return {
        "seq": seq, "event_index": seq, "timestamp": 100 * seq, "kind": kind, "severity": severity, "message": "x.",
        "alert_id": number, "cause": cause, "score": 60.0, "evidence": evidence, "repeats": repeats,
    }  # fmt: skip


def seen(seq, number, by="anna"):
    return {"seq": seq, "event_index": seq, "alert_id": number, "timestamp": 100 * seq, "wall_ns": 7, "by": by}


def journal(alerts, acknowledgements=()):
    return {"alerts": alerts, "acknowledgements": list(acknowledgements)}


def test_an_alarm_is_told_again_and_seen():
    alerts = [told(1, 1, severity="critical"), told(2, 2), told(5, 1, "reminder", "critical", repeats=3)]
    one, two = entries(alerts, [seen(3, 2)])
    assert (one.id, one.told, one.repeats, one.reminders, one.acknowledged) == (1, 500, 3, 1, False)
    assert (two.acknowledged, two.by, two.alert.evidence) == (True, "anna", {"side": "bid", "levels": [1, 2]})


def test_what_grew_worse_after_it_was_seen_is_unseen():
    alerts = [told(1, 1), told(4, 1, "escalated", "warning")]
    assert [entry.acknowledged for entry in entries(alerts, [seen(2, 1)])] == [False]
    (after,) = table(journal(alerts, [seen(2, 1), seen(6, 1, "ben")]))
    assert after["severity"] == "warning" and after["acknowledged_by"] == "ben" and after["acknowledged_at"] == 600


def test_the_table_and_what_is_open():
    found = journal([told(1, 1), told(2, 2)], [seen(3, 1)])
    assert [row["id"] for row in table(found)] == [1, 2]
    (row,) = table(found, unacknowledged=True)
    assert row["id"] == 2 and row["acknowledged_by"] is None and row["last_told"] == 200


def test_rows_of_an_earlier_version_are_numbered():
    old = [{**told(seq, 0), **NONE} for seq in (3, 9)]
    assert [(entry.id, entry.alert.evidence) for entry in entries(old)] == [(1, {}), (2, {})]
