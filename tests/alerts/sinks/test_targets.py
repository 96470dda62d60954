import json
import logging
import os
import resource
import signal

import pytest

from genesis_lib.alerts.sinks import Address
from genesis_lib.alerts.sinks.targets import KEEP, FileTarget, LogTarget, make_target
from genesis_lib.errors import ConfigError


def test_the_log_has_levels(letter, caplog):
    with caplog.at_level(logging.INFO, "genesis.alerts"):
        for number, severity in enumerate(("info", "warning", "critical"), 1):
            assert LogTarget().send(letter(number, severity)).failure == ""
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "CRITICAL"]
    assert caplog.messages[2] == "CRITICAL spoofing simulator:SIMBTC (simulated): A wall."


def test_a_file_of_lines_is_put_aside_when_it_is_large(letter, tmp_path):
    path, size = tmp_path / "new" / "alerts.jsonl", len(letter(1).json()) + 10
    target = FileTarget(path, 3 * size)
    for number in range(1, 40):
        assert target.send(letter(number)).failure == ""
    files = [path, *(path.with_name(f"alerts.jsonl.{number}") for number in range(1, KEEP + 1))]
    assert sorted(item.name for item in path.parent.iterdir()) == sorted(item.name for item in files)
    numbers = [json.loads(line)["id"] for item in reversed(files) for line in item.read_text().splitlines()]
    assert numbers == list(range(40 - len(numbers), 40)) and len(numbers) > 12
    assert all(item.stat().st_size <= 3 * size for item in files) and path.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_written_is_tried_again(letter, tmp_path):
    (tmp_path / "x").write_text("a file")
    outcome = FileTarget(tmp_path / "x" / "alerts.jsonl", 1000).send(letter())
    assert outcome.failure and outcome.again


def test_a_pipe_that_nobody_reads_holds_nobody(letter, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    outcome = FileTarget(tmp_path / "pipe", 1000).send(letter())
    assert outcome.failure and outcome.again


def test_half_a_line_does_not_stay(letter, tmp_path):
    path, limits = tmp_path / "alerts.jsonl", resource.getrlimit(resource.RLIMIT_FSIZE)
    target, size = FileTarget(path, 10**6), len(letter(1).json())
    assert target.send(letter(1)).failure == ""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))  # as a disk that is full
        assert target.send(letter(2)).failure == "the disk is full"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert target.send(letter(2)).failure == ""
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [1, 2]


def test_addresses(tmp_path):
    options = {"timeout_s": 1.0, "folder": tmp_path, "most_bytes": 1000}
    assert isinstance(make_target(Address("log"), **options), LogTarget)
    assert make_target(Address("file"), **options).path == tmp_path / "alerts.jsonl"
    assert make_target(Address(f"file:{tmp_path}/a.jsonl"), **options).path == tmp_path / "a.jsonl"
    with pytest.raises(ConfigError, match="a sink must be log, file, file:PATH or an address"):
        make_target(Address("s3cret"), **options)
    for url in ("nothing://s3cret", "https://", "http://[s3cret", "tgram://", "http://x:99999/s3cret"):
        with pytest.raises(ConfigError, match="not an address") as told:
            make_target(Address(url), **options)
        assert "s3cret" not in str(told.value)
