"""One synchronous step that does everything for one event.

Backtest, paper trading and live are this step behind three feeds; nothing else decides anything. The only clock it
reads is the events', so what was recorded replays to the same books, signals and fills.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from genesis_lib.alerts import Notice, Surveillance
from genesis_lib.analytics.summary import figures
from genesis_lib.clock import EventClock
from genesis_lib.config import Config
from genesis_lib.engine.alarms import Alarms
from genesis_lib.engine.forecast import Forecast
from genesis_lib.engine.header import changes, describe
from genesis_lib.engine.trader import Trader
from genesis_lib.errors import SessionError, StateError
from genesis_lib.execution import TradeEvent
from genesis_lib.feeds.base import ReplaySource
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.journal import Journal
from genesis_lib.journal.commands import sought
from genesis_lib.types import Event, Gap, Instrument, Snapshot

SEEN_ROWS = 400  # before the place of a seek, at least: fills every window, and the rules know the model's habits


class Step(NamedTuple):
    """What one event led to."""

    event_index: int
    row: Snapshot | None  # None when the event made no row but orders filled, or something was told
    probabilities: np.ndarray  # (3,) down, neutral, up; NaN while warming up
    signal: str  # "DOWN", "NEUTRAL", "UP", or "NONE" while warming up
    confidence: float  # probability of the signal's class; 0.0 for "NONE"
    fills: tuple[TradeEvent, ...]
    alerts: tuple[Notice, ...]


class Engine:
    """Book, features, prediction, decision, execution and record, an event at a time.

    Parameters
    ----------
    instrument
        What is traded.
    artifact
        A registered model; None runs without predictions, and so without trades.
    config
        Settings; the defaults when left out.
    journal
        Where decisions are recorded; in memory when left out. One that holds records of an earlier run of the same
        session gives the account back as it was committed.
    data_hash, provenance, source
        Where the events come from, for the record.
    watch
        Detectors and rules that raise alarms; none when left out. See `Engine.build`.

    Attributes
    ----------
    account : Account
        Position, profit, fees, trades; `account.active` tells whether entries are taken.
    builder : RowBuilder
        `builder.book` is the live order book.
    forecast : Forecast or None
        The model beside the stream; `forecast.remaining` says how many rows it still waits for.
    events, rows, signals, gaps, seeks : int
        Events seen; book rows made; rows with a prediction; gaps met; how often it was sent to another time.
    row, probabilities, signal, confidence
        Of the newest row; see `Step`.
    exposure : str or None
        Whether the model's training saw this market at this time, see `Artifact.exposure`; None without a model, and
        for simulated flow.

    Raises
    ------
    ModelError
        When the model needs more levels than ``market.depth`` or the venue has.
    SessionError
        When the journal is of a session with another instrument or fee.

    Notes
    -----
    Order within a step: (1) the clock moves to the event's receive time, never back; (2) orders that arrived by then
    fill on the book as it stood *before* the event; (3) the event is applied; (4) features and prediction; (5)
    strategy, limits, order; (6) detectors and alert rules; (7) record. Nothing is committed by a step: whoever
    publishes calls `commit` first, so that what was told is what survives.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        artifact: Any = None,
        config: Config | None = None,
        journal: Journal | None = None,
        data_hash: str = "",
        provenance: str = "recorded",
        source: str = "",
        watch: Surveillance | None = None,
    ) -> None:
        config = Config() if config is None else config
        self.instrument, self.config = instrument, config
        self.journal = Journal.open("sqlite://", "memory") if journal is None else journal
        self.builder = RowBuilder(instrument, config.market.depth)
        self._artifact, self._span = artifact, (0, 0)
        self.forecast = (
            None if artifact is None else Forecast(artifact, self.builder.depth, config.market.depth, instrument)
        )
        self.header = describe(instrument, config, artifact, source=source, provenance=provenance, data_hash=data_hash)
        self.events = self.rows = self.signals = self.gaps = self.seeks = 0
        self.row: Snapshot | None = None
        self.probabilities = np.full(3, math.nan)
        self.signal, self.confidence = "NONE", 0.0
        self._clock = EventClock()
        self._trader = Trader(instrument, config, self.journal, self._clock.now)
        self.account = self._trader.account
        self.alarms = None if watch is None else Alarms(watch, self.journal, self._trader)
        self._check_continuation()
        self.journal.describe(self.header)
        if self.journal.resumed:
            self.events = self._trader.restore()
            if self.alarms is not None:
                self.alarms.restore()
            self.gaps = len(self.journal.rows("gaps"))
            self.seeks = sum(sought(row["name"]) is not None for row in self.journal.rows("commands"))
            for change in changes(self.journal, self.header):
                self.journal.record("commands", self.events, name=change)
            self.journal.commit()

    def _check_continuation(self) -> None:
        """An account is only continued where its ticks, lots and fees still mean the same."""
        if self.journal.header is None:
            return
        for key in ("venue", "symbol", "tick_size", "lot_size", "taker_fee_bps"):
            was, now = ({**head, **head["config"]["execution"]}[key] for head in (self.journal.header, self.header))
            if was != now:
                raise SessionError(
                    f"session {self.journal.session} has {key} {was}, got {now}: start a session of its own for it"
                )

    @classmethod
    def build(cls, instrument: Instrument, *, detect: bool = True, **options: Any) -> Engine:
        """Make an engine with all detectors and the rules of the configuration; `options` as for the class."""
        if detect:
            options["watch"] = Surveillance.configured(instrument, options.get("config") or Config())
        return cls(instrument, **options)

    def step(self, event: Event | Snapshot) -> Step | None:
        """Do everything that one event asks for; None when it made no book row and filled nothing."""
        index, trader = self.events, self._trader
        now = self._clock.advance(event.ts_receive)
        is_gap = isinstance(event, Gap)
        trader.arrive(now, index, trusted=not is_gap)
        if is_gap:
            self.gaps += 1
            self.journal.record("gaps", index, timestamp=event.ts_exchange, cause=event.cause)
        if (alarms := self.alarms) is not None:
            alarms.observe(event)
        row = self.builder.push(event)
        self.events = index + 1
        if row is not None:
            self._take(row)
            trader.decide(row, self.probabilities, now, index)
        elif not (trader.has_fills or (alarms is not None and alarms.waits)):
            return None
        alerts = () if alarms is None else alarms.step(row, index)
        return Step(index, row, self.probabilities, self.signal, self.confidence, trader.take_fills(), alerts)

    def warm(self, event: Event | Snapshot, *, watch: bool = True) -> Step | None:
        """Apply an event of before a restart: the book and what is known of the market, no decision and no record."""
        now = self._clock.advance(event.ts_receive)
        if watch and self.alarms is not None:
            self.alarms.observe(event)
        row = self.builder.push(event)
        if watch and self.alarms is not None:
            self.alarms.look(row)
        if row is None:
            return None
        self._take(row)
        self._trader.learn(row, self.probabilities, now)
        return Step(-1, row, self.probabilities, self.signal, self.confidence, (), ())

    def seek(self, source: ReplaySource, position: int) -> list[Step]:
        """Go on with another event of finished data, with an empty account: what it held of another time is no profit.

        Position, profit, trades and orders under way are gone as after a reset (a kill stays until a reset), and the
        journal says so. Model and rules learn anew from the rows just before the place, which are returned (see
        `place`), detectors from the place on. Events go on being counted as they are seen.
        """
        self._trader.travel(position, self.events)
        self.seeks += 1
        return self.place(source, position)

    def place(self, source: ReplaySource, position: int) -> list[Step]:
        """Stand before event number `position` of a tracked source, with all windows full; no decision, no record.

        Returns
        -------
        list of Step
            The rows just before the place, without decisions; whoever shows a chart may show them.
        """
        from genesis_lib.feeds.tape.places import approach  # pyarrow, for those who seek

        source.enter(position)
        rows = SEEN_ROWS
        if self.forecast is not None:
            rows = max(rows, self.forecast.warmup)
            self.forecast.reset()
        if self.alarms is not None:
            self.alarms.forget()
        ledger, seen = self.builder.ledger, (self.rows, self.signals)
        self.probabilities, self.signal, self.confidence = np.full(3, math.nan), "NONE", 0.0
        self._clock.clear()
        way = approach(source.tape, position, rows)
        self.builder = RowBuilder(self.instrument, self.config.market.depth)
        self.row = way.checkpoint.restore(self.builder)
        for event in way.lead:
            self.row = self.builder.push(event) or self.row
        steps = [step for event in way.last if (step := self.warm(event, watch=False)) is not None]
        self.builder.ledger, (self.rows, self.signals) = ledger, seen  # what passes twice counts once
        return steps

    @property
    def exposure(self) -> str | None:
        if self._artifact is None or self.header["provenance"] == "simulated" or self.row is None:
            return None
        return self._artifact.exposure(self.instrument.name, *self._span)

    def _take(self, row: Snapshot) -> None:
        self._span = (min(self._span[0] or row.ts_exchange, row.ts_exchange), max(self._span[1], row.ts_exchange))
        self.row = row
        self.rows += 1
        if self.forecast is not None:
            self.probabilities, self.signal, self.confidence = self.forecast.of(row)
            self.signals += self.signal != "NONE"

    def ahead(self) -> None:
        """Do what the model can do before the next row comes, once the answer is out."""
        if self.forecast is not None:
            self.forecast.ahead()

    def start(self) -> None:
        """Take entries from the next event on; `StateError` after a kill, until a reset."""
        self._trader.command("start", self.events)

    def stop(self) -> None:
        """Take no new entries and call back those on their way; exits go on."""
        self._trader.command("stop", self.events)

    def reset(self) -> None:
        """Clear position, profit, fees, trades and the kill switch; the journal keeps what was."""
        self._trader.command("reset", self.events)
        if self.alarms is not None:
            self.alarms.anew()

    def acknowledge(self, what: int | str, by: str = "") -> tuple[int, ...]:
        """Mark alarms as seen (one by its number, those of a kind, or ``all``) and return the numbers of the fresh."""
        if self.alarms is None:
            raise StateError("nothing watches this session: there is no alarm to acknowledge")
        return self.alarms.acknowledge(what, by, self.events)

    def kill(self) -> None:
        """Leave the position as soon as the book allows it, and stay out until a reset."""
        self._trader.command("kill", self.events)

    def commit(self) -> None:
        """Make every decision so far durable; call it before telling anybody."""
        self.journal.commit()

    def finish(self) -> dict[str, Any]:
        """Commit, store and return the summary; positions stay open and are told as unrealised."""
        self._trader.sample(self.probabilities, self.events)
        if self.alarms is not None:
            self.alarms.tally(max(0, self.events - 1))
        self.journal.commit()
        records = {kind: self.journal.rows(kind) for kind in ("trades", "samples", "commands")}
        told = ("source", "provenance", "data_hash", "model", "preset", "contract", "code_version")
        summary = {
            **figures(records, self.config.execution.taker_fee_bps),
            **{"events": self.events, "rows": self.rows, "signals": self.signals, "gaps": self.gaps},
            "seeks": self.seeks,
            "journal_sha256": self.journal.sha256,
            **{key: self.header[key] for key in told},
            "exposure": self.exposure,
        }
        self.journal.finish(summary)
        return summary
