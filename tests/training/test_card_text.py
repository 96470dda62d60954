import json

import numpy as np

from genesis_lib.models.manifest import digest, essence
from genesis_lib.training.card_text import card_json, latency_in_words, table

MEASURED = {"p50_us": 5.8, "p99_us": 12.0, "rows": 3000, "machine": "one, 2 cores", "created": "2025-01-01T00:00:00Z"}


def test_json_is_plain_round_and_ends_in_what_was_measured():
    text = card_json({"a": np.float64(1 / 3), "b": [float("nan"), np.int64(3)], "measured": MEASURED})
    assert json.loads(text) == {"a": 0.3333333333, "b": [None, 3], "measured": MEASURED}
    assert text.splitlines()[-2].startswith(' "measured": {'), "a line of its own"


def test_what_was_measured_is_no_part_of_a_version():
    slow = MEASURED | {"p50_us": 99.0, "machine": "another"}
    for name, write in (("card.json", lambda m: card_json({"a": 1, "measured": m})), ("card.md", latency_in_words)):
        first, second = (write(each).encode() for each in (MEASURED, slow))
        assert first != second and essence(name, first, "") == essence(name, second, "")
    assert digest("card.json", b'{"a": 1}', "") != digest("card.json", b'{"a": 2}', "")


def test_tables_have_a_cell_for_every_name():
    lines = table([{"a": 1234, "b": 0.5}, {"a": True, "c": "x|y"}])
    assert lines == ["| a | b | c |", "| --- | --- | --- |", "| 1,234 | 0.5000 |  |", "| yes |  | x\\|y |"]
    assert table([]) == ["(none)"]
