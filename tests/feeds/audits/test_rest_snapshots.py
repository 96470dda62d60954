"""Further REST snapshots: equal where the book can know, at the id and around the diff that covers it."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.feeds.audits.best_prices import audit_best_prices
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.recording import read_recording


def audited(w, folder: Path, ledger: Ledger | None = None) -> dict:
    return audit_best_prices(read_recording(w.write(folder / "a.gz")), ledger or Ledger())


def test_at_the_end_of_a_diff(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff([("100.0", "9")])
    w.snapshot([("100.0", "9"), ("99.9", "2")], lastUpdateId=120).diff([("99.9", "5")]).diff()
    found = audited(w, tmp_path)
    assert (found["snapshots"], found["snapshots_equal"]) == (1, 0), "99.9 is 5 at 120, and the snapshot says 2"
    w = wire().snapshot().diff([("100.0", "9")])
    w.snapshot([("100.0", "9"), ("99.9", "5")], lastUpdateId=120).diff([("99.9", "5")]).diff()
    found = audited(w, tmp_path)
    assert (found["snapshots"], found["snapshots_equal"], found["snapshot_levels_equal"]) == (1, 1, 4)


@pytest.mark.parametrize("size", ["2", "5"])
def test_inside_a_diff_its_levels_may_be_old_or_new(size: str, wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff([("100.0", "9")])
    w.snapshot([("100.0", "9"), ("99.9", size)], lastUpdateId=115).diff([("99.9", "5")]).diff()
    found = audited(w, tmp_path)
    assert (found["snapshots"], found["snapshots_equal"]) == (1, 1)
    assert found["snapshot_levels"] == found["snapshot_levels_equal"] == 4
    assert "REST snapshots" in found["compared"]


def test_a_level_that_differs_is_taken_down(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff()
    w.snapshot([("100.0", "8"), ("99.9", "2")], lastUpdateId=112).diff([("99.9", "5")])
    ledger = Ledger()
    found = audited(w, tmp_path, ledger)
    assert (found["snapshots"], found["snapshots_equal"], found["snapshot_levels_equal"]) == (1, 0, 3)
    assert "levels of the REST snapshot 112 differ, one of them the bid at tick 1000" in ledger.incidents[0].cause


def test_a_level_that_the_snapshot_does_not_have(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff()
    w.snapshot([("100.0", "1")], [("100.2", "4")], lastUpdateId=112).diff()
    assert audited(w, tmp_path)["snapshots_equal"] == 0  # the book has an ask at 100.1, within the snapshot's prices


def test_what_the_book_cannot_know(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff()
    w.snapshot([("100.0", "1"), ("99.9", "2"), ("99.0", "7")], lastUpdateId=112).diff()
    found = audited(w, tmp_path)
    assert (found["snapshots"], found["snapshots_equal"]) == (1, 1)  # 99.0 lies below all that was told
    assert (found["snapshot_levels"], found["snapshot_levels_equal"]) == (5, 4)


def test_a_snapshot_older_than_the_book_is_not_compared(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff().diff()
    w.snapshot([("1.0", "1")], [("900.0", "1")], lastUpdateId=112).diff()
    assert audited(w, tmp_path)["snapshots"] == 0
