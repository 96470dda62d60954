"""How much an entry asks for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from genesis_lib.errors import InputError


@dataclass(frozen=True, slots=True)
class FixedSize:
    """The same number of lots each time, at most `cap` units.

    >>> FixedSize(units=1.0, lot_size=0.001).lots
    1000
    """

    units: float
    lot_size: float
    cap: float = math.inf

    def __post_init__(self) -> None:
        if not (math.isfinite(self.units) and 0 < self.units <= self.cap):
            raise InputError(f"size must be greater than 0 and at most {self.cap:g}, got {self.units!r}")
        if self.lots < 1:
            raise InputError(f"size must be at least one lot ({self.lot_size:g}), got {self.units!r}")

    @property
    def lots(self) -> int:
        """Whole lots of an entry, rounded down."""
        return math.floor(self.units / self.lot_size + 1e-6)
