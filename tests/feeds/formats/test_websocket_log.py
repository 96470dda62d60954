"""Lines of a websocket log: times exactly, connections, what is passed over, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.websocket_log import frames, in_order, looks_like_log, nanoseconds

LINES = """wss://ws.example.com <-> 1618678132.3858151
wss://ws.example.com <- 1618678132.8253062: {"event":"subscribe"}
1618678132.825: {"event":"x: y"}

https://example.com -> 1618678133: {"rest": 1}
1618678134: [1]
"""


def test_messages_and_connections(tmp_path: Path) -> None:
    path = tmp_path / "X.ws.1.0"
    path.write_text(LINES)
    found = list(frames([path]))
    assert [(f.ts_receive, f.payload.strip(), f.connected, f.number) for f in found] == [
        (1618678132385815100, b"", True, 1),
        (1618678132825000000, b'{"event":"x: y"}', False, 3),
        (1618678134000000000, b"[1]", False, 6),
    ]
    (tmp_path / "X.ws.1.0.gz").write_bytes(gzip.compress(LINES.encode()))
    assert [f.payload for f in frames([tmp_path / "X.ws.1.0.gz"])] == [f.payload for f in found]


def test_what_is_refused_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "X.ws.1.0"
    path.write_text("1618678134: [1]\nhello\n")
    with pytest.raises(RecordingError, match=r"X.ws.1.0:2: no line of a websocket log, got 'hello'"):
        list(frames([path]))
    path.write_text("1618678134: [1]\n1618678130: [1]\n")
    with pytest.raises(RecordingError, match=r":2: receive time jumps back by 4.000 s"):
        list(frames([path]))
    path.write_text("12x: [1]\n")
    with pytest.raises(RecordingError, match="receive time in seconds, got '12x'"):
        list(frames([path]))


def test_line_ends_of_another_system(tmp_path: Path) -> None:
    path = tmp_path / "X.ws.1.0"
    path.write_bytes(LINES.encode().replace(b"\n", b"\r\n"))
    assert looks_like_log(path.read_bytes()) and looks_like_log(b'1618678134: {"event":"x"}\r\n')
    assert [f.payload.strip() for f in frames([path])] == [b"", b'{"event":"x: y"}', b"[1]"]


def test_the_last_line_may_be_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "X.ws.1.0"
    path.write_text("1618678134: [1]\n1618678135: [1")
    assert [f.whole for f in frames([path])] == [True, False]
    for rest in ("1", "1618678135.1", "1618678135:"):
        path.write_text(f"1618678134: [1]\n{rest}")
        assert [(f.payload.strip(), f.whole) for f in frames([path])] == [(b"[1]", True), (rest.encode(), False)]


def test_files_of_a_connection_follow_each_other() -> None:
    names = ["B.ws.2.0", "A.ws.1.10", "A.ws.1.2.gz", "A.ws.1.1"]
    found = [[path.name for path in group] for group in in_order(map(Path, names))]
    assert found == [["B.ws.2.0"], ["A.ws.1.1", "A.ws.1.2.gz", "A.ws.1.10"]]


@settings(deadline=None)
@given(st.integers(0, 4 * 10**9), st.integers(0, 999_999_999))
def test_seconds_become_nanoseconds_exactly(whole: int, part: int) -> None:
    assert nanoseconds(f"{whole}.{part:09d}") == whole * 10**9 + part
    assert nanoseconds(f"{whole}.{part:09d}".rstrip("0")) == whole * 10**9 + part


@pytest.mark.parametrize("text", ["", "1e9", "-1.0", "1.x", ".5"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="not decimal seconds"):
        nanoseconds(text)


def test_what_looks_like_a_log() -> None:
    assert looks_like_log(LINES.encode()) and looks_like_log(b'1618678132.82: {"a":1}\n')
    assert not looks_like_log(b"1618678132825000000 {}\n") and not looks_like_log(b"34200.004,1,2,3,4,1\n")
