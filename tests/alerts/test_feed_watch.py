import numpy as np
import pytest

from genesis_lib.alerts import FeedRule
from genesis_lib.alerts.feed_watch import FeedWatch
from genesis_lib.types import DepthSnapshot, Gap, Trade

S = 1_000_000_000
START = 1_700_000_000 * S
EMPTY = np.empty(0, np.int8), np.empty(0, np.int64), np.empty(0)


def gap(second, cause="pu is 7 where 5 must follow"):
    ts = START + round(second * S)
    return Gap("X", ts, ts, cause, 5, 7)


def trade(second):
    ts = START + round(second * S)
    return Trade("X", ts, ts, 1, 100, 1.0, 1)


def joined(second):
    ts = START + round(second * S)
    return DepthSnapshot("X", ts, ts, 9, *EMPTY)


def kinds(found):
    return [alarm.kind for alarm in found]


def test_a_gap_and_how_long_it_took(row):
    watch = FeedWatch([FeedRule(measure="gap"), FeedRule(measure="resync", above=2.0), FeedRule(measure="disconnect")])
    watch.observe(gap(1))
    (alarm,) = watch.step(row(1, valid=False))
    assert alarm.message == "Gap in the feed: pu is 7 where 5 must follow." and alarm.timestamp == START + S
    watch.observe(joined(2))
    assert watch.step(row(2)) == [], "soon enough"
    watch.observe(gap(10, "the venue closed the connection"))
    assert kinds(watch.step(row(10, valid=False))) == ["feed_gap", "feed_disconnect"]
    watch.observe(joined(14.5))
    (alarm,) = watch.step(row(14.5))
    assert alarm.kind == "feed_resync" and alarm.evidence["seconds"] == 4.5
    watch.observe(joined(15))
    assert watch.step(row(15)) == [], "a snapshot without a gap"


def test_a_source_of_rows_alone_is_whole_with_the_next_valid_one(row):
    watch = FeedWatch([FeedRule(measure="resync", above=2.0)])
    watch.observe(gap(1))
    assert watch.step(row(2, valid=False)) == []
    (alarm,) = watch.step(row(5))
    assert alarm.evidence["seconds"] == 4.0 and watch.step(row(9)) == []


def test_of_several_gaps_the_book_is_lost_since_the_first(row):
    watch = FeedWatch([FeedRule(measure="resync", above=2.0)])
    watch.observe(gap(1))
    watch.observe(gap(8))
    watch.observe(joined(9))
    (alarm,) = watch.step(row(9))
    assert alarm.evidence["seconds"] == 8.0


@pytest.mark.parametrize(
    "cause",
    [
        "connection lost: [Errno 104] Connection reset by peer",
        "nothing came for 15 s",
        "[Errno 113] No route to host",
        "the connection was lost",
    ],
)
def test_causes_that_are_the_lines(row, cause):
    watch = FeedWatch([FeedRule(measure="disconnect")])
    watch.observe(gap(0, cause))
    assert kinds(watch.step(row(0, valid=False))) == ["feed_disconnect"]


def test_only_so_many_gaps_are_too_many(row):
    watch, found = FeedWatch([FeedRule(measure="gap", above=2, within_s=60)]), []
    for second in (0, 30, 70, 80, 85, 200):
        watch.observe(gap(second))
        found += [(second, alarm.evidence["number"]) for alarm in watch.step(row(second, valid=False))]
    assert found == [(80, 3), (85, 4)]


def test_silence_is_told_once_by_whatever_comes(row):
    watch = FeedWatch([FeedRule(measure="stale", above=5.0)])
    watch.observe(trade(0))
    assert not watch.found, "nothing is known before the first row"
    watch.step(row(10))
    for second in (12, 15, 15.5, 17, 30):
        watch.observe(trade(second))
    (alarm,) = watch.take()
    assert alarm.evidence["seconds"] == 5.5 and alarm.timestamp == START + round(15.5 * S)
    assert watch.take() == [] and watch.step(row(31)) == []
    watch.observe(trade(40))
    assert kinds(watch.take()) == ["feed_stale"]


def test_the_share_of_invalid_rows(row):
    watch = FeedWatch([FeedRule(measure="invalid_rows", above=0.2, within_s=60.0)])
    found = [k for k in range(100) if watch.step(row(k / 10, valid=k >= 5))]
    assert found == [19], "5 of the first 20; fewer rows say nothing"
    found = [k for k in range(100, 200) if watch.step(row(k / 10, valid=k % 2 == 0))]
    assert len(found) == 1 and 130 < found[0] < 160


def test_latency_must_last(row):
    watch = FeedWatch([FeedRule(measure="latency", above=200.0, for_s=1.0)])
    late = [0, 500, 0, 500, 500, 500, 500, -2000, 500]
    found = [k for k, ms in enumerate(late) if watch.step(row(k / 2, late_ms=ms))]
    assert found == [5]


def test_another_time_knows_nothing_of_before(row):
    watch = FeedWatch([FeedRule(measure="stale", above=5.0), FeedRule(measure="resync")])
    watch.observe(gap(0))
    watch.step(row(0, valid=False))
    watch.forget()
    watch.observe(joined(100))
    assert watch.found == [] and watch.step(row(100)) == []
