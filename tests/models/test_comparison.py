import json

from genesis_lib.models import artifact as artifacts
from genesis_lib.models.comparison import SECTIONS, difference, told
from genesis_lib.models.deeplob import DeepLOBConfig

HOUR = {"first": "2024-07-18T10:00:00.000000Z", "last": "2024-07-18T11:00:00.000000Z", "rows": 9, "sha256": "0" * 64}


def test_a_model_differs_from_itself_in_nothing(make_registered, tmp_path):
    _, made = make_registered(tmp_path)
    assert difference(made, made) == {} and told({}) == ["no difference"]
    _, again = make_registered(tmp_path, metrics={"mcc": float("nan"), "accuracy": 0.5})
    assert difference(again, artifacts.read(again.path)) == {}, "a figure that is none is none both times"
    assert difference(made, again)["metrics"]["mcc"][0] is None


def test_every_section_tells_what_is_other(make_registered, tmp_path):
    _, one = make_registered(
        tmp_path, metrics={"accuracy": 0.5, "folds": [{"fold": 0}], "baselines": {"a": {"mcc": 0.0}}}
    )
    _, two = make_registered(
        tmp_path,
        name="other",
        seed=4,
        metrics={"accuracy": 0.625, "folds": [{"fold": 1}], "baselines": {"a": {"mcc": 0.0}, "b": {"mcc": 0.25}}},
        columns=("obi_1", "obi_total", *one.columns[2:]),
        levels=5,
        label=one.label | {"horizon": 20},
        architecture=one.architecture | {"dropout": 0.5},
        data_hash="1" * 64,
        provenance="recorded",
        data=[{"instrument": "v:A", "provenance": "recorded", **HOUR}],
        training={"epochs": 3, "optimizer": {"name": "adam"}},
        parents=[one.version],
    )
    found = difference(one, two)
    assert tuple(found) == SECTIONS
    assert found["architecture"] == {"dropout": [one.architecture["dropout"], 0.5]}
    assert found["label"] == {"horizon": [5, 20]}
    assert found["metrics"] == {"accuracy": [0.5, 0.625], "baselines.b.mcc": [None, 0.25]}, "and no table of folds"
    assert found["training"] == {"epochs": [None, 3], "optimizer.name": [None, "adam"]}
    assert found["lineage"]["parents"] == [[], [one.version]] and found["lineage"]["name"] == ["small", "other"]
    assert "witness" not in found["lineage"] and "commit" not in found["lineage"]
    assert found["columns"] == {
        "levels": [2, 5],
        "removed": [list(one.columns[:2]), None],
        "added": [None, ["obi_1", "obi_total"]],
    }
    assert found["data"]["provenance"] == ["simulated", "recorded"]
    assert found["weights"]["tensors of one shape and other values"]
    json.dumps(found)
    lines = told(found)
    assert "  accuracy: 0.5 -> 0.625 (+0.125)" in lines and "  baselines.b.mcc: none -> 0.25" in lines
    assert [line for line in lines if not line.startswith(" ")] == list(SECTIONS)
    assert all(len(line) < 220 for line in lines)
    many = {"columns": {f"definition of x{i}": ["a", "b"] for i in range(40)}}
    assert told(many)[-1] == "  and 10 more" and len(told(many)) == 32
    back = difference(two, one)
    assert back["metrics"] == {"accuracy": [0.625, 0.5], "baselines.b.mcc": [0.25, None]}


def test_columns_that_moved_or_mean_something_else_are_told(make_registered, tmp_path):
    columns = ("obi_1", "obi_total", "nofi_1", "nofi_2", "return_1", "return_10", "log_spread", "queue_change")
    _, one = make_registered(tmp_path, columns=columns, levels=5)
    _, two = make_registered(tmp_path, columns=columns[::-1], levels=10)
    found = difference(one, two)["columns"]
    assert found["order"] == [list(columns), list(columns[::-1])] and "added" not in found and "removed" not in found
    assert "obi_total" in found["redefined"][0], "of ten levels it is another number"
    assert "obi_1" not in found["redefined"][0]


def test_heads_are_compared_one_by_one(make_registered, make_lived_in, to_arrays, tmp_path):
    config = DeepLOBConfig(levels=2, window=20, channels=8, branch=4, hidden=16, heads=2)
    _, one = make_registered(tmp_path)
    second = one.label | {"horizon": 50}
    _, two = make_registered(
        tmp_path,
        name="two",
        weights=to_arrays(make_lived_in(config)),
        architecture=config.as_dict(),
        labels=[one.label, second],
    )
    found = difference(one, two)["label"]
    assert found["heads"] == [1, 2] and [name for name in found if name.startswith("head 1")] == ["head 1"]
    assert found["head 1"][0] is None and "horizon 50" in found["head 1"][1]
    assert not any(name.startswith("head 0") for name in found), "what both were asked is no difference"
    weights = difference(one, two)["weights"]
    assert weights["tensors of another shape"][0].startswith("2 of ") and not any(
        "shape of" in name for name in weights
    )
