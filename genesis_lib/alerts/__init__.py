"""Alerts: what looks wrong, on its way to people."""

from genesis_lib.alerts.desk import DEDUPLICATE_NS, AlertDesk, Entry, Rule, Surveillance

__all__ = ["DEDUPLICATE_NS", "AlertDesk", "Entry", "Rule", "Surveillance"]
