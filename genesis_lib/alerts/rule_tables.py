"""Rules as a configuration file writes them: tables, checked key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from genesis_lib import config as configuration
from genesis_lib.alerts.rules import RULES, TIMES, DetectorRule, Rule, known
from genesis_lib.errors import ConfigError

# What people are told of where they configure nothing, besides every detector's alarms.
DEFAULTS = ({"source": "feed", "measure": "gap"}, {"source": "account", "measure": "kill"})


def read_rules(settings: configuration.Alerts | None = None) -> dict[str, Rule]:
    """The rules in force, by the name of their alarms; the empty name is for all that have no rule.

    Parameters
    ----------
    settings
        ``[alerts]`` of the configuration: its times are those of every rule that has none of its own, and a table of
        its ``rules`` takes the place of a default of the same name.

    Raises
    ------
    ConfigError
        For an unknown source, key or name (naming the nearest known one), a value that cannot be, or two rules of one
        name; says which table.

    Examples
    --------
    >>> settings = configuration.Alerts(rules=({"source": "feature", "feature": "spread", "above": 5.0, "for_s": 2},))
    >>> list(read_rules(settings))
    ['', 'feed_gap', 'account_kill', 'spread_above']
    """
    settings = configuration.Alerts() if settings is None else settings
    common = {name: getattr(settings, name) for name in TIMES}
    rules = {"": DetectorRule(**common)}
    for table in DEFAULTS:
        rule = read_rule(table, common)
        rules[rule.kind] = rule
    seen: set[str] = set()
    for number, table in enumerate(settings.rules, 1):
        try:
            rule = read_rule(table, common)
            if rule.kind in seen:
                raise ConfigError(f"another rule is called {rule.kind or 'detector'!r} too: give one of them a name")
        except ConfigError as error:
            raise ConfigError(f"alerts.rules, table {number}: {error}") from None
        seen.add(rule.kind)
        rules[rule.kind] = rule
    return rules


def read_rule(table: Mapping[str, Any], common: Mapping[str, Any] | None = None) -> Rule:
    """One rule of its table; ``source`` says which of `RULES` it is."""
    if not isinstance(table, Mapping):
        raise ConfigError(f"a rule is a table of keys, got {table!r}")
    table = dict(table)
    source = table.pop("source", None)
    if source is None:
        raise ConfigError(f"a rule needs source, one of {', '.join(RULES)}")
    cls = RULES[known("source", source, RULES)]
    names = [item.name for item in fields(cls)]
    for key in table:
        known(f"key of a {source} rule", key, names)
    return cls(**{**(common or {}), **table})


def quiet() -> dict[str, Rule]:
    """The rules where there are detectors alone, and nobody who could see or acknowledge: each alarm is told once."""
    return {"": DetectorRule(escalate_after=0, remind_s=0.0)}
