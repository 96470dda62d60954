import math

import pytest

from genesis_lib import backtest
from genesis_lib.errors import InputError
from genesis_lib.feeds import open_source
from genesis_lib.feeds.base import ReplaySource
from genesis_lib.types import Instrument

KEYS = {
    "trades", "realized", "fees", "sharpe", "max_drawdown", "win_rate", "events", "journal_sha256", "unrealized",
    "total", "net", "rows", "signals", "gaps", "source", "provenance", "data_hash", "model", "preset", "contract",
}  # fmt: skip


def test_the_summary_says_where_it_comes_from():
    summary = backtest.run(open_source("simulator", seed=3, minutes=0.1))
    assert set(summary) >= KEYS
    assert summary["provenance"] == "simulated" and summary["model"] is None and summary["trades"] == 0
    assert summary["events"] > summary["rows"] > 0 and summary["signals"] == 0


def test_without_the_start_command_nothing_is_told_to_the_engine():
    source = open_source("simulator", seed=3, minutes=0.1)
    with_start = backtest.run(open_source("simulator", seed=3, minutes=0.1), detect=False)
    assert backtest.run(source, commands=(), detect=False)["journal_sha256"] != with_start["journal_sha256"]


def test_commands_behind_the_end_are_carried_out_there():
    from genesis_lib.journal import Journal

    with Journal.open("sqlite://", "s") as journal:
        source = open_source("simulator", seed=3, minutes=0.05)
        summary = backtest.run(source, journal=journal, commands=[(10**9, "stop"), (0, "start")])
        assert [(row["name"], row["event_index"]) for row in journal.rows("commands")] == [
            ("start", 0),
            ("stop", summary["events"]),
        ]


def test_a_live_source_is_refused_and_closed():
    closed = []
    source = ReplaySource(lambda: [], Instrument("t", "X", 1.0, 1.0), name="venue:X", provenance="live", speed=math.inf)
    source.close = lambda: closed.append(True)
    with pytest.raises(InputError, match="live source venue:X"):
        backtest.run(source)
    assert closed


def test_the_recording_of_2024_to_the_row(usdm_2024):
    summary = backtest.run(open_source(usdm_2024), detect=False)
    assert (summary["rows"], summary["gaps"], summary["provenance"]) == (9_018, 0, "recorded")
    assert summary["source"] and len(summary["data_hash"]) == 64


def test_commands_that_no_engine_knows_are_refused():
    with pytest.raises(InputError, match="'restored': was the session taken up again"):
        backtest.run(open_source("simulator", seed=3, minutes=0.1), commands=[(0, "start"), (5, "restored")])
