"""What an audit says: the counts that every format has, their sums over instruments, and what speaks against a book."""

from __future__ import annotations

from typing import Any

LISTED = 1000  # incidents in a result; a ledger's file has all
COUNTS = (
    "events",
    "diffs",
    "applied",
    "trades",
    "trades_aside",
    "gaps",
    "resyncs",
    "stale",
    "crossed",
    "locked",
    "one_sided",
    "unknown_deletes",
    "unknown_orders",
    "contradictions",
    "bbo_checked",
    "bbo_equal",
    "checksums",
    "checksums_ok",
    "snapshots",
    "snapshots_equal",
    "holes",
    "clock_jumps",
    "halts",
    "rows",
    "invalid_rows",
    "quarantined",
)
_AGAINST = {  # of one, and of several
    "gaps": ("gap", "gaps"),
    "holes": ("hole in time", "holes in time"),
    "crossed": ("crossed book", "crossed books"),
    "unknown_orders": ("message about an unknown order", "messages about unknown orders"),
    "contradictions": ("message that contradicts the orders", "messages that contradict the orders"),
    "quarantined": ("row that cannot be right", "rows that cannot be right"),
}
_CHECKS = (
    ("bbo_checked", "bbo_equal", "best prices"),
    ("checksums", "checksums_ok", "checksums"),
    ("snapshots", "snapshots_equal", "snapshots"),
)


def finding(**known: Any) -> dict[str, Any]:
    """An audit's result: every count of `COUNTS`, 0 where nothing is said of it, then what else is known."""
    return dict.fromkeys(COUNTS, 0) | known


def together(findings: list[dict[str, Any]]) -> dict[str, Any]:
    """Join the audits of several instruments or sessions: sums, and each of them under ``instruments``.

    Sessions of one instrument are told apart by their place: ``venue:symbol #2``.
    """
    if len(findings) == 1:
        return findings[0]
    summed = finding(**{key: sum(found[key] for found in findings) for key in COUNTS})
    parts: dict[str, dict[str, Any]] = {}
    for found in findings:
        name, number = found["instrument"], 2
        while name in parts:
            name, number = f"{found['instrument']} #{number}", number + 1
        parts[name] = found
    kinds: dict[str, int] = {}
    for found in findings:
        for kind, count in found["kinds"].items():
            kinds[kind] = kinds.get(kind, 0) + count
    summed["instrument"] = ", ".join(sorted({found["instrument"] for found in findings}))
    summed["provenance"] = ", ".join(sorted({found["provenance"] for found in findings}))
    summed["overlay"] = any(found["overlay"] for found in findings)
    summed["format"] = ", ".join(sorted({found["format"] for found in findings}))
    summed["kinds"] = kinds
    for lines in ("incidents", "ledger"):
        summed[lines] = sorted(line for found in findings for line in found[lines])[:LISTED]
    summed["data_hash"] = ", ".join(dict.fromkeys(found["data_hash"] for found in findings))
    summed["compared"] = ", ".join(dict.fromkeys(found["compared"] for found in findings if found.get("compared")))
    summed["instruments"] = parts
    return summed


def doubts(found: dict[str, Any]) -> list[str]:
    """Say what in an audit speaks against the book; nothing when every check that the recording allows agrees.

    >>> doubts(finding(crossed=2, bbo_checked=9, bbo_equal=9))
    ['2 crossed books']
    """
    told = [f"{found[key]} {words[found[key] > 1]}" for key, words in _AGAINST.items() if found.get(key)]
    told += [part["error"] for part in found.get("instruments", {"": found}).values() if "error" in part]
    for all_of, right, word in _CHECKS:
        if found[all_of] != found[right]:
            told.append(f"{found[all_of] - found[right]} of {found[all_of]} {word} differ")
            if right == "bbo_equal" and _unbroken_where_prices_differ(found):
                told[-1] += " (the diffs are unbroken: bookTicker itself may have lost messages)"
    return told


def provenance(found: dict[str, Any]) -> str:
    """Say in capitals whose market an audit is of.

    >>> provenance(finding(provenance="simulated", overlay=True))
    'SIMULATED (a recording with planted episodes)'
    """
    parts = found.get("instruments", {"": found}).values()
    words = {part["provenance"].upper() + " (a recording with planted episodes)" * part["overlay"] for part in parts}
    return " and ".join(sorted(words))


def _unbroken_where_prices_differ(found: dict[str, Any]) -> bool:
    """Whether no diff is missing of any book whose best prices differ: then the book may be right, and the other not.

    The update ids of diffs tell when one is missing; those of bookTicker do not.
    """
    parts = found.get("instruments", {"": found}).values()
    return not any(part["gaps"] for part in parts if part["bbo_checked"] != part["bbo_equal"])


def verdict(found: dict[str, Any]) -> str:
    """One line: PROVEN, NOT PROVEN (and why), or UNCHECKED where there was nothing to compare with.

    What has faults of its own and nothing to compare it with is both: NOT PROVEN and why, and UNCHECKED besides.
    """
    wrong = doubts(found)
    parts = found.get("instruments", {"": found})
    unchecked = [name for name, part in parts.items() if not any(part[check[0]] for check in _CHECKS)]
    if wrong:
        besides = len(unchecked) == len(parts) and not all("error" in part for part in parts.values())
        rest = "; what stands is UNCHECKED: the recording holds nothing to compare it with" if besides else ""
        return f"NOT PROVEN: {', '.join(wrong)}{rest}"
    if len(unchecked) == len(parts):
        return "UNCHECKED: nothing speaks against the book, but the recording holds nothing to compare it with"
    if unchecked:
        return f"UNCHECKED: all else agrees, but there is nothing to compare these with: {', '.join(unchecked)}"
    return "PROVEN: every check that the recording allows agrees"
