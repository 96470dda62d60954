"""Where in the day a row stands, by the exchange's clock: what the day pattern of every other column follows."""

from __future__ import annotations

import math

from genesis_lib.features.base import feature
from genesis_lib.features.expression import Formula, Row

DAY = 86_400.0  # seconds
FOURIER = "Andersen & Bollerslev 1997 (trigonometric day pattern); in crypto Hansen, Kim & Kimbrough 2024"


@feature("time_of_day", unit="hours", formula="hours since 00:00 UTC", source="standard")
def time_of_day(row: Row) -> Formula:
    """Time of the exchange's clock, 0 to 24."""
    return row.seconds_of_day / 3600.0


@feature("time_of_day_sin", unit="-1..1", formula="sin(2 pi hours / 24)", source=FOURIER)
def time_of_day_sin(row: Row) -> Formula:
    """Sine of the time of day: the day as a circle, so that midnight is no jump."""
    return (row.seconds_of_day * (2.0 * math.pi / DAY)).sin()


@feature("time_of_day_cos", unit="-1..1", formula="cos(2 pi hours / 24)", source=FOURIER)
def time_of_day_cos(row: Row) -> Formula:
    """Cosine of the time of day: highest at midnight UTC, lowest at noon."""
    return (row.seconds_of_day * (2.0 * math.pi / DAY)).cos()
