"""What trading costs: exact turnover in, fees out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from genesis_lib.errors import InputError
from genesis_lib.types import Instrument


class Money:
    """Turns whole ticks times whole lots into quote currency, rounding once.

    Parameters
    ----------
    instrument
        Whose grid the ticks and lots belong to.

    Notes
    -----
    Contracts are accounted as linear: one unit of quantity gains one unit of quote currency when the price rises by
    one. Inverse contracts (Binance COIN-M) settle in the coin, so for them the figures are price points times
    contracts.

    Examples
    --------
    >>> Money(Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)).value(281451 * 500)  # 0.5 at 28145.1
    14072.55
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        inverse = 1.0 / instrument.lot_size
        whole = round(inverse)
        self._lots_per_unit = float(whole) if whole >= 1 and abs(inverse - whole) < 1e-6 * whole else 0.0

    def quantity(self, lots: int) -> float:
        """Units of the instrument in `lots`, the float64 nearest to the decimal."""
        return lots / self._lots_per_unit if self._lots_per_unit else lots * self.instrument.lot_size

    def lots(self, quantity: float) -> int:
        """Whole lots that fit into `quantity` (never rounded up)."""
        if not (math.isfinite(quantity) and quantity >= 0):
            raise InputError(f"quantity must be a finite number >= 0, got {quantity!r}")
        exact = quantity * self._lots_per_unit if self._lots_per_unit else quantity / self.instrument.lot_size
        return math.floor(exact + 1e-6)

    def value(self, ticklots: int) -> float:
        """Quote currency of ``ticks * lots`` (or of a sum of such products)."""
        price = self.instrument.price(ticklots)
        return price / self._lots_per_unit if self._lots_per_unit else price * self.instrument.lot_size


@dataclass(frozen=True, slots=True)
class Fees:
    """Fees in basis points of the turnover, ``fee = price * quantity * bps / 10,000``.

    >>> Fees(taker_bps=5.0, maker_bps=2.0).of(taker=60_000.0)
    30.0
    """

    taker_bps: float = 5.0
    maker_bps: float = 2.0

    def __post_init__(self) -> None:
        for name in ("taker_bps", "maker_bps"):
            value = getattr(self, name)
            if not (math.isfinite(value) and -100 <= value <= 1000):
                raise InputError(f"{name} must be between -100 (a rebate) and 1000 basis points, got {value!r}")

    def of(self, taker: float = 0.0, maker: float = 0.0) -> float:
        """Fees of the turnover taken and made, in quote currency."""
        return (taker * self.taker_bps + maker * self.maker_bps) / 10_000.0
