from pathlib import Path

import pytest

from genesis_lib.alerts import DetectorRule, FeatureRule, FeedRule, read_rules
from genesis_lib.alerts.rule_tables import quiet, read_rule
from genesis_lib.alerts.rules import ACCOUNT, FEED, TIMES
from genesis_lib.alerts.sinks import read_addresses
from genesis_lib.config import load
from genesis_lib.errors import ConfigError

TOML = """
[alerts]
deduplicate_s = 2.0
[[alerts.rules]]
source = "feature"
feature = "spread"
above = 5
for_s = 1.5
name = "wide"
cooldown_s = 30
[[alerts.rules]]
source = "detector"
detector = "depth_shock"
least_severity = "critical"
[[alerts.rules]]
source = "feed"
measure = "gap"
enabled = false
"""


def test_a_file_of_rules(tmp_path):
    (tmp_path / "genesis.toml").write_text(TOML)
    rules = read_rules(load(tmp_path / "genesis.toml", {}).alerts)
    assert list(rules) == ["", "feed_gap", "account_kill", "wide", "depth_shock"]
    wide = FeatureRule(feature="spread", above=5, for_s=1.5, name="wide", cooldown_s=30, deduplicate_s=2.0)
    assert rules["wide"] == wide and rules["depth_shock"].least_severity == "critical"
    assert rules["feed_gap"] == FeedRule(measure="gap", enabled=False, deduplicate_s=2.0), "a default is replaced"
    assert all(rule.deduplicate_s == 2.0 for rule in rules.values())


def test_rules_in_a_variable():
    env = {"GENESIS_ALERTS_RULES": '[{"source": "detector", "least_score": 80}]', "GENESIS_ALERTS_REMIND_S": "0"}
    rules = read_rules(load(env=env).alerts)
    assert rules[""] == DetectorRule(least_score=80, remind_s=0.0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("gap", "table 1: a rule is a table of keys, got 'gap'"),
        ({}, "table 1: a rule needs source, one of detector, feature, feed, account"),
        ({"source": "detectors"}, "table 1: unknown source 'detectors'; did you mean 'detector'"),
        ({"source": ["feed"]}, r"table 1: unknown source \['feed'\]; did you mean 'feed'"),
        ({"source": "feed", "mesure": "gap"}, "unknown key of a feed rule 'mesure'; did you mean 'measure'"),
        ({"source": "feature", "feature": "sprea", "above": 1}, "unknown feature 'sprea'"),
        ({"source": "feed", "measure": "gap", "above": "x"}, "above must be a finite number, got 'x'"),
    ],
)
def test_mistakes_are_named(table, message):
    settings = load(env={}, alerts={"rules": [table]}).alerts
    with pytest.raises(ConfigError, match=message):
        read_rules(settings)


def test_two_of_one_name():
    table = {"source": "feature", "feature": "spread", "above": 1}
    with pytest.raises(ConfigError, match="table 2: another rule is called 'spread_above' too"):
        read_rules(load(env={}, alerts={"rules": [table, {**table, "above": 2}]}).alerts)


def test_without_a_feed_there_are_detectors_alone():
    assert read_rule({"source": "detector"}) == DetectorRule()
    (rule,) = quiet().values()
    assert rule.kind == "" and rule.remind_s == 0.0 and rule.escalate_after == 0


def test_the_readme_is_a_configuration_and_tells_the_defaults(tmp_path):
    text = (Path(__file__).resolve().parents[2] / "genesis_lib" / "alerts" / "README.md").read_text(encoding="utf-8")
    (tmp_path / "genesis.toml").write_text(text.partition("```toml")[2].partition("```")[0])
    settings, plain = load(tmp_path / "genesis.toml", {}).alerts, load(env={}).alerts
    rules = read_rules(settings)
    assert {"spoofing", "wide_spread", "feed_stale", "account_drawdown", "feed_gap", "account_kill"} <= set(rules)
    assert [str(address) for address in read_addresses(settings)][2:] == ["https://example.org/***", "tgram://***"]
    for name in (*TIMES, "sink_attempts", "sink_queue", "flush_s", "log_mb", "sink_severity"):
        assert getattr(settings, name) == getattr(plain, name)
        if name.startswith("sink_") or name in ("flush_s", "log_mb"):
            value = getattr(plain, name)
            told = value if isinstance(value, str) else f"{value:g}"
            assert f"`{name}` = {told}" in text, name
    for measures in (FEED, ACCOUNT):
        assert all(measure in text for measure in measures)
