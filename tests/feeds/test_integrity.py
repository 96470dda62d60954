"""The ledger counts everything and keeps the first entries whole."""

from __future__ import annotations

import json

from genesis_lib.feeds.integrity import Ledger
from genesis_lib.types import Gap


def test_counts_go_on_after_the_list_is_full() -> None:
    ledger = Ledger(keep=2)
    for second in range(3):
        ledger.gap(Gap("A", second * 10**9, 0, f"cause {second}", 1, 2))
    ledger.note(0, "hole", "silence")
    assert ledger.counts == {"gap": 3, "hole": 1}
    assert ledger.lines() == ["1970-01-01T00:00:00.000000Z gap: cause 0", "1970-01-01T00:00:01.000000Z gap: cause 1"]
    assert json.loads(json.dumps(ledger.as_dict()))["incidents"][1]["cause"] == "cause 1"
