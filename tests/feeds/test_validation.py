"""Bad rows go to the quarantine file, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.validation import REASONS, Quarantine, judge


def test_rows_are_written_as_they_come_and_named_at_the_end(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "quarantine.jsonl")
    quarantine.reject(Path("a.csv"), 7, "crossed", "1,2,\u00e9")
    quarantine.reject(Path("a.csv"), 9, "crossed", "3")
    assert quarantine.counts == {"crossed": 2} and not quarantine.path.exists()
    assert quarantine.commit() == quarantine.path
    lines = [json.loads(line) for line in quarantine.path.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"file": "a.csv", "line": 7, "reason": "crossed", "text": "1,2,\u00e9"}
    assert [path.name for path in tmp_path.iterdir()] == ["quarantine.jsonl"]


def test_nothing_is_left_when_discarded_or_empty(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "quarantine.jsonl")
    assert quarantine.commit() is None
    quarantine.reject(Path("a.csv"), 7, "crossed", "1")
    quarantine.discard()
    assert list(tmp_path.iterdir()) == []


def test_what_an_older_run_set_aside_stays_unless_its_file_was_read_again(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.jsonl"
    for name in ("a.csv", "b.csv"):
        quarantine = Quarantine(path)
        quarantine.reject(Path(name), 1, "crossed", "old")
        quarantine.commit([Path(name)])
    quarantine = Quarantine(path)
    quarantine.reject(Path("a.csv"), 2, "empty", "new")
    quarantine.commit([Path("a.csv")])
    held = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted((entry["file"], entry["line"]) for entry in held) == [("a.csv", 2), ("b.csv", 1)]
    assert Quarantine(path).commit([Path("a.csv").resolve(), Path("b.csv")]) is None and not path.exists()


def test_each_row_stands_in_the_ledger(tmp_path: Path) -> None:
    ledger = Ledger()
    Quarantine(None, ledger).reject(tmp_path / "a.csv", 3, "crossed", "1,2", ts_exchange=5, symbol="X")
    assert ledger.incidents == [(5, "quarantined", "a.csv:3: crossed", "X")]


def row(**changes: float) -> np.ndarray:
    """A sound book of three levels, with some numbers changed: b0p=101 is the price of the best bid."""
    levels = np.array([[100.0, 1, 100.5, 2], [99.5, 3, 101.0, 4], [99.0, 5, 101.5, 6]])
    for place, value in changes.items():
        levels[int(place[1]), 2 * (place[0] == "a") + (place[2] == "q")] = value
    return levels


NAN, INF = float("nan"), float("inf")
BAD = [
    ({"b1p": NAN}, "non-finite"),
    ({"a2q": INF}, "non-finite"),
    ({"b1q": -1.0}, "negative"),
    ({"b2p": 0.0}, "negative"),
    ({"b0p": 100.5}, "crossed"),
    ({"a0p": 120.0, "a1p": 121.0, "a2p": 122.0}, "too wide"),
    ({"b1p": 100.0}, "duplicate level"),
    ({"a1p": 102.0}, "unsorted"),
    ({f"b{level}{kind}": NAN for level in range(3) for kind in "pq"}, "one-sided"),
    ({f"{side}{level}{kind}": NAN for side in "ab" for level in range(3) for kind in "pq"}, "empty"),
    ({"b1p": 99.6}, "off grid"),
]


@pytest.mark.parametrize(("changes", "reason"), BAD)
@pytest.mark.parametrize("partial", [False, True])
def test_every_kind_of_bad_row(changes: dict[str, float], reason: str, partial: bool) -> None:
    levels = np.stack([row(), row(**changes), row()])
    codes = judge(levels, np.array([1, 2, 3]), partial=partial, tick_size=0.5)
    assert [REASONS[code] for code in codes] == ["good", reason, "good"]


def test_a_thin_side_is_sound_only_where_it_may_be_thin() -> None:
    levels = row(b2p=NAN, b2q=NAN)[None]
    assert REASONS[judge(levels, np.array([1]), partial=True)[0]] == "good"
    assert REASONS[judge(levels, np.array([1]))[0]] == "non-finite"
    assert REASONS[judge(row(b2p=NAN)[None], np.array([1]), partial=True)[0]] == "non-finite"


def test_time_is_held_against_the_good_rows_before() -> None:
    levels = np.stack([row(), row(b0p=200.0), row(), row(), row()])
    codes = judge(levels, np.array([10, 99, 9, 10, 11]), latest=8)
    assert [REASONS[code] for code in codes] == ["good", "crossed", "time going back", "good", "good"]
    assert REASONS[judge(levels[:1], np.array([7]), latest=8)[0]] == "time going back"
    assert REASONS[judge(levels[:1], np.array([7]), unreadable=np.array([True]))[0]] == "unreadable"
    assert judge(levels[:0], np.array([], np.int64)).shape == (0,)


@pytest.mark.parametrize(
    ("times", "wrong"),
    [
        ([10, 20, 99, 30, 40], {2: "time ahead"}),
        ([10, 20, 5, 30, 40], {2: "time going back"}),
        ([10, 20, 5, 6, 40], {2: "time going back", 3: "time going back"}),
        ([10, 20, 30, 40, 35], {4: "time going back"}),
        ([10, 1, 20, 1, 1], {at: "time going back" for at in (1, 3, 4)}),
        ([50, 20, 21, 22, 23], {at: "time going back" for at in range(1, 5)}),  # the first row is believed
    ],
)
def test_one_wrong_clock_does_not_condemn_the_rows_behind_it(times: list[int], wrong: dict[int, str]) -> None:
    codes = judge(np.stack([row()] * 5), np.array(times))
    assert {at: REASONS[code] for at, code in enumerate(codes) if code} == wrong
