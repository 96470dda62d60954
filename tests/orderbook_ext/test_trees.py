"""Sums of trees: compiled and twin equal to the bit, to scikit-learn, and to a walk written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orderbook_ext
from orderbook_ext._trees_py import Trees as Twin

BOTH = [Twin, orderbook_ext.Trees]


def random_tree(rng, leaves, columns):
    """Nodes of a random binary tree in pre-order: feature, threshold, right, missing_left, value."""
    if leaves == 1:
        return [[-1], [0.0], [-1], [0], [rng.normal()]]
    less = int(rng.integers(1, leaves))
    one, other = random_tree(rng, less, columns), random_tree(rng, leaves - less, columns)
    at = 1 + len(one[0])
    threshold = rng.choice([rng.normal(), 0.0, np.inf])
    head = [int(rng.integers(columns)), threshold, at, int(rng.integers(2)), 0.0]
    shifted = [
        *([r + 1 if r >= 0 else r for r in one[2]], [r + at if r >= 0 else r for r in other[2]]),
    ]
    return [
        [head[0], *one[0], *other[0]],
        [head[1], *one[1], *other[1]],
        [head[2], *shifted[0], *shifted[1]],
        [head[3], *one[3], *other[3]],
        [head[4], *one[4], *other[4]],
    ]


def forest(seed, trees, columns=4, groups=3, most=64):
    rng = np.random.default_rng(seed)
    parts, starts = [[] for _ in range(5)], [0]
    for _ in range(trees):
        tree = random_tree(rng, int(rng.integers(1, most + 1)), columns)
        tree[2] = [r + starts[-1] if r >= 0 else r for r in tree[2]]
        starts.append(starts[-1] + len(tree[0]))
        for part, values in zip(parts, tree):
            part.extend(values)
    return [np.array(part) for part in parts] + [starts, rng.integers(0, groups, trees), groups]


def walk(table, row):
    """The definition."""
    feature, threshold, right, missing_left, value, starts, group, groups = table
    out = np.zeros(groups)
    for tree, first in enumerate(starts[:-1]):
        at = first
        while feature[at] >= 0:
            x = row[feature[at]]
            left = bool(missing_left[at]) if np.isnan(x) else x <= threshold[at]
            at = at + 1 if left else right[at]
        out[group[tree]] += value[at]
    return out


@pytest.mark.parametrize("kind", BOTH)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), trees=st.integers(0, 7))
def test_equals_a_walk_through_every_tree(kind, seed, trees):
    table = forest(seed, trees)
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(9, 4))
    rows[rng.random(rows.shape) < 0.2] = 0.0  # ties with thresholds
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[0] = np.inf, -np.inf, np.nan, -0.0
    out = np.zeros((9, 3))
    kind(*table).add(rows, out)
    assert np.array_equal(out, [walk(table, row) for row in rows])


def test_twins_agree_to_the_bit():
    table = forest(5, 60, columns=12)
    rows = np.random.default_rng(5).normal(size=(700, 12))
    outs = [np.full((700, 3), 0.1) for _ in BOTH]
    for kind, out in zip(BOTH, outs):
        kind(*table).add(rows, out)
    assert np.array_equal(*outs)
    one = np.full((1, 3), 0.1)
    orderbook_ext.Trees(*table).add(rows[17:18], one)
    assert np.array_equal(one[0], outs[0][17])


@pytest.mark.parametrize("kind", BOTH)
def test_shapes_are_checked(kind):
    trees = kind(*forest(1, 5))
    assert (trees.count, trees.groups) == (5, 3) and trees.width <= 4
    with pytest.raises(ValueError, match="rows must be"):
        trees.add(np.zeros((2, trees.width - 1)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"out must be \(2, 3\)"):
        trees.add(np.zeros((2, 4)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="two branches"):
        kind([0, -1, -1], [0.0] * 3, [1, -1, -1], [0] * 3, [0.0] * 3, [0, 3], [0], 1)
    trees.add(np.zeros((0, 4)), np.zeros((0, 3)))
