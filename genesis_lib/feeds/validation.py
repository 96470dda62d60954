"""Bad rows of foreign files: set aside with file, line and reason, counted, and never repaired."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from genesis_lib.feeds.integrity import Ledger


class Quarantine:
    """Where rows go that cannot be right.

    Readers call `reject` while they are read through, not when they are opened. Lines are written as they come, to a
    temporary file beside `path` that gets its name with `commit`.

    Parameters
    ----------
    path
        ``quarantine.jsonl`` beside the data; None only counts.
    ledger
        Gets an incident ``quarantined`` for each row.

    Attributes
    ----------
    counts : Counter
        Rejected rows by reason.
    """

    def __init__(self, path: Path | None = None, ledger: Ledger | None = None) -> None:
        self.path, self.counts = path, Counter()
        self._ledger, self._stream = ledger, None

    def reject(self, file: Path, line: int, reason: str, text: str, *, ts_exchange: int = 0, symbol: str = "") -> None:
        """Set a row aside: its file and line (or record number), why, and the row as it stood there."""
        self.counts[reason] += 1
        if self._ledger is not None:
            self._ledger.note(ts_exchange, "quarantined", f"{file.name}:{line}: {reason}", symbol)
        if self.path is None:
            return
        entry = {"file": file.name, "line": line, "reason": reason, "text": text}
        self._open().write(json.dumps(entry, ensure_ascii=False) + "\n")

    def commit(self) -> Path | None:
        """Flush to disk and give the file its name; None when no row was rejected."""
        if self._stream is None:
            return None
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._stream = None
        self._temporary.replace(self.path)
        return self.path

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._temporary.unlink(missing_ok=True)

    @property
    def _temporary(self) -> Path:
        return self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")

    def _open(self) -> TextIO:
        if self._stream is None:
            self._stream = self._temporary.open("w", encoding="utf-8")
        return self._stream
