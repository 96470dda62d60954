"""Write a raw recording so that a crash costs a second of it and a finished file is always whole."""

from __future__ import annotations

import gzip
import json
import os
import time
import zlib
from pathlib import Path
from typing import Any

from genesis_lib.errors import InputError

FLUSH_EVERY = 1.0  # s


class RawWriter:
    """Append lines to ``NAME.gz.part``; closing renames it to ``NAME.gz``. A context manager.

    Every second (by the clock of the machine) what has come is flushed to the disk, so that after ``kill -9`` the
    ``.part`` file reads up to there. An error inside the ``with`` block leaves the ``.part`` file as it is.

    Parameters
    ----------
    path
        Final name, ending in ``.gz``. A file that exists is not overwritten,
    replace
        unless this says so.
    """

    def __init__(self, path: Path, *, replace: bool = False) -> None:
        if path.suffix != ".gz":
            raise InputError(f"path must end in .gz, got {path.name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.part = path, path.with_name(path.name + ".part")
        for file in (self.path, self.part):
            if file.exists() and not replace:
                raise InputError(f"{file} exists; choose another folder or move it away")
        self._file = self.part.open("wb" if replace else "xb")
        self._zip = gzip.GzipFile(filename="", mode="wb", fileobj=self._file, compresslevel=6, mtime=0)
        self._flushed = time.monotonic()
        self.lines = 0

    def write(self, line: bytes) -> None:
        """Append one line; the line's end is added."""
        self._zip.write(line + b"\n")
        self.lines += 1
        if time.monotonic() - self._flushed >= FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Put everything so far on the disk, readable."""
        self._zip.flush(zlib.Z_SYNC_FLUSH)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Finish the file under its final name."""
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self.part.replace(self.path)

    def __enter__(self) -> RawWriter:
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self.close()
        else:
            self._zip.close()
            self._file.close()


def write_json(path: Path, content: Any) -> Path:
    """Write JSON under a temporary name and put it in place whole."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path
