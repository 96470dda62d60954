"""Blocks of lines as columns: every row with its line, every oddity told, whatever the size of the blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats import delimited
from genesis_lib.feeds.formats.delimited import Block, blocks, parse

KINDS = {"i": "int", "f": "float", "b": "bool", "t": "text"}
NAMES = list(KINDS)


def table(text: str, **more):
    return parse(Block(Path("x.csv"), 5, text.encode()), NAMES, KINDS, **more)


def test_columns_of_their_kinds() -> None:
    found = table("1,2.5,true,a\n-3,nan,false,\n9007199254740993,inf,true,c")
    assert found.lines.tolist() == [5, 6, 7] and not found.unreadable.any() and not found.ragged
    assert found.columns["i"].tolist() == [1, -3, 9007199254740993]  # no detour over floats
    assert np.array_equal(found.columns["f"], [2.5, np.nan, np.inf], equal_nan=True)
    assert found.columns["b"].tolist() == [True, False, True] and found.columns["t"].tolist() == ["a", None, "c"]


def test_what_is_no_row_or_cannot_be_read_is_told_by_line() -> None:
    found = table("1,2,true,a\n\n2,3\n\r\nx,4,true,b\n3,y,true,c\n4,5,maybe,d\n5,6,true,e,f\n,7,true,g\n6,,true,h\n")
    assert found.lines.tolist() == [5, 9, 10, 11, 13, 14] and found.ragged == [7, 12]
    assert found.unreadable.tolist() == [False, True, True, True, True, False]
    assert np.isnan(found.columns["f"][[2, 5]]).all() and found.columns["i"].tolist() == [1, 0, 3, 4, 0, 6]
    assert found.block.texts([7, 9]) == ["2,3", "x,4,true,b"] and found.block.texts([]) == []


@pytest.mark.parametrize("number", ["1", "x"])
def test_texts_of_few_kinds_are_codes(number: str) -> None:
    text = f"bid,{number}\nask,1\n,1\nbid,1\n"
    found = parse(Block(Path("x.csv"), 1, text.encode()), ["s", "n"], {"s": "code", "n": "int"})
    assert found.columns["s"].tolist() == [0, 1, -1, 0] and found.words["s"] == ["bid", "ask"]


def test_semicolons_and_quotes() -> None:
    found = table('1;2;true;"a;b"\n', delimiter=";")
    assert found.columns["t"].tolist() == ["a;b"]


def test_a_bad_byte_or_an_open_quote_spoils_its_line_alone() -> None:
    rows = ["1,2,true,a", '2,3,true,"', "3,4,true,c", '4,"5,true,d', "5,6,true,e"]
    found = table("\n".join(rows))
    assert found.lines.tolist() == [5, 6, 7, 8, 9] and found.unreadable.tolist() == [False, False, False, True, False]
    data = b"1,2,true,a\n2,\xff,true,b\n3\xfe,4\n4,5,true,d\n"
    found = parse(Block(Path("x.csv"), 5, data), NAMES, KINDS)
    assert (
        found.lines.tolist() == [5, 6, 8] and found.ragged == [7] and found.unreadable.tolist() == [False, True, False]
    )
    assert found.block.texts([7]) == ["3\ufffd,4"]


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.sampled_from(["1,2,true,a", "2,x,true,b", "3,4", "", "5,6,false,e"]), max_size=40),
    size=st.integers(1, 64),
    skip=st.integers(0, 2),
    ends=st.booleans(),
)
def test_the_size_of_blocks_does_not_show(tmp_path_factory, lines: list[str], size: int, skip: int, ends: bool) -> None:
    path = tmp_path_factory.mktemp("blocks") / "x.csv"
    path.write_text("\n".join(lines) + "\n" * ends)
    rows, ragged = [], []
    for block in blocks(path, skip_lines=skip, size=size):
        found = parse(block, NAMES, KINDS)
        rows += zip(found.lines.tolist(), found.unreadable.tolist())
        ragged += found.ragged
    told = dict(enumerate(lines[skip:], skip + 1))
    assert rows == [(line, ",x," in text) for line, text in told.items() if text.count(",") == 3]
    assert ragged == [line for line, text in told.items() if text == "3,4"]


def test_a_line_without_end_is_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "LONGEST_LINE", 100)
    path = tmp_path / "x.csv"
    path.write_text("1,2,true,a\n" + "9" * 1000)
    with pytest.raises(RecordingError, match="not a table"):
        list(blocks(path, size=64))
