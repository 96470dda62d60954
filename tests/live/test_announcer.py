from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.engine import Engine
from genesis_lib.feeds import open_source
from genesis_lib.live.announcer import Announcer
from genesis_lib.live.directory import SessionDirectory, read_state
from genesis_lib.live.messages import decode
from genesis_lib.live.picture import Picture


class Endpoint:
    """Keeps what is published."""

    def __init__(self):
        self.sequence, self.sent = 0, []

    def publish(self, message):
        self.sequence += 1
        self.sent.append(decode(message(self.sequence)))


@pytest.fixture
def told(tmp_path):
    source = open_source("simulator", seed=1, minutes=0.05)
    engine, picture = Engine.build(source.instrument), Picture()
    with SessionDirectory(tmp_path / "s") as directory:
        own = {"state": "RUNNING", "reason": None, "faults": 0}
        announcer = Announcer(directory, source, engine, picture, {"run": {"speed": "1"}}, lambda: own)
        announcer.endpoint = Endpoint()
        for event in source.events():
            if (step := engine.step(event)) is not None:
                picture.add(step)
        yield announcer, engine, picture, directory


def test_a_frame_carries_what_is_new_and_a_picture_everything(told):
    announcer, engine, picture, _ = told
    announcer.publish("frame")
    announcer.publish("frame")
    (first, arrays), (second, later) = announcer.endpoint.sent
    assert (first["kind"], first["seq"], second["seq"]) == ("frame", 1, 2)
    assert len(arrays["points"]) > 10 and len(later["points"]) == 0
    assert np.array_equal(arrays["ladder"], engine.builder.book.top(12))
    reply, message = announcer.picture()
    header, whole = decode(message)
    assert (
        reply == {"seq": 3} and header["kind"] == "snapshot" and whole["points"].tobytes() == arrays["points"].tobytes()
    )
    assert picture.row is not None and header["state"] == "RUNNING" and header["events"] == engine.events


def test_what_is_told_was_committed(told):
    announcer, engine, _, _ = told
    engine.stop()
    announcer.publish("frame")
    assert [row["name"] for row in engine.journal.rows("commands")] == ["stop"]


def test_the_state_file_says_how_to_reach_and_to_start_it_again(told):
    announcer, _, _, directory = told
    announcer.write_state({"trades": 3}, ended_ns=7)
    state = read_state(directory.path)
    assert (state["state"], state["summary"], state["run"], state["ended_ns"]) == (
        "RUNNING",
        {"trades": 3},
        {"speed": "1"},
        7,
    )
    assert (state["frames"], state["commands"]) == directory.addresses
    assert announcer.answer()["pid"] == state["pid"]
