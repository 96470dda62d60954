"""Alerts: rules over detectors, features, feed and account; who is told what, how often, and who has seen it.

All of it is decided in event time, so that a session replays to the same alarms. How they reach people who are not at
the desk is the business of `genesis_lib.alerts.sinks`, which no decision depends on.
"""

from genesis_lib.alerts.desk import DEDUPLICATE_NS, AlertDesk, Entry, Notice
from genesis_lib.alerts.rule_tables import read_rules
from genesis_lib.alerts.rules import RULES, AccountRule, DetectorRule, FeatureRule, FeedRule, Rule
from genesis_lib.alerts.surveillance import Surveillance

__all__ = [
    "DEDUPLICATE_NS",
    "RULES",
    "AccountRule",
    "AlertDesk",
    "DetectorRule",
    "Entry",
    "FeatureRule",
    "FeedRule",
    "Notice",
    "Rule",
    "Surveillance",
    "read_rules",
]
