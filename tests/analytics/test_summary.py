from genesis_lib.analytics.summary import figures, since_reset, trade_log

TRADE = {"order_id": 1, "direction": 1, "parcels": "[]", "size": 1.0, "confidence": 0.5, "event_index": 0}


def trade(seq, id, side, price, type, pnl=0.0):
    return TRADE | {
        "seq": seq, "trade_id": id, "timestamp": seq * 10**9, "side": side, "price": price, "type": type, "pnl": pnl,
    }  # fmt: skip


def sample(seq, realized, unrealized=0.0, fees=0.0):
    return {
        "seq": seq, "timestamp": seq * 10**9, "position": 0.0,
        "realized": realized, "unrealized": unrealized, "fees": fees,
    }  # fmt: skip


RECORDS = {
    "commands": [{"seq": 0, "name": "start"}, {"seq": 4, "name": "reset"}, {"seq": 5, "name": "stop"}],
    "trades": [
        trade(1, 1, "BUY", 10.0, "ENTRY"),
        trade(6, 2, "BUY", 10.0, "ENTRY"),
        trade(8, 3, "SELL", 12.0, "EXIT", 2.0),
    ],
    "samples": [sample(2, 99.0), sample(7, 0.0, -1.0, 0.5), sample(9, 2.0, 0.0, 1.0)],
}


def test_what_was_before_a_reset_counts_no_more():
    assert [row["seq"] for row in since_reset(RECORDS, "samples")] == [7, 9]
    assert [t.id for t in trade_log(RECORDS)] == [2, 3]


def test_figures_by_hand():
    found = figures(RECORDS, taker_fee_bps=100.0)
    assert (found["trades"], found["round_trips"], found["win_rate"]) == (2, 1, 1.0)
    assert (found["realized"], found["total"], found["fees"], found["net"]) == (2.0, 2.0, 1.0, 1.0)
    assert (found["max_drawdown"], found["net_max_drawdown"]) == (1.0, 1.5)
    assert found["net_expectancy"] == 2.0 - 22.0 / 100
    assert found["profit_factor"] is None  # nothing was lost


def test_an_empty_journal_has_zeros_and_no_rates():
    found = figures({"commands": [], "trades": [], "samples": []}, 5.0)
    assert (found["trades"], found["total"], found["fees"], found["sharpe"], found["win_rate"]) == (
        0,
        0.0,
        0.0,
        None,
        None,
    )


def test_what_was_earned_at_another_time_counts_no_more():
    commands = [{"seq": 0, "name": "start"}, {"seq": 4, "name": "seek 900"}, {"seq": 5, "name": "now source b.gz"}]
    assert [row["seq"] for row in since_reset(RECORDS | {"commands": commands}, "samples")] == [7, 9]
