"""Lines of raw recordings: plain and gzip, several members, broken ones, and ends without a newline."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds import raw_lines as module
from genesis_lib.feeds.raw_lines import raw_blocks, raw_lines, receive_time

STAMP = 1_700_000_000_000_000_000


def text(first: int, last: int) -> bytes:
    return b"".join(b'%d {"n":%d}\n' % (STAMP + n, n) for n in range(first, last))


@pytest.mark.parametrize("read", [7, 1000, 1 << 17])
def test_lines_do_not_depend_on_how_much_is_read_at_once(tmp_path: Path, monkeypatch, read: int) -> None:
    monkeypatch.setattr(module, "READ", read)
    (tmp_path / "1.dat").write_bytes(text(0, 300) + b"\n  \n" + text(300, 400)[:-1])
    (tmp_path / "2.gz").write_bytes(
        gzip.compress(text(400, 500)) + bytes(9) + gzip.compress(b"") + gzip.compress(text(500, 510))
    )
    (tmp_path / "3.dat").write_bytes(b"")
    lines = list(raw_lines(sorted(tmp_path.iterdir())))
    assert [line.ts_receive - STAMP for line in lines] == list(range(510))
    assert [line.payload for line in lines[::100]] == [b'{"n":%d}' % n for n in range(0, 510, 100)]
    assert [(line.file.name, line.number) for line in (lines[299], lines[300], lines[400], lines[509])] == [
        ("1.dat", 300),
        ("1.dat", 303),
        ("2.gz", 1),
        ("2.gz", 110),
    ]
    blocks = list(raw_blocks(sorted(tmp_path.iterdir())))
    assert all(block.data.endswith(b"\n") for block in blocks)
    assert b"".join(block.data for block in blocks).count(b"\n") == 512


def test_a_truncated_gzip_gives_its_whole_lines_first(tmp_path: Path) -> None:
    data = gzip.compress(text(0, 5000))
    cut = data[: len(data) // 2]
    for name in ("a.gz", "b.gz.part"):
        (tmp_path / name).write_bytes(cut)
    got = []
    with pytest.raises(RecordingError, match=r"a.gz:(\d+): the gzip file is truncated after this line") as caught:
        for line in raw_lines([tmp_path / "a.gz"]):
            got.append(line)
    assert len(got) == caught.value.line > 2000
    assert [line.payload for line in raw_lines([tmp_path / "b.gz.part"])] == [line.payload for line in got]


def test_damage_is_told_behind_the_last_line_before_it(tmp_path: Path) -> None:
    whole = gzip.compress(text(0, 300))
    (tmp_path / "a.gz").write_bytes(whole + b"\x1f\x8b\xff" + whole)
    lines = 0
    with pytest.raises(RecordingError, match="the gzip file is damaged after this line") as caught:
        for block in raw_blocks([tmp_path / "a.gz"]):
            lines += block.data.count(b"\n")
    assert lines == caught.value.line == 300


def test_a_file_without_lines_is_not_read_into_memory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 10_000)
    monkeypatch.setattr(module, "READ", 1000)
    (tmp_path / "zeros.dat").write_bytes(bytes(50_000))
    with pytest.raises(RecordingError, match=r"zeros.dat:1: a line of more than 10000 bytes"):
        list(raw_blocks([tmp_path / "zeros.dat"]))


def test_receive_times() -> None:
    assert receive_time(b"1680652700423575") == 1_680_652_700_423_575_000
    for bad in (b"", b"12", b"17000000000000000", b"x" * 19):
        with pytest.raises(InputError, match=r"16 \(us\) or 19 \(ns\) digits"):
            receive_time(bad)
