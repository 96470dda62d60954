"""Rules over the account: drawdown, daily loss, use of the position limit, refused orders, the kill switch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from genesis_lib.alerts.crossing import Crossing, Recent
from genesis_lib.alerts.rules import AccountRule
from genesis_lib.clock import NS
from genesis_lib.detectors import Alert

DAY = 86_400 * NS
WORDS = {
    "drawdown": "Equity after fees is {value:,.2f} below its highest",
    "daily_loss": "Equity after fees is {value:,.2f} below where it stood at midnight UTC (or when the account began)",
    "position": "{value:.0%} of the largest position is used",
    "refused": "{value:.0f} order(s) refused within {rule.within_s:g} s",
    "kill": "The kill switch was thrown",
}


class AccountWatch:
    """Raises the alarms of account rules; looks at the account as it stands after each row.

    Parameters
    ----------
    rules
        At least one.
    account
        With ``equity`` (quote currency, after fees), ``position`` (units) and ``killed``.
    limit
        Largest position, units.
    refusals
        Gives the orders refused so far.
    """

    def __init__(self, rules: Sequence[AccountRule], account: Any, limit: float, refusals: Callable[[], int]) -> None:
        self._account, self._limit, self._refusals = account, limit, refusals
        self._checks = [(rule, Crossing(rule)) for rule in rules]
        self._steps = [(rule, crossing.step, self._reader(rule)) for rule, crossing in self._checks]
        self._refused = {id(rule): Recent(rule.ns("within_s")) for rule in rules if rule.measure == "refused"}
        self._needs_equity = any(rule.measure in ("drawdown", "daily_loss") for rule in rules)
        self._equity = 0.0
        self.forget()

    def forget(self) -> None:
        """Start anew: highest equity and the day's begin with the next row."""
        self._highest, self._morning, self._day = -math.inf, 0.0, -1
        self._seen = self._refusals()
        for _, crossing in self._checks:
            crossing.forget()
        for recent in self._refused.values():
            recent.forget()

    def step(self, ts: int) -> list[Alert]:
        """Look at the account at `ts` (exchange time, ns); the alarms that this raised."""
        if self._needs_equity:
            self._equity = equity = self._account.equity
            self._highest = max(self._highest, equity)
            if ts // DAY != self._day:
                self._day, self._morning = ts // DAY, equity
        if self._refused:
            fresh, self._seen = self._refusals() - self._seen, self._refusals()
            for recent in self._refused.values():
                recent.step(ts, number=fresh)
        return [self._alarm(rule, ts, value) for rule, crosses, read in self._steps if crosses(ts, value := read())]

    def _reader(self, rule: AccountRule) -> Callable[[], float]:
        if rule.measure == "drawdown":
            return lambda: self._highest - self._equity
        if rule.measure == "daily_loss":
            return lambda: self._morning - self._equity
        if rule.measure == "position":
            return lambda: abs(self._account.position) / self._limit
        if rule.measure == "refused":
            return lambda: float(self._refused[id(rule)].total)
        return lambda: float(self._account.killed)

    def _alarm(self, rule: AccountRule, ts: int, value: float) -> Alert:
        message = WORDS[rule.measure].format(value=value, rule=rule) + "."
        return rule.alert(ts, message, measure=rule.measure, value=value, threshold=float(rule.above))
