"""Bad rows go to the quarantine file, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

from genesis_lib.feeds.validation import Quarantine


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
