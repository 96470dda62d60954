"""The audit by checksums: all instruments of a log in one pass, each with its own counts and incidents."""

from __future__ import annotations

from pathlib import Path

from genesis_lib.feeds.audits.checksums import audit_checksums
from genesis_lib.feeds.formats import kraken
from genesis_lib.feeds.integrity import Ledger


def test_each_instrument_has_its_own(kraken_log, tmp_path: Path) -> None:
    one, two = kraken_log("A/B").snapshot(), kraken_log("C/D", seed=1).snapshot()
    for n in range(6):
        one.update()
        two.update()
        if n == 2:
            del two.lines[-1]
    one.lines += two.lines[1:]
    head, *lines = one.lines
    lines.sort(key=lambda line: float(line.partition(":")[0]))
    path = tmp_path / "K.ws.1.0"
    path.write_text("\n".join([head, *lines]) + "\n")
    ledger = Ledger()
    sessions = kraken.open_files([path])
    sound, broken = audit_checksums(sessions, ledger)
    assert (sound["checksums"], sound["checksums_ok"], sound["gaps"], sound["rows"]) == (6, 6, 0, 7)
    assert broken["checksums"] == 5 and broken["checksums_ok"] < 5 and broken["gaps"] == 1
    assert sound["incidents"] == [] and [i.kind for i in broken["incidents"]][:1] == ["gap"]
    assert {incident.symbol for incident in ledger.incidents} == {"C/D"}
    (alone,) = audit_checksums(sessions[:1], Ledger())
    assert {k: v for k, v in alone.items()} == sound
