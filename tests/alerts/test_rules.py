import pytest

from genesis_lib.alerts import AccountRule, DetectorRule, FeatureRule, FeedRule, Rule
from genesis_lib.alerts.rules import ACCOUNT, FEED
from genesis_lib.detectors import DETECTORS
from genesis_lib.errors import ConfigError

KIND = next(iter(DETECTORS))


def test_names_of_alarms():
    assert DetectorRule(detector=KIND).kind == KIND and DetectorRule().kind == ""
    assert FeatureRule(feature="spread", above=1).kind == "spread_above"
    assert FeatureRule(feature="spread", below=1).kind == "spread_below"
    assert FeedRule(measure="gap").kind == "feed_gap" and AccountRule(measure="kill").kind == "account_kill"
    assert FeedRule(measure="gap", name="holes").kind == "holes"


def test_every_measure_has_a_threshold_or_asks_for_one():
    for measure in FEED:
        assert FeedRule(measure=measure).above == FEED[measure]
        assert FeedRule(measure=measure, above=0.5).above == 0.5
    for measure in ACCOUNT:
        assert AccountRule(measure=measure, above=0.5).above == 0.5


def test_rules_are_values():
    assert Rule(cooldown_s=2.0) == Rule(cooldown_s=2.0) and Rule(cooldown_s=2.0).ns("cooldown_s") == 2_000_000_000
    with pytest.raises(AttributeError):
        Rule().cooldown_s = 3.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: DetectorRule(least_severity="loud"),
            "least_severity must be one of info, warning, critical, got 'loud'",
        ),
        (lambda: DetectorRule(least_score=101.0), "between 0 and 100"),
        (lambda: DetectorRule(detector=KIND[:-1]), f"unknown detector '{KIND[:-1]}'; did you mean '{KIND}'"),
        (lambda: Rule(cooldown_s=-1.0), "cooldown_s must not be negative, got -1.0"),
        (lambda: Rule(cooldown_s="soon"), "cooldown_s must be a finite number, got 'soon'"),
        (lambda: Rule(remind_s=float("nan")), "remind_s must be a finite number"),
        (lambda: Rule(deduplicate_s=1e300), "deduplicate_s must not be greater than 31536000"),
        (lambda: Rule(escalate_after=float("inf")), "escalate_after must be a whole number, got inf"),
        (lambda: FeedRule(measure="gap", for_s=30.0), "for_s means nothing for measure 'gap': leave it out"),
        (lambda: FeedRule(measure="stale", clear=1.0), "clear means nothing for measure 'stale'"),
        (lambda: AccountRule(measure="kill", within_s=5.0), "within_s means nothing for measure 'kill'"),
        (lambda: AccountRule(measure="position", above=1.0), "at least 0 and less than 1, its most, got 1.0"),
        (lambda: FeedRule(measure="invalid_rows", above=5.0), "at least 0 and less than 1, its most, got 5.0"),
        (lambda: AccountRule(measure="drawdown", above=-5.0), "'drawdown' must be at least 0, got -5.0"),
        (lambda: Rule(escalate_after=2.5), "escalate_after must be a whole number, got 2.5"),
        (lambda: Rule(enabled="no"), "enabled must be true or false, got 'no'"),
        (lambda: FeatureRule(above=1.0), "needs feature, a name of FEATURES"),
        (lambda: FeatureRule(feature="spraed", above=1.0), "unknown feature 'spraed'; did you mean 'spread'"),
        (lambda: FeatureRule(feature="spread"), "needs either above or below"),
        (lambda: FeatureRule(feature="spread", above=1.0, below=0.0), "needs either above or below"),
        (
            lambda: FeatureRule(feature="spread", above=1.0, clear=2.0),
            "clear must not be above the threshold 1.0, got 2.0",
        ),
        (lambda: FeatureRule(feature="spread", below=1.0, clear=0.5), "clear must not be below the threshold 1.0"),
        (lambda: FeatureRule(feature="spread", above=1.0, for_s=-1.0), "for_s must not be negative"),
        (lambda: FeatureRule(feature="spread", above=1.0, name="all"), "name must be letters, digits and _"),
        (lambda: FeatureRule(feature="spread", above=1.0, name="a b"), "name must be letters, digits and _"),
        (lambda: FeatureRule(feature="spread", above=1.0, name=KIND), f"name '{KIND}' is a detector's"),
        (lambda: FeatureRule(feature="spread", above=1.0, severity="bad"), "severity must be one of"),
        (lambda: FeedRule(), "needs measure, one of gap, disconnect"),
        (lambda: FeedRule(measure="latencies"), "unknown measure 'latencies'; did you mean 'latency'"),
        (lambda: FeedRule(measure="gap", within_s=0.0), "within_s must be between 1 and 86400, got 0.0"),
        (lambda: AccountRule(measure="drawdown"), "measure 'drawdown' needs above"),
        (lambda: AccountRule(measure="draw_down", above=1.0), "did you mean 'drawdown'"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
