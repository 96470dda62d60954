"""Fetch one large file over HTTP: resumed where the line broke, checked, and under its name only when it is whole."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.wire.attempts import Attempts, retry_after
from genesis_lib.feeds.wire.backoff import Backoff
from genesis_lib.feeds.wire.raw_writer import write_json

IDLE = 30.0  # s without a byte after which a connection counts as dead
Progress = Callable[[int, int | None], object]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is there: `resumed` connections took up a broken one, `skipped` says that it was there already."""

    path: Path
    bytes: int
    sha256: str
    resumed: int = 0
    skipped: bool = False


class _Broken(Exception):
    """The connection ended before the file did."""


class _Changed(Exception):
    """The file at the server is no longer the one that was begun."""


def fetch(
    url: str,
    target: str | Path,
    *,
    sha256: str | None = None,
    client: httpx.Client | None = None,
    progress: Progress = lambda done, total: None,
    tell: Callable[[str], object] = lambda text: None,
    attempts: int = 8,
    first_wait: float = 0.5,
    longest_wait: float = 30.0,
    sleep: Callable[[float], object] = time.sleep,
) -> Fetched:
    """Download `url` to `target`.

    Parameters
    ----------
    sha256
        Digest the file must have, as hexadecimal digits; where none is known the file's own checksums (gzip, zip) are
        verified.
    progress
        Called with the bytes there are and, where it is known, their number at the end.
    tell
        Called with why an attempt failed and how long is waited before the next.
    attempts
        Connections in a row that may fail without bringing a byte; at most `attempts.UNRESOLVED` to a name that is not
        known.
    first_wait, longest_wait, sleep
        Bounds of the random waits between attempts, s, and what waits. HTTP 429 and 503 are answered by waiting as
        long as ``Retry-After`` says.

    Returns
    -------
    Fetched
        A target that is there with the right digest (`sha256`, or that of its ``.sha256`` file) is not fetched again.

    Raises
    ------
    InputError
        When the server has no such file (404) or does not give it (401, 403).
    SessionError
        When it cannot be had: unreachable, broken off too often, other bytes than the digest says.

    Notes
    -----
    What came so far lies in ``<target>.part``, and in ``<target>.part.json`` which version of the file it is of
    (``ETag``, ``Last-Modified``): a later call goes on there (``Range`` with ``If-Range``), and begins anew when the
    server has another version or cannot do ranges. The digest of what was fetched stays beside it as ``.sha256``.
    """
    target = Path(target)
    digest_file = target.with_name(f"{target.name}.sha256")
    known = sha256.lower() if sha256 else _digest_in(digest_file)
    if known and target.exists() and _digest(target) == known:
        return Fetched(target, target.stat().st_size, known, skipped=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(target)
    own = client is None
    client = client or httpx.Client(timeout=IDLE, follow_redirects=True, trust_env=not url.startswith("http://127."))
    try:
        tries = Attempts(url, attempts, Backoff(first_wait, longest_wait), sleep, tell)
        resumed = _bring(client, url, part, progress, tries)
    finally:
        if own:
            client.close()
    found = _digest(part.path)
    if sha256 and found != sha256.lower():
        part.discard()
        raise SessionError(f"{url}: its sha256 is {found}, the archive says {sha256.lower()}; what came was discarded")
    try:
        _check_inside(part.path, target.name)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        part.discard()
        raise SessionError(f"{url}: the file is damaged ({error}); what came was discarded") from None
    size = part.path.stat().st_size
    part.finish(target)
    digest_file.write_text(f"{found}  {target.name}\n", encoding="ascii")
    return Fetched(target, size, found, resumed)


def fetch_text(
    url: str,
    client: httpx.Client,
    *,
    attempts: int = 4,
    sleep: Callable[[float], object] = time.sleep,
    tell: Callable[[str], object] = lambda text: None,
) -> str:
    """Fetch a small text, for example a checksum; parameters and errors as for `fetch`."""
    tries = Attempts(url, attempts, Backoff(0.5, 10.0), sleep, tell)
    while True:
        try:
            answer = client.get(url)
            _refuse(answer, url)
            if answer.status_code == 200:
                return answer.text
            cause, ordered = f"HTTP {answer.status_code}", retry_after(answer)
        except httpx.HTTPError as error:
            cause, ordered = error, 0.0
        if not tries.again(cause, ordered):
            raise SessionError(f"{url}: {tries.cause}")


class _Part:
    """The unfinished file and the version of the original that it is of."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._about = target.with_name(f"{target.name}.part.json")
        self.version = ""
        try:
            self.version = str(json.loads(self._about.read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            self.discard()  # of an unknown version: it could not be gone on with

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def begin(self, version: str) -> None:
        """Start an empty file of a version."""
        self.discard()
        self.version = version
        write_json(self._about, {"version": version})

    def append(self) -> BinaryIO:
        return self.path.open("ab")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._about.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        """Put the file under its name, durably."""
        with self.path.open("rb") as stream:
            os.fsync(stream.fileno())
        self.path.replace(target)
        self._about.unlink(missing_ok=True)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _bring(client: httpx.Client, url: str, part: _Part, progress: Progress, tries: Attempts) -> int:
    """Connect until the part is whole; how often a broken connection was taken up."""
    resumed = 0
    furthest = part.size  # a server that always begins anew makes no progress by bringing the same bytes again
    while True:
        wait = 0.0
        try:
            _once(client, url, part, progress)
            return resumed
        except _Changed:
            part.discard()
            cause = "the file changed at the server while it was fetched"
        except httpx.HTTPStatusError as error:
            cause, wait = f"HTTP {error.response.status_code}", retry_after(error.response)
        except (_Broken, httpx.HTTPError) as error:
            cause = error
        if part.size > furthest:
            furthest = part.size
            tries.begin_anew()
            resumed += bool(part.version)
        if not tries.again(cause, wait):
            what = f"{part.size} bytes are kept for the next try" if part.size else "nothing came"
            times = "1 attempt" if tries.failures == 1 else f"{tries.failures} attempts in a row"
            raise SessionError(f"{url}: {tries.cause} ({times}; {what})")


def _once(client: httpx.Client, url: str, part: _Part, progress: Progress) -> None:
    """One connection; returns when the file is whole."""
    headers = {"Accept-Encoding": "identity"}  # the bytes as they lie there, else no length and no range would fit
    at = part.size
    if at and part.version:
        headers |= {"Range": f"bytes={at}-", "If-Range": part.version}
    with client.stream("GET", url, headers=headers) as answer:
        _refuse(answer, url)
        if answer.status_code == 416 and at:  # nothing lies behind what we have: it is whole, or of another file
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            if total == str(at):
                return
            raise _Changed
        if answer.status_code not in (200, 206):
            raise httpx.HTTPStatusError(answer.reason_phrase, request=answer.request, response=answer)
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        if version.startswith("W/"):  # a weak tag promises the same meaning, not the same bytes
            version = answer.headers.get("Last-Modified", "")
        total = _total(answer, at)
        if answer.status_code == 200:
            part.begin(version)
            at = 0
        elif version and version != part.version:
            raise _Changed
        with part.append() as stream:
            for block in answer.iter_raw():
                stream.write(block)
                at += len(block)
                progress(at, total)
        if total is not None and at < total:
            raise _Broken(f"{at} of {total} bytes came")
        if total is not None and at > total:
            raise _Changed


def _total(answer: httpx.Response, at: int) -> int | None:
    if answer.status_code == 206:
        span, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if not span.startswith(f"{at}-"):
            raise _Changed
        return int(total) if total.isdigit() else None
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _refuse(answer: httpx.Response, url: str) -> None:
    if answer.status_code == 404:
        raise InputError(f"{url}: the archive has no such file (HTTP 404); is the symbol or the day right?")
    if answer.status_code in (401, 403):
        raise InputError(f"{url}: not given without a key (HTTP {answer.status_code})")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest_in(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").split()[0].lower()
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def _check_inside(path: Path, name: str) -> None:
    """Read a compressed file through: its own checksums find what a length does not."""
    if name.endswith(".gz"):
        if not path.stat().st_size:
            raise EOFError("it is empty")
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
        if bad is not None:
            raise zipfile.BadZipFile(f"{bad} does not match its checksum")
