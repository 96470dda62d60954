"""Plain, gzip and zstd files as one stream of bytes, told apart by their first bytes and never by their names."""

from __future__ import annotations

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
    kind = compression_of(start)
    if kind == "gzip":
        try:
            return zlib.decompressobj(wbits=31).decompress(start, size)
        except zlib.error:
            return b""
    if kind == "zstd":
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
        kind = compression_of(raw.read(4))
    try:
        with pa.input_stream(str(path), compression=kind) as stream:
            yield stream
    except OSError as error:
        what = "cannot be read" if kind is None else f"the {kind} file is damaged or cut short"
        raise RecordingError(f"{what}: {error}", path) from None
