"""A sink's manners, in a time that the test makes."""

import pytest

from genesis_lib.alerts.sinks import Address
from genesis_lib.alerts.sinks.lane import BURST, Lane
from genesis_lib.alerts.sinks.targets import LogTarget, Outcome

FINE, BAD = Outcome(), Outcome("HTTP 500")


@pytest.fixture
def lane():
    def make(queue=100, attempts=3, per_minute=6000.0, least="info"):
        address = Address("log", least, per_minute)
        return Lane("it", address, LogTarget(), queue=queue, attempts=attempts, longest_wait_s=8.0, now=0.0)

    return make


def test_a_failure_is_tried_again_later_and_later_and_given_up(lane, letter):
    one, now, waits = lane(attempts=6), 0.0, []
    one.add(letter())
    while (wait := one.ready_in(now)) is not None:
        now += wait
        waits.append(wait)
        one.settle(one.take(), BAD, now)
    assert len(waits) == 6 and waits[0] == 0.0
    assert all(0 <= wait <= bound for wait, bound in zip(waits[1:], (0.5, 1, 2, 4, 8)))
    status = one.status()
    assert (status["given_up"], status["retried"], status["waiting"], status["failure"]) == (1, 5, 0, "HTTP 500")


def test_a_dead_sink_does_not_fill_the_log(lane, letter, caplog):
    one, now = lane(attempts=2), 0.0
    for number in range(1, 31):
        one.add(letter(number))
    while (wait := one.ready_in(now)) is not None:
        now += wait
        one.settle(one.take(), BAD, now)
    assert not caplog.records, "whoever trades adds letters, and waits for no log"
    one.say()
    assert one.status()["given_up"] == 30 and len(caplog.records) == 2


def test_what_cannot_succeed_is_given_up_at_once(lane, letter):
    one = lane()
    one.add(letter())
    one.settle(one.take(), Outcome("HTTP 404", again=False), 0.0)
    assert one.status()["given_up"] == 1 and one.ready_in(0.0) is None


def test_a_pause_that_was_asked_for_is_kept(lane, letter):
    one = lane()
    one.add(letter())
    one.settle(one.take(), Outcome("HTTP 429", after_s=100.0), 10.0)
    assert 99.0 <= one.ready_in(10.5) <= 100.0 and one.ready_in(111.0) == 0.0


def test_no_more_than_so_many_a_minute(lane, letter):
    one, now = lane(per_minute=60.0), 0.0
    for number in range(1, 31):
        one.add(letter(number))
    times = []
    while (wait := one.ready_in(now)) is not None:
        now += wait
        times.append(now)
        one.settle(one.take(), FINE, now)
    assert times[:BURST] == [0.0] * BURST
    assert all(later - sooner == pytest.approx(1.0) for sooner, later in zip(times[BURST:], times[BURST + 1 :]))


def test_the_quiet_is_not_for_every_sink(lane, letter):
    one = lane(least="warning")
    one.add(letter(1, "info"))
    one.add(letter(2, "critical"))
    assert one.take().letter.notice.id == 2 and one.ready_in(0.0) is None


def test_a_full_queue_drops_the_least_and_says_so_once(lane, letter, caplog):
    one = lane(queue=2)
    for number, severity in enumerate(("critical", "info", "warning", "info", "critical"), 1):
        one.add(letter(number, severity))
    one.say()
    assert one.status()["dropped"] == 3 and one.waiting == 2
    assert [record.message for record in caplog.records] == [
        "alerts: too many wait for it: the oldest of the least severe are dropped"
    ]
    for expected in (1, 5):
        parcel = one.take()
        assert parcel.letter.notice.id == expected
        one.settle(parcel, FINE, 0.0)


def test_a_failure_is_said_when_it_begins_and_when_it_is_over(lane, letter, caplog):
    one = lane(attempts=10)
    caplog.set_level("INFO")
    one.add(letter())
    for outcome in (BAD, BAD, BAD, FINE):
        one.settle(one.take(), outcome, 0.0)
    one.say()
    assert caplog.messages == ["alerts: it does not take them: HTTP 500", "alerts: it takes them again"]
    assert one.status()["failure"] is None and one.status()["sent"] == 1
