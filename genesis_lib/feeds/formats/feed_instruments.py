"""The instruments of a log of a venue with checksums, and the grids that their prices and quantities live on."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from pathlib import Path

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.feed_messages import BookMessage, Dialect, parsed
from genesis_lib.feeds.formats.websocket_log import frames
from genesis_lib.feeds.instruments import grid_of
from genesis_lib.types import Instrument

MOST_TICKS = 2**50  # a book holds no more
_PLAIN = re.compile(r"\d{1,15}(\.\d{1,18})?", re.ASCII)
MOST_STRINGS = 200_000  # kept at once while a grid is looked for


def find_instruments(
    paths: tuple[Path, ...], dialect: Dialect, *, tick_size: float | None, symbol: str | None, lenient: bool
) -> dict[str, Instrument]:
    """Take instruments and their grids from the whole log: a venue drops zeros, so a part may look too coarse.

    Raises
    ------
    RecordingError
        When no instrument (of that symbol) has a book in the log, or, unless `lenient`, a message cannot be read.
    """
    prices: dict[str, _Grid] = {}
    quantities: dict[str, _Grid] = {}
    books: dict[str, None] = {}
    for frame in frames(paths):
        if frame.connected:
            continue
        try:
            for message in parsed(dialect, frame):
                if isinstance(message, str):
                    continue
                levels = message.levels if type(message) is BookMessage else [(0, message.price, message.quantity)]
                if type(message) is BookMessage:
                    books[message.symbol] = None
                price = prices.setdefault(message.symbol, _Grid())
                quantity = quantities.setdefault(message.symbol, _Grid())
                for level in levels:
                    price.add(level[1])
                    quantity.add(level[2])
        except InputError as error:
            if not lenient:
                raise RecordingError(str(error), frame.file, frame.number) from None
    chosen = [name for name in books if symbol in (None, name)]
    if not chosen:
        what = "no book in it" if symbol is None else f"no book of {symbol!r} in it; there are {', '.join(books)}"
        raise RecordingError(what, paths[0])
    if tick_size is not None and len(chosen) > 1:
        raise InputError(f"tick_size is of one instrument, got {len(chosen)}: {', '.join(chosen)}; name a symbol")
    try:
        return {
            name: Instrument(dialect.venue, name, tick_size or prices[name].step(), quantities[name].step())
            for name in chosen
        }
    except InputError as error:
        raise RecordingError(str(error), paths[0]) from None


def whole_ticks(price: str, instrument: Instrument) -> int:
    """Whole ticks of a price, exactly; `InputError` when it lies off the grid."""
    try:
        ticks = Decimal(price) / Decimal(repr(instrument.tick_size))
        whole = int(ticks)
    except (InvalidOperation, ValueError, OverflowError):
        raise InputError(f"price {price!r} of {instrument.name} is no number") from None
    if whole != ticks or not 0 < whole <= MOST_TICKS:
        raise InputError(
            f"price {price!r} is no positive multiple of the tick size {instrument.tick_size!r} of {instrument.name}"
        )
    return whole


def _is_number(text: str) -> bool:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return number.is_finite() and 0 <= number < MOST_TICKS and number.as_tuple().exponent > -20


class _Grid:
    """The step of decimals as they come by, without keeping them all."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def add(self, text: str) -> None:
        if not _PLAIN.fullmatch(text) and not _is_number(text):
            return  # whoever reads the message will say so, with its line
        self._seen.add(text)
        if len(self._seen) > MOST_STRINGS:
            self._seen = {format(Decimal(repr(self.step())), "f")}

    def step(self) -> float:
        """Largest step that all are whole multiples of."""
        return grid_of(self._seen)
