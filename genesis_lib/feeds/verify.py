"""The audit of finished data of any format: is the book that we rebuild the book that was there?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.audits.report import doubts, finding, provenance, together, verdict
from genesis_lib.feeds.integrity import Incident, Ledger
from genesis_lib.feeds.recording import Recording
from genesis_lib.feeds.sidecar import read_sidecar
from genesis_lib.feeds.snapshots import files_of
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.storage.database_url import is_url, masked

__all__ = ["audit", "audit_files", "doubts", "finding", "provenance", "verdict"]

GAPS = ("gap", "hole")
# Whose raw events are joined here, so that what is left out is counted.
SYNCHRONIZED = ("binance", "binance-lists", "hftbacktest")


def audit(recording: Recording, ledger: Ledger | None = None) -> dict[str, Any]:
    """Rebuild the book of one session and hold it against what else the session tells.

    Parameters
    ----------
    recording
        A session of any format.
    ledger
        Takes every incident down; the result lists the first of them in any case.

    Returns
    -------
    dict
        ``events`` lines (or rows) read; ``diffs`` book updates among them and ``applied`` those the book took;
        ``trades``, of which ``trades_aside`` are no matches in the book; ``gaps`` and ``resyncs``; ``stale`` diffs that
        the book contained already; ``crossed`` books after an update (best bid >= best ask) while the market is open,
        of which ``locked`` equal; ``one_sided`` books; ``unknown_deletes`` of levels that the book never held,
        ``unknown_orders`` messages about orders that it should hold and does not, ``contradictions`` others that
        cannot be (an order added or gone twice, or of which more goes than is left); ``bbo_checked`` and ``bbo_equal``
        comparisons of best prices and sizes after an update with the newest bookTicker at or before its id;
        ``checksums`` and ``checksums_ok`` of the venue; ``snapshots`` of levels beside the orders, and
        ``snapshots_equal``; ``compared`` what was held against what, in words; ``holes`` in the time of a venue without
        numbers; ``clock_jumps``; trading ``halts``; ``rows`` made, of which ``invalid_rows`` must not be used;
        ``quarantined`` rows that cannot be right; ``kinds`` messages by kind; ``incidents`` when and why of
        gaps and holes, ``ledger`` of everything; ``instrument``, ``format``, ``data_hash``; ``provenance``
        (``recorded``, ``simulated``), and whether it is an ``overlay``: a recording with planted episodes.

    Raises
    ------
    RecordingError
        When the recording cannot be read, or no book can be rebuilt from it.
    """
    return _audit_all([recording], Ledger() if ledger is None else ledger)[0]


def audit_files(
    paths: Iterable[str | Path],
    *,
    format: str | None = None,
    tick_size: float | None = None,
    symbol: str | None = None,
    ledger: Ledger | None = None,
) -> dict[str, Any]:
    """Audit files of any format, given in any order, one or several instruments and sessions.

    Parameters
    ----------
    paths
        Files, or folders of them, of a session and what stands beside them: bookTicker within, SSE orders and
        snapshots, LOBSTER messages and rows of levels, Databento MBO and MBP-10.
    format, tick_size, symbol
        As for `open_sessions`.

    Returns
    -------
    dict
        As `audit` gives it; of several instruments or sessions the sums, and ``instruments`` with each of them, in
        which ``error`` says why one has no book.

    Raises
    ------
    RecordingError
        For a file that cannot be read or is of no known format, and when no session has a book.
    """
    from genesis_lib.feeds.formats import require
    from genesis_lib.feeds.formats.copies import refuse_copies

    named = list(paths)
    for url in filter(is_url, named):
        told = "verify reads no databases: rows lie in them, beside which nothing stands to audit them against"
        raise InputError(f"{masked(url)}: {told}")
    files = files_of(named)
    for path in files:
        if not path.is_file():
            raise RecordingError("no such file" if not path.exists() else "not a file", path)
    refuse_copies(files)
    ledger = Ledger() if ledger is None else ledger
    kinds: dict[str, list[Path]] = {}
    for path in files:
        kinds.setdefault(format or require(path), []).append(path)
    findings: list[dict[str, Any]] = []
    for kind, group in kinds.items():
        findings += _audit_group(kind, group, tick_size, symbol, ledger)
    if findings and all("error" in found for found in findings):
        reasons = "; ".join(dict.fromkeys(found["error"] for found in findings))
        raise RecordingError(f"none of {len(findings)} sessions has a book: {reasons}")
    return together(findings)


def _audit_group(kind: str, paths: list[Path], tick_size: float | None, symbol: str | None, ledger: Ledger) -> list:
    quarantine = Quarantine(None, ledger)
    options = {"tick_size": tick_size, "symbol": symbol, "quarantine": quarantine}
    if kind == "lobster":
        from genesis_lib.feeds.audits.lobster_rows import audit_lobster

        findings = []
        before = len(ledger.incidents)
        for session, found in audit_lobster(paths, ledger, **options):
            findings.append(_complete(session, found, ledger, before))
            before = len(ledger.incidents)
    else:
        from genesis_lib.feeds.formats import open_files

        sessions = open_files(paths, format=kind, **options)
        findings = _audit_all(sessions, ledger)
    if findings and quarantine.counts:
        findings[0]["quarantined"] = sum(quarantine.counts.values())
    return findings


def _audit_all(sessions: list, ledger: Ledger) -> list[dict[str, Any]]:
    findings, done = [], set()
    for session in sessions:
        if id(session) in done:
            continue
        before = len(ledger.incidents)
        log = getattr(session, "log", None)
        if log is not None:
            from genesis_lib.feeds.audits.checksums import audit_checksums

            group = [other for other in sessions if getattr(other, "log", None) is log]
            done.update(map(id, group))
            findings += [_complete(s, found, ledger, 0) for s, found in zip(group, audit_checksums(group, ledger))]
            continue
        try:
            found = _audit_one(session, ledger)
        except RecordingError as error:
            if len(sessions) == 1:
                raise
            found = finding(error=str(error))
        findings.append(_complete(session, found, ledger, before))
    return findings


def _audit_one(session, ledger: Ledger) -> dict[str, Any]:
    if session.kind in SYNCHRONIZED:
        from genesis_lib.feeds.audits.best_prices import audit_best_prices

        return audit_best_prices(session, ledger)
    if session.kind == "sse":
        from genesis_lib.feeds.audits.order_snapshots import audit_orders

        return audit_orders(session, ledger)
    if session.kind == "databento" and hasattr(session, "levels"):
        from genesis_lib.feeds.audits.ten_levels import audit_levels

        return audit_levels(session, ledger)
    if session.kind == "lobster" and hasattr(session, "rows_path"):
        from genesis_lib.feeds.audits.lobster_rows import audit_pair

        return audit_pair(session, ledger)
    from genesis_lib.feeds.audits.events import audit_events

    return audit_events(session, ledger)


def _complete(session, found: dict[str, Any], ledger: Ledger, before: int) -> dict[str, Any]:
    """Add what every finding has: of what it is, and the incidents that came with it."""
    incidents = found.get("incidents", ledger.incidents[before:])
    return {
        **found,
        "instrument": session.instrument.name,
        "provenance": session.provenance,
        "overlay": session.kind == "binance" and any(map(_is_overlay, session.paths)),
        "format": session.kind,
        "kinds": found.get("kinds", dict(getattr(session, "counts", {}))),
        "incidents": _lines(incident for incident in incidents if incident.kind in GAPS),
        "ledger": _lines(incidents),
        "data_hash": session.data_hash,
    }


def _is_overlay(path: Path) -> bool:
    sidecar = read_sidecar(path)
    return sidecar is not None and sidecar.is_overlay


def _lines(incidents: Iterable[Incident]) -> list[str]:
    listed = Ledger()
    for incident in incidents:
        listed.note(*incident)
    return listed.lines()
