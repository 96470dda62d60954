"""Detectors, rules and the desk over one stream."""

import pytest

from genesis_lib.alerts import AlertDesk, FeatureRule, FeedRule, Surveillance, read_rules
from genesis_lib.config import load
from genesis_lib.detectors import DETECTORS
from genesis_lib.errors import ConfigError, InputError
from genesis_lib.types import Gap, Instrument

X = Instrument("test", "X", 1.0, 1.0)


@pytest.fixture
def shocked(row):
    return [row(k / 20, spread=50 if 1000 <= k < 1020 else 1) for k in range(1500)]


def test_it_runs_every_detector_and_tells_once(shocked):
    watch = Surveillance()
    assert watch.kinds == tuple(DETECTORS)
    found = [notice for item in shocked for notice in watch.step(item)]
    assert "spread_shock" in [notice.kind for notice in found]
    assert [notice.id for notice in found if notice.cause == "new"] == list(range(1, len(watch.desk.entries()) + 1))
    assert all(notice.evidence and notice.cause == "new" for notice in found)


def test_chosen_kinds(shocked):
    watch = Surveillance(kinds=["layering"])
    assert [notice for item in shocked for notice in watch.step(item)] == []
    with pytest.raises(InputError, match="did you mean 'spoofing'"):
        Surveillance(kinds=["spofing"])


def test_another_time_holds_no_alarm_back(shocked):
    watch = Surveillance(kinds=["spread_shock"])

    def told():
        return [(notice.kind, notice.timestamp) for item in shocked for notice in watch.step(item)]

    first, again = told(), told()
    watch.forget()
    assert told() == first != again and first
    assert len(watch.desk.entries()) >= 2 * len(first), "the history stays"


def test_what_nobody_asked_for_is_not_computed(shocked, monkeypatch):
    from genesis_lib.features import FeatureSet

    monkeypatch.setattr(FeatureSet, "step", lambda *_: pytest.fail("a feature was computed"))
    watch = Surveillance.configured(X, load(env={}))
    for item in shocked[:50]:
        watch.step(item)


def test_the_rules_of_a_configuration(shocked):
    rules = [
        {"source": "feature", "feature": "spread", "above": 20, "name": "wide"},
        {"source": "feed", "measure": "stale"},
    ]
    watch = Surveillance.configured(X, load(env={}, alerts={"rules": rules}))
    found = [notice for item in shocked for notice in watch.step(item)]
    assert [(notice.timestamp, notice.kind) for notice in found if notice.kind == "wide"] == [
        (shocked[1000].ts_exchange, "wide")
    ]
    with pytest.raises(ConfigError, match="10 levels a side, the rows have 5"):
        rules = [{"source": "feature", "feature": "ask_price_10", "above": 20}]
        Surveillance.configured(Instrument("taifex", "TXF", 1.0, 1.0), load(env={}, alerts={"rules": rules}))


def test_an_event_without_a_row_can_be_told(row):
    from genesis_lib.types import Trade

    watch = Surveillance(kinds=[], desk=AlertDesk({"s": FeedRule(measure="stale", above=5.0, name="s")}))
    watch.observe(row(0))
    watch.step(row(0))
    late = row(6).ts_receive
    watch.observe(Trade("X", late, late, 1, 100, 1.0, 1))
    assert watch.waits and [notice.kind for notice in watch.tell()] == ["s"] and not watch.waits
    assert watch.tell() == ()


def test_looking_tells_nothing_but_remembers(row):
    """A row of before a restart: what it raises was told by the run before."""
    rule = FeatureRule(feature="spread", above=5.0)
    watch = Surveillance(kinds=[], desk=AlertDesk({rule.kind: rule}))
    assert [alarm.kind for alarm in watch.look(row(0, spread=7))] == ["spread_above"]
    assert watch.step(row(1, spread=7)) == () and watch.desk.entries() == ()


def test_a_disabled_rule_of_the_feed_is_not_watched(row):
    rules = read_rules(load(env={}, alerts={"rules": [{"source": "feed", "measure": "gap", "enabled": False}]}).alerts)
    watch = Surveillance(kinds=[], desk=AlertDesk(rules))
    watch.observe(Gap("X", 0, 0, "lost", 1, 2))
    assert not watch.waits and watch.step(row(0)) == ()
