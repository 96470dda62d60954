"""Rules: what of a source is an alarm, and how often people are told of it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import ClassVar

from genesis_lib.clock import NS
from genesis_lib.detectors import DETECTORS, SEVERITIES, Alert
from genesis_lib.errors import ConfigError, InputError
from genesis_lib.features.base import lookup

ALL = "all"  # means every alarm where one is acknowledged, and so names none
MOST = 31_536_000  # seconds (a year), and as many repeats or reminders
SCORES = {"info": 50.0, "warning": 75.0, "critical": 95.0}  # of alarms that have no degrees of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How often people are told of the alarms of one name; every time is the market's.

    Parameters
    ----------
    enabled
        False holds all of them back.
    deduplicate_s
        Alarms within so many seconds of the last one told are its repeats.
    cooldown_s
        Silence after one that was told, which a higher severity breaks.
    escalate_after, escalate_within_s
        So many repeats within so many seconds raise the severity by one step, until none came for that long. 0: never.
    remind_s, remind_times
        A critical one that nobody acknowledged is told again after so long, at most so often. 0: never.
    """

    source: ClassVar[str] = ""

    enabled: bool = True
    deduplicate_s: float = 5.0
    cooldown_s: float = 0.0
    escalate_after: int = 5
    escalate_within_s: float = 60.0
    remind_s: float = 300.0
    remind_times: int = 3

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            if item.type.startswith("float") and not (number or (value is None and "None" in item.type)):
                raise ConfigError(f"{item.name} must be a finite number, got {value!r}")
            elif item.type == "int" and not (number and value == int(value)):
                raise ConfigError(f"{item.name} must be a whole number, got {value!r}")
            elif item.type == "bool" and not isinstance(value, bool):
                raise ConfigError(f"{item.name} must be true or false, got {value!r}")
            elif item.type == "str" and not isinstance(value, str):
                raise ConfigError(f"{item.name} must be text, got {value!r}")
        for name in TIMES:
            if not 0 <= (value := getattr(self, name)) <= MOST:
                limit = "negative" if value < 0 else f"greater than {MOST}"
                raise ConfigError(f"{name} must not be {limit}, got {value!r}")

    @property
    def kind(self) -> str:
        """Name of the alarms that it is for."""
        return ""

    def admits(self, alert: Alert) -> bool:
        """Whether an alarm may be told at all."""
        return self.enabled

    def ns(self, name: str) -> int:
        """A time of this rule in nanoseconds."""
        return round(getattr(self, name) * NS)


TIMES = tuple(item.name for item in fields(Rule) if item.name != "enabled")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRule(Rule):
    """Which alarms of a detector are let through.

    Parameters
    ----------
    detector
        Key of `DETECTORS`; empty for all that have no rule of their own.
    least_severity, least_score
        What is below is held back.
    """

    source: ClassVar[str] = "detector"

    detector: str = ""
    least_severity: str = "info"
    least_score: float = 0.0

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        if self.detector:
            known("detector", self.detector, DETECTORS)
        check_severity("least_severity", self.least_severity)
        if not 0.0 <= self.least_score <= 100.0:
            raise ConfigError(f"least_score must be between 0 and 100, got {self.least_score!r}")

    @property
    def kind(self) -> str:
        """The detector's kind."""
        return self.detector

    def admits(self, alert: Alert) -> bool:
        """Whether the alarm is loud enough."""
        return (
            self.enabled
            and alert.score >= self.least_score
            and SEVERITIES.index(alert.severity) >= SEVERITIES.index(self.least_severity)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdRule(Rule):
    """A number that crosses a threshold, for a time, with hysteresis; see its subclasses for the numbers.

    Parameters
    ----------
    name
        What the alarms are called; made of the number's name when left out.
    severity
        Of its alarms: ``info``, ``warning`` or ``critical``.
    above
        The alarm is raised when the number is greater.
    for_s
        How long it must have been so without a break.
    clear
        No other alarm before the number has come back to this; the threshold itself when left out.
    """

    name: str = ""
    severity: str = "warning"
    above: float | None = None
    for_s: float = 0.0
    clear: float | None = None

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        check_severity("severity", self.severity)
        if self.for_s < 0:
            raise ConfigError(f"for_s must not be negative, got {self.for_s!r}")
        if self.name and (not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", self.name) or self.name == ALL):
            raise ConfigError(f"name must be letters, digits and _ (a-z first, not {ALL!r}), got {self.name!r}")
        if self.name in DETECTORS:
            raise ConfigError(f"name {self.name!r} is a detector's: choose another for this rule")
        if None not in (self.clear, self.above) and self.clear > self.above:
            raise ConfigError(f"clear must not be above the threshold {self.above!r}, got {self.clear!r}")

    def alert(self, ts: int, message: str, **evidence: float | int | str) -> Alert:
        """An alarm of this rule."""
        return Alert(self.kind, self.severity, SCORES[self.severity], ts, message, evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRule(ThresholdRule):
    """A feature above or below a threshold.

    Parameters
    ----------
    feature
        A name of `genesis_lib.features.FEATURES`.
    below
        In place of `above`: the alarm is raised when the feature is less, and `clear` lies above it.
    """

    source: ClassVar[str] = "feature"

    feature: str = ""
    below: float | None = None

    def __post_init__(self) -> None:
        ThresholdRule.__post_init__(self)
        if not self.feature:
            raise ConfigError("a feature rule needs feature, a name of FEATURES")
        try:
            lookup(self.feature)
        except InputError as error:
            raise ConfigError(str(error)) from None
        if (self.above is None) == (self.below is None):
            raise ConfigError(f"the rule of feature {self.feature!r} needs either above or below")
        if self.clear is not None and self.below is not None and self.clear < self.below:
            raise ConfigError(f"clear must not be below the threshold {self.below!r}, got {self.clear!r}")

    @property
    def kind(self) -> str:
        """The rule's name, or ``<feature>_above`` or ``<feature>_below``."""
        return self.name or f"{self.feature}_{'below' if self.above is None else 'above'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRule(ThresholdRule):
    """The health of the feed.

    Parameters
    ----------
    measure
        ``gap``, ``disconnect``: how many within `within_s`; ``resync``: seconds until the book was whole again;
        ``stale``: seconds without a book row; ``invalid_rows``: their share of the rows within `within_s`;
        ``latency``: receive minus exchange time of the rows, milliseconds.
    above
        As for `ThresholdRule`; each measure has one of its own (`FEED`) where it is left out.
    within_s
        Length of the window of counts and shares.
    """

    source: ClassVar[str] = "feed"

    measure: str = ""
    within_s: float = 60.0

    def __post_init__(self) -> None:
        _check_measure(self, FEED)

    @property
    def kind(self) -> str:
        """The rule's name, or ``feed_<measure>``."""
        return self.name or f"feed_{self.measure}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRule(ThresholdRule):
    """The state of the account; money is in quote currency, after fees.

    Parameters
    ----------
    measure
        ``drawdown``: equity below its highest, after fees (a summary's ``net_max_drawdown``; its ``max_drawdown`` is
        before them); ``daily_loss``: equity below where it stood at midnight UTC; ``position``: share of the largest
        one allowed; ``refused``: orders refused within `within_s`; ``kill``: the kill switch was thrown.
    above
        As for `ThresholdRule`; ``drawdown`` and ``daily_loss`` need one, the others have one of their own (`ACCOUNT`).
    within_s
        Length of the window of counts.
    """

    source: ClassVar[str] = "account"

    measure: str = ""
    within_s: float = 60.0

    def __post_init__(self) -> None:
        _check_measure(self, ACCOUNT)

    @property
    def kind(self) -> str:
        """The rule's name, or ``account_<measure>``."""
        return self.name or f"account_{self.measure}"


# measure -> its threshold where a rule names none; None: a rule must name one
FEED = {"gap": 0.0, "disconnect": 0.0, "resync": 0.0, "stale": 10.0, "invalid_rows": 0.05, "latency": 500.0}
ACCOUNT = {"drawdown": None, "daily_loss": None, "position": 0.95, "refused": 0.0, "kill": 0.0}
AT_ONCE = ("gap", "disconnect", "resync", "stale")  # events: nothing lasts, and nothing comes back
UNCOUNTED = ("resync", "stale", "latency", "drawdown", "daily_loss", "position", "kill")
SHARES = ("invalid_rows", "position", "kill")  # never more than 1
RULES: dict[str, type[Rule]] = {cls.source: cls for cls in (DetectorRule, FeatureRule, FeedRule, AccountRule)}


def _check_measure(rule: FeedRule | AccountRule, measures: dict[str, float | None]) -> None:
    if not rule.measure:
        raise ConfigError(f"a rule of the {rule.source} needs measure, one of {', '.join(measures)}")
    known("measure", rule.measure, measures)
    if rule.above is None:
        if (usual := measures[rule.measure]) is None:
            raise ConfigError(f"the rule of measure {rule.measure!r} needs above: how much of it is too much")
        object.__setattr__(rule, "above", usual)
    ThresholdRule.__post_init__(rule)
    for name, usual, without in (("for_s", 0.0, AT_ONCE), ("clear", None, AT_ONCE), ("within_s", 60.0, UNCOUNTED)):
        if rule.measure in without and getattr(rule, name) != usual:
            raise ConfigError(f"{name} means nothing for measure {rule.measure!r}: leave it out")
    if not 0.0 <= rule.above < (1.0 if rule.measure in SHARES else math.inf):
        allowed = "at least 0" + (" and less than 1, its most" if rule.measure in SHARES else "")
        raise ConfigError(f"above of measure {rule.measure!r} must be {allowed}, got {rule.above!r}")
    if not 1.0 <= rule.within_s <= 86_400.0:
        raise ConfigError(f"within_s must be between 1 and 86400, got {rule.within_s!r}")


def known(what: str, name: object, names) -> str:
    """The name; `ConfigError` names the nearest known one where there is none such."""
    if isinstance(name, str) and name in names:
        return name
    (near,) = get_close_matches(str(name), list(names), 1, 0.0)
    raise ConfigError(f"unknown {what} {name!r}; did you mean {near!r}? Known: {', '.join(names)}")


def check_severity(what: str, value: str) -> str:
    """The severity; `ConfigError` where it is none."""
    if value not in SEVERITIES:
        raise ConfigError(f"{what} must be one of {', '.join(SEVERITIES)}, got {value!r}")
    return value
