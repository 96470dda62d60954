"""The process that makes a tape obeys its standard input, and ends with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from genesis_lib.feeds import open_source
from genesis_lib.feeds.tape.file import Tape
from genesis_lib.feeds.tape.making import Orders


def make(tmp_path, lines, recipe, final="whole"):
    order = {"recipe": recipe, "part": str(tmp_path / "part"), "final": final and str(tmp_path / final)}
    text = "\n".join([json.dumps(order), *lines]) + "\n"
    return subprocess.Popen(
        [sys.executable, "-m", "genesis_lib.feeds.tape.making"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ), text.encode()


def test_a_whole_tape_gets_its_name(tmp_path):
    process, text = make(tmp_path, [str(1 << 62)], {"spec": "simulator", "seed": 3, "minutes": 0.05})
    process.stdin.write(text)
    process.stdin.flush()
    assert process.wait(60) == 0, process.stderr.read()
    tape = Tape(tmp_path / "whole")
    assert tape.is_whole and tape.events == len(list(open_source("simulator", seed=3, minutes=0.05).events()))
    assert not (tmp_path / "part").exists()


def test_it_ends_when_nobody_is_there_and_leaves_nothing(tmp_path):
    process, text = make(tmp_path, [str(1 << 62)], {"spec": "simulator", "seed": 3})  # endless
    process.communicate(text, timeout=60)
    assert process.returncode == 0 and list(tmp_path.iterdir()) == []


def test_orders_say_how_far():
    read, write = os.pipe()
    orders = Orders(read)
    os.write(write, b'{"a": 1}\n10\n2')
    assert orders.first() == {"a": 1}
    assert orders.go_on(10)
    os.write(write, b"5\n")
    assert orders.go_on(25) and orders.until == 25
    os.close(write)
    assert not orders.go_on(26)
    os.close(read)
