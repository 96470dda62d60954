"""The state of a market follows what stands out for seconds; alarms are rare."""

import numpy as np
import pytest

from genesis_lib.detectors import Alert
from genesis_lib.detectors.regime import Regime, RegimeFeatures
from genesis_lib.detectors.regime_model import COLUMNS, default_model
from genesis_lib.detectors.watch import Watch

NS = 1_000_000_000


def states(market, item):
    """State after each row, and the alarms."""
    watch, seen, alarms = Watch([item]), [], []
    for row in market.rows:
        alarms += watch.step(row)
        seen.append(item.state)
    return seen, alarms


def widen(levels):
    levels[:, 2] += 10.0
    levels[:, 1::2] *= 0.1


@pytest.fixture
def long_market(make_market):
    return make_market(150)


def test_a_quiet_market_stays_calm(long_market):
    item = Regime()
    long_market.add(600)
    seen, alarms = states(long_market, item)
    assert set(seen) == {"Calm"} and not alarms and item.probabilities["Calm"] > 0.7
    assert len(item.features) == len(COLUMNS) and sum(item.probabilities.values()) == pytest.approx(1.0)


def test_a_wide_thin_market_is_stressed_and_calms_down(long_market):
    item, calm = Regime(), len(long_market.rows)
    long_market.add(300, change=widen)
    long_market.add(900)
    seen, alarms = states(long_market, item)
    assert "Stressed" in seen[calm:] and seen[-1] == "Calm" and set(seen) <= {"Calm", "Stressed"}
    first = seen.index("Stressed") - calm
    assert 3 <= first / 20 <= 12, "after a dwell, yet within seconds"
    assert seen.count("Stressed") / 20 >= 10
    (alert,) = alarms
    assert alert.evidence["state"] == "Stressed" and alert.evidence["model"] == default_model().hash
    assert set(COLUMNS) <= set(alert.evidence) and alert.evidence["spread"] > 3 and alert.score >= 50


def test_a_burst_of_trades_and_moves_is_hot(long_market):
    item = Regime()
    for _ in range(400):
        long_market.bid += int(long_market.draw.integers(-6, 7))
        long_market.add(1, buys=5.0, sells=5.0, trades=10.0)
    seen, alarms = states(long_market, item)
    assert seen[-1] == "Execution Hot" and [alert.evidence["state"] for alert in alarms] == ["Execution Hot"]


def test_alarms_of_manipulation_are_evidence_and_others_are_not(long_market):
    def after(kind):
        item = Regime()
        watch = Watch([item])
        for k, row in enumerate(long_market.rows):
            watch.step(row)
            if k >= 2600 and k % 20 == 0:
                item.heed([Alert(kind, "critical", 90.0, row.ts_exchange, "x.")])
        return item

    assert after("spoofing").state == "Manipulation Suspected" and after("spoofing").strength > 1
    assert after("unusual_trade_size").state == "Calm"


def test_watch_passes_on_what_the_others_said(long_market):
    class Shouts(Regime):
        kind = "spoofing"

        def look(self, view):
            return self.alert(view, 2.0, "Seen.")

        def heed(self, alerts):
            pass

    item = Regime()
    Watch([Shouts(), item]).step(long_market.rows[0])
    assert item._rows.suspicion(long_market.rows[0].ts_exchange) == 0.75


def test_a_moment_changes_nothing_and_alarms_are_rare(long_market):
    item = Regime()
    for _ in range(5):
        long_market.add(1, change=lambda levels: np.multiply(levels[:, 1::2], 0.1, out=levels[:, 1::2]))
        long_market.add(300)
    assert set(states(long_market, item)[0]) == {"Calm"}
    item = Regime()
    for _ in range(6):
        long_market.add(400, change=widen)
        long_market.add(800)
    assert len(states(long_market, item)[1]) <= 1


def test_nothing_is_judged_before_two_minutes(make_market):
    market = make_market(60)
    market.add(400, change=widen)
    assert set(states(market, Regime())[0]) == {"Calm"}


def test_units_do_not_show(long_market):
    long_market.add(200, change=widen)

    def features():
        rows = RegimeFeatures()
        return [found for view in long_market.views() if (found := rows.push(view)) is not None]

    mine = features()
    for k, row in enumerate(long_market.rows):
        levels = row.levels.copy()
        levels[:, 1::2] *= 1000.0
        long_market.rows[k] = row._replace(levels=levels)
    assert np.allclose(mine, features(), atol=1e-6)
