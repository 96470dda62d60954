"""The desk: repeats merged, rules kept, history bounded; and all detectors behind it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.alerts import DEDUPLICATE_NS, AlertDesk, Rule, Surveillance
from genesis_lib.detectors import DETECTORS, Alert
from genesis_lib.errors import InputError
from genesis_lib.types import Snapshot

S = 1_000_000_000


def alert(second, severity="info", score=50.0, kind="spoofing"):
    return Alert(kind, severity, score, int(second * S), "x.")


def told(desk, *alerts):
    return [item.timestamp / S for item in alerts if desk.push(item) is not None]


def test_one_kind_within_five_seconds_is_a_repeat():
    desk = AlertDesk()
    assert told(desk, *map(alert, (0, 1, 4.9, 5, 9.9, 11))) == [0, 5, 11]
    assert [entry.repeats for entry in desk.entries()] == [2, 1, 0]
    assert desk.counts == {("spoofing", "told"): 3, ("spoofing", "repeated"): 3}


def test_kinds_do_not_silence_each_other():
    desk = AlertDesk()
    assert told(desk, alert(0), alert(1, kind="layering"), alert(2)) == [0, 1]


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["spoofing", "layering"])), max_size=60))
def test_never_two_of_a_kind_within_five_seconds(events):
    desk = AlertDesk()
    times: dict[str, list[int]] = {}
    for second, kind in sorted(events):
        if desk.push(alert(second, kind=kind)):
            times.setdefault(kind, []).append(second * S)
    assert all(b - a >= DEDUPLICATE_NS for kept in times.values() for a, b in pairwise(kept))
    assert sum(desk.counts.values()) == len(events)
    assert set(times) == {kind for _, kind in events}


def test_a_cooldown_is_broken_by_worse_alone():
    desk = AlertDesk({"spoofing": Rule(cooldown_ns=60 * S)})
    assert told(desk, alert(0), alert(30), alert(40, "critical", 90.0), alert(99, "warning", 70.0), alert(100)) == [
        0,
        40,
        100,
    ]


def test_rules_hold_back_what_is_quiet_or_unwanted():
    desk = AlertDesk(
        {
            "spoofing": Rule("warning"),
            "layering": Rule(least_score=60.0),
            "depth_shock": Rule(enabled=False),
        }
    )
    assert told(desk, alert(0), alert(1, "warning", 70.0)) == [1]
    assert told(desk, alert(2, kind="layering"), alert(3, score=60.0, kind="layering")) == [3]
    assert told(desk, alert(4, "critical", 99.0, "depth_shock")) == []
    assert desk.counts["depth_shock", "held"] == 1


def test_sinks_hear_what_is_told_and_a_broken_one_stops_nobody():
    heard = []

    def broken(_):
        raise OSError("no route to the pager")

    desk = AlertDesk(sinks=[broken, heard.append])
    told(desk, alert(0), alert(1), alert(6))
    assert [item.timestamp for item in heard] == [0, 6 * S] and desk.sink_failures == 2


def test_history_is_bounded_and_acknowledged():
    desk = AlertDesk(history=3)
    told(desk, *(alert(10 * k) for k in range(5)))
    assert [entry.id for entry in desk.entries()] == [3, 4, 5]
    assert desk.acknowledge(4).acknowledged
    assert [entry.id for entry in desk.entries(unacknowledged=True)] == [3, 5]
    with pytest.raises(InputError, match="no alarm 1 in the last 3"):
        desk.acknowledge(1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rule("loud"), "least_severity must be one of info, warning, critical, got 'loud'"),
        (lambda: Rule(least_score=101), "between 0 and 100"),
        (lambda: Rule(cooldown_ns=-1), "not be negative"),
        (lambda: AlertDesk({"spofing": Rule()}), "unknown kind 'spofing'"),
        (lambda: AlertDesk(history=0), "at least 1"),
        (lambda: Surveillance(kinds=["spofing"]), "did you mean 'spoofing'"),
    ],
)
def test_bad_settings_are_explained(make, message):
    with pytest.raises(InputError, match=message):
        make()


def rows(n, spread=1):
    for k in range(n):
        away = np.arange(10.0)
        wide = spread if 1000 <= k < 1020 else 1
        levels = np.stack([100 - away, np.full(10, 5.0), 100 + wide + away, np.full(10, 5.0)], axis=1)
        yield Snapshot(k * S // 20, k * S // 20, levels, np.zeros(7), True, 1.0)


def test_surveillance_runs_every_detector_and_tells_once():
    watch = Surveillance()
    assert watch.kinds == tuple(DETECTORS)
    found = [item for row in rows(1500, spread=50) for item in watch.step(row)]
    assert [item.kind for item in found] == ["spread_shock"]
    assert [entry.alert for entry in watch.desk.entries()] == found


def test_surveillance_of_chosen_kinds():
    watch = Surveillance(kinds=["layering"])
    assert [item for row in rows(1500, spread=50) for item in watch.step(row)] == []


def test_another_time_holds_no_alarm_back():
    watch = Surveillance(kinds=["spread_shock"])
    shocked = list(rows(1500, spread=50))
    first = [item for row in shocked for item in watch.step(row)]
    assert first
    again = [item for row in shocked for item in watch.step(row)]
    watch.forget()
    anew = [item for row in shocked for item in watch.step(row)]
    assert anew == first != again
    assert len(watch.desk.entries()) >= 2 * len(first)  # the history stays
