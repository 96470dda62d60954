from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import SessionError, StateError
from genesis_lib.live.client import SessionClient
from genesis_lib.live.directory import SessionDirectory
from genesis_lib.live.endpoint import Endpoint
from genesis_lib.live.messages import decode, encode
from genesis_lib.widgets import stream
from genesis_lib.widgets.stream import Backlog, Stream, merge


def message(kind="frame", first=0, rows=1, trades=(), session="s", **more):
    points = np.zeros((rows, 6))
    points[:, 0] = np.arange(first, first + rows)
    header = {"kind": kind, "session": session, "state": "RUNNING", "trades": list(trades), "alerts": [], **more}
    return encode(header, {"ladder": np.full((12, 4), float(first)), "points": points})


class Viewer:
    """What desk.js keeps: the last 500 points and the last 50 trades."""

    def __init__(self):
        self.points, self.trades, self.newest = [], [], None

    def show(self, data):
        header, arrays = decode(data)
        if header["kind"] == "snapshot":
            self.points, self.trades = [], []
        self.points = [*self.points, *arrays["points"][:, 0]][-500:]
        self.trades = [*self.trades, *header["trades"]][-50:]
        self.newest = arrays["ladder"][0, 0]


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), st.booleans()), max_size=40), st.integers(1, 4))
def test_a_slow_viewer_ends_with_the_same_picture_as_a_fast_one(frames, window):
    fast, slow, backlog = Viewer(), Viewer(), Backlog(window)
    at, trade = 0, 0
    messages = [message("snapshot", 0, 3)]
    for rows, count, _ in frames:
        messages.append(message(first=at, rows=rows, trades=range(trade, trade + count)))
        at, trade = at + rows, trade + count
    for data, draws in zip(messages, [True, *(draws for *_, draws in frames)], strict=True):
        fast.show(data)
        backlog.offer(data)
        if (sent := backlog.take()) is not None:
            slow.show(sent[1])
        assert backlog.sent - backlog.acknowledged <= window
        if draws:
            backlog.acknowledge(backlog.sent)
    backlog.acknowledge(backlog.sent)
    if (sent := backlog.take()) is not None:
        slow.show(sent[1])
    assert (slow.points, slow.trades, slow.newest) == (fast.points, fast.trades, fast.newest)


def test_a_full_picture_and_another_session_replace_what_waited():
    first, whole, other = message(), message("snapshot", 5, 9), message(session="t")
    assert merge(first, whole) is whole
    assert merge(first, other) is other
    assert decode(merge(whole, message("ended")))[0]["kind"] == "snapshot"


def test_acknowledgements_never_run_ahead_of_what_was_sent():
    backlog = Backlog(2)
    backlog.acknowledge(100)
    for number in (1, 2):
        backlog.offer(message())
        assert backlog.take()[0] == number
    backlog.offer(message())
    assert backlog.take() is None
    backlog.acknowledge(1)
    assert backlog.take()[0] == 3


class Speaker(threading.Thread):
    """The session's end of real sockets, in a thread: publishes until it is stopped."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.directory = SessionDirectory(folder)
        self.endpoint = Endpoint(*self.directory.addresses)
        frames, commands = self.directory.addresses
        self.directory.write(
            {"session": "s", "pid": os.getpid(), "started_ns": 1, "frames": frames, "commands": commands}
        )
        self.over, self.quiet, self.heard = False, False, []
        self.start()

    def run(self):
        while not self.over:
            self.endpoint.serve(self.answer)
            if not self.quiet:
                self.endpoint.publish(lambda number: message(first=number, seq=number))
            self.endpoint.wait(0.005)

    def answer(self, command, value):
        self.heard.append(command if value is None else (command, value))
        if command == "stop":
            raise StateError("it is stopped already")
        number = self.endpoint.sequence
        return {"seq": number}, message("snapshot", 0, number + 1, seq=number) if command == "snapshot" else None

    def stop(self):
        self.over = True
        self.join()
        self.endpoint.close()
        self.directory.close()


class Browser:
    """Collects what a stream delivers."""

    def __init__(self, client):
        self.contents, self.frames = [], []
        self.stream = Stream(client, self.take)

    def take(self, content, buffers):
        self.contents.append(content)
        if content["type"] == "frame":
            self.frames.append((content["n"], decode(buffers[0])))

    def wait(self, until, seconds=15):
        ends = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < ends, self.contents[-5:]
            time.sleep(0.01)

    def links(self):
        return [content["link"] for content in self.contents if content["type"] == "pulse"]


@pytest.fixture
def browser(tmp_path):
    browser = Browser(lambda: SessionClient(tmp_path / "s"))
    yield browser
    browser.stream.close()
    if browser.stream.ident:
        browser.stream.join(10)


@pytest.fixture
def speaker(tmp_path):
    speaker = Speaker(tmp_path / "s")
    yield speaker
    if not speaker.over:
        speaker.stop()


def test_the_whole_picture_comes_first_and_every_point_after_it(browser, speaker):
    browser.stream.start()
    browser.wait(lambda: len(browser.frames) >= stream.WINDOW)
    time.sleep(0.3)
    assert len(browser.frames) == stream.WINDOW, "a browser that acknowledges nothing is sent no more"
    browser.stream.acknowledge(browser.frames[-1][0])
    browser.wait(lambda: len(browser.frames) >= stream.WINDOW + 3)
    assert browser.frames[0][1][0]["kind"] == "snapshot"
    seen = np.concatenate([arrays["points"][:, 0] for _, (_, arrays) in browser.frames])
    assert np.array_equal(seen, np.arange(len(seen)))
    assert [number for number, _ in browser.frames] == list(range(1, len(browser.frames) + 1))


def test_a_second_hello_shows_the_whole_picture_again(browser, speaker):
    browser.stream.start()
    browser.wait(lambda: len(browser.frames) >= stream.WINDOW)
    count = len(browser.frames)
    browser.stream.hello()
    browser.wait(lambda: len(browser.frames) > count)
    assert browser.frames[count][1][0]["kind"] == "snapshot"


def test_commands_are_answered_in_words(browser, speaker):
    browser.stream.start()
    for name in ("start", "stop", "fly"):
        browser.stream.command(name)
    browser.wait(lambda: sum(content["type"] == "reply" for content in browser.contents) == 3)
    start, stop, fly = (content for content in browser.contents if content["type"] == "reply")
    assert (start["ok"], start["text"]) == (True, stream.DONE["start"])
    assert (stop["ok"], stop["text"]) == (False, "it is stopped already")
    assert not fly["ok"] and "fly" in fly["text"] and "fly" not in speaker.heard


def test_an_alert_is_acknowledged_without_words_where_it_shows(browser, speaker):
    browser.stream.start()
    browser.stream.command("acknowledge", {"what": 3, "by": "the desk"})
    browser.wait(lambda: sum(content["type"] == "reply" for content in browser.contents) == 1)
    (reply,) = (content for content in browser.contents if content["type"] == "reply")
    assert reply["ok"] and reply["text"] == ""
    assert ("acknowledge", {"what": 3, "by": "the desk"}) in speaker.heard


def test_the_replay_is_commanded_without_words_where_it_shows(browser, speaker):
    browser.stream.start()
    for command in (("seek", "+12.500"), ("speed", "max"), ("pause", None), ("step", 1)):
        browser.stream.command(*command)
    browser.wait(lambda: sum(content["type"] == "reply" for content in browser.contents) == 4)
    replies = [content for content in browser.contents if content["type"] == "reply"]
    assert [reply["command"] for reply in replies] == ["seek", "speed", "pause", "step"]
    assert all(reply["ok"] and reply["text"] == "" for reply in replies)
    heard = [one for one in speaker.heard if one != "snapshot"]
    assert heard == [("seek", "+12.500"), ("speed", "max"), "pause", ("step", 1)]


def test_a_session_may_come_go_and_come_again(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "RETRY_S", 0.05)
    browser.stream.start()
    browser.wait(lambda: browser.stream.link == "none" and "no session at" in browser.stream.text)
    browser.stream.command("start")
    browser.wait(lambda: any(c["type"] == "reply" and "genesis run" in c["text"] for c in browser.contents))
    for _ in range(2):
        speaker = Speaker(tmp_path / "s")
        browser.wait(lambda: browser.stream.link == "live")
        speaker.stop()
        browser.wait(lambda: browser.stream.link == "lost")
    assert browser.links()[:1] == ["none"]


def test_a_session_that_says_nothing_is_stale(browser, speaker, monkeypatch):
    monkeypatch.setattr(stream, "QUIET_S", 0.2)
    browser.stream.start()
    browser.wait(lambda: browser.stream.link == "live")
    speaker.quiet = True
    browser.wait(lambda: browser.stream.link == "stale")
    speaker.quiet = False
    browser.stream.acknowledge(browser.frames[-1][0])
    browser.wait(lambda: browser.stream.link == "live")


def test_a_viewer_that_is_gone_is_let_go(browser, speaker, monkeypatch):
    monkeypatch.setattr(stream, "GONE_S", 0.3)
    browser.stream.start()
    browser.stream.join(10)
    assert not browser.stream.is_alive()


def test_a_stream_survives_a_connection_that_is_refused(monkeypatch):
    def refuse():
        raise SessionError("no session is running")

    monkeypatch.setattr(stream, "GONE_S", 0.2)
    browser = Browser(refuse)
    browser.stream.start()
    browser.stream.join(10)
    assert browser.contents[0] == {"type": "pulse", "link": "none", "text": "no session is running"}
