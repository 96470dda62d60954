"""The audit: the pinned counts of the real sessions, and what it says of a damaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds import audit, read_recording

# diffs, applied, trades, deletes of levels never held, as an independent reader counted them
PINNED = {
    "usdm_2023": (16_110, 16_110, 12_935, 3_599),
    "usdm_2024": (9_022, 9_017, 10_701, 8_497),
    "eth_2024": (8_929, 8_924, 13_655, 4_211),
    "coinm_btc": (26_847, 26_824, 2_286, 40_176),
    "coinm_eth": (22_909, 22_887, 1_732, 31_244),
}


@pytest.mark.parametrize("session", PINNED)
def test_the_pinned_sessions(session: str, request: pytest.FixtureRequest) -> None:
    found = audit(read_recording(request.getfixturevalue(session)))
    diffs, applied, trades, unknown = PINNED[session]
    assert (found["diffs"], found["applied"], found["trades"]) == (diffs, applied, trades)
    assert found["bbo_checked"] == found["bbo_equal"] == applied
    assert found["gaps"] == found["resyncs"] == found["crossed"] == found["one_sided"] == 0
    assert found["unknown_deletes"] == unknown and found["stale"] == diffs - applied
    assert found["events"] == sum(found["kinds"].values()) and len(found["data_hash"]) == 64
    assert found["trades_aside"] == (session == "usdm_2023")  # one payment of the insurance fund


def test_a_wrong_book_is_seen(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff().ticker().diff([("100.0", "9")]).ticker().diff().ticker(("100.0", "9"))
    found = audit(read_recording(w.write(tmp_path / "a.gz")))
    # The second ticker still tells the size before the update; the audit takes nobody's side but counts.
    assert (found["bbo_checked"], found["bbo_equal"]) == (3, 2)


def test_only_a_ticker_at_or_before_the_update_counts(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff([("100.0", "9")]).ticker(u=111).diff()
    found = audit(read_recording(w.write(tmp_path / "a.gz")))
    assert (found["applied"], found["bbo_checked"], found["bbo_equal"]) == (2, 1, 0)


def test_a_gap_is_counted_with_time_and_cause(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff()
    w.last += 7
    w.diff().snapshot().diff([("100.2", "1")], [("999.9", "0")])
    found = audit(read_recording(w.write(tmp_path / "a.gz")))
    assert (found["gaps"], found["resyncs"], found["applied"], found["diffs"]) == (1, 1, 3, 3)
    assert found["crossed"] == 1 and found["unknown_deletes"] == 1
    assert len(found["incidents"]) == 1 and "gap: pu is 117 where 110 must follow" in found["incidents"][0]


def test_no_snapshot_no_book(wire, spot_2023, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be rebuilt: 3929 diffs, but no REST snapshot"):
        audit(read_recording(spot_2023))


def test_a_snapshot_that_nothing_continues(wire, tmp_path: Path) -> None:
    w = wire().diff().diff().snapshot(lastUpdateId=50)
    with pytest.raises(RecordingError, match="no diff continues"):
        audit(read_recording(w.write(tmp_path / "a.gz")))


def test_a_venue_without_numbers(taifex) -> None:
    found = audit(read_recording(taifex / "TXFD6_2026-04-08.parquet"))
    assert found["events"] == 849_329 and found["applied"] == 169_355 and found["trades"] == 65_076
    assert found["crossed"] == found["locked"] == found["gaps"] == found["bbo_checked"] == 0
    assert found["holes"] == 5 and "333.5 s without an update" in found["incidents"][0]
