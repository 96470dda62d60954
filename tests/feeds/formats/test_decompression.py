"""Plain, gzip and zstd files read the same, whatever they are called."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.decompression import compression_of, head_of, open_bytes

TEXT = b"".join(b"%d,%d\n" % (n, n * n) for n in range(50_000))


def packed(kind: str | None) -> bytes:
    """`TEXT` in two members, as a recorder that rotates writes it."""
    half = len(TEXT) // 2
    parts = TEXT[:half], TEXT[half:]
    if kind == "gzip":
        return b"".join(map(gzip.compress, parts))
    return b"".join(pa.compress(part, codec="zstd", asbytes=True) for part in parts) if kind else TEXT


def test_the_one_text_of_a_zip_archive(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", TEXT)
    assert head_of(path, 1000) == TEXT[:1000]
    with open_bytes(path) as stream:
        assert stream.read() == TEXT
    path.write_bytes(flipped(path.read_bytes()))
    with pytest.raises(RecordingError, match=r"x\.zip: the zip file is damaged"), open_bytes(path) as stream:
        stream.read()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.npy", TEXT)
    assert head_of(path, 4) == b"PK\x03\x04"


@pytest.mark.parametrize("kind", [None, "gzip", "zstd"])
def test_whatever_it_is_packed_with(tmp_path: Path, kind: str | None) -> None:
    path = tmp_path / "anything.bin"
    path.write_bytes(packed(kind))
    assert compression_of(path.read_bytes()[:4]) == kind
    assert head_of(path, 1000) == TEXT[:1000]
    with open_bytes(path) as stream:
        assert stream.read(100) + stream.read() == TEXT


def flipped(data: bytes) -> bytes:
    return data[:200] + b"\xff" * 99 + data[299:]


# A zstd frame carries a checksum only when its writer wished so.
@pytest.mark.parametrize(("kind", "cut"), [("gzip", False), ("gzip", True), ("zstd", True)])
def test_damage_is_an_error_that_names_the_file(tmp_path: Path, kind: str, cut: bool) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(packed(kind)[:-100] if cut else flipped(packed(kind)))
    with pytest.raises(RecordingError, match=rf"broken\.csv: the {kind} file is damaged"), open_bytes(path) as stream:
        stream.read()
    assert TEXT.startswith(head_of(path, 100))
