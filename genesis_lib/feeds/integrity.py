"""The ledger of what went wrong with a feed: how often, when and why; bounded in memory, complete on disk."""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from genesis_lib.clock import iso
from genesis_lib.errors import InputError, RecordingError
from genesis_lib.types import Gap

UNKNOWN_DELETES = "unknown deletes"  # beyond a snapshot's range they are normal on Binance: counted, never listed


class Incident(NamedTuple):
    """One entry: when (exchange time, ns), of what kind, why in words, and of which symbol."""

    ts_exchange: int
    kind: str
    cause: str
    symbol: str = ""


class Ledger:
    """Counts every incident by kind, keeps the first `keep` of them whole and, given a path, writes all of them down.

    Parameters
    ----------
    path
        File that every incident is appended to as a line of JSON: ``ts_exchange``, ``kind``, ``cause``, ``symbol``. It
        is there from the start (an empty file says that nothing went wrong). Each line is handed to the system at once,
        so what was noted survives ``kill -9``; `close` waits for the disk.
    keep
        Incidents held in memory.

    Attributes
    ----------
    counts : Counter
        Incidents by kind: ``gap``, ``resync``, ``crossed``, ``locked``, ``one-sided``, ``restored``, ``hole``,
        ``clock jump``, ``quarantined``, ``disconnect`` ... and ``unknown deletes``, which are counted alone.
    incidents : list of Incident
        The first `keep`.

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.gap(Gap("BTCUSDT", 0, 0, "pu is 7 where 5 must follow", 5, 7))
    >>> ledger.counts["gap"], ledger.lines()
    (1, ['- gap: pu is 7 where 5 must follow'])
    """

    def __init__(self, path: str | os.PathLike | None = None, *, keep: int = 1000) -> None:
        self.path = None if path is None else Path(path)
        self.keep = keep
        self.counts: Counter[str] = Counter()
        self.incidents: list[Incident] = []
        self._final: Path | None = None
        self._uncounted: Counter[str] = Counter()  # by symbol, counted alone and not yet in the file
        self._file: int | None = None
        self._made: list[Path] = []  # folders that were not there before
        if self.path is not None:
            self._made = [folder for folder in self.path.parents if not folder.exists()]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_SH)  # says that it is in use

    @classmethod
    def staged(cls, final: str | os.PathLike, *, keep: int = 1000) -> Ledger:
        """Make the ledger of finished data: it stands under its name only after `commit`, in place of an older one.

        As a context manager: what was not committed is discarded, and nothing is left behind.
        """
        final = Path(final)
        temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
        temporary.unlink(missing_ok=True)
        ledger = cls(temporary, keep=keep)
        ledger._final = final
        return ledger

    @classmethod
    def read(cls, path: str | os.PathLike, *, keep: int = 1000) -> Ledger:
        """Read a stored ledger: all counts, and the first `keep` incidents; `entries` gives every one.

        Raises
        ------
        RecordingError
            When there is none, or a line of it is no entry; names file and line.
        """
        ledger = cls(keep=keep)
        for incident, count in _lines(Path(path)):
            ledger.counts[incident.kind] += count or 1
            if not count and len(ledger.incidents) < keep:
                ledger.incidents.append(incident)
        ledger.path = Path(path)
        return ledger

    def note(self, ts_exchange: int, kind: str, cause: str, symbol: str = "") -> None:
        """Enter an incident."""
        self._enter(Incident(int(ts_exchange), kind, cause, symbol))

    def gap(self, gap: Gap) -> None:
        """Enter a gap of the feed."""
        self.note(gap.ts_exchange, "gap", gap.cause, gap.symbol)

    def count_deletes(self, number: int, symbol: str = "") -> None:
        """Count deletes of levels that the book never held; they are told as one sum and never listed."""
        self.counts[UNKNOWN_DELETES] += number
        self._uncounted[symbol] += number

    def lines(self) -> list[str]:
        """One readable line for each incident held; they name the symbol where there are several.

        A time that nobody knows is a dash.
        """
        several = len({incident.symbol for incident in self.incidents}) > 1
        return [
            f"{iso(ts) if ts > 0 else '-'} {symbol + ' ' if several and symbol else ''}{kind}: {cause}"
            for ts, kind, cause, symbol in self.incidents
        ]

    def as_dict(self) -> dict[str, Any]:
        """Counts and entries, as JSON holds them."""
        return {"counts": dict(self.counts), "incidents": [entry._asdict() for entry in self.incidents]}

    def commit(self) -> Path | None:
        """Close the file and, when it was staged, put it in place whole; gives where it stands."""
        self._flush()
        if self._final is not None:  # while it is still locked: nobody takes it for a dead writer's
            self.path.replace(self._final)
            _sync_folder(self._final.parent)
            self.path, self._final = self._final, None
        self.close()
        return self.path

    def close(self) -> None:
        """Write the sums that are counted alone and wait for the disk; closing twice is fine."""
        self._flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _flush(self) -> None:
        if self._file is None:
            return
        last = self.incidents[-1].ts_exchange if self.incidents else 0
        for symbol, number in sorted(self._uncounted.items()):
            cause = f"{number} deletes of levels that the book did not hold"
            self._append({**Incident(last, UNKNOWN_DELETES, cause, symbol)._asdict(), "count": number})
        self._uncounted.clear()
        os.fsync(self._file)

    def discard(self) -> None:
        """Let go of a staged file that was not committed, and of folders that were made for it and stayed empty."""
        if self._final is None or self.path is None:
            return self.close()
        self.path.unlink(missing_ok=True)
        if self._file is not None:  # its sums are not written: a full disk may be why it comes to this
            os.close(self._file)
        self._final = self._file = None
        for folder in self._made:
            if not folder.exists() or any(folder.iterdir()):
                break
            folder.rmdir()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def _enter(self, incident: Incident) -> None:
        self.counts[incident.kind] += 1
        if len(self.incidents) < self.keep:
            self.incidents.append(incident)
        if self._file is not None:
            self._append(incident._asdict())
        elif self.path is not None:
            raise InputError(f"ledger {self.path} is closed; {incident.kind!r} cannot be entered")

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        os.write(self._file, line.encode("utf-8", "replace"))  # one write to the end: lines never mix


def entries(path: str | os.PathLike) -> Iterator[Incident]:
    """Every incident of a stored ledger, a line at a time; what is only counted is left out."""
    return (incident for incident, count in _lines(Path(path)) if not count)


def _lines(path: Path) -> Iterator[tuple[Incident, int]]:
    if not path.is_file():
        raise RecordingError("no such ledger", path)
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.endswith(b"\n"):  # cut off while it was written: never acknowledged
                return
            try:
                entry = json.loads(line)
                incident = Incident(*(entry[name] for name in Incident._fields))
                yield incident, int(entry.get("count", 0))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise RecordingError(f"not an entry of a ledger: {error!r}", path, number) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
