"""The audit of what has nothing beside it: events and rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.audits.events import audit_events
from genesis_lib.feeds.formats import lobster
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.types import Instrument, Snapshot


class Rows:
    """A session of rows."""

    name, kind, instrument = "rows", "csv", Instrument("v", "s", 0.1, 1.0)

    def __init__(self, *best: tuple[float, float]) -> None:
        self.best = best

    def events(self):
        for n, (bid, ask) in enumerate(self.best):
            yield Snapshot(n, n, np.array([[bid, 1.0, ask, 1.0]]), np.zeros(7), bid < ask, 0.1)


def test_rows() -> None:
    found = audit_events(Rows((1.0, 1.1), (1.1, 1.1), (1.2, 1.1), (np.nan, 1.1)), Ledger())
    assert (found["events"], found["rows"], found["invalid_rows"]) == (4, 4, 3)
    assert (found["crossed"], found["locked"], found["one_sided"]) == (2, 1, 1)


def test_nothing() -> None:
    with pytest.raises(RecordingError, match="nothing of a book"):
        audit_events(Rows(), Ledger())


def test_single_orders(lobster_market, tmp_path: Path) -> None:
    market = lobster_market(seeded=0).run(100)
    messages, _ = market.write(tmp_path)
    (session,) = lobster.open_files([messages])
    found = audit_events(session, Ledger())
    assert found["events"] == 100 and found["gaps"] == 1 and found["unknown_orders"] == 0
    assert found["unknown_deletes"] == 0 and found["invalid_rows"] == found["rows"]
