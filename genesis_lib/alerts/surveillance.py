"""Everything that raises alarms over one stream, and the desk that they go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from genesis_lib.alerts.account_watch import AccountWatch
from genesis_lib.alerts.desk import AlertDesk, Notice
from genesis_lib.alerts.feature_watch import FeatureWatch
from genesis_lib.alerts.feed_watch import FeedWatch
from genesis_lib.alerts.rule_tables import quiet, read_rules
from genesis_lib.alerts.rules import AccountRule, FeatureRule, FeedRule
from genesis_lib.config import Config
from genesis_lib.detectors import Alert
from genesis_lib.detectors.watch import Watch
from genesis_lib.feeds.instruments import venue_rules
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Gap, Instrument, Snapshot, Trade

WATCHED, RARE = (DepthUpdate, Trade), (Gap, DepthSnapshot)


class Surveillance:
    """Detectors, rules over features, feed and account, and the desk, fed with events and book rows.

    Parameters
    ----------
    instrument
        What the rows are of; for the record.
    kinds
        Detectors to run; all of them when left out.
    desk
        Where alarms go. Rules of features, feed and account that it has are watched; one of its own tells what every
        detector finds, repeats merged, and reminds nobody.
    levels
        Levels a side of the rows, to be held against what features need.

    Attributes
    ----------
    observe : callable
        Takes an event before the row it makes.
    waits : sequence of Alert
        Found in events that made no row; while there are any, `tell` has something to tell.

    Examples
    --------
    >>> Surveillance(kinds=["spread_shock"]).kinds
    ('spread_shock',)
    """

    def __init__(
        self,
        instrument: Instrument | None = None,
        *,
        kinds: Iterable[str] | None = None,
        desk: AlertDesk | None = None,
        levels: int | None = None,
    ) -> None:
        self.instrument = instrument
        self.desk = AlertDesk(quiet()) if desk is None else desk
        self._watch = Watch(kinds)
        rules = [rule for rule in self.desk.rules.values() if rule.enabled]
        of_features, of_feed, self._of_account = (
            [rule for rule in rules if isinstance(rule, cls)] for cls in (FeatureRule, FeedRule, AccountRule)
        )
        # None where there is no such rule: what nobody asked for costs nothing.
        self._features = FeatureWatch(of_features, levels) if of_features else None
        self._feed = FeedWatch(of_feed) if of_feed else None
        self._account: AccountWatch | None = None
        self.observe = self._observer()
        self.waits: Sequence[Alert] = () if self._feed is None else self._feed.found

    @classmethod
    def configured(cls, instrument: Instrument, config: Config) -> Surveillance:
        """All detectors, and the rules of ``[alerts]``; `ConfigError` where one of them cannot be."""
        most = venue_rules(instrument.venue).levels
        levels = min(config.market.depth, most or config.market.depth)
        return cls(instrument, desk=AlertDesk(read_rules(config.alerts)), levels=levels)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Detectors that run."""
        return self._watch.kinds

    def follow(self, account: Any, limit: float, refusals: Callable[[], int]) -> None:
        """Watch an account too, where there are rules for one.

        Parameters
        ----------
        account
            With ``equity``, ``position`` and ``killed``.
        limit
            Largest position, units of the instrument.
        refusals
            Gives the orders refused so far.
        """
        self._account = AccountWatch(self._of_account, account, limit, refusals) if self._of_account else None

    def anew(self) -> None:
        """The account begins anew: what it earned before is no drawdown."""
        if self._account is not None:
            self._account.forget()

    def forget(self) -> None:
        """Start anew with the next row: it is of another time."""
        self._watch.forget()
        self.desk.forget()
        for part in (self._features, self._feed, self._account):
            if part is not None:
                part.forget()

    def _observer(self) -> Callable[[Event | Snapshot], None]:
        """What every event is shown to: there are many a row, so none is handed to those who need not see it."""
        watch, feed = self._watch.observe, self._feed
        if feed is None:
            return watch
        look = feed.observe

        def both(event: Event | Snapshot) -> None:
            watch(event)
            look(event)

        if not feed.is_patient:
            return both
        takers = {**dict.fromkeys(WATCHED, watch), **dict.fromkeys(RARE, both)}

        def observe(event: Event | Snapshot) -> None:
            if (take := takers.get(type(event))) is not None:
                take(event)

        return observe

    def look(self, row: Snapshot) -> list[Alert]:
        """Take the next row; what was found in it and in the events before it, whether it is told or not."""
        found = self._watch.step(row)
        if self._features is not None:
            found += self._features.step(row)
        if self._feed is not None:
            found += self._feed.step(row)
        if self._account is not None:
            found += self._account.step(row.ts_exchange)
        return found

    def step(self, row: Snapshot) -> tuple[Notice, ...]:
        """Take the next row; what people are told."""
        found = self.look(row)
        if found or row.ts_exchange >= self.desk.due:
            return self._tell(found, row.ts_exchange)
        return ()

    def tell(self) -> tuple[Notice, ...]:
        """What people are told of events that made no row."""
        found = self._feed.take() if self._feed is not None else []
        return self._tell(found, found[-1].timestamp) if found else ()

    def pass_over(self) -> None:
        """Let what was found in events that made no row go untold."""
        if self._feed is not None:
            self._feed.take()

    def _tell(self, found: list[Alert], ts: int) -> tuple[Notice, ...]:
        due = self.desk.tick(ts) if ts >= self.desk.due else []
        told = (self.desk.push(alert) for alert in found)
        return (*due, *(notice for notice in told if notice is not None))
