from types import SimpleNamespace

import pytest

from genesis_lib.alerts import AccountRule
from genesis_lib.alerts.account_watch import DAY, AccountWatch

S = 1_000_000_000
START = 1_700_000_000 * S


@pytest.fixture
def account():
    return SimpleNamespace(equity=0.0, position=0.0, killed=False, refused=0)


def watch(account, *rules):
    return AccountWatch(rules, account, 2.0, lambda: account.refused)


def test_drawdown_is_from_the_highest(account):
    watched, found = watch(account, AccountRule(measure="drawdown", above=10.0, clear=2.0)), []
    for second, account.equity in enumerate([0, 5, -4, -6, -9, 2, -6, 5.5, -5]):
        found += [(second, alarm.message) for alarm in watched.step(START + second * S)]
    assert found == [
        (3, "Equity after fees is 11.00 below its highest."),
        (8, "Equity after fees is 10.50 below its highest."),
    ]


def test_a_days_loss_begins_at_midnight(account):
    watched, found = watch(account, AccountRule(measure="daily_loss", above=10.0)), []
    midnight = START // DAY * DAY + DAY
    for at, account.equity in ((-9, 0), (-8, -8), (0, -8), (1, -15), (2, -19), (3, -30), (DAY // S, -45)):
        found += [(at, alarm.evidence["value"]) for alarm in watched.step(midnight + at * S)]
    assert found == [(2, 11)]


def test_the_position_limit_and_the_kill_switch(account):
    watched = watch(account, AccountRule(measure="position"), AccountRule(measure="kill", severity="critical"))
    found = []
    for second, (account.position, account.killed) in enumerate([(1.0, False), (-2.0, False), (-2.0, True), (0, True)]):
        found += [(second, alarm.kind, alarm.severity) for alarm in watched.step(START + second * S)]
    assert found == [(1, "account_position", "warning"), (2, "account_kill", "critical")]


def test_refused_orders_within_a_time(account):
    watched, found = watch(account, AccountRule(measure="refused", above=2, within_s=60)), []
    for second, account.refused in ((0, 1), (10, 2), (50, 2), (90, 4), (100, 5), (130, 5), (300, 5)):
        found += [(second, alarm.message) for alarm in watched.step(START + second * S)]
    assert found == [(100, "3 order(s) refused within 60 s.")]


def test_after_a_reset_nothing_of_before_counts(account):
    account.refused = 7
    watched = watch(account, AccountRule(measure="drawdown", above=5.0), AccountRule(measure="refused"))
    account.equity = 100.0
    assert watched.step(START) == []
    account.equity, account.refused = 0.0, 9
    watched.forget()
    assert watched.step(START + S) == []
    account.equity = -6.0
    assert [alarm.kind for alarm in watched.step(START + 2 * S)] == ["account_drawdown"]
