"""Orders that were not meant are found; their innocent relatives are not."""

import pytest

from genesis_lib.detectors import make_detectors
from genesis_lib.detectors.evaluation import evaluate_sessions
from genesis_lib.detectors.trials import watch_seed, watch_session
from genesis_lib.feeds.snapshots import open_sessions

SIZE = 60.0  # six times the best level
both = pytest.mark.parametrize("side", [0, 1])


def at(side, *distances, size=SIZE):
    def change(levels):
        for distance in distances:
            levels[distance, 1 + 2 * side] += size

    return change


def leave(levels):
    levels[:, 1::2] *= 0.05


def against(market, side, quantity=2.0):
    """A trade against the lean of false orders of a side."""
    return [(market.bid, quantity, -1)] if side == 0 else [(market.bid + 1, quantity, 1)]


def after(market, side, quantity=2.0):
    market.add(1)
    market.add(2, tape=against(market, side, quantity))
    market.add(100)


def alarms(market, kind):
    return market.alarms(make_detectors([kind])[0])


@both
def test_spoofing(market, side):
    came = market.ts + 50_000_000
    market.add(20, change=at(side, 3))
    after(market, side)
    (alert,) = alarms(market, "spoofing")
    evidence = alert.evidence
    assert evidence["side"] == ("bid", "ask")[side] and evidence["distance_ticks"] == 3
    assert evidence["tick"] == (market.bid - 3 if side == 0 else market.bid + 4)
    assert evidence["life_ms"] == pytest.approx(1000) and evidence["size"] == pytest.approx(SIZE, abs=5)
    assert evidence["came"] == came and evidence["gone"] == came + 1_000_000_000 and evidence["against"] > 0
    assert alarms(market, "layering") == []


@both
def test_a_spoof_that_moved_the_market_needs_no_trade(market, side):
    market.add(10, change=at(side, 3), buys=0.0, sells=0.0)
    market.bid += 1 if side == 0 else -1
    market.add(10, change=at(side, 4), buys=0.0, sells=0.0)
    market.add(100, buys=0.0, sells=0.0)
    (alert,) = alarms(market, "spoofing")
    assert alert.evidence["gain_ticks"] == 1.0


@both
def test_a_spoof_that_follows_the_market_is_one_order(market, side):
    for distance in (2, 5, 3):
        market.add(5, change=at(side, distance))
    after(market, side)
    (alert,) = alarms(market, "spoofing")
    assert alert.evidence["moves"] == 2 and alert.evidence["life_ms"] == pytest.approx(750)


def test_a_larger_spoof_scores_higher(make_market):
    scores = []
    for size in (40.0, 80.0, 160.0):
        market = make_market()
        market.add(20, change=at(0, 3, size=size))
        after(market, 0)
        scores += [alert.score for alert in alarms(market, "spoofing")]
    assert len(scores) == 3 and scores == sorted(set(scores))


@both
def test_a_large_order_that_serves_nobody_is_no_spoof(market, side):
    market.add(20, change=at(side, 3), buys=0.0, sells=0.0)
    market.add(100, buys=0.0, sells=0.0)
    assert alarms(market, "spoofing") == []


@both
def test_a_fleeting_order_and_one_that_stays_are_no_spoofs(market, side):
    market.add(2, change=at(side, 3))
    after(market, side)
    market.add(260, change=at(side, 3))
    after(market, side)
    assert alarms(market, "spoofing") == []


@both
def test_an_order_that_traded_was_meant(market, side):
    market.add(20, change=at(side, 1))
    market.bid += -1 if side == 0 else 1  # the order is the best one now
    market.add(2, change=at(side, 0), tape=against(market, side, 20.0))
    after(market, side)
    assert alarms(market, "spoofing") == []


@both
def test_orders_of_ordinary_size_are_no_spoofs(market, side):
    for _ in range(5):
        market.add(20, change=at(side, 3, size=12.0))
        after(market, side)
    assert alarms(market, "spoofing") == alarms(market, "layering") == []


@both
def test_makers_who_leave_are_no_spoofers(market, side):
    market.add(20, change=at(side, 2, 3, 4))
    market.add(20, change=leave)  # everybody is gone at once, on both sides
    after(market, side)
    assert alarms(market, "layering") == alarms(market, "spoofing") == []


@both
def test_layering(market, side):
    came = market.ts + 50_000_000
    market.add(20, change=at(side, 2, 3, 4, 5))
    after(market, side)
    (alert,) = alarms(market, "layering")
    evidence = alert.evidence
    assert evidence["levels"] == 4 and evidence["side"] == ("bid", "ask")[side] and evidence["came"] == came
    best = market.bid if side == 0 else market.bid + 1
    assert sorted(abs(tick - best) for tick in evidence["ticks"]) == [2, 3, 4, 5] and len(evidence["sizes"]) == 4
    assert alarms(market, "spoofing") == [], "layers are told apart from a single order"


@both
def test_layers_may_come_one_by_one(market, side):
    for distances in ((2,), (2, 3), (2, 3, 4)):
        market.add(3, change=at(side, *distances))
    market.add(20, change=at(side, 2, 3, 4))
    after(market, side)
    assert len(alarms(market, "layering")) == 1


@both
def test_layers_that_are_moved_or_come_again_are_quotes(market, side):
    market.add(20, change=at(side, 2, 3, 4))
    market.add(20, change=at(side, 5, 6, 7))  # in the same message: requoted, not withdrawn
    market.add(1)
    market.add(250, change=at(side, 2, 3, 4))  # and again, to stay
    after(market, side)
    assert alarms(market, "layering") == alarms(market, "spoofing") == []


@both
def test_another_order_that_comes_as_layers_go_hides_them_not(market, side):
    market.add(20, change=at(side, 2, 3, 4, 5))
    market.add(1)
    market.add(20, change=at(side, 7))
    after(market, side)
    assert len(alarms(market, "layering")) == 1


@both
def test_a_spoof_beside_large_orders_that_stand_is_no_layer(market, side):
    market.add(60, change=at(side, 6, 8))  # three seconds, of others
    market.add(20, change=at(side, 3, 6, 8))
    market.add(1, change=at(side, 6, 8))
    against(market, side)
    market.add(300, change=at(side, 6, 8))
    (alert,) = alarms(market, "spoofing")
    assert alert.evidence["distance_ticks"] == 3


@both
def test_layers_that_go_one_by_one_are_no_layering(market, side):
    for left in ((2, 3, 4), (2, 3), (2,)):
        market.add(20, change=at(side, *left))
    after(market, side)
    assert alarms(market, "layering") == []


@both
def test_layers_of_unlike_sizes_are_many_peoples(market, side):
    def change(levels):
        levels[[2, 3, 4], 1 + 2 * side] += [10.0, 60.0, 300.0]

    market.add(20, change=change)
    after(market, side)
    assert alarms(market, "layering") == []


@both
@pytest.mark.parametrize("kind", ["spoofing", "layering"])
def test_an_invalid_row_ends_what_stood(market, side, kind):
    market.add(20, change=at(side, 2, 3, 4) if kind == "layering" else at(side, 3))
    market.add(1, valid=False)
    after(market, side)
    assert alarms(market, kind) == []


@pytest.mark.parametrize(("seconds", "found"), [(8, 0), (12, 1)])
def test_no_alarm_before_the_habit_is_known(make_market, seconds, found):
    market = make_market(seconds)
    market.add(20, change=at(0, 3))
    after(market, 0)
    assert len(alarms(market, "spoofing")) == found


KINDS = (
    "spoofing",
    "layering",
    "quote_stuffing",
    "iceberg",
    "momentum_ignition",
    "wash_trading",
    "flash_crash",
)


@pytest.mark.slow
def test_planted_manipulation_is_found_and_told_apart():
    sessions = [watch_seed(seed, KINDS) for seed in (0, 1)]
    report = evaluate_sessions(sessions, KINDS)
    for kind in KINDS:
        precision, recall = report[kind]["precision"], report[kind]["recall"]
        assert precision is not None and 2 * precision * recall / (precision + recall) >= 0.7, (kind, report[kind])
    mean = sum(2 * r["precision"] * r["recall"] / (r["precision"] + r["recall"]) for r in report.values()) / len(report)
    assert mean >= 0.85, report
    assert max(report[kind]["delay_ms"] for kind in ("spoofing", "quote_stuffing", "wash_trading", "iceberg")) < 5_000


@pytest.mark.parametrize("recording", ["usdm_2024", "coinm_btc"])
def test_where_nothing_was_planted_little_is_found(recording, request):
    (session,) = open_sessions(request.getfixturevalue(recording))
    watched = watch_session(session, KINDS)
    assert len(watched.alerts) <= 1, watched.alerts
