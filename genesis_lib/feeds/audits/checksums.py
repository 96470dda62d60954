"""The audit by checksums: all books of a log in one pass, each held against what the venue computed."""

from __future__ import annotations

from genesis_lib.feeds.audits.book_watch import BookWatch
from genesis_lib.feeds.audits.report import finding
from genesis_lib.feeds.formats.checksummed import ChecksummedLog, ChecksummedRecording
from genesis_lib.feeds.integrity import UNKNOWN_DELETES, Ledger


def audit_checksums(recordings: list[ChecksummedRecording], ledger: Ledger) -> list[dict]:
    """Audit the instruments of one log; a finding for each, in order."""
    log: ChecksummedLog = recordings[0].log
    symbols = [recording.instrument.symbol for recording in recordings]
    ledgers = {symbol: Ledger(keep=ledger.keep) for symbol in symbols}
    watches = {
        recording.instrument.symbol: BookWatch(recording.instrument, ledgers[recording.instrument.symbol])
        for recording in recordings
    }
    for event in log.read(symbols if len(symbols) < len(log.instruments) else None):
        watches[event.symbol].push(event)
    findings = []
    for symbol, watch in watches.items():
        seen = log.states[symbol].counts
        for incident in ledgers[symbol].incidents:
            ledger.note(*incident)
        ledger.count_deletes(ledgers[symbol].counts[UNKNOWN_DELETES], symbol)
        findings.append(
            finding(
                events=seen["snapshot"] + seen["update"] + seen["trade"],
                diffs=seen["update"],
                **watch.counts(),
                checksums=seen["checksums"],
                checksums_ok=seen["checksums_ok"],
                compared="the venue's checksums" if seen["checksums"] else "",
                kinds={name: count for name, count in seen.items() if not name.startswith("checksums")},
                incidents=ledgers[symbol].incidents,
            )
        )
    return findings
