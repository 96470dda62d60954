"""Boosted trees as a few lines of JSON: what follows from something else is left out, the rest is small."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.boosted import TABLES, Boosted

PARTS = {
    "feature": "<i2",
    "missing_left": "u1",
    "threshold": "<f4",
    "value": "<f4",
    "starts": "<i4",
    "tree_class": "u1",
}
MOST = 1 << 26  # bytes a part may unfold to


def compact(trees: Boosted) -> Boosted:
    """The same trees with thresholds and leaf values that four bytes hold.

    A threshold is rounded down, so rows of float32 are asked the very same questions; leaf values change in their
    eighth digit.
    """
    threshold = trees.tables["threshold"]
    short = threshold.astype(np.float32)
    short = np.where(short > threshold, np.nextafter(short, np.float32(-np.inf)), short)
    tables = {"threshold": short.astype(np.float64), "value": trees.tables["value"].astype(np.float32).astype(float)}
    return Boosted(trees.tables | tables, trees.baseline)


def pack(trees: Boosted) -> dict[str, Any]:
    """Give a JSON object that `unpack` reads back bit for bit; the trees must be `compact`.

    Numbers of one kind are little-endian bytes, deflated, in base64. Children follow from the order of the nodes;
    inner nodes have no value and leaves no threshold.
    """
    leaf = trees.tables["feature"] < 0
    kept = {"threshold": ~leaf, "value": leaf, "missing_left": ~leaf}
    packed = {}
    for name, kind in PARTS.items():
        array = trees.tables[name][kept.get(name, slice(None))]
        small = array.astype(kind)
        if not np.array_equal(small.astype(array.dtype), array):
            raise ModelError(f"trees: {name} does not fit {kind}; compact them first")
        packed[name] = base64.b64encode(zlib.compress(small.tobytes(), 9)).decode("ascii")
    return {"trees": trees.count, "baseline": trees.baseline.tolist(), **packed}


def unpack(table: Mapping[str, Any]) -> Boosted:
    """Read back what `pack` gave.

    Raises
    ------
    ModelError
        Where a part is missing, damaged, or no trees come of it.
    """
    found = {}
    for name, kind in PARTS.items():
        try:
            unfolding = zlib.decompressobj()
            found[name] = np.frombuffer(unfolding.decompress(base64.b64decode(table[name], validate=True), MOST), kind)
        except (KeyError, TypeError, ValueError, binascii.Error, zlib.error) as error:
            raise ModelError(f"trees: {name} is damaged: {error}") from error
    feature = found["feature"].astype(np.int32)
    leaf = feature < 0
    n = len(feature)
    tables = {"feature": feature, "starts": found["starts"], "tree_class": found["tree_class"]}
    for name in ("threshold", "value", "missing_left"):
        at = leaf if name == "value" else ~leaf
        if len(found[name]) != at.sum():
            raise ModelError(f"trees: {name} must have {at.sum()} numbers, got {len(found[name])}")
        tables[name] = np.zeros(n, TABLES[name])
        tables[name][at] = found[name]
    tables["left"], tables["right"] = _children(leaf)
    try:
        baseline = np.array(table["baseline"], np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"trees: baseline is damaged: {error}") from error
    return Boosted({name: tables[name].astype(kind) for name, kind in TABLES.items()}, baseline)


def _children(leaf: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left and right child of each node of trees in pre-order, -1 at leaves."""
    left, right = np.full(len(leaf), -1), np.full(len(leaf), -1)
    waiting: list[int] = []  # inner nodes whose right branch is still to come
    for at, ends in enumerate(leaf.tolist()):
        if not ends:
            left[at] = at + 1
            waiting.append(at)
        elif waiting and at + 1 < len(leaf):
            right[waiting.pop()] = at + 1
    return left, right
