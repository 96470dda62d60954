"""The table of formats: every module keeps its promises, and each file is recognised by its content."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats import FORMATS, module_of, open_files, recognise


@pytest.mark.parametrize("name", FORMATS)
def test_every_module_of_the_table_keeps_its_promises(name: str) -> None:
    module = module_of(name)
    assert name == module.NAME
    wanted = ["paths", "tick_size", "symbol", "venue", "quarantine"]
    assert list(inspect.signature(module.open_files).parameters)[:5] == wanted
    for head in (b"", b"\x00" * 100, b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"hello\nworld\n", b"\xff" * 70_000):
        assert module.recognises(Path(__file__), head) in (False, True)
    assert not module.recognises(Path(__file__), b"hello\nworld\n")


def test_the_unknown_is_told_with_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("hello\nworld\n")
    assert recognise(path) is None
    with pytest.raises(RecordingError, match=r"x\.txt: unknown format; known are rows, .*binance"):
        open_files([path])
    with pytest.raises(InputError, match=r"format must be one of rows, .*, got 'nonsense'"):
        open_files([path], format="nonsense")
    with pytest.raises(RecordingError, match="no such file"):
        recognise(tmp_path / "none")
    with pytest.raises(RecordingError, match="not a file"):
        recognise(tmp_path)
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(RecordingError, match="the file is empty"):
        recognise(tmp_path / "empty")
