"""What an audit says: doubts, verdicts, sums over instruments."""

from __future__ import annotations

import pytest

from genesis_lib.feeds.audits.report import COUNTS, doubts, finding, provenance, together, verdict


def part(name: str, **counts) -> dict:
    rest = {
        "instrument": name,
        "format": "f",
        "kinds": {"x": 1},
        "incidents": [name],
        "ledger": [name],
        "data_hash": "h",
        "provenance": "recorded",
        "overlay": False,
    }
    return finding(**counts) | rest | {"compared": ""}


def test_every_count_is_there() -> None:
    assert set(COUNTS) == set(finding()) and not any(finding().values())


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({}, []),
        ({"bbo_checked": 9, "bbo_equal": 9, "unknown_deletes": 5, "clock_jumps": 1, "halts": 1}, []),
        ({"gaps": 1, "holes": 2, "crossed": 3}, ["1 gap", "2 holes in time", "3 crossed books"]),
        ({"gaps": 2, "holes": 1, "crossed": 1}, ["2 gaps", "1 hole in time", "1 crossed book"]),
        (
            {"contradictions": 1, "quarantined": 1},
            ["1 message that contradicts the orders", "1 row that cannot be right"],
        ),
        (
            {"bbo_checked": 9, "bbo_equal": 7},
            ["2 of 9 best prices differ (the diffs are unbroken: bookTicker itself may have lost messages)"],
        ),
        ({"bbo_checked": 9, "bbo_equal": 7, "gaps": 1}, ["1 gap", "2 of 9 best prices differ"]),
        ({"checksums": 4, "checksums_ok": 3}, ["1 of 4 checksums differ"]),
        ({"snapshots": 4, "snapshots_equal": 1}, ["3 of 4 snapshots differ"]),
        ({"unknown_orders": 2}, ["2 messages about unknown orders"]),
        ({"contradictions": 3}, ["3 messages that contradict the orders"]),
        ({"quarantined": 2}, ["2 rows that cannot be right"]),
        ({"error": "no book"}, ["no book"]),
    ],
)
def test_doubts(counts: dict, told: list[str]) -> None:
    assert doubts(finding(**counts)) == told
    said = verdict(finding(**counts))
    assert said.startswith("NOT PROVEN: " if told else "PROVEN" if counts else "UNCHECKED")


def test_one_finding_stays_as_it_is() -> None:
    one = part("v:A", events=3)
    assert together([one]) is one


def test_sums_and_parts() -> None:
    found = together([part("v:B", events=3, checksums=1, checksums_ok=1), part("v:A", events=4), part("v:B", events=5)])
    assert found["events"] == 12 and found["checksums_ok"] == 1 and found["kinds"] == {"x": 3}
    assert list(found["instruments"]) == ["v:B", "v:A", "v:B #2"] and found["instrument"] == "v:A, v:B"
    assert found["incidents"] == ["v:A", "v:B", "v:B"] and found["data_hash"] == "h"
    assert verdict(found) == ("UNCHECKED: all else agrees, but there is nothing to compare these with: v:A, v:B #2")


def test_faults_and_nothing_to_compare_with_are_both_told() -> None:
    said = verdict(part("v:A", holes=9))
    assert said.startswith("NOT PROVEN: 9 holes in time; ") and "UNCHECKED: the recording holds nothing" in said
    assert "UNCHECKED" not in verdict(part("v:A", holes=9, checksums=1, checksums_ok=1))
    assert "UNCHECKED" not in verdict(part("v:A", error="no book"))


def test_whose_best_prices_differ_is_asked_of_each_book() -> None:
    lossy = part("v:A", bbo_checked=9, bbo_equal=7)
    assert "bookTicker itself" in verdict(together([lossy, part("v:B", gaps=1, bbo_checked=9, bbo_equal=9)]))
    assert "bookTicker itself" not in verdict(together([lossy, part("v:B", gaps=1, bbo_checked=9, bbo_equal=8)]))


def test_whose_market_it_is_of_is_said_of_each_book() -> None:
    both = together([part("v:A"), part("v:B") | {"provenance": "simulated", "overlay": True}])
    assert provenance(both) == "RECORDED and SIMULATED (a recording with planted episodes)"
    assert (both["provenance"], both["overlay"]) == ("recorded, simulated", True)
