"""hftbacktest's event format as typed events: Parquet columns, or the structured array of an npz file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.chains import chains
from genesis_lib.feeds.formats.feed_instruments import MOST_TICKS
from genesis_lib.feeds.formats.grids import Grid, on_grid
from genesis_lib.feeds.formats.hft_blocks import blocks
from genesis_lib.feeds.formats.mending import Mender
from genesis_lib.feeds.instruments import known, venue_rules
from genesis_lib.feeds.recording import Recording
from genesis_lib.feeds.validation import refuse
from genesis_lib.types import ASK, BID, DepthSnapshot, DepthUpdate, Event, Instrument, Trade

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

NAME = "hftbacktest"
DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4  # low byte of `ev`
BUY, SELL = 1 << 29, 1 << 28
SEEN_AT_EXCHANGE = 1 << 31


class HftRecording(Recording):
    """Events of an instrument in hftbacktest's format.

    Rows with one exchange time are one message: its trades first (whatever their place among the rows: the book changes
    because of them), then one `DepthUpdate`, or a `DepthSnapshot` where the rows clear the book. Trades in a venue's
    pre-open phase are indications and have ``market`` False. Receive time is ``local_ts``, or the exchange time where
    the file has none. A row that is set aside leaves its level in doubt, see `Mender`.

    Notes
    -----
    `ev`: low byte 1 depth, 2 trade, 3 clear, 4 depth of a snapshot; bit 29 buy side, bit 28 sell side, bit 31 seen at
    the exchange (rows without it are the local copy of one that has it, and are passed over). A clear of one side takes
    away its levels from the best to ``px``, all of them when that is not finite; one of no side clears both.
    """

    kind = NAME

    def __init__(
        self, paths: tuple[Path, ...], instrument: Instrument | None = None, *, quarantine: Quarantine | None = None
    ) -> None:
        super().__init__(paths, instrument or _instrument_of(paths))
        self._quarantine, self._bad, self._rules = quarantine, 0, venue_rules(self.instrument.venue)

    def __iter__(self) -> Iterator[Event]:
        self.counts.clear()
        self.lines = self._bad = self._traded = 0
        self._mender = Mender(self.instrument)
        last, held = 0, None  # rows of the message that may go on in the next block
        for path in self.paths:
            for block in blocks(path):
                rows = self._judged(path, block, last)
                if not len(rows["ev"]):
                    continue
                last = int(rows["exch_ts"][-1])
                if held is not None:
                    rows = {name: np.concatenate([held[name], rows[name]]) for name in rows}
                cut = int(np.searchsorted(rows["exch_ts"], last))
                yield from self._events({name: column[:cut] for name, column in rows.items()})
                held = {name: column[cut:] for name, column in rows.items()}
        if held is not None:
            yield from self._events(held)
        if self._quarantine is not None:
            self._quarantine.check_share(self.lines - self._bad, self._bad, self.name)

    def events(self) -> Iterator[Event]:
        """The events: they need no joining."""
        return iter(self)

    def span(self) -> tuple[int, int]:
        """First and last exchange time, ns."""
        return _span(self.paths)

    def _judged(self, path: Path, rows: dict[str, np.ndarray], last: int) -> dict[str, np.ndarray]:
        """Rows of kinds that are known, seen at the exchange; those set aside stay among them with a `cause`."""
        kinds = rows["ev"] & 0xFF
        unknown = ~np.isin(kinds, (DEPTH, TRADE, CLEAR, SNAPSHOT))
        for kind, count in zip(*np.unique(kinds[unknown], return_counts=True)):
            self.counts[f"ev {kind}"] += int(count)
        keep = ~unknown & (rows["ev"] & SEEN_AT_EXCHANGE != 0)
        rows = rows if keep.all() else {name: column[keep] for name, column in rows.items()}
        ev, px, qty, ts = rows["ev"], rows["px"], rows["qty"], rows["exch_ts"]
        count = len(ev)
        self.lines += count
        kinds, sided = ev & 0xFF, ev & (BUY | SELL) != 0
        clears, levels = kinds == CLEAR, (kinds == DEPTH) | (kinds == SNAPSHOT)
        reasons = np.full(count, "", object)
        with np.errstate(invalid="ignore"):
            price = np.where(np.isfinite(px) & (px > 0), px, 0.0)
            for reason, where in (
                ("non-finite", ~clears & ~(np.isfinite(px) & np.isfinite(qty))),
                ("negative", ~clears & ((px < 0) | (qty < 0) | (levels & (px == 0)))),
                ("off grid", ~clears & ~on_grid(price, self.instrument.tick_size)),
                ("off grid", ~clears & (price / self.instrument.tick_size > MOST_TICKS)),
                ("unreadable", levels & ~sided),
            ):
                reasons[where & (reasons == "")] = reason
        told = np.maximum.accumulate(np.where(reasons == "", ts, last)) if count else ts
        told = np.maximum(told, last)
        reasons[(reasons == "") & (ts < told)] = "time going back"
        bad = reasons != ""
        rows = rows | {"cause": reasons, "tick": np.rint(price / self.instrument.tick_size).astype(np.int64)}
        rows["exch_ts"] = np.where(bad, told, ts)  # what is set aside belongs to the message before it
        for at in np.flatnonzero(bad).tolist():
            text = f"ev {ev[at]}, exch_ts {ts[at]}, px {px[at]}, qty {qty[at]}"
            number, reason = int(rows["number"][at]), reasons[at]
            if self._quarantine is None:
                refuse(path, number, reason, text)
            self._bad += 1
            when, symbol = int(rows["exch_ts"][at]), self.instrument.symbol
            self._quarantine.reject(path, number, reason, text, ts_exchange=when, symbol=symbol)
            reasons[at] = f"{path.name}:{number}: {reason}"
        return rows

    def _events(self, rows: dict[str, np.ndarray]) -> Iterator[Event]:
        symbol, mender = self.instrument.symbol, self._mender
        ts, ticks, quantities = rows["exch_ts"], rows["tick"], rows["qty"]
        if not len(ts):
            return
        kinds = np.where(rows["cause"] == "", rows["ev"] & 0xFF, 0).astype(np.int8)  # 0: set aside
        sides = np.where(rows["ev"] & BUY, BID, ASK).astype(np.int8)
        for column in (sides, ticks, quantities):
            column.flags.writeable = False
        starts = np.concatenate([[0], np.flatnonzero(np.diff(ts)) + 1]).tolist()
        ends = [*starts[1:], len(ts)]
        times, received = ts[starts].tolist(), rows["local_ts"][starts].tolist()
        plain = np.logical_and.reduceat((kinds != CLEAR) & (kinds != 0), starts).tolist()
        traded = np.logical_or.reduceat(kinds == TRADE, starts).tolist()
        kind_of, tick_of, quantity_of, flags = kinds.tolist(), ticks.tolist(), quantities.tolist(), rows["ev"].tolist()
        for start, end, time, local, is_plain, has_trades in zip(starts, ends, times, received, plain, traded):
            if not is_plain:
                own = {name: column[start:end] for name, column in rows.items()}
                yield from self._message(own, kinds[start:end], sides[start:end], time, local)
                continue
            levels = range(start, end)
            if has_trades:
                levels = [at for at in levels if kind_of[at] != TRADE]
                market = not self._rules.is_pre_open(time)
                for at in range(start, end):
                    if kind_of[at] == TRADE:
                        yield self._trade(time, local, tick_of[at], quantity_of[at], flags[at], market)
            if levels:
                self.counts["depth"] += 1
                first, last = levels[0], levels[-1] + 1
                part = slice(first, last) if last - first == len(levels) else levels
                yield mender.push(
                    DepthUpdate(symbol, time, local, -1, -1, -1, sides[part], ticks[part], quantities[part])
                )

    def _trade(self, time: int, local: int, tick: int, quantity: float, flags: int, market: bool) -> Trade:
        self.counts["trade"] += 1
        self._traded += 1
        side = bool(flags & BUY) - bool(flags & SELL)
        return Trade(self.instrument.symbol, time, local, self._traded, tick, quantity, side, market)

    def _message(self, rows: dict[str, np.ndarray], kinds: np.ndarray, sides: np.ndarray, time: int, local: int):
        """A message with something else in it than levels."""
        symbol, mender = self.instrument.symbol, self._mender
        market = not self._rules.is_pre_open(time)
        ticks, quantities, flags = rows["tick"], rows["qty"], rows["ev"]
        for at in np.flatnonzero(kinds == TRADE).tolist():
            yield self._trade(time, local, int(ticks[at]), float(quantities[at]), int(flags[at]), market)
        lost = np.flatnonzero(kinds == 0).tolist()
        for at in lost:
            yield from mender.lose(time, local, rows["cause"][at])
        clears = np.flatnonzero(kinds == CLEAR).tolist()
        whole = [at for at in clears if not int(flags[at]) & (BUY | SELL)]
        levels = np.flatnonzero((kinds == DEPTH) | (kinds == SNAPSHOT))
        if whole:
            levels = levels[levels > whole[-1]]
            self.counts["snapshot"] += 1
            yield mender.push(DepthSnapshot(symbol, time, local, -1, sides[levels], ticks[levels], quantities[levels]))
            for at in lost:
                yield from mender.lose(time, local, rows["cause"][at])
        elif clears or len(levels):
            gone = [self._cleared(int(flags[at]), float(rows["px"][at])) for at in clears]
            parts = [*gone, (sides[levels], ticks[levels], quantities[levels])]
            self.counts["depth"] += 1
            columns = (np.concatenate(column) for column in zip(*parts))
            yield mender.push(DepthUpdate(symbol, time, local, -1, -1, -1, *columns), whole=not lost)
        for at in lost:
            if int(flags[at]) & 0xFF == TRADE:
                continue
            sided = int(flags[at]) & (BUY | SELL) and ticks[at] > 0 and not rows["cause"][at].endswith("off grid")
            mender.doubt(sides[at], ticks[at]) if sided else mender.doubt_all()

    def _cleared(self, flags: int, price: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Deletes of the levels that a clear of one side takes away."""
        side = BID if flags & BUY else ASK
        ticks = self._mender.ticks(side)
        if np.isfinite(price):
            edge = round(price / self.instrument.tick_size)
            ticks = ticks[ticks >= edge] if side == BID else ticks[ticks <= edge]
        return np.full(len(ticks), side, np.int8), ticks, np.zeros(len(ticks))


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file is a numpy archive, or Parquet with the columns of an event."""
    if head.startswith(b"PK\x03\x04"):
        return b".npy" in head[:256]
    if not head.startswith(b"PAR1"):
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return {"ev", "exch_ts", "px", "qty"} <= set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return path.suffix == ".parquet"  # damaged: opening it says how


def open_files(
    paths: list[Path],
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[HftRecording]:
    """Open files of events; those of one instrument whose times follow each other within a minute are one session.

    A file says nothing of its instrument: a TAIFEX contract is known by the file's name, of others `symbol` must be
    given; `tick_size` is found in the data where it is not.
    """
    groups: dict[Instrument, list[Path]] = {}
    if symbol is None:
        for path in paths:
            groups.setdefault(_instrument_of((path,)), []).append(path)
    else:
        found = known(venue or "", symbol)
        groups[found or _with_grid(paths, venue or NAME, symbol, tick_size)] = list(paths)
    sessions = []
    for instrument, group in sorted(groups.items(), key=lambda item: item[0].name):
        runs = [group] if len(group) == 1 else chains((*_span((file,)), file) for file in group)
        sessions += [HftRecording(tuple(run), instrument, quarantine=quarantine) for run in runs]
    return sessions


def _span(paths: tuple[Path, ...]) -> tuple[int, int]:
    first, last = 2**62, -1
    for path in paths:
        for rows in blocks(path):
            if len(rows["ev"]):
                first, last = min(first, int(rows["exch_ts"][0])), max(last, int(rows["exch_ts"][-1]))
    if last < 0:
        raise RecordingError("no row in it", paths[0])
    return first, last


def _with_grid(paths: list[Path], venue: str, symbol: str, tick_size: float | None) -> Instrument:
    prices, quantities = Grid(), Grid()
    for path in paths:
        for rows in blocks(path):
            kinds = rows["ev"] & 0xFF
            for name, grid in (("px", prices), ("qty", quantities)):
                values = rows[name][(kinds == DEPTH) | (kinds == SNAPSHOT)]
                grid.add(values[np.isfinite(values) & (values > 0) & (values < 2.0**62)])
    try:
        return Instrument(venue, symbol, tick_size or prices.price_step(), quantities.step or 1.0)
    except InputError as error:
        raise RecordingError(str(error), paths[0]) from None


def _instrument_of(paths: tuple[Path, ...]) -> Instrument:
    """TAIFEX contracts by the first part of the file's name."""
    symbols = {match[0] for path in paths if (match := re.match(r"(TXF|TMF|MXF)[A-Z0-9]*", path.name))}
    if len(symbols) != 1:
        next(blocks(paths[0]), None)  # a file that is broken or of another kind says so, whatever its name
        raise RecordingError(
            "unknown symbol: a file in hftbacktest's format says nothing of its instrument, so its name must begin "
            "with a TAIFEX contract (TXFD6_...), one for all files, or the symbol be given (--symbol)",
            paths[0],
        )
    return known("taifex", symbols.pop())
