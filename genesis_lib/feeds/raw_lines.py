"""Raw recordings from disk: blocks of whole lines, and the lines ``<receive time> {json}`` in them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from genesis_lib.errors import InputError, RecordingError

READ = 1 << 17  # bytes of a file at a time; a block is some eight times as large when they are compressed
LONGEST = 1 << 26  # bytes of a line; a snapshot of 5,000 levels has 300,000
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Line(NamedTuple):
    """A line of a raw recording, and where it stands."""

    ts_receive: int
    payload: bytes
    file: Path
    number: int


class Block(NamedTuple):
    """Whole lines, each with its newline."""

    data: bytes
    file: Path
    number: int  # of the first line


def raw_lines(paths: Iterable[Path]) -> Iterator[Line]:
    """Lines of files, plain or gzip, one after the other; blank ones are passed over.

    Raises
    ------
    RecordingError
        For a line without a receive time, and as `raw_blocks`; names file and line.
    """
    for data, file, first in raw_blocks(paths):
        for number, line in enumerate(data.split(b"\n")[:-1], first):
            if not line or line.isspace():
                continue
            stamp, _, payload = line.partition(b" ")
            try:
                ts_receive = receive_time(stamp)
            except InputError as error:
                raise RecordingError(str(error), file, number) from None
            yield Line(ts_receive, payload, file, number)


def raw_blocks(paths: Iterable[Path]) -> Iterator[Block]:
    """Whole lines of files, as many as a read gives; memory does not grow with the files.

    The end of a file ends its last line. Of a ``.part``, which a killed recorder leaves behind, the whole lines before
    the break are given.

    Raises
    ------
    RecordingError
        For a compressed file that is truncated or damaged, behind the lines before that; for a line of over 64 MiB.
    """
    for file in paths:
        number, rest = 1, b""
        with file.open("rb") as raw:
            try:
                for chunk in _chunks(raw):
                    end = chunk.rfind(b"\n") + 1
                    if end:
                        data, rest = rest + chunk[:end], chunk[end:]
                        yield Block(data, file, number)
                        number += data.count(b"\n")
                    else:
                        rest += chunk
                    if len(rest) > LONGEST:
                        raise RecordingError(f"a line of more than {LONGEST} bytes: no recording", file, number)
            except EOFError:
                if file.suffix == ".part":
                    continue
                told = (
                    f"the gzip file is truncated after this line (renamed to {file.name}.part, it is read up to there)"
                )
                raise RecordingError(told, file, number - 1) from None
            except zlib.error as error:
                cause = f"the gzip file is damaged after this line: {error}"
                raise RecordingError(cause, file, number - 1) from None
            except OSError as error:
                cause = f"the zstd file is truncated or damaged after this line: {error}"
                raise RecordingError(cause, file, number - 1) from None
        if rest:
            yield Block(rest + b"\n", file, number)


def _chunks(raw: BinaryIO) -> Iterator[bytes]:
    """Bytes of a file, decompressed where they are gzip or zstd; `EOFError` where the last gzip member breaks off."""
    start = raw.read(4)
    raw.seek(0)
    if start == ZSTD:
        import pyarrow as pa  # for those who read such files: it is not quick to load

        with pa.CompressedInputStream(raw, "zstd") as stream:
            while chunk := stream.read(READ):
                yield chunk
        return
    zipped = start[:2] == GZIP
    inflate = zlib.decompressobj(31)
    while held := raw.read(READ):
        if not zipped:
            yield held
            continue
        while held:
            if inflate.eof:
                held = held.lstrip(b"\0")  # padding between members is allowed
                if not held:
                    break
                inflate = zlib.decompressobj(31)
            before = inflate.copy()
            try:
                chunk = inflate.decompress(held)
            except zlib.error:
                for i in range(len(held)):  # up to the very byte: the lines before it are whole
                    yield before.decompress(held[i : i + 1])
                raise
            yield chunk
            held = inflate.unused_data
    if zipped and not inflate.eof:
        raise EOFError


def receive_time(stamp: bytes) -> int:
    """Nanoseconds of a receive time of 16 (us) or 19 (ns) digits.

    >>> receive_time(b"1680652700423575")
    1680652700423575000
    """
    if stamp.isdigit():
        if len(stamp) == 19:
            return int(stamp)
        if len(stamp) == 16:
            return int(stamp) * 1000
    shown = stamp[:40].decode(errors="replace")
    raise InputError(f"a line must begin with a receive time of 16 (us) or 19 (ns) digits and a blank, got {shown!r}")
