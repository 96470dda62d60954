"""An alert as it is sent: a line for a phone, a few lines to read, and JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genesis_lib.alerts.desk import Notice
from genesis_lib.clock import iso
from genesis_lib.detectors import SEVERITIES

WORDS = {"new": "", "escalated": "worse: ", "reminder": "not acknowledged: "}


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice, and where it comes from.

    Parameters
    ----------
    notice
        What is told.
    about
        ``session``, ``instrument`` and ``provenance``: nobody shall take a replay for the market.
    """

    notice: Notice
    about: Mapping[str, str]

    @property
    def rank(self) -> int:
        """0 for info to 2 for critical."""
        return SEVERITIES.index(self.notice.severity)

    @property
    def key(self) -> str:
        """The same for each attempt to send it, and for nothing else of the session."""
        notice = self.notice
        return f"{self.about.get('session', '')}-{notice.id}-{notice.cause}-{notice.timestamp}"

    @property
    def title(self) -> str:
        """One line."""
        notice, provenance = self.notice, self.about.get("provenance", "live")
        where = self.about.get("instrument", "")
        note = "" if provenance == "live" else f" ({provenance})"
        return f"{notice.severity.upper()} {WORDS.get(notice.cause, '')}{notice.kind.replace('_', ' ')} {where}{note}"

    @property
    def body(self) -> str:
        """A few lines."""
        notice = self.notice
        more = f", {notice.repeats} repeats" if notice.repeats else ""
        session = self.about.get("session", "")
        return (
            f"{notice.message}\n{iso(notice.timestamp)}, score {notice.score:g}{more}\nAlert {notice.id} of {session}"
        )

    def plain(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        notice = self.notice
        return {
            "key": self.key,
            **dict(self.about),
            "id": notice.id,
            "cause": notice.cause,
            "kind": notice.kind,
            "severity": notice.severity,
            "score": notice.score,
            "timestamp": notice.timestamp,
            "time": iso(notice.timestamp),
            "message": notice.message,
            "evidence": dict(notice.evidence),
            "repeats": notice.repeats,
        }

    def json(self) -> bytes:
        """`plain` as one line of JSON."""
        try:
            line = json.dumps(self.plain(), ensure_ascii=False, default=str, allow_nan=False)
        except ValueError:  # a number that is none: JSON has no word for it, and servers refuse the whole
            line = json.dumps(_finite(self.plain()), ensure_ascii=False, default=str)
        return line.encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
