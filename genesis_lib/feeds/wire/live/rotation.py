"""The recording of one symbol as a row of files: another one at midnight UTC, and when one has grown large."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.integrity import Incident, Ledger
from genesis_lib.feeds.sidecar import write_sidecar
from genesis_lib.feeds.wire.raw_writer import RawWriter
from genesis_lib.types import Instrument

DAY = 86_400_000_000_000  # ns


class RotatingRecording:
    """Write lines and incidents of one symbol into ``<symbol>_<UTC time>.gz`` files.

    Beside each stand ``.meta.json`` (what it is of) and ``.ledger.jsonl`` (what went wrong meanwhile; an empty one says
    that nothing did). The files in the order of their names are one session: a line is in exactly one of them.

    Parameters
    ----------
    out
        Folder.
    instrument, provenance
        For the sidecar.
    most_bytes
        Compressed size at which the next file begins.
    now
        Receive time of the beginning, ns: names the first file.

    Attributes
    ----------
    paths : list of Path
        Final names of the files so far.
    lines : int
        Lines in all of them.
    """

    def __init__(self, out: Path, instrument: Instrument, provenance: str, most_bytes: int, now: int) -> None:
        self.instrument, self.paths, self.lines = instrument, [], 0
        self._out, self._provenance, self._most_bytes = out, provenance, most_bytes
        self._session = _utc(now).isoformat()
        self._begin(now)

    def write(self, ts: int, message: bytes) -> bool:
        """Append a message with its receive time (ns); gives whether it began another file."""
        rotate = ts // DAY != self._day or self._writer.bytes >= self._most_bytes
        if rotate:
            self.close()
            self._begin(ts)
        self._writer.write(b"%d %s" % (ts, message))
        self.lines += 1
        return rotate

    def note(self, incident: Incident) -> None:
        """Enter an incident in the ledger of the file that is being written."""
        try:
            self._ledger.note(*incident)
        except OSError as error:
            raise SessionError(f"cannot write {self._ledger.path}: {error.strerror or error}") from error

    def flush(self) -> None:
        """Put everything so far on the disk, readable."""
        self._writer.flush()

    def close(self) -> None:
        """Finish the file that is being written."""
        self._writer.close()
        try:
            self._ledger.close()
        except OSError as error:
            raise SessionError(f"cannot write {self._ledger.path}: {error.strerror or error}") from error

    def abandon(self) -> None:
        """Leave the file as a ``.part``, whole up to the last flush; one that is finished stays so."""
        self._writer.abandon()
        with suppress(OSError):  # the disk may be full
            self._ledger.close()

    def _begin(self, ts: int) -> None:
        self._day = ts // DAY
        stem = f"{self.instrument.symbol.lower()}_{_utc(ts):%Y%m%d_%H%M%S}"
        names = (f"{stem}.gz", *(f"{stem}_{number:03d}.gz" for number in range(1, 1000)))
        free = (self._out / name for name in names if not any(self._out.glob(f"{name}*")))
        path = next(free)
        try:
            while True:
                try:
                    self._writer = RawWriter(path)
                    break
                except InputError:  # another recorder was quicker, at midnight for example
                    path = next(free)
            number = len(self.paths) + 1
            more = {"started": _utc(ts).isoformat(), "session": self._session, "file": number}
            write_sidecar(path, self.instrument, self._provenance, **more)
            self._ledger = Ledger(path.with_name(path.name.removesuffix(".gz") + ".ledger.jsonl"))
        except OSError as error:
            raise SessionError(f"cannot write {path}: {error.strerror or error}") from error
        self.paths.append(path)


def _utc(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC)
