"""Rules over features: the columns that any of them names, computed once a row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from genesis_lib.alerts.crossing import Crossing
from genesis_lib.alerts.rules import FeatureRule
from genesis_lib.detectors import Alert
from genesis_lib.errors import ConfigError
from genesis_lib.features import FeatureSet
from genesis_lib.types import Snapshot


class FeatureWatch:
    """Raises the alarms of feature rules.

    Parameters
    ----------
    rules
        At least one.
    levels
        Levels a side of the rows; not checked when left out.

    Raises
    ------
    ConfigError
        When a feature needs more levels than the rows have.
    """

    def __init__(self, rules: Sequence[FeatureRule], levels: int | None = None) -> None:
        names = list(dict.fromkeys(rule.feature for rule in rules))
        self.columns = FeatureSet(names)
        for item in self.columns.features:
            if levels is not None and item.levels > levels:
                need = f"feature {item.name!r} of {item.levels} levels a side"
                raise ConfigError(f"an alert's rule needs {need}, the rows have {levels}")
        self._checks = [(names.index(rule.feature), rule, Crossing(rule)) for rule in rules]

    def forget(self) -> None:
        """Start anew with the next row."""
        self.columns.reset()
        for _, _, crossing in self._checks:
            crossing.forget()

    def step(self, row: Snapshot) -> list[Alert]:
        """Take the next row; the alarms it raised."""
        ts = row.ts_exchange
        if not row.valid:  # nothing is known, and every window begins anew behind it
            self.columns.reset()
            for _, _, crossing in self._checks:
                crossing.step(ts, math.nan)
            return []
        values = self.columns.step(row).tolist()
        return [_alarm(rule, ts, values[at]) for at, rule, crossing in self._checks if crossing.step(ts, values[at])]


def _alarm(rule: FeatureRule, ts: int, value: float) -> Alert:
    side, limit = ("below", rule.below) if rule.above is None else ("above", rule.above)
    held = f" for {rule.for_s:g} s" if rule.for_s else ""
    message = f"Feature {rule.feature} is {value:.6g}: {side} {limit:g}{held}."
    return rule.alert(ts, message, feature=rule.feature, value=value, threshold=float(limit), for_s=float(rule.for_s))
