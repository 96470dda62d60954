"""What differs between two versions: architecture, labels, columns, data, metrics, training, lineage and weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from genesis_lib.models.artifact import Artifact

SECTIONS = ("architecture", "label", "columns", "data", "metrics", "training", "lineage", "weights")
# Tables of a run, a row a fold: too long to be read side by side. A witness says no more than the hash beside it.
LEFT_OUT = {"folds", "unseen", "witness", "baseline_witness"}
MOST, LONGEST = 30, 90  # lines a section, characters a value

Difference = dict[str, dict[str, list[Any]]]


def difference(first: Artifact, second: Artifact) -> Difference:
    """Compare two models.

    Returns
    -------
    dict
        By section of `SECTIONS`, what differs: by dotted name the two values, None where one has none. Sections without
        a difference are left out.
    """
    pairs = {
        "architecture": (dict(first.architecture), dict(second.architecture)),
        "label": tuple(_labels(model, *sorted((len(first.labels), len(second.labels)))) for model in (first, second)),
        "data": (_data(first), _data(second)),
        "metrics": (first.metrics, second.metrics),
        "training": (first.manifest["training"], second.manifest["training"]),
        "lineage": (_lineage(first), _lineage(second)),
    }
    found = {section: _differing(*pair) for section, pair in pairs.items()}
    found["columns"] = _columns(first, second)
    found["weights"] = _weights(first.weights, second.weights)
    return {section: found[section] for section in SECTIONS if found[section]}


def told(found: Difference) -> list[str]:
    """Lines for people: a section, and under it a line a difference; of numbers, by how much."""
    lines = []
    for section, rows in found.items():
        told = [f"  {name}: {_change(*values)}" for name, values in rows.items()]
        lines += [section, *told[:MOST], *([f"  and {len(told) - MOST} more"] if len(told) > MOST else [])]
    return lines or ["no difference"]


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    one, two = dict(_flat(first)), dict(_flat(second))
    names = dict.fromkeys((*one, *two))
    return {name: [one.get(name), two.get(name)] for name in names if not _same(one.get(name), two.get(name))}


def _same(one: Any, two: Any) -> bool:
    return one == two or (one != one and two != two)  # a figure that was none in both


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if key in LEFT_OUT:
            continue
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{key}.")
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            yield from _flat({str(number): item for number, item in enumerate(value)}, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _labels(model: Artifact, fewest: int, most: int) -> dict[str, Any]:
    """Head by head where either model has several; a head that only one has is one line."""
    if most == 1:
        return dict(model.label)
    return {
        "heads": len(model.labels),
        **{f"head {i}": _head(label, i < fewest) for i, label in enumerate(model.labels)},
    }


def _head(label: Mapping[str, Any], both: bool) -> dict[str, Any] | str:
    return dict(label) if both else ", ".join(f"{key} {value}" for key, value in label.items() if value is not None)


def _columns(first: Artifact, second: Artifact) -> dict[str, list[Any]]:
    """Columns that one has and the other has not, that mean something else, or that stand at another place."""
    one, two = (dict(zip(model.columns, model.definitions.hashes)) for model in (first, second))
    found: dict[str, list[Any]] = {}
    if len(one) != len(two):
        found["count"] = [len(one), len(two)]
    if first.levels != second.levels:
        found["levels"] = [first.levels, second.levels]
    if removed := [name for name in one if name not in two]:
        found["removed"] = [removed, None]
    if added := [name for name in two if name not in one]:
        found["added"] = [None, added]
    shared = [name for name in one if name in two]
    if other := [name for name in shared if one[name] != two[name]]:
        found["redefined"] = [other, other]
    if shared != [name for name in two if name in one]:
        found["order"] = [list(one), list(two)]
    return found


def _data(model: Artifact) -> dict[str, Any]:
    sessions = {
        f"{s['instrument']} {s['first']} ({s['provenance']}, {str(s['sha256'])[:12]})": f"{s.get('rows', '?')} rows"
        for s in model.manifest["data"]
    }
    return {"hash": model.data_hash[:12], "provenance": model.provenance, **sessions}


def _lineage(model: Artifact) -> dict[str, Any]:
    return {"name": model.name, "created": model.manifest["created"], "seed": model.manifest["seed"], **model.lineage}


def _weights(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    sizes = [sum(int(tensor.size) for tensor in weights.values()) for weights in (first, second)]
    if sizes[0] != sizes[1]:
        found["values"] = sizes
    shared = [name for name in first if name in second]
    reshaped = sum(first[name].shape != second[name].shape for name in shared)
    if reshaped:
        found["tensors of another shape"] = [f"{reshaped} of {len(shared)}"] * 2
    alone = [len(weights) - len(shared) for weights in (first, second)]
    if any(alone):
        found["tensors that the other has not"] = alone
    alike = [name for name in first if name in second and first[name].shape == second[name].shape]
    other = sum(not np.array_equal(first[name], second[name]) for name in alike)
    if other:
        found["tensors of one shape and other values"] = [f"{other} of {len(alike)}"] * 2
    return found


def _change(one: Any, two: Any) -> str:
    if one == two:
        return _word(one)
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (one, two))
    by = f" ({two - one:+.4g})" if numbers else ""
    return f"{_word(one)} -> {_word(two)}{by}"


def _word(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
