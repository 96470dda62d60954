import numpy as np
import pytest

from genesis_lib.engine.trader import COMMANDS, Trader
from genesis_lib.errors import StateError
from genesis_lib.execution import Order
from genesis_lib.journal import Journal

UP, FLAT = np.array([0.1, 0.1, 0.8]), np.array([0.1, 0.8, 0.1])


@pytest.fixture
def journal():
    with Journal.open("sqlite://", "s") as made:
        yield made


@pytest.fixture
def trader(market, settings, journal):
    return Trader(market.instrument, settings(strategy={"preset": "seed"}), journal, lambda: market.now)


def run(trader, market, probabilities, bids, first=0):
    for index, bid in enumerate(bids, first):
        row = market.row(bid)
        trader.arrive(market.now, index, True)
        trader.decide(row, probabilities, market.now, index)


def test_every_order_has_its_end_in_the_journal(trader, market, journal):
    trader.command("start", 0)
    run(trader, market, UP, [200])
    run(trader, market, FLAT, [201], 1)
    journal.commit()
    orders, trades = journal.rows("orders"), journal.rows("trades")
    assert [(row["order_id"], row["type"], row["status"], row["event_index"]) for row in orders] == [
        (1, "ENTRY", "submitted", 0),
        (2, "EXIT", "submitted", 1),
    ]
    assert [(row["order_id"], row["trade_id"], row["event_index"]) for row in trades] == [(1, 1, 0), (2, 2, 1)]


def test_equity_is_sampled_each_second_and_at_each_fill(trader, market, journal):
    market.step_ns = 250_000_000
    trader.command("start", 0)
    run(trader, market, FLAT, [200] * 8)
    journal.commit()
    assert len(journal.rows("samples")) in (2, 3)
    run(trader, market, UP, [200], 8)
    journal.commit()
    assert journal.rows("samples")[-1]["position"] == 1.0


def test_trades_and_samples_are_told_in_the_exchanges_time(market, settings, journal):
    ahead = 1_400_000_000  # as in the recordings of 2024: the receive clock is behind
    trader = Trader(market.instrument, settings(execution={"latency_ms": 300}), journal, lambda: market.now)
    row = market.row(200)._replace(ts_exchange=market.now + ahead)
    trader.decide(row, FLAT, market.now, 0)
    trader.exchange.submit(Order(9, "ENTRY", 1, 5, market.now, market.now + 300_000_000, 0.5, ""))
    trader.arrive(market.now + 500_000_000, 1, True)
    assert trader.take_fills()[0].timestamp == row.ts_exchange + 300_000_000
    journal.commit()
    assert journal.rows("samples")[0]["timestamp"] == row.ts_exchange


def test_a_refused_entry_is_taken_down_once_not_row_after_row(trader, market, journal):
    trader.command("start", 0)
    for index in range(5):
        row = market.row(200)
        trader.decide(row._replace(ts_receive=row.ts_receive - 10**11), UP, market.now, index)
    journal.commit()
    assert [(row["status"], row["reason"]) for row in journal.rows("orders")] == [("refused", "stale book")]
    assert trader.account.lots == 0


def test_fills_are_told_once(trader, market):
    trader.command("start", 0)
    run(trader, market, UP, [200])
    assert trader.has_fills and len(trader.take_fills()) == 1
    assert not trader.has_fills and trader.take_fills() == ()


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_carry_the_event_they_took_effect_at(trader, journal, name):
    trader.command(name, 17)
    journal.commit()
    assert [(row["name"], row["event_index"]) for row in journal.rows("commands")] == [(name, 17)]


def test_unknown_commands_are_refused(trader):
    with pytest.raises(StateError, match="start, stop, reset, kill, got 'pause'"):
        trader.command("pause", 0)


def test_restoring_forgets_what_was_before_a_reset(trader, market, settings, journal):
    trader.command("start", 0)
    run(trader, market, UP, [200])
    trader.command("reset", 1)
    run(trader, market, UP, [300], 1)
    trader.command("stop", 2)
    journal.commit()
    other = Trader(market.instrument, settings(strategy={"preset": "seed"}), journal, lambda: market.now)
    assert other.restore() == 2
    assert other.account.trades == trader.account.trades and other.account.entry_price == 150.5
    assert not other.account.active


def test_another_time_empties_the_account_and_leaves_the_switches_as_they_are(trader, market, settings, journal):
    trader.command("start", 0)
    run(trader, market, UP, [200])
    assert trader.account.lots
    trader.exchange.submit(Order(9, "EXIT", -1, 5, market.now, market.now + 10**12, 0.5, ""))
    trader.travel(4711, 1)
    assert (trader.account.lots, trader.account.trades, trader.exchange.pending, trader.has_fills) == (0, [], [], False)
    assert trader.account.active and not trader.account.killed
    trader.command("kill", 1)
    trader.travel(5, 1)
    assert trader.account.killed and not trader.account.active  # as before: only a reset lifts it
    journal.commit()
    assert [row["name"] for row in journal.rows("commands")] == ["start", "seek 4711", "kill", "seek 5"]
    assert [row["reason"] for row in journal.rows("orders") if row["status"] == "cancelled"] == ["seek 4711"]
    again = Trader(market.instrument, settings(strategy={"preset": "seed"}), journal, lambda: market.now)
    again.restore()
    assert again.account.killed and again.account.lots == 0 and again.account.trades == []
