"""Alarms in the journal: told, merged, seen; the same when they are replayed, and after a restart."""

from __future__ import annotations

import json

import numpy as np
import pytest

from genesis_lib.alerts import AlertDesk, FeatureRule, FeedRule, Rule, Surveillance
from genesis_lib.alerts.statistics import statistics
from genesis_lib.detectors import Alert
from genesis_lib.engine import Engine
from genesis_lib.errors import InputError, StateError
from genesis_lib.journal import Journal, read_journal
from genesis_lib.types import Gap, MarkPrice

WIDE = FeatureRule(feature="spread", above=2.0, severity="critical", remind_s=20.0, remind_times=1)
RULES = [
    {"source": "feature", "feature": "spread", "above": 2.0, "severity": "critical", "remind_s": 20, "remind_times": 1},
]


@pytest.fixture
def engine(market, settings):
    """An engine whose spread rule alone can raise anything."""

    def make(journal=None, **alerts):
        watch = Surveillance(market.instrument, kinds=[], desk=AlertDesk({WIDE.kind: WIDE, "": Rule()}))
        return Engine(market.instrument, config=settings(alerts=alerts), journal=journal, watch=watch)

    return make


def walk(engine, market, widths):
    return [notice for width in widths for notice in engine.step(market.row(200, width)).alerts]


def test_what_is_told_and_merged_is_in_the_journal(engine, market):
    one = engine()
    told = walk(one, market, [1, 9, 1, 9, 1, 9, 1, 1, 9])  # ticks of half a point, a second apart
    assert [(notice.id, notice.cause) for notice in told] == [(1, "new"), (2, "new")]
    one.finish()
    rows = one.journal.rows("alerts")
    assert [(row["event_index"], row["alert_id"], row["cause"], row["severity"]) for row in rows] == [
        (1, 1, "new", "critical"),
        (8, 2, "new", "critical"),
    ]
    assert json.loads(rows[0]["evidence"])["value"] == 4.5 and rows[0]["score"] == 95.0
    tallies = one.journal.rows("alert_tallies")
    assert sum(row["number"] for row in tallies) == 2 and {row["outcome"] for row in tallies} == {"repeated"}


def test_what_passes_again_is_not_told_again(market, settings):
    """A gap of before a restart makes no row: what it raised must not wait for the first event behind it."""
    desk = AlertDesk({"feed_gap": FeedRule(measure="gap", deduplicate_s=0.0)})
    one = Engine(market.instrument, config=settings(), watch=Surveillance(market.instrument, kinds=[], desk=desk))
    at = market.row(200, 1)
    one.warm(at)
    one.warm(Gap("X", at.ts_exchange, at.ts_receive, "lost", -1, -1))
    step = one.step(market.row(200, 1))
    assert step is not None and step.alerts == () and desk.counts == {}


def test_a_reminder_is_told_unless_somebody_has_seen_it(engine, market):
    one, other = engine(), engine()
    rows = [market.row(200, 9 if k == 1 else 1) for k in range(40)]
    told = [(notice.cause, k) for k, row in enumerate(rows) for notice in one.step(row).alerts]
    assert told == [("new", 1), ("reminder", 21)]
    for row in rows[:10]:
        other.step(row)
    assert other.acknowledge("1", "anna") == (1,) and other.acknowledge("all", "ben") == ()
    assert [notice for row in rows[10:] for notice in other.step(row).alerts] == []
    other.commit()
    assert [(row["event_index"], row["name"]) for row in other.journal.rows("commands")] == [
        (10, "acknowledge 1 by anna")
    ]
    (seen,) = other.journal.rows("acknowledgements")
    assert (seen["alert_id"], seen["timestamp"], seen["by"]) == (1, rows[9].ts_exchange, "anna") and seen["wall_ns"]
    assert one.journal.sha256 != other.journal.sha256


def test_what_cannot_be_acknowledged_leaves_no_trace(engine, market):
    one = engine()
    with pytest.raises(InputError, match="no alarm 1"):
        one.acknowledge(1)
    one.commit()
    assert one.journal.rows("commands") == []
    with pytest.raises(StateError, match="nothing watches"):
        Engine(market.instrument).acknowledge("all")


def test_a_restart_knows_what_was_told_and_seen(engine, market, tmp_path):
    with Journal.open(tmp_path, "s") as journal:
        walk(engine(journal), market, [1, 9, 1])
    with Journal.open(tmp_path, "s") as journal:
        again = engine(journal)
        (entry,) = again.alarms.desk.entries()
        assert (entry.id, entry.severity, entry.acknowledged) == (1, "critical", False)
        assert walk(again, market, [9]) == [], "a repeat, across the restart"
        assert again.acknowledge("spread_above", "anna") == (1,)
    with Journal.open(tmp_path, "s") as journal:
        last = engine(journal)
        assert [entry.by for entry in last.alarms.desk.entries()] == ["anna"]
        market.now += 10**11
        assert [notice.id for notice in walk(last, market, [1, 9])] == [2]
    found = read_journal(tmp_path)
    assert statistics(found)["acknowledged"] == 1 and statistics(found)["told"] == 2


def test_rows_of_before_a_restart_are_not_told_again(engine, market):
    one = engine()
    assert one.warm(market.row(200, 9)).alerts == ()
    assert walk(one, market, [9]) == [] and one.journal.rows("alerts") == []


def test_the_configuration_is_what_rules(market, settings):
    config = settings(alerts={"rules": [*RULES, {"source": "feed", "measure": "stale", "above": 3}]})
    one = Engine.build(market.instrument, config=config)
    first = market.row(200)
    one.step(first)
    gap = Gap("X", first.ts_exchange, first.ts_receive + 9 * 10**9, "lost", 1, 2)
    assert [notice.kind for notice in one.step(gap).alerts] == ["feed_stale", "feed_gap"]
    assert Engine.build(market.instrument, config=config, detect=False).alarms is None


def test_the_account_is_watched(market, scripted, settings):
    script = [(0.0, 0.0, 1.0)] * 30
    rules = [{"source": "account", "measure": "position"}, {"source": "account", "measure": "drawdown", "above": 1.0}]
    config = settings(strategy={"preset": "seed"}, execution={"latency_ms": 0.0}, alerts={"rules": rules})
    one = Engine.build(market.instrument, artifact=scripted(*script), config=config)
    one.start()
    told = [notice.kind for k in range(8) for notice in one.step(market.row(200 - 3 * k)).alerts]
    assert told[:2] == ["account_position", "account_drawdown"]
    one.kill()
    assert "account_kill" in [notice.kind for notice in one.step(market.row(150)).alerts]


def test_orders_that_the_limits_refuse_are_counted(market, scripted, settings):
    rules = [{"source": "account", "measure": "refused"}]
    config = settings(strategy={"preset": "seed"}, alerts={"rules": rules})
    one = Engine.build(market.instrument, artifact=scripted(*[(0.0, 0.0, 1.0)] * 9), config=config)
    one.start()
    told = []
    for _ in range(3):
        row = market.row(200)
        late = row._replace(ts_receive=row.ts_receive - 10**11)  # it comes 100 s after something newer
        one.step(MarkPrice("X", market.now, market.now, 100.0, 100.0, 0.0, 0))
        told += [(notice.kind, notice.message) for notice in one.step(late).alerts]
    assert told == [("account_refused", "1 order(s) refused within 60 s.")]


def test_without_a_row_an_alarm_makes_a_step(market, settings):
    watch = Surveillance(market.instrument, kinds=[], desk=AlertDesk({"s": FeedRule(measure="stale", name="s")}))
    one = Engine(market.instrument, watch=watch)
    from genesis_lib.types import Trade

    row = market.row(200)
    one.step(row)
    late = row.ts_receive + 11 * 10**9
    step = one.step(Trade("X", late, late, 1, 200, 1.0, 1))
    assert step.row is None and [notice.kind for notice in step.alerts] == ["s"]
    assert one.step(Trade("X", late, late, 2, 200, 1.0, 1)) is None


def test_evidence_that_is_not_plain_ends_no_session(engine, market, monkeypatch):
    one = engine()
    odd = Alert(
        "layering", "info", 50.0, market.now, "x.", {"size": np.float64(2.5), "levels": np.arange(2), "of": {1}}
    )
    monkeypatch.setattr(one.alarms._watch._watch, "step", lambda row: [odd])
    one.step(market.row(200))
    one.commit()
    assert json.loads(one.journal.rows("alerts")[0]["evidence"]) == {"size": 2.5, "levels": [0, 1], "of": "{1}"}
