import time
from contextlib import closing

import numpy as np
import pytest

from genesis_lib.config import load
from genesis_lib.engine import Engine, Step
from genesis_lib.engine.core import SEEN_ROWS
from genesis_lib.errors import InputError, ModelError, SessionError, StateError
from genesis_lib.feeds import RowBuilder, open_source
from genesis_lib.journal import Journal
from genesis_lib.types import Gap, Instrument, Trade

UP, FLAT, DOWN = (0.1, 0.1, 0.8), (0.1, 0.8, 0.1), (0.8, 0.1, 0.1)


@pytest.fixture
def seed(market, scripted, settings):
    """An engine with the seed's rules and a model that says what is asked; started."""

    def make(*script, **options):
        config = settings(strategy={"preset": "seed"}, execution={"taker_fee_bps": 10.0})
        engine = Engine(market.instrument, artifact=scripted(*script), config=config, **options)
        engine.start()
        return engine

    return make


def test_the_seed_trades_at_the_touch_of_the_row_it_decides_on(seed, market):
    engine = seed(UP, UP, FLAT, DOWN, FLAT)
    first = engine.step(market.row(200))
    assert isinstance(first, Step) and (first.signal, first.confidence) == ("UP", 0.8)
    assert [(t.side, t.price, t.size, t.type) for t in first.fills] == [("BUY", 100.5, 1.0, "ENTRY")]
    assert first.fills[0].timestamp == market.now
    assert engine.step(market.row(204)).fills == ()  # up > 0.22 and neither neutral nor down: it stays
    assert engine.account.unrealized == 1.5  # bid 102.0 - 100.5
    (left,) = engine.step(market.row(205)).fills
    assert (left.side, left.price, left.type, left.pnl) == ("SELL", 102.5, "EXIT", 2.0)
    (short,) = engine.step(market.row(206)).fills
    assert (short.side, short.price) == ("SELL", 103.0)
    (bought,) = engine.step(market.row(200)).fills
    assert (bought.side, bought.price, bought.pnl) == ("BUY", 100.5, 2.5)
    assert engine.account.realized == 4.5
    assert engine.account.fees == pytest.approx((100.5 + 102.5 + 103.0 + 100.5) * 10 / 10_000)


def test_an_invalid_row_fills_nothing_and_opens_nothing(seed, market):
    engine = seed(UP, FLAT, FLAT)
    assert engine.step(market.row(200, valid=False)).fills == ()
    assert engine.account.position == 0.0 and not engine.account.trades


def test_a_position_is_left_once_the_book_is_valid_again(seed, market):
    engine = seed(UP, FLAT, FLAT, FLAT)
    engine.step(market.row(200))
    assert engine.step(market.row(190, valid=False)).fills == ()
    assert engine.account.position == 1.0
    assert [t.price for t in engine.step(market.row(195)).fills] == [97.5]


def test_the_rest_of_an_exit_is_not_filled_on_the_quantity_it_has_taken(seed, market):
    engine = seed(UP, FLAT, FLAT)
    engine.step(market.row(200))
    (part,) = engine.step(market.row(205, quantity=0.4)).fills
    assert (part.size, engine.account.position) == (0.4, 0.6)
    market.now += 1
    assert engine.step(Trade("X", market.now, market.now, 1, 410, 1.0, 1)) is None
    engine.step(market.row(206, quantity=0.4))
    assert engine.account.position == 0.6, "the row before the new one has nothing left"
    (rest,) = engine.step(market.row(207)).fills
    assert (rest.size, rest.price) == (0.4, 103.0)


def delayed(settings, ms, **strategy):
    return settings(execution={"latency_ms": ms, "taker_fee_bps": 0.0}, market={"depth": 2}, strategy=strategy)


class Eager:
    """Rules for tests of the machinery: enter long at once, leave as soon as the position is `hold` rows old."""

    def __init__(self, hold=1):
        self.hold = hold

    def step(self, view):
        from genesis_lib.strategy import Enter, Leave

        if view.pending or not view.valid:
            return None
        if view.position == 0:
            return Enter(1, 0.5, "eager") if view.active and view.flat > 10 else None
        return Leave(0.5, "enough") if view.held >= self.hold else None

    def reset(self):
        pass


@pytest.fixture
def eager(market, scripted, settings, monkeypatch):
    """An engine whose orders take `ms` to arrive and walk the book."""
    from genesis_lib import strategy

    def make(ms, hold=1, rows=20, **options):
        preset = strategy.PRESETS["default"]._replace(rules=lambda: Eager(hold))
        monkeypatch.setitem(strategy.PRESETS, "default", preset)
        artifact = scripted(*[(0.3, 0.3, 0.4)] * rows)
        engine = Engine(market.instrument, artifact=artifact, config=delayed(settings, ms), **options)
        engine.start()
        return engine

    return make


def test_an_order_fills_on_the_book_in_force_at_its_arrival_and_never_on_a_later_one(eager, market):
    engine = eager(ms=500)  # rows are a second apart: it arrives between them
    engine.step(market.row(200))
    decided = market.now
    (fill,) = engine.step(market.row(300)).fills  # the jump came after the arrival
    assert fill.price == 100.5 and fill.timestamp == decided + 500_000_000


def test_an_order_on_its_way_sees_the_books_that_come_meanwhile(eager, market):
    engine = eager(ms=1500)
    engine.step(market.row(200))
    assert engine.step(market.row(300)).fills == ()
    (fill,) = engine.step(market.row(400)).fills
    assert fill.price == 150.5  # the book of the second row


def test_a_trade_between_two_rows_lets_orders_arrive(eager, market):
    engine = eager(ms=500)
    engine.step(market.row(200))
    when = market.now + 600_000_000
    step = engine.step(Trade("X", when, when, 1, 201, 1.0, 1))
    assert step.row is None and [t.price for t in step.fills] == [100.5]
    assert engine.step(Trade("X", when, when, 2, 201, 1.0, 1)) is None


def test_a_gap_calls_an_entry_off_and_is_taken_down(eager, market):
    engine = eager(ms=500)
    engine.step(market.row(200))
    when = market.now + 700_000_000
    engine.step(Gap("X", when, when, "lost 3 updates", 5, 8))
    assert engine.account.trades == [] and engine.gaps == 1
    engine.commit()
    assert [row["cause"] for row in engine.journal.rows("gaps")] == ["lost 3 updates"]
    assert [(row["status"], row["reason"]) for row in engine.journal.rows("orders")] == [
        ("submitted", "eager"),
        ("cancelled", "invalid book"),
    ]


def test_time_never_runs_back(eager, market):
    engine = eager(ms=500)
    engine.step(market.row(200))
    back = market.row(200)._replace(ts_receive=market.now - 3600 * 10**9)
    assert engine.step(back).fills == ()
    assert len(engine.step(market.row(200)).fills) == 1


def test_stop_calls_entries_back_but_lets_exits_go(eager, market):
    engine = eager(ms=500)
    engine.step(market.row(200))
    engine.stop()
    assert engine.step(market.row(200)).fills == ()
    engine.start()
    for _ in range(2):
        engine.step(market.row(200))
    assert engine.account.position == 1.0
    engine.stop()
    (left,) = engine.step(market.row(200)).fills
    assert left.type == "EXIT" and engine.account.position == 0.0
    assert all(engine.step(market.row(200)).fills == () for _ in range(3))


def test_kill_flattens_and_stays_out_until_a_reset(seed, market):
    engine = seed(*[UP] * 8)
    engine.step(market.row(200))
    engine.kill()
    assert engine.account.position == 0.0 and engine.account.killed
    (fill,) = engine.step(market.row(200)).fills  # the fill of the kill is told with the next row
    assert fill.type == "EXIT"
    with pytest.raises(StateError, match="reset"):
        engine.start()
    assert engine.step(market.row(200)).fills == ()
    engine.reset()
    assert not engine.account.killed and not engine.account.active
    engine.start()
    assert len(engine.step(market.row(200)).fills) == 1


def test_kill_on_an_invalid_book_leaves_as_soon_as_it_is_valid(seed, market):
    engine = seed(UP)
    engine.step(market.row(200))
    engine.step(market.row(199, valid=False))
    engine.kill()
    assert engine.account.position == 1.0
    engine.step(market.row(180, valid=False))
    engine.step(market.row(198))
    (fill,) = engine.step(market.row(150)).fills
    assert fill.price == 99.0 and engine.account.position == 0.0


def test_reset_clears_everything_but_the_journal(seed, market):
    engine = seed(UP, FLAT, UP, FLAT)
    for bid in (200, 210, 200):
        engine.step(market.row(bid))
    engine.reset()
    account = engine.account
    assert (account.position, account.realized, account.total, account.fees, account.trades) == (0.0, 0.0, 0.0, 0.0, [])
    assert account.active
    engine.commit()
    assert len(engine.journal.rows("trades")) == 3
    assert [(row["name"], row["event_index"]) for row in engine.journal.rows("commands")] == [
        ("start", 0),
        ("reset", 3),
    ]
    assert engine.finish()["trades"] == 0


def test_without_a_model_there_are_rows_and_no_trades(market, settings):
    engine = Engine(market.instrument, config=settings())
    engine.start()
    step = engine.step(market.row(200))
    assert step.signal == "NONE" and step.confidence == 0.0 and np.isnan(step.probabilities).all()
    summary = engine.finish()
    assert (summary["rows"], summary["signals"], summary["trades"], summary["sharpe"]) == (1, 0, 0, None)


def test_the_summary_agrees_with_the_account(seed, market):
    engine = seed(*[UP, UP, FLAT, DOWN, FLAT, UP] * 5)
    for i in range(27):
        engine.step(market.row(200 + i % 7))
    account, summary = engine.account, engine.finish()
    assert summary["trades"] == len(account.trades) > 5
    for key in ("position", "realized", "unrealized", "total", "fees"):
        assert summary[key] == getattr(account, key)
    assert summary["net"] == account.equity
    assert summary["journal_sha256"] == engine.journal.sha256


def test_two_runs_have_one_hash_and_another_decision_another(seed, market, scripted):
    def play(*script):
        engine = seed(*script)
        market.now = 0
        for bid in (200, 201, 202):
            engine.step(market.row(bid))
        return engine.finish()["journal_sha256"]

    assert play(UP, FLAT, UP) == play(UP, FLAT, UP) != play(UP, FLAT, DOWN)


def test_an_engine_takes_its_account_over_from_the_journal(seed, market, tmp_path):
    with Journal.open(tmp_path, "s") as journal:
        engine = seed(UP, FLAT, DOWN, journal=journal)
        for bid in (200, 210, 205):
            engine.step(market.row(bid))
        engine.stop()
        engine.commit()
        before, events = engine.account, engine.events
    with Journal.open(tmp_path, "s") as journal:
        engine = Engine(market.instrument, journal=journal, config=engine.config)
        after = engine.account
        assert (after.position, after.realized, after.fees) == (before.position, before.realized, before.fees)
        assert after.trades == before.trades and not after.active and engine.events == events


def test_a_session_taken_up_with_another_model_or_other_rules_says_so(market, scripted, settings, tmp_path):
    def live(model, preset):
        config = settings(strategy={"preset": preset})
        with Journal.open(tmp_path, "s") as journal:
            engine = Engine(market.instrument, artifact=model, journal=journal, config=config)
            if not journal.resumed:
                engine.start()
            engine.finish()
            return [row["name"] for row in journal.rows("commands")]

    first, other = scripted(), scripted()
    other.version = "2"
    assert live(first, "seed") == ["start"]
    assert live(first, "seed")[1:] == ["restored"], "nothing changed"
    assert live(other, "default")[2:] == ["restored", "now model scripted 2", "now preset default"]
    assert live(other, "default")[5:] == ["restored"], "said once"
    assert live(None, "seed")[6:] == ["restored", "now model none", "now preset seed"]


@pytest.mark.parametrize(
    ("instrument", "bps", "name"),
    [(Instrument("test", "Y", 0.5, 0.1), 5.0, "symbol"), (Instrument("test", "X", 0.5, 0.1), 4.0, "taker_fee_bps")],
)
def test_a_session_is_not_continued_with_another_instrument_or_fee(tmp_path, market, settings, instrument, bps, name):
    with Journal.open(tmp_path, "s") as journal:
        Engine(market.instrument, journal=journal).start()
    with Journal.open(tmp_path, "s") as journal, pytest.raises(SessionError, match=name):
        Engine(instrument, journal=journal, config=settings(execution={"taker_fee_bps": bps}))


def test_a_model_that_needs_more_levels_is_refused(market, scripted, settings):
    with pytest.raises(ModelError, match=r"needs 2 levels a side, market.depth is 1"):
        Engine(market.instrument, artifact=scripted(), config=settings(market={"depth": 1}))
    deep = scripted()
    deep.levels = 10
    with pytest.raises(ModelError, match=r"scripted 1 needs 10 levels a side, taifex:TXF has 5"):
        Engine(Instrument("taifex", "TXF", 1.0, 1.0), artifact=deep)


def test_the_seeds_size_is_at_most_one(market, settings):
    with pytest.raises(InputError, match="at most 1"):
        Engine(market.instrument, config=settings(strategy={"preset": "seed", "size": 1.5}))


def test_inverse_contracts_are_said_to_be_accounted_as_linear():
    engine = Engine(Instrument("binance-coinm", "BTCUSD_PERP", 0.1, 1.0))
    assert "inverse" in engine.finish()["contract"]


def test_the_default_rules_know_after_a_restart_what_they_knew_before(market, scripted, settings):
    rng = np.random.default_rng(4)
    script = [tuple(p) for p in rng.dirichlet((4, 4, 4), 900)]
    rows = [market.row(200 + int(tick)) for tick in np.cumsum(rng.integers(-1, 2, 900))]
    config = settings(strategy={"preset": "default"})
    going, back = (Engine(market.instrument, artifact=scripted(*script), config=config) for _ in range(2))
    for row in rows[:500]:
        going.step(row)  # stopped: no entries, but the market is seen
        assert back.warm(row).fills == ()
    for engine in (going, back):
        engine.start()
    fills = [[trade[1:] for row in rows[500:] for trade in engine.step(row).fills] for engine in (going, back)]
    assert fills[0] == fills[1] and len(fills[0]) > 2


def test_at_another_time_book_windows_and_model_are_as_a_pass_from_just_before_leaves_them(uniform):
    """And nothing is decided on the rows before the place, nor remembered of the time that was left."""
    config = load(env={}, strategy={"preset": "seed"})
    source = open_source("simulator", seed=3, minutes=0.4)
    events = list(source.events())
    with closing(source):
        source.track()
        while source.refresh().can_grow:
            time.sleep(0.01)
        engine = Engine.build(source.instrument, artifact=uniform, config=config)
        engine.start()
        for event in events[:900]:
            engine.step(event)
        engine.commit()
        hash_before, rows, alerts = engine.journal.sha256, engine.rows, len(engine.journal.rows("alerts"))
        position = 1700
        steps = engine.seek(source, position)
        engine.commit()
        assert engine.events == 900 and engine.rows == rows and engine.seeks == 1 and source.position == position
        assert engine.journal.sha256 != hash_before and len(engine.journal.rows("alerts")) == alerts
        straight = RowBuilder(source.instrument)
        made = [row for row in map(straight.push, events[:position]) if row is not None]
        assert len(steps) == min(SEEN_ROWS, len(made)) > 100
        for step, row in zip(steps, made[-SEEN_ROWS:]):
            assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(step.row, row))
            assert step.fills == () and step.alerts == ()
        for side in ("bid", "ask"):
            assert np.array_equal(engine.builder.book.levels(side), straight.book.levels(side))
        assert engine.account.trades == [] and engine.account.active
        before = len(engine.journal.rows("trades"))
        for event in events[position : position + 200]:
            engine.step(event)
        engine.commit()
        fresh = engine.journal.rows("trades")[before:]
        assert fresh and all(row["event_index"] >= 900 for row in fresh)
        assert engine.finish()["seeks"] == 1
