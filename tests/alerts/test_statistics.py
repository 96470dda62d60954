from genesis_lib.alerts.statistics import HOUR, statistics

S = 1_000_000_000


def told(seq, number, at, cause="new", severity="info", kind="layering"):
    return {"seq": seq, "alert_id": number, "timestamp": at, "cause": cause, "severity": severity, "kind": kind}


def tally(at, outcome, number, severity="info", kind="layering"):
    return {"timestamp": at, "kind": kind, "severity": severity, "outcome": outcome, "number": number}


def test_counts_by_kind_severity_and_hour():
    journal = {
        "alerts": [
            told(1, 1, 0),
            told(2, 2, HOUR - 1, severity="critical"),
            told(3, 3, HOUR, kind="feed_gap"),
            told(4, 2, HOUR + 5, "reminder", "critical"),
            told(5, 1, HOUR + 6, "escalated", "warning"),
        ],
        "alert_tallies": [
            tally(1, "repeated", 4),
            tally(HOUR, "repeated", 1),
            tally(HOUR, "held", 7, kind="depth_shock"),
        ],
        "acknowledgements": [
            {"seq": 6, "alert_id": 1, "timestamp": 10 * S},
            {"seq": 7, "alert_id": 1, "timestamp": 99 * S},
            {"seq": 8, "alert_id": 3, "timestamp": HOUR + 2 * S},
        ],
    }
    found = statistics(journal)
    assert (found["told"], found["repeated"], found["held"], found["acknowledged"]) == (3, 5, 7, 2)
    assert (found["escalated"], found["reminded"], found["unacknowledged"]) == (1, 1, 1)
    assert found["mean_time_to_acknowledge_s"] == 6.0 == found["median_time_to_acknowledge_s"]
    assert found["by_kind"] == {
        "depth_shock": {"told": 0, "repeated": 0, "held": 7, "acknowledged": 0},
        "feed_gap": {"told": 1, "repeated": 0, "held": 0, "acknowledged": 1},
        "layering": {"told": 2, "repeated": 5, "held": 0, "acknowledged": 1},
    }
    assert {key: row["told"] for key, row in found["by_severity"].items()} == {"critical": 1, "info": 2}
    assert {key: row["told"] for key, row in found["by_hour"].items()} == {"1970-01-01T00Z": 2, "1970-01-01T01Z": 1}


def test_what_grew_worse_since_somebody_saw_it_is_unseen():
    seen = [{"seq": 2, "alert_id": 1, "timestamp": 5 * S}]
    journal = {"alerts": [told(1, 1, 0), told(3, 1, 9 * S, "escalated")], "alert_tallies": [], "acknowledgements": seen}
    assert statistics(journal)["unacknowledged"] == 1 and statistics(journal)["acknowledged"] == 1
    journal["alerts"][1]["cause"] = "reminder"
    assert statistics(journal)["unacknowledged"] == 0


def test_nothing_was_told():
    found = statistics({"alerts": [], "alert_tallies": [], "acknowledgements": []})
    assert found["told"] == found["unacknowledged"] == 0 and found["mean_time_to_acknowledge_s"] is None


def test_rows_of_an_earlier_version():
    found = statistics({"alerts": [told(1, None, 0, None)], "alert_tallies": [], "acknowledgements": []})
    assert found["told"] == 1 == found["unacknowledged"]
