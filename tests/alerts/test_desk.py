"""The desk: repeats merged, rules kept, the worse told after all, history bounded, everything acknowledged."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.alerts import DEDUPLICATE_NS, AlertDesk, DetectorRule, Rule
from genesis_lib.detectors import Alert
from genesis_lib.errors import InputError

S = 1_000_000_000
START = 1_700_000_000 * S


def told(desk, *alerts):
    return [(item.timestamp - START) / S for item in alerts if desk.push(item) is not None]


def due(desk, second):
    return [(notice.id, notice.cause, notice.severity) for notice in desk.tick(START + round(second * S))]


def test_one_kind_within_five_seconds_is_a_repeat(alert):
    desk = AlertDesk()
    assert told(desk, *map(alert, (0, 1, 4.9, 5, 9.9, 11))) == [0, 5, 11]
    assert [entry.repeats for entry in desk.entries()] == [2, 1, 0]
    assert desk.counts == {("layering", "told"): 3, ("layering", "repeated"): 3}
    assert desk.tallies == {("layering", "info", "repeated"): 3}


def test_kinds_sides_and_symbols_do_not_silence_each_other(alert):
    desk = AlertDesk()
    alarms = (
        alert(0),
        alert(1, kind="liquidity_gap"),
        alert(2, side="bid"),
        alert(3, side="ask"),
        alert(3.5, side="bid"),
    )
    assert told(desk, *alarms, alert(4, side="bid", symbol="ETHUSDT")) == [0, 1, 2, 3, 4]


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["layering", "liquidity_gap"])), max_size=60))
def test_never_two_of_a_kind_within_five_seconds(events):
    desk = AlertDesk()
    times: dict[str, list[int]] = {}
    for second, kind in sorted(events):
        ts = START + second * S
        notices = [*desk.tick(ts), desk.push(Alert(kind, "info", 50.0, ts, "x."))]
        for notice in filter(None, notices):
            times.setdefault(notice.kind, []).append(notice.timestamp)
    assert all(b - a >= DEDUPLICATE_NS for kept in times.values() for a, b in pairwise(kept))
    assert sum(desk.counts.values()) == len(events)
    assert set(times) == {kind for _, kind in events}


def test_the_time_of_repeats_is_the_rules(alert):
    desk = AlertDesk(
        {"": Rule(deduplicate_s=1.0), "liquidity_gap": DetectorRule(detector="liquidity_gap", deduplicate_s=0.0)}
    )
    assert told(desk, alert(0), alert(0.9), alert(1)) == [0, 1]
    assert told(desk, alert(2, kind="liquidity_gap"), alert(2, kind="liquidity_gap")) == [2, 2]


def test_a_cooldown_is_broken_by_worse_alone(alert):
    desk = AlertDesk({"": Rule(cooldown_s=60.0)})
    alarms = alert(0), alert(30), alert(40, "critical", 90.0), alert(99, "warning", 70.0), alert(100)
    assert told(desk, *alarms) == [0, 40, 100]


def test_a_worse_repeat_is_told_when_its_time_is_over(alert):
    desk = AlertDesk()
    assert told(desk, alert(0, "info"), alert(1, "critical"), alert(2, "warning")) == [0]
    assert desk.due == START + 5 * S and due(desk, 4.9) == []
    assert due(desk, 5.2) == [(1, "escalated", "critical")]
    assert told(desk, alert(6, "critical"), alert(10.1, "critical"), alert(10.3, "critical")) == [10.3]


def test_repetition_raises_the_severity_by_one_step_at_a_time(alert):
    desk = AlertDesk({"": Rule(escalate_after=3, escalate_within_s=30.0, remind_s=0.0)})
    severities = [desk.push(alert(6 * k)).severity for k in range(8)]
    assert severities == ["info"] * 3 + ["warning"] * 3 + ["critical"] * 2
    assert desk.push(alert(42 + 31)).severity == "info", "none came for that long"


def test_repeats_alone_are_told_once_worse(alert):
    desk = AlertDesk({"": Rule(escalate_after=3, cooldown_s=100.0)})
    assert told(desk, *(alert(k) for k in (0, 1, 2, 3))) == [0]
    assert due(desk, 5) == [(1, "escalated", "warning")]
    assert told(desk, alert(20), alert(30)) == [] and desk.entries()[0].repeats == 5
    never = AlertDesk({"": Rule(escalate_after=0)})
    told(never, *(alert(k / 10) for k in range(40)))
    assert due(never, 1000) == []


def test_the_critical_is_told_again_until_somebody_has_seen_it(alert):
    desk = AlertDesk({"": Rule(remind_s=60.0, remind_times=2)})
    told(
        desk, alert(0, "critical"), alert(0, "warning", kind="liquidity_gap"), alert(1, "critical", kind="spread_shock")
    )
    assert due(desk, 59.9) == [] and due(desk, 60) == [(1, "reminder", "critical")]
    assert [entry.id for entry in desk.acknowledge(3, "anna")] == [3]
    assert due(desk, 119) == [] and due(desk, 121) == [(1, "reminder", "critical")]
    assert due(desk, 10_000) == [] and desk.due == float("inf")


def test_rules_hold_back_what_is_quiet_or_unwanted(alert):
    desk = AlertDesk(
        {
            "layering": DetectorRule(detector="layering", least_severity="warning"),
            "liquidity_gap": DetectorRule(detector="liquidity_gap", least_score=60.0),
            "depth_shock": DetectorRule(detector="depth_shock", enabled=False),
        }
    )
    assert told(desk, alert(0), alert(1, "warning", 70.0)) == [1]
    assert told(desk, alert(2, kind="liquidity_gap"), alert(3, score=60.0, kind="liquidity_gap")) == [3]
    assert told(desk, alert(4, "critical", 99.0, "depth_shock")) == []
    assert desk.counts["depth_shock", "held"] == 1 and desk.tallies["depth_shock", "critical", "held"] == 1


def test_history_is_bounded_and_acknowledged(alert):
    desk = AlertDesk(history=3)
    told(desk, *(alert(10 * k) for k in range(5)))
    assert [entry.id for entry in desk.entries()] == [3, 4, 5]
    assert [entry.id for entry in desk.acknowledge(4, "anna")] == [4]
    assert desk.acknowledge("4") == (), "it was seen before"
    assert [entry.id for entry in desk.entries(unacknowledged=True)] == [3, 5]
    with pytest.raises(InputError, match="no alarm 1 in the last 3"):
        desk.acknowledge(1)
    told(desk, alert(60, kind="liquidity_gap"))
    assert [entry.id for entry in desk.acknowledge("layering")] == [5] and len(desk.acknowledge("all")) == 1
    with pytest.raises(
        InputError, match="no alarm of kind 'spoof' to acknowledge: there are some of layering, liquidity_gap"
    ):
        desk.acknowledge("spoof")
    with pytest.raises(InputError, match="there are none at all"):
        AlertDesk().acknowledge("spoof")


def test_memory_is_bounded_whatever_comes(alert):
    desk = AlertDesk({"": Rule(remind_s=1e6)}, history=10)
    told(desk, *(alert(10 * k, "critical") for k in range(300)))
    assert len(desk._waiting) <= 4 * 10 + 1


def test_who_has_seen_it_sees_it_again_when_it_grows_worse(alert):
    desk = AlertDesk()
    told(desk, alert(0))
    desk.acknowledge(1, "anna")
    told(desk, alert(1, "warning"))
    assert due(desk, 6) == [(1, "escalated", "warning")] and not desk.entries()[0].acknowledged


def test_another_time_holds_nothing_back_and_reminds_of_nothing(alert):
    desk = AlertDesk()
    told(desk, alert(100, "critical"), alert(101, "critical", kind="liquidity_gap"))
    desk.forget()
    assert desk.due == float("inf") and told(desk, alert(50), alert(102, kind="liquidity_gap")) == [50, 102]
    assert len(desk.entries()) == 4, "the history stays"


def test_what_an_earlier_run_told_is_taken_over(alert):
    first, again = AlertDesk(), AlertDesk()
    told(first, alert(0, "critical"), alert(10, kind="liquidity_gap"), alert(12, side="bid"))
    first.acknowledge(2)
    again.restore(first.entries())
    assert told(again, alert(13, side="bid"), alert(13, side="ask")) == [13]
    assert again.entries()[-1].id == 4 and [entry.id for entry in again.entries(unacknowledged=True)] == [1, 3, 4]
    assert due(again, 400) == [(1, "reminder", "critical")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AlertDesk({"spofing": DetectorRule()}), "unknown kind 'spofing'"),
        (lambda: AlertDesk(history=0), "at least 1"),
    ],
)
def test_bad_settings_are_explained(make, message):
    with pytest.raises(InputError, match=message):
        make()
