"""The trading half of a step: prediction in; decision, limits, orders, fills and their record out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np

from genesis_lib.config import Config
from genesis_lib.errors import StateError
from genesis_lib.execution import Account, Execution, Fees, Order, SimulatedExchange, TradeEvent
from genesis_lib.journal import Journal
from genesis_lib.journal.commands import begins_anew, seek_to
from genesis_lib.strategy import Enter, FixedSize, Leave, RiskLimits, View, preset
from genesis_lib.types import Instrument, Snapshot

SAMPLE_NS = 1_000_000_000  # event time between two equity samples
LONG_AGO = 1 << 40  # rows: no position was ever left


class Trader:
    """Strategy, limits, simulated exchange and account, wired to the journal.

    Parameters
    ----------
    instrument
        What is traded.
    config
        ``strategy`` and ``execution`` are read.
    journal
        Takes down every command, order, fill and equity sample; records of an earlier run give the account back.
    clock
        Answers the event time, ns.
    """

    def __init__(self, instrument: Instrument, config: Config, journal: Journal, clock: Callable[[], int]) -> None:
        chosen = preset(config.strategy.preset)
        execution = config.execution
        self.account = Account(instrument, Fees(execution.taker_fee_bps, execution.maker_fee_bps))
        self.exchange = SimulatedExchange(
            self.account.money, 0 if chosen.instant else round(execution.latency_ms * 1e6), chosen.fill
        )
        self._instrument, self._journal, self._clock = instrument, journal, clock
        self._rules = chosen.rules
        self._strategy = self._rules()
        self._lots = FixedSize(config.strategy.size, instrument.lot_size, chosen.cap).lots
        self._risk = RiskLimits(max_lots=self._lots)
        self.limit = self.account.money.quantity(self._lots)  # largest position, units
        self.refusals = 0  # orders refused, each cause counted once while it lasts
        self._row: Snapshot | None = None
        self._row_time = 0
        self._since = LONG_AGO  # rows since the position was opened, or since the last one was left
        self._next_sample = 0
        self._order_id = 0
        self._refused = ""
        self._fills: list[TradeEvent] = []

    def arrive(self, now: int, index: int, trusted: bool) -> None:
        """Fill the orders that arrived by `now` on the newest row, before the event at `now` is applied."""
        if self.exchange.pending:
            self._settle(self.exchange.match(now, self._row, self._row_time, trusted), index)

    def decide(self, row: Snapshot, probabilities: np.ndarray, now: int, index: int) -> None:
        """Mark the account, let the strategy decide on a new row, send its order and sample the equity."""
        view = self._view(row, probabilities, now, bool(self.exchange.pending))
        decision = self._strategy.step(view)
        if isinstance(decision, Enter):
            self._enter(decision, view, index)
        elif isinstance(decision, Leave):
            self._order(
                "EXIT", -1 if view.position > 0 else 1, abs(view.position), decision.confidence, decision.reason, index
            )
        if self.account.killed:
            self._flatten(index)
        if now >= self._next_sample:
            self.sample(probabilities, index)

    def learn(self, row: Snapshot, probabilities: np.ndarray, now: int) -> None:
        """Take in a row of before a restart: the strategy sees it as if an order were under way, and does nothing."""
        self._strategy.step(self._view(row, probabilities, now, True))

    def _view(self, row: Snapshot, probabilities: np.ndarray, now: int, pending: bool) -> View:
        spread = self._see(row, now)
        down, neutral, up = probabilities.tolist()
        lots, since = self.account.lots, self._since
        return View(
            row.valid, self.account.active, pending, down, neutral, up, lots,
            since if lots else 0, 0 if lots else since, spread, now - row.ts_receive,
        )  # fmt: skip

    def _see(self, row: Snapshot, now: int) -> int:
        """Take in a row, mark the account to it, and return its spread in ticks (0 of an invalid row)."""
        self._row, self._row_time = row, now
        self._since += 1
        if not row.valid:
            return 0
        bid, ask = self._instrument.ticks(float(row.levels[0, 0])), self._instrument.ticks(float(row.levels[0, 2]))
        self.account.mark(bid, ask)
        return ask - bid

    def _enter(self, entry: Enter, view: View, index: int) -> None:
        refusal = self._risk.refuse(entry, self._lots, view)
        if not refusal:
            self._order("ENTRY", entry.direction, self._lots, entry.confidence, entry.reason, index)
        elif refusal != self._refused:  # the same refusal row after row says nothing new
            now = self._clock()
            order = Order(0, "ENTRY", entry.direction, self._lots, now, now, entry.confidence, refusal)
            self._record(order, "refused", refusal, index)
            self.refusals += 1
        self._refused = refusal

    def _order(self, type: str, direction: int, lots: int, confidence: float, reason: str, index: int) -> None:
        now = self._clock()
        self._order_id += 1
        order = Order(self._order_id, type, direction, lots, now, now + self.exchange.latency_ns, confidence, reason)
        self._record(order, "submitted", reason, index)
        self.exchange.submit(order)
        if self.exchange.latency_ns == 0:
            self._settle(self.exchange.match(now, self._row, self._row_time), index)

    def _record(self, order: Order, status: str, reason: str, index: int) -> None:
        fields = {key: value for key, value in order._asdict().items() if key not in ("id", "reason")}
        self._journal.record("orders", index, order_id=order.id, status=status, reason=reason, **fields)

    def _venue_time(self, stamp: int) -> int:
        """A time of our clock as the exchange's, which rows carry: recordings show the two apart by seconds."""
        return self._row.ts_exchange + stamp - self._row_time

    def _settle(self, executions: list[Execution], index: int) -> None:
        for order, timestamp, parcels, cancelled in executions:
            if parcels:
                was = self.account.lots
                trade = self.account.fill(self._venue_time(timestamp), order.direction, parcels, order.confidence)
                if not was or not self.account.lots:
                    self._since = 0
                self._fills.append(trade)
                fields = trade._asdict()
                self._journal.record(
                    "trades", index, trade_id=fields.pop("id"), order_id=order.id, direction=order.direction,
                    parcels=json.dumps(parcels), **fields,
                )  # fmt: skip
                self._next_sample = 0
            if cancelled:
                self._record(order, "cancelled", cancelled, index)

    def sample(self, probabilities: np.ndarray, index: int) -> None:
        """Take down what the account is worth now; nothing before the first row."""
        if self._row is None:
            return
        now = self._clock()
        self._next_sample = now - now % SAMPLE_NS + SAMPLE_NS
        account, best = self.account, self._row.levels[0]
        down, neutral, up = probabilities.tolist()
        self._journal.record(
            "samples", index, timestamp=self._venue_time(now),
            mid=float(best[0] + best[2]) / 2.0 if self._row.valid else math.nan,
            position=account.position, realized=account.realized, unrealized=account.unrealized, fees=account.fees,
            down=down, neutral=neutral, up=up,
        )  # fmt: skip

    @property
    def has_fills(self) -> bool:
        """Fills wait to be reported."""
        return bool(self._fills)

    def take_fills(self) -> tuple[TradeEvent, ...]:
        """Fills since the last call."""
        fills, self._fills = tuple(self._fills), []
        return fills

    def command(self, name: str, index: int) -> None:
        """Carry out ``start``, ``stop``, ``reset`` or ``kill`` before event `index`, and take it down.

        Raises
        ------
        StateError
            For an unknown command, or a start after a kill without a reset between them.
        """
        if name not in COMMANDS:
            raise StateError(f"command must be one of {', '.join(COMMANDS)}, got {name!r}")
        if name == "start" and self.account.killed:
            raise StateError("the strategy was killed; reset it before it can start")
        self._journal.record("commands", index, name=name)
        if name != "start":
            for order in self.exchange.cancel(None if name == "reset" else "ENTRY"):
                self._record(order, "cancelled", name, index)
        self._apply(name)
        if name == "kill":
            self._flatten(index)

    def _apply(self, name: str) -> None:
        account = self.account
        if begins_anew(name):
            account.clear()
            account.killed = account.killed and name != "reset"
            self._since, self._next_sample, self._refused, self._fills = LONG_AGO, 0, "", []
        elif name in COMMANDS:
            account.active, account.killed = name == "start", account.killed or name == "kill"

    def travel(self, position: int, index: int) -> None:
        """Empty the account and forget the market before the source goes on with its event `position`; take it down."""
        name = seek_to(position)
        self._journal.record("commands", index, name=name)
        for order in self.exchange.cancel():
            self._record(order, "cancelled", name, index)
        self._apply(name)
        self._strategy, self._row, self._row_time = self._rules(), None, 0

    def _flatten(self, index: int) -> None:
        lots = self.account.lots
        if lots and not self.exchange.pending:
            self._order("EXIT", -1 if lots > 0 else 1, abs(lots), 0.0, "kill", index)

    def restore(self) -> int:
        """Take the account over from the journal, drop orders that were on their way; returns the next event index."""
        trades, commands, orders = (self._journal.rows(kind) for kind in ("trades", "commands", "orders"))
        others = [row for kind in ("samples", "gaps", "alerts", "alert_tallies") for row in self._journal.rows(kind)]
        account = self.account
        for row in sorted(trades + commands, key=lambda row: row["seq"]):
            if "name" in row:
                self._apply(row["name"])
            else:
                parcels = [tuple(parcel) for parcel in json.loads(row["parcels"])]
                account.fill(row["timestamp"], row["direction"], parcels, row["confidence"])
        self._order_id = max((row["order_id"] for row in orders), default=0)
        done = max((row["event_index"] + 1 for row in trades + orders + others), default=0)
        index = max(done, max((row["event_index"] for row in commands), default=0))
        self._journal.record("commands", index, name="restored")
        return index


COMMANDS = ("start", "stop", "reset", "kill")
