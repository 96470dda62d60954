"""The audit by best prices: what is compared with what; the pinned sessions stand in tests/feeds/test_verify.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds import read_recording
from genesis_lib.feeds.audits.best_prices import audit_best_prices
from genesis_lib.feeds.integrity import Ledger


def test_the_newest_ticker_at_or_before_an_update(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff().ticker().diff([("100.0", "9")]).ticker(("100.0", "9")).diff()
    found = audit_best_prices(read_recording(w.write(tmp_path / "a.gz")), Ledger())
    assert (found["bbo_checked"], found["bbo_equal"], found["diffs"], found["applied"]) == (3, 3, 3, 3)
    assert found["compared"].startswith("best prices") and found["rows"] == 4


def test_without_tickers_nothing_is_compared(wire, tmp_path: Path) -> None:
    found = audit_best_prices(read_recording(wire().snapshot().diff().write(tmp_path / "a.gz")), Ledger())
    assert found["bbo_checked"] == 0 and found["compared"] == ""


def test_what_was_wrong_stands_in_the_ledger(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff()
    w.last += 7
    w.diff().snapshot().diff([("100.2", "1")])
    ledger = Ledger()
    audit_best_prices(read_recording(w.write(tmp_path / "a.gz")), ledger)
    assert [incident.kind for incident in ledger.incidents] == ["gap", "resync", "crossed"]


def test_no_book(wire, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be rebuilt"):
        audit_best_prices(
            read_recording(wire().diff().diff().snapshot(lastUpdateId=5).write(tmp_path / "a.gz")), Ledger()
        )
