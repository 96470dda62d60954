"""Downloads from a real HTTP server on loopback that breaks off, lies, changes its files and refuses."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.wire.download import fetch, fetch_text

BODY = gzip.compress(random.Random(1).randbytes(300_000), mtime=0)
DIGEST = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `body`; each answer in turn may be spoilt by one of `faults`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.etag, self.ranges = BODY, '"one"', True
        self.faults: list = []
        self.asked: list[str | None] = []
        self.texts: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file.gz"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        server: Server = self.server
        if self.path in server.texts:
            return self._send(200, server.texts[self.path], {})
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        fault = server.faults.pop(0) if server.faults else None
        if isinstance(fault, tuple):  # status, headers
            return self._send(fault[0], b"no", fault[1])
        if fault == "replace":
            server.body, server.etag = gzip.compress(b"another file" * 9_000, mtime=0), '"two"'
        body, headers, status = server.body, {}, 200
        if server.etag:
            headers["ETag"] = server.etag
        if wanted and server.ranges and self.headers.get("If-Range") == server.etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        cut = fault if isinstance(fault, int) else None
        self._send(status, body, headers, cut)

    def _send(self, status: int, body: bytes, headers: dict, cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True


@pytest.fixture
def server():
    with Server() as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield served
        served.shutdown()


def get(server, tmp_path, **options):
    options = {"sleep": lambda seconds: None} | options
    return fetch(server.url, tmp_path / "file.gz", **options)


def leftovers(tmp_path) -> set[str]:
    return {path.name for path in tmp_path.iterdir()}


def test_a_file_comes_whole_with_its_digest(server, tmp_path):
    told = []
    got = get(server, tmp_path, sha256=DIGEST.upper(), progress=lambda done, total: told.append((done, total)))
    assert got.path.read_bytes() == BODY and got.sha256 == DIGEST and got.bytes == len(BODY)
    assert (got.resumed, got.skipped) == (0, False)
    assert told[-1] == (len(BODY), len(BODY)) and told == sorted(told)
    assert leftovers(tmp_path) == {"file.gz", "file.gz.sha256"}
    assert (tmp_path / "file.gz.sha256").read_text() == f"{DIGEST}  file.gz\n"


def test_what_is_there_is_not_fetched_again(server, tmp_path):
    get(server, tmp_path)
    again = get(server, tmp_path)
    assert again.skipped and len(server.asked) == 1
    (tmp_path / "file.gz").write_bytes(b"damaged since")
    assert not get(server, tmp_path).skipped
    assert (tmp_path / "file.gz").read_bytes() == BODY


def test_broken_connections_are_taken_up_where_they_broke(server, tmp_path):
    server.faults = [70_000, 50_000, 0, 1, 60_000]
    got = get(server, tmp_path, attempts=3)
    assert got.path.read_bytes() == BODY and got.resumed == 4
    starts = [int(r.removeprefix("bytes=").rstrip("-")) for r in server.asked[1:]]
    assert starts == [70_000, 120_000, 120_000, 120_001, 180_001]


def test_a_killed_download_goes_on_at_the_next_call(server, tmp_path):
    server.faults = [100_000, 0, 0]
    with pytest.raises(SessionError, match=r"3 attempts in a row; 100000 bytes are kept"):
        get(server, tmp_path, attempts=3)
    assert leftovers(tmp_path) == {"file.gz.part", "file.gz.part.json"}
    got = get(server, tmp_path)
    assert server.asked[-1] == "bytes=100000-" and got.path.read_bytes() == BODY


def test_a_file_that_changed_at_the_server_is_begun_anew(server, tmp_path):
    server.faults = [100_000, "replace"]
    got = get(server, tmp_path)
    assert got.path.read_bytes() == server.body != BODY


def test_a_part_that_was_whole_already_is_only_renamed(server, tmp_path):
    server.faults = [100_000, 0]
    with pytest.raises(SessionError):
        get(server, tmp_path, attempts=1)
    (tmp_path / "file.gz.part").write_bytes(BODY)
    assert get(server, tmp_path).path.read_bytes() == BODY
    assert server.asked[-1] == f"bytes={len(BODY)}-"


@pytest.mark.parametrize("etag", ['"one"', "", 'W/"weak"'])
def test_a_server_without_ranges_or_versions_costs_time_not_truth(server, tmp_path, etag):
    server.ranges, server.etag = False, etag
    server.faults = [100_000, 150_000]
    assert get(server, tmp_path).path.read_bytes() == BODY
    assert "file.gz.part" not in leftovers(tmp_path)


def test_a_server_that_never_gets_further_is_given_up(server, tmp_path):
    server.ranges = False
    server.faults = [100_000] * 50
    with pytest.raises(SessionError, match="4 attempts in a row"):
        get(server, tmp_path, attempts=4)
    assert len(server.asked) == 4


def test_wrong_bytes_never_get_the_name(server, tmp_path):
    with pytest.raises(SessionError, match="the archive says 0000"):
        get(server, tmp_path, sha256="0" * 64)
    assert leftovers(tmp_path) == set()
    server.body = BODY[:5_000] + b"?" + BODY[5_001:]
    with pytest.raises(SessionError, match="damaged"):
        get(server, tmp_path)
    assert leftovers(tmp_path) == set()


def test_nothing_is_no_gzip_file(server, tmp_path):
    server.body = b""
    with pytest.raises(SessionError, match=r"the file is damaged \(it is empty\)"):
        get(server, tmp_path)
    assert leftovers(tmp_path) == set()


def test_a_damaged_zip_is_found(server, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", "1,2,3\n" * 1000)
    whole = buffer.getvalue()
    server.body = whole[:500] + b"!" + whole[501:]
    with pytest.raises(SessionError, match=r"damaged \(a\.csv does not match"):
        fetch(server.url, tmp_path / "a.zip", sleep=lambda seconds: None)
    server.body = whole
    assert fetch(server.url, tmp_path / "a.zip").path.read_bytes() == whole


def test_a_server_that_asks_for_patience_gets_it(server, tmp_path):
    waited = []
    server.faults = [(429, {"Retry-After": "7"}), (503, {"Retry-After": "soon"}), (500, {})]
    assert get(server, tmp_path, sleep=waited.append).path.read_bytes() == BODY
    assert waited[0] == 7.0 and waited[1] == 5.0 and waited[2] <= 2.0
    server.faults = [(429, {"Retry-After": "86400"})]
    with pytest.raises(SessionError, match="HTTP 429"):
        fetch(server.url, tmp_path / "other.gz", sleep=waited.append)


@pytest.mark.parametrize(("status", "message"), [(404, "no such file"), (401, "without a key"), (403, "without a key")])
def test_what_cannot_be_had_is_said_at_once(server, tmp_path, status, message):
    server.faults = [(status, {})]
    with pytest.raises(InputError, match=message):
        get(server, tmp_path)
    assert leftovers(tmp_path) == set() and len(server.asked) == 1


def test_nobody_listens(tmp_path):
    told = []
    with pytest.raises(SessionError, match=r"cannot reach 127\.0\.0\.1: .*refused \(2 attempts in a row"):
        options = {"attempts": 2, "sleep": lambda seconds: None, "tell": told.append}
        fetch("http://127.0.0.1:9/file.gz", tmp_path / "file.gz", **options)
    assert len(told) == 1 and told[0].startswith("cannot reach 127.0.0.1: ") and "trying again in 0." in told[0]


def test_a_small_text(server, tmp_path):
    server.texts["/sum"] = b"abc"
    base = server.url.removesuffix("/file.gz")
    with httpx.Client(trust_env=False) as client:
        assert fetch_text(f"{base}/sum", client) == "abc"
        server.faults = [(404, {})]
        with pytest.raises(InputError, match="no such file"):
            fetch_text(f"{base}/none", client)
        server.faults = [(500, {})] * 2
        with pytest.raises(SessionError, match="HTTP 500"):
            fetch_text(f"{base}/none", client, attempts=2, sleep=lambda seconds: None)
        server.faults, waits = [(503, {"Retry-After": "86400"})] * 2, []
        with pytest.raises(SessionError, match="HTTP 503"):
            fetch_text(f"{base}/none", client, sleep=waits.append)
        assert waits == [], "a day is not waited for"
