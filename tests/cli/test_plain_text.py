"""What the shell shows people."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.cli import emit, main
from genesis_lib.cli.plain_text import MOST_ITEMS, acknowledged, figure, lines, progress, whole

REPLAY = {
    "state": "paused", "speed": 2.0, "at": "2024-07-19T00:05:02.246000Z", "time": 1721347502246.0002,
    "start": 1721347200000.0, "end": None, "known": None, "progress": None, "events": 71979, "total_events": 100000,
    "endless": False, "seeks": 1, "paused": True, "steps": 0,
}  # fmt: skip
STATUS = {
    "session": "one", "state": "PAUSED", "reason": None, "active": False, "ts": 1721347502246.0002, "events": 145519,
    "position": -0.001, "realized": 12.3456789, "unrealized": 0.0, "replay": REPLAY,
    "model": {"name": "m", "version": "1"}, "feed": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1 / 3, "0.333333"),
        (np.float64(1 / 3), "0.333333"),
        (np.int64(12345678), "12345678"),
        (66123456.789, "66123457"),
        (1e-7, "1e-07"),
        (float("nan"), "nan"),
        (True, "yes"),
        (None, "-"),
        ([], "none"),
        ({}, "none"),
        ({"p50": 1.0, "p99": 2.5}, "p50 1, p99 2.5"),
        ({"a": {"b": 1}, "c": [1, 2]}, "a (b 1), c (1, 2)"),
    ],
)
def test_a_figure(value, shown) -> None:
    assert figure(value) == shown


def test_lists_are_a_line_an_item_and_end(capsys) -> None:
    found = {"rows": 3, "files": [f"part-{n}.parquet" for n in range(14)], "days": {"one": {"rows": 1}}}
    emit(found, False)
    shown = capsys.readouterr().out.splitlines()
    assert shown[:3] == ["rows   3", "files  14", "         part-0.parquet"]
    assert shown[2 + MOST_ITEMS] == "         ... and 4 more"
    assert shown[-2:] == ["days   1", "         one: rows 1"]
    emit(found, True)
    assert json.loads(capsys.readouterr().out) == found


def test_one_item_stays_in_its_line() -> None:
    assert lines({"files": ["a"], "fills": [1, 2, 3]}) == "files  a\nfills  1, 2, 3"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("abc", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("xyz", min_size=1, max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text("xyz", min_size=1, max_size=4), values, max_size=5))
def test_no_programs_notation_is_shown(result) -> None:
    assert not set("{}[]'") & set(lines(result))


def test_a_session_after_a_command_is_told_in_short() -> None:
    assert progress(STATUS).splitlines() == [
        "session     one",
        "state       paused",
        "strategy    stopped: no new entries",
        "replay      paused",
        "time        2024-07-19T00:05:02.246000Z",
        "speed       2x",
        "events      71,979 of 100,000",
        "position    -0.001",
        "realized    12.3457",
        "unrealized  0",
    ]
    live = progress(STATUS | {"replay": None, "active": True})
    assert "events      145,519" in live and "time        2024-07-19T00:05:02.246000Z" in live and "speed" not in live


def test_the_whole_status_is_readable() -> None:
    shown = whole(STATUS)
    assert "1721347502246" not in shown and not set("{}[]'") & set(shown)
    assert "name m, version 1" in shown and shown.count("2024-07-19T00:05:02.246000Z") == 2
    assert "replay events        71979" in shown


def test_real_commands_tell_their_results_without_notation(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENESIS_PATHS_SESSIONS", "sessions")
    made = "made/simbtc_seed3.gz"
    for words in (
        ("simulate", "--seed", "3", "--minutes", "0.2", "--out", "made"),
        ("verify", made),
        ("ingest", made, "--out", "stored"),
        ("backtest", made, "--model", "none"),
    ):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        assert not set("{}[]") & set(result.stdout) and "None" not in result.stdout, result.stdout


def test_what_was_acknowledged_is_told_in_words():
    alerts = [{"id": number, "kind": "layering"} for number in range(1, 13)]
    assert acknowledged({"acknowledged": alerts[:1]}) == "acknowledged 1 alert: 1 (layering)"
    told = acknowledged({"acknowledged": alerts})
    assert told.startswith("acknowledged 12 alerts: 1 (layering), ") and told.endswith("10 (layering) and 2 more")
    assert acknowledged({"acknowledged": []}).startswith("acknowledged nothing: ")
