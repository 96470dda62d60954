"""The instruments Genesis knows, what is particular to their venues, and how the grid of an unknown one is found."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from genesis_lib.errors import InputError
from genesis_lib.types import Instrument

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 1440 * MINUTE

# (venue, symbol) -> tick size, lot size
KNOWN = {
    ("binance-usdm", "BTCUSDT"): (0.1, 0.001),
    ("binance-usdm", "ETHUSDT"): (0.01, 0.001),
    ("binance-coinm", "BTCUSD_PERP"): (0.1, 1.0),
    ("binance-coinm", "ETHUSD_PERP"): (0.01, 1.0),
    ("binance-spot", "BTCUSDT"): (0.01, 0.00001),
}


@dataclass(frozen=True, slots=True)
class Venue:
    """What a reader must know of a venue beyond its wire format.

    `numbered` venues count their updates, so a loss shows in the numbers; on the others only a hole in time tells.
    `pre_open` are spans of the UTC day, in minutes, in which the venue tells indicative prices and no trades.
    `levels` is how many levels a side the venue tells at most.
    """

    numbered: bool = True
    max_hole_ns: int | None = None
    pre_open: tuple[tuple[int, int], ...] = ()
    levels: int | None = None

    def is_pre_open(self, ts_exchange: int) -> bool:
        """Whether a moment (ns since 1970 UTC) lies in a pre-open phase; the end belongs to the session."""
        minute = ts_exchange % DAY // MINUTE
        return bool(self.pre_open) and any(start <= minute < end for start, end in self.pre_open)


VENUES = {
    # 08:30-08:45 and 14:50-15:00 in Taipei (UTC+8). Of the silences of 20 s and more in five recorded days nearly all
    # fall on both futures at once: they are the recorder's, not the market's.
    "taifex": Venue(numbered=False, max_hole_ns=20 * SECOND, pre_open=((30, 45), (410, 420)), levels=5),
    # The call auctions 09:15-09:30 and 14:57-15:00 in Shanghai (UTC+8), and what comes after the close.
    "sse": Venue(numbered=False, pre_open=((75, 90), (417, 480))),
}


def venue_rules(venue: str) -> Venue:
    """Rules of a venue; those of a numbered, continuous venue when nothing else is known of it."""
    return VENUES.get(venue, Venue())


def known(venue: str, symbol: str) -> Instrument | None:
    """The instrument of the table, or None."""
    if venue == "taifex" and symbol[:3] in ("TXF", "TMF", "MXF"):
        return Instrument(venue, symbol, 1.0, 1.0)
    grid = KNOWN.get((venue, symbol))
    return Instrument(venue, symbol, *grid) if grid else None


def grid_of(decimals: Iterable[str]) -> float:
    """Largest step of which all the numbers are whole multiples, in exact integer arithmetic on their digits.

    Parameters
    ----------
    decimals
        Positive numbers as the venue wrote them; zeros are ignored.

    Raises
    ------
    InputError
        When a string is no finite number, or none is positive.

    Examples
    --------
    >>> grid_of(["28145.10", "28145.30", "28144.70"])
    0.1
    >>> grid_of(["0.02818100", "0.02818000"])
    1e-06
    """
    numbers = set()
    for text in decimals:
        try:
            number = Decimal(str(text))
        except InvalidOperation:
            raise InputError(f"{text!r} is not a number") from None
        if not number.is_finite() or number < 0:
            raise InputError(f"{text!r} must be finite and not negative")
        numbers.add(number)
    numbers.discard(Decimal(0))
    if not numbers:
        raise InputError("no positive number to take a grid from")
    places = max(0, *(-number.as_tuple().exponent for number in numbers))
    step = math.gcd(*(int(number.scaleb(places)) for number in numbers))
    return float(Decimal(step).scaleb(-places))
