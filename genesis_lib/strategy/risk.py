"""Limits that refuse orders; they never change one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from genesis_lib.errors import InputError
from genesis_lib.strategy.threshold import Enter, View


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """What must hold before a position is opened; leaving one is always allowed.

    Parameters
    ----------
    max_lots
        Largest absolute position.
    max_age_ns
        A row that lies further back than this behind the newest event is stale.
    """

    max_lots: int
    max_age_ns: int = 5_000_000_000

    def __post_init__(self) -> None:
        if self.max_lots < 1 or self.max_age_ns <= 0:
            raise InputError(f"max_lots and max_age_ns must be positive, got {self.max_lots!r}, {self.max_age_ns!r}")

    def refuse(self, entry: Enter, lots: int, view: View) -> str:
        """Why an entry of `lots` is not allowed, in words; empty when it is."""
        if not view.active:
            return "not active"
        if not view.valid:
            return "invalid book"
        if view.age_ns > self.max_age_ns:
            return "stale book"
        if not math.isfinite(view.down + view.neutral + view.up):
            return "no prediction"
        if abs(view.position + entry.direction * lots) > self.max_lots:
            return "position limit"
        return ""
