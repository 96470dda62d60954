"""The printed table holds every feature once, and the README is what is printed."""

import json
import re
from pathlib import Path

from genesis_lib.features import FEATURES, MODULES, table


def test_every_feature_is_in_one_group():
    names = [item.name for group in table.groups() for item in group.features]
    assert sorted(names) == sorted(FEATURES) and len(set(names)) == len(names)
    assert [group.module for group in table.groups()] == list(MODULES)
    assert all(group.features and group.title and "\n" not in group.title for group in table.groups())


def test_the_readme_is_what_is_printed():
    path = Path(table.__file__).parent / "README.md"
    assert path.read_text(encoding="utf-8") == table.markdown(), "run: genesis features --markdown > " + path.name


def test_markdown_rows_have_all_columns():
    rows = [line for line in table.markdown().splitlines() if line.startswith("| `")]
    assert len(rows) == len(FEATURES)
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {9}


def test_plain_text_names_each_and_aligns():
    lines = table.plain().splitlines()
    features = [line for line in lines if line.startswith("  ")]
    assert [line.split()[0] for line in features] == [item["name"] for item in table.records()]
    assert len({line.index(FEATURES[line.split()[0]].unit, 30) for line in features}) == 1


def test_records_are_plain_data():
    records = table.records()
    assert json.loads(json.dumps(records)) == records
    one = {item["name"]: item for item in records}["hawkes_buy_10s"]
    assert (one["group"], one["warmup"], one["warmup_seconds"], one["sparse"]) == ("intensity", 1, 50.0, False)


def test_warmup_in_words():
    words = {name: table.warmup(FEATURES[name]) for name in ("mid", "return_10", "hawkes_buy_1s", "vpin")}
    assert words == {"mid": "0", "return_10": "10", "hawkes_buy_1s": "1, 5 s", "vpin": "49, sparse"}
