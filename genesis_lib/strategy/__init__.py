"""Strategies: probabilities in, entries and exits out; `PRESETS` names them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from genesis_lib.errors import InputError
from genesis_lib.strategy.risk import RiskLimits
from genesis_lib.strategy.sizing import FixedSize
from genesis_lib.strategy.threshold import EdgeRules, Enter, Leave, SeedRules, Strategy, View


class Preset(NamedTuple):
    """A strategy with the way its orders are meant to be filled."""

    rules: Callable[[], Strategy]
    instant: bool  # orders reach the book they were decided on, whatever latency is configured
    fill: str  # "walk" the levels, or take the "touch" alone
    cap: float  # largest size, units


PRESETS = {
    "default": Preset(EdgeRules, instant=False, fill="walk", cap=math.inf),
    "seed": Preset(SeedRules, instant=True, fill="touch", cap=1.0),
}


def preset(name: str) -> Preset:
    """Look a preset up; `InputError` names the known ones."""
    if name not in PRESETS:
        raise InputError(f"strategy must be one of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]


__all__ = [
    "PRESETS",
    "EdgeRules",
    "Enter",
    "FixedSize",
    "Leave",
    "Preset",
    "RiskLimits",
    "SeedRules",
    "Strategy",
    "View",
    "preset",
]
