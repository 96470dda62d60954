"""Tapes are kept for the next time, made once, and swept away when they are too many."""

from __future__ import annotations

import fcntl
import os
import time

import pytest

from genesis_lib.errors import StateError
from genesis_lib.feeds import open_source
from genesis_lib.feeds.tape import keeper
from genesis_lib.feeds.tape.file import Tape
from genesis_lib.feeds.tape.keeper import SUFFIX, TapeKeeper, fingerprint, sweep
from genesis_lib.types import Instrument

RECIPE = {"spec": "simulator", "seed": 3, "minutes": 0.1}


def settle(kept, until=lambda tape: not tape.can_grow):
    ends = time.monotonic() + 60
    while not until(kept.tape):
        assert time.monotonic() < ends
        time.sleep(0.01)
        kept.refresh()
    return kept.tape


def test_a_process_makes_it_once_and_it_is_kept(tmp_path):
    source = open_source(**RECIPE)
    with TapeKeeper("name", source.instrument, tmp_path, recipe=RECIPE) as kept:
        assert settle(kept).is_whole
        events = kept.tape.events
    with TapeKeeper("name", source.instrument, tmp_path, recipe=None) as kept:
        assert kept.tape.is_whole and kept.tape.events == events and not kept.is_writing
    assert [path.name for path in tmp_path.iterdir()] == ["name" + SUFFIX]


def test_a_thread_makes_it_where_nothing_says_how_to_open_the_events_elsewhere():
    source = open_source(**RECIPE)
    with TapeKeeper("name", source.instrument, None, events=source.events) as kept:
        folder = kept.folder
        assert settle(kept).is_whole
    assert not folder.exists()


def test_a_process_that_cannot_says_why(tmp_path):
    instrument = Instrument("t", "X", 1.0, 1.0)
    with TapeKeeper("name", instrument, tmp_path, recipe={"spec": "nowhere.gz"}) as kept:
        assert "no such file or folder" in settle(kept).failure
    with (
        TapeKeeper("name", instrument, tmp_path, recipe={"unknown": 1}) as kept,
        pytest.raises(StateError, match="could not be written: TypeError"),
    ):
        settle(kept)
    assert list(tmp_path.iterdir()) == []


def test_an_endless_stream_is_taken_no_further_than_wanted(tmp_path):
    source = open_source("simulator", seed=3)
    with TapeKeeper(
        "name", source.instrument, tmp_path, recipe={"spec": "simulator", "seed": 3}, is_endless=True
    ) as kept:
        first = settle(kept, lambda tape: tape.events).end
        kept.want(first + 30_000_000_000)
        settle(kept, lambda tape: tape.end > first + 30_000_000_000)
        reached = kept.tape.events
        time.sleep(0.2)
        kept.refresh()
        assert kept.tape.events == reached and kept.is_writing
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_of_data_and_code(monkeypatch, tmp_path):
    instrument = Instrument("t", "X", 1.0, 1.0)
    first = fingerprint("a", instrument)
    assert first == fingerprint("a", instrument) != fingerprint("b", instrument)
    assert first != fingerprint("a", Instrument("t", "X", 0.5, 1.0))
    (tmp_path / "code.py").write_text("changed")
    monkeypatch.setattr(keeper, "_code", lambda: [tmp_path / "code.py"])
    assert first != fingerprint("a", instrument)


def test_what_was_left_and_what_is_too_much_is_swept(tmp_path):
    now = time.time()
    for age, name in enumerate(("new", "old", "older")):
        path = tmp_path / (name + SUFFIX)
        path.write_bytes(bytes(100))
        os.utime(path, (now - age, now - age))
    for name in ("dead", "held", "young"):
        (tmp_path / f".{name}.part").touch()
        os.utime(tmp_path / f".{name}.part", (now - 999, now - 999))
    os.utime(tmp_path / ".young.part")
    with (tmp_path / ".held.part").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        sweep(tmp_path, keep=250)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".held.part", ".young.part", "new.tape", "old.tape"]


def test_a_damaged_one_is_made_anew(tmp_path):
    (tmp_path / ("name" + SUFFIX)).write_bytes(b"no tape")
    source = open_source(**RECIPE)
    with TapeKeeper("name", source.instrument, tmp_path, recipe=RECIPE) as kept:
        assert settle(kept).is_whole
    assert Tape(tmp_path / ("name" + SUFFIX)).is_whole


def test_data_that_were_replaced_since_are_not_kept_under_the_old_name(tmp_path):
    with TapeKeeper("name", Instrument("t", "X", 1.0, 1.0), tmp_path, recipe=RECIPE, data_hash="another") as kept:
        assert "is not what it was when it was opened" in settle(kept).failure
    assert list(tmp_path.iterdir()) == []
