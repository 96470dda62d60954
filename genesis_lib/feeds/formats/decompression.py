"""Plain, gzip, zstd and zipped files as one stream of bytes, told apart by content and never by name."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from genesis_lib.errors import RecordingError

HEAD = 65_536
MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


def compression_of(start: bytes) -> str | None:
    """``"gzip"``, ``"zstd"`` or None, by the first four bytes of a file."""
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)


def head_of(path: Path, size: int = HEAD) -> bytes:
    """First bytes of a file, decompressed; what is there of a file that is damaged or cut short."""
    with path.open("rb") as raw:
        start = raw.read(size)
    kind = compression_of(start) or ("zip" if _zipped_text(path, start) else None)
    if kind == "gzip":
        try:
            return zlib.decompressobj(wbits=31).decompress(start, size)
        except zlib.error:
            return b""
    if kind is not None:
        try:
            with open_bytes(path) as stream:
                return stream.read(size)
        except RecordingError:
            return b""
    return start


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, decompressed on the way.

    Raises
    ------
    RecordingError
        While reading, when the compressed stream is damaged or ends too early.
    """
    import pyarrow as pa  # for those who read: it is not quick to load

    with path.open("rb") as raw:
        start = raw.read(4)
    kind, member = compression_of(start), _zipped_text(path, start)
    try:
        if member is not None:
            with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
                yield stream
            return
        with pa.input_stream(str(path), compression=kind) as stream:
            yield stream
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        kind = "zip" if member is not None else kind
        what = "cannot be read" if kind is None else f"the {kind} file is damaged or cut short"
        raise RecordingError(f"{what}: {error}", path) from None


def _zipped_text(path: Path, start: bytes) -> str | None:
    """Name of the one text that a zip archive holds; None for other files, and for archives of arrays (npz)."""
    if not start.startswith(b"PK\x03\x04"):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return None
    return names[0] if len(names) == 1 and names[0].endswith((".csv", ".txt")) else None
