"""One symbol of a live feed: its messages in, its synchronized events out, its gaps told and timed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import orjson

from genesis_lib.errors import InputError
from genesis_lib.feeds.binance import GAP, BinanceParser, BinanceSync
from genesis_lib.feeds.binance_sync import is_two_sided
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.wire.live.clock_watch import ClockWatch
from genesis_lib.feeds.wire.live.recovery import KEPT, Recovery
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Gap, Instrument, Trade

QUIET = 1.0  # s
STUCK = 10_000_000_000  # ns that diffs may lie before the snapshot that joined: more is a venue that counts anew
TRADES_REMEMBERED = 4096  # ids; a repeat comes soon or never
UNTAKEN = "the recorder fell behind; messages were dropped"
FLOW = ("depth", "trade", "aggTrade")  # kinds of streams without which the book or the flow is incomplete

Tap = Callable[[str, int, bytes], bool | None]


def one_line(message: bytes) -> bytes:
    """A message as it may stand in a recording: JSON has line ends between its words alone."""
    return message.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in message else message


class Channel:
    """Parse and sequence the messages of one symbol; every line passes the tap before it is worked on.

    Parameters
    ----------
    instrument
        What the messages are of.
    give
        Called with the synchronized events.
    ledger
        Takes what went wrong.
    tap
        Called with symbol, receive time (ns) and bytes of every message, in the order in which they are worked on. When
        it gives False the message is not worked on either, and a gap is told as soon as it takes lines again: what was
        recorded replays to what was seen.

    Attributes
    ----------
    sync : BinanceSync
        Its counts say how often a snapshot was joined.
    recoveries : deque of Recovery
        The gaps that were healed, in order, the newest `KEPT`.
    down : set of str
        Kinds of streams that do not come at present; no snapshot is joined meanwhile.
    down_since : float
        When the first of them was lost, seconds since 1970; of no meaning while all come.
    heard : dict
        Monotonic time of the last message, by kind of stream.
    last_exchange : int
        Newest exchange time, ns.
    told : int
        Id of the last snapshot that was worked on.
    wants : bool
        Whether a snapshot is needed and would be of use.

    Notes
    -----
    A message that cannot be read is entered in the ledger and not recorded. A lost diff shows in the ids of the next.
    Trades are numbered one by one, so a lost one shows too, and is a gap though the book is whole: the flow is not.
    """

    def __init__(
        self,
        instrument: Instrument,
        give: Callable[[tuple[Event, ...]], None],
        ledger: Ledger,
        tap: Tap | None = None,
    ) -> None:
        self.instrument, self.symbol = instrument, instrument.symbol
        self.sync = BinanceSync("spot" if instrument.venue == "binance-spot" else "futures")
        self.recoveries: deque[Recovery] = deque(maxlen=KEPT)
        self.down: set[str] = set(FLOW)
        self.down_since = time.time()
        self.messages = 0
        self.heard: dict[str, float] = {}
        self._parser = BinanceParser(instrument)  # which refuses another's symbol: so would a reader of the recording
        self._give, self._ledger, self._tap = give, ledger, tap
        self._clocks = ClockWatch()
        self.last_exchange = 0
        self.told = -1
        self._gap: tuple[float, Gap] | None = None
        self._trades: set[int] = set()
        self._order: deque[int] = deque()
        self._last_diff = self._last_trade = -1
        self._untaken = 0
        self._before_diffs: int | None = None  # receive time of a snapshot that no diff has followed yet
        self._waiting = False  # for a snapshot, with a diff at hand
        self._since = time.monotonic()  # when diffs began to be awaited

    @property
    def wants(self) -> bool:
        """Whether a snapshot is needed and would be of use.

        A diff should be at hand, so that the snapshot is newer than where the diffs begin; a market that says nothing
        for `QUIET` seconds is asked all the same.
        """
        if self.sync.joined or self.down:
            return False
        return self._waiting or time.monotonic() - self._since > QUIET

    @property
    def skew_ms(self) -> float | None:
        """Receive time minus exchange time, ms: difference of the clocks plus the least delay; None at first."""
        return None if self._clocks.skew is None else self._clocks.skew / 1e6

    def take(self, kind: str, message: bytes, ts: int) -> None:
        """Work on a message of one of the symbol's streams.

        Parameters
        ----------
        kind
            Of the stream: ``depth``, ``trade``, ``aggTrade``, ``bookTicker``, ``markPrice``.
        ts
            Receive time, ns, monotone.
        """
        self.heard[kind] = time.monotonic()
        try:
            event = self._parser.parse_bytes(message, ts)
        except InputError as error:
            if kind in FLOW:  # a part of the book or of the flow is missing from here on
                self.tear(ts, "bad message", f"{kind}: {error}")
            else:
                self.note("bad message", f"{kind}: {error}")
            return
        if type(event) is Trade and self._is_repeat(event, ts):
            return
        if not self._passes(ts, message):
            return
        if event is not None:
            self._work(event)

    def snapshot(self, content: bytes, ts: int) -> bool:
        """Work on the answer to a depth request; gives whether the book is joined."""
        try:
            event = self._parser.parse_bytes(content, ts)
            if not isinstance(event, DepthSnapshot):
                raise InputError("the answer to a depth request is no snapshot")
            if not is_two_sided(event):  # no reader of a recording joins it either
                raise InputError("the answer to a depth request lacks a side")
        except InputError as error:
            self.note("bad message", f"snapshot: {error}")
            return False
        too_old = self.sync.counts["snapshots_too_old"]
        if self._passes(ts, content):
            self._work(event)
            self.told = event.last_id
        if self.sync.counts["snapshots_too_old"] > too_old:
            self.note("stale snapshot", f"{event.last_id} lies before the diffs at hand")
        return self.sync.joined

    def tear(self, ts: int, kind: str, cause: str) -> None:
        """Tell a gap as a message is told, so that a recording of the session replays it too."""
        self.note(kind, cause)
        self._break(ts, cause)

    def lose(self, ts: int, kinds: set[str], cause: str) -> None:
        """Take note that streams no longer come; a gap, unless book and flow can do without them."""
        needed = kinds & set(FLOW)
        if not needed:
            self.note("disconnect", f"{', '.join(sorted(kinds))}: {cause}")
            return
        if not self.down:
            self.down_since = time.time()
        self.down |= needed
        if needed - {"depth"}:
            self._last_trade = -1
        self.tear(ts, "disconnect", cause)

    def up(self, kind: str) -> None:
        """Take note that a stream comes from now on."""
        self.down.discard(kind)
        self.heard[kind] = self._since = time.monotonic()

    def note(self, kind: str, cause: str) -> None:
        """Enter an incident of this symbol in the ledger."""
        self._ledger.note(self.last_exchange, kind, cause, self.symbol)

    def _break(self, ts: int, cause: str) -> None:
        told = {"e": GAP, "s": self.symbol, "T": self.last_exchange // 1_000_000}
        content = orjson.dumps(told | {"cause": cause, "expected": self.sync.last_id})
        if self._tap is not None and self._tap(self.symbol, ts, content) is False:
            self._untaken += 1
            return
        self.messages += 1
        self._work(self._parser.parse_bytes(content, ts))

    def _passes(self, ts: int, message: bytes) -> bool:
        if self._untaken:
            lost, self._untaken = self._untaken, 0
            self._break(ts, UNTAKEN)
            if self._untaken:
                self._untaken += lost
                return False
            self.note("overrun", f"{lost} messages were not recorded")
        if self._tap is not None and self._tap(self.symbol, ts, message) is False:
            self._untaken += 1
            return False
        self.messages += 1
        return True

    def _work(self, event: Event) -> None:
        if type(event) is DepthUpdate:
            self._look_at(event)
        if not isinstance(event, Gap):
            self.last_exchange = max(self.last_exchange, event.ts_exchange)
        events = self.sync.push(event)
        for out in events:
            if type(out) is Gap:
                self._since = time.monotonic()
                self._gap, self._waiting, self._last_diff = (self._since, out), False, -1
                self._ledger.gap(out)
            elif type(out) is DepthSnapshot:
                self._before_diffs = out.ts_receive
                self._joined()
        if type(event) is DepthUpdate and not self.sync.joined:
            self._waiting = True
        if events:
            self._give(events)
        if type(event) is DepthUpdate and self.sync.joined:
            if events:
                self._before_diffs = None
            elif self._before_diffs is not None and event.ts_receive - self._before_diffs > STUCK:
                cause = f"diffs up to {event.last_id} are all older than the snapshot's {self.sync.last_id}"
                self.tear(event.ts_receive, "stale book", cause)

    def _joined(self) -> None:
        self._waiting = False
        if self._gap is not None:
            (since, gap), self._gap = self._gap, None
            took = (time.monotonic() - since) * 1e3
            self.recoveries.append(Recovery(self.symbol, gap.ts_exchange, gap.cause, took))
            self.note("resync", f"{took:.1f} ms after: {gap.cause}")

    def _look_at(self, diff: DepthUpdate) -> None:
        jump = self._clocks.see(diff.ts_exchange, time.time_ns())
        if jump:
            self.note("clock jump", jump)
        if diff.last_id <= self._last_diff:
            self.note("repeat", f"diff {diff.last_id} after {self._last_diff}")
        self._last_diff = max(self._last_diff, diff.last_id)

    def _is_repeat(self, trade: Trade, ts: int) -> bool:
        """Whether a trade came before: counted twice it would be flow that never was. Tells those that did not come."""
        if trade.trade_id in self._trades:
            self.note("repeat", f"trade {trade.trade_id}")
            return True
        if -1 < self._last_trade < trade.trade_id - 1:
            self.tear(ts, "missed trades", f"trade {trade.trade_id} after {self._last_trade}")
        elif trade.trade_id < self._last_trade:  # the row that it belongs to has been told
            self.tear(ts, "late trade", f"trade {trade.trade_id} after {self._last_trade}")
        self._last_trade = max(self._last_trade, trade.trade_id)
        self._trades.add(trade.trade_id)
        self._order.append(trade.trade_id)
        if len(self._order) > TRADES_REMEMBERED:
            self._trades.discard(self._order.popleft())
        return False
