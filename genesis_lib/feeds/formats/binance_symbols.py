"""Whose lines are whose in a raw recording of several symbols."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.binance import decode, message_of, venue_of
from genesis_lib.feeds.instruments import grid_of, known
from genesis_lib.feeds.raw_lines import raw_lines
from genesis_lib.types import Instrument

GLANCE = 20_000  # lines in which the symbols of a recording show
NEAR = 0.02  # a snapshot without a name is of the one symbol whose price is this near to its mid
MANY_LEVELS = 10_000
_SYMBOL = re.compile(rb'"s":\s*"([^"]+)"')
_DIFF, _SNAPSHOT = b'"depthUpdate"', b'"lastUpdateId"'


@dataclass(slots=True)
class Symbols:
    """What a recording of several symbols holds.

    Attributes
    ----------
    venues : dict
        Symbol to venue, of those that have diffs.
    levels : dict
        Symbol to levels ``[price, quantity]`` as they were written, enough to find its grid.
    owners : dict
        File and line of each REST snapshot that does not name its symbol, to the symbol whose prices it has.
    """

    venues: dict[str, str] = field(default_factory=dict)
    levels: dict[str, list] = field(default_factory=dict)
    owners: dict[tuple[Path, int], str] = field(default_factory=dict)

    def instrument(self, symbol: str, tick_size: float | None, venue: str | None) -> Instrument:
        """The instrument of a symbol, its grid known or found."""
        venue = venue or self.venues[symbol]
        found = known(venue, symbol)
        if found is not None:
            return Instrument(venue, symbol, tick_size or found.tick_size, found.lot_size)
        prices, quantities = zip(*self.levels[symbol])
        return Instrument(venue, symbol, tick_size or grid_of(prices), grid_of(quantities))

    def of_others(self, symbol: str) -> frozenset[tuple[Path, int]]:
        """Lines of snapshots that belong to another symbol."""
        return frozenset(place for place, owner in self.owners.items() if owner != symbol)


def glance(files: Sequence[Path]) -> list[str]:
    """Symbols with diffs among the first lines, in order of appearance."""
    found: dict[str, None] = {}
    for line in islice(raw_lines(files), GLANCE):
        match = _SYMBOL.search(line.payload) if _DIFF in line.payload else None
        if match:
            found[match[1].decode(errors="replace")] = None
    return list(found)


def survey(files: Sequence[Path]) -> Symbols:
    """Read through a recording of several symbols.

    Raises
    ------
    RecordingError
        At a REST snapshot that does not name its symbol (those of spot and USD-M do not), when the prices of the
        symbols do not tell whose it is.
    """
    found, unnamed = Symbols(), []
    priced: dict[str, bytes] = {}  # newest message that tells a price
    first: dict[str, bytes] = {}
    diffs: Counter[str] = Counter()
    for line in raw_lines(files):
        payload = line.payload
        match = _SYMBOL.search(payload)
        symbol = match[1].decode(errors="replace") if match else None
        if _DIFF in payload:
            if symbol is not None and diffs[symbol] < MANY_LEVELS:
                data = _decoded(line)
                body = message_of(data)[1]
                found.venues.setdefault(symbol, venue_of(data) or "")
                levels = [*body.get("b", ()), *body.get("a", ())]
                found.levels.setdefault(symbol, []).extend(levels)
                diffs[symbol] += len(levels)
        elif _SNAPSHOT in payload:
            kind, body = message_of(_decoded(line))
            if kind == "snapshot" and not (body.get("s") or body.get("symbol")):
                unnamed.append((line, _mid(body, line), dict(priced)))
        elif symbol is not None:
            priced[symbol] = payload
            first.setdefault(symbol, payload)
    for line, mid, before in unnamed:
        prices = {symbol: _price(payload) for symbol, payload in (first | before).items() if symbol in found.venues}
        near = [symbol for symbol, price in prices.items() if price and abs(mid / price - 1.0) < NEAR]
        if len(near) != 1:
            names = ", ".join(sorted(found.venues))
            raise RecordingError(
                f"a REST snapshot that does not name its symbol, in a recording of several ({names}), and their prices "
                "do not tell whose it is",
                line.file,
                line.number,
            )
        found.owners[line.file, line.number] = near[0]
    return found


def _decoded(line) -> Any:
    try:
        return decode(line.payload)
    except InputError as error:
        raise RecordingError(str(error), line.file, line.number) from None


def _mid(body: dict[str, Any], line) -> float:
    try:
        return (float(body["bids"][0][0]) + float(body["asks"][0][0])) / 2.0
    except (KeyError, IndexError, TypeError, ValueError):
        raise RecordingError("a REST snapshot without best bid and ask", line.file, line.number) from None


def _price(payload: bytes) -> float | None:
    """A price that a ticker, trade or mark price message tells."""
    try:
        body = message_of(decode(payload))[1]
        return float(body["p"]) if "p" in body else (float(body["b"]) + float(body["a"])) / 2.0
    except (InputError, KeyError, TypeError, ValueError):
        return None
