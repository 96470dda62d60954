"""The nodes of many decision trees as one table: what a table must be, and where its leaves lie.

A tree is written in pre-order: a node, the whole of its left branch, the whole of its right branch. So the left child
always stands next, every branch is one stretch of the table, and so are its leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_LEAVES = 64  # a tree's leaves are the bits of one word


@dataclass(frozen=True)
class Forest:
    """A checked table of T trees and N nodes.

    Parameters
    ----------
    feature, threshold, right, missing_left
        (N,) column that an inner node asks about (-1 at a leaf), the value up to which a row goes left, number of the
        right child, and whether a row without a value (NaN) goes left.
    value
        (N,) what a leaf adds.
    starts
        (T + 1,) number of each tree's root, and the end of the last tree.
    group
        (T,) output that each tree adds to.
    groups
        Number of outputs.
    """

    feature: np.ndarray
    threshold: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    starts: np.ndarray
    group: np.ndarray
    groups: int

    @classmethod
    def of(cls, feature, threshold, right, missing_left, value, starts, group, groups: int) -> Forest:
        """Convert and check; `ValueError` says what does not fit."""
        forest = cls(
            _vector("feature", feature, np.int32),
            _vector("threshold", threshold, np.float64),
            _vector("right", right, np.int32),
            _vector("missing_left", missing_left, np.uint8),
            _vector("value", value, np.float64),
            _vector("starts", starts, np.int64),
            _vector("group", group, np.int32),
            int(groups),
        )
        forest._check()
        return forest

    @property
    def width(self) -> int:
        """Columns a row must have at least."""
        return int(self.feature.max(initial=-1)) + 1

    def _check(self) -> None:
        n, starts = len(self.feature), self.starts
        for name in ("threshold", "right", "missing_left", "value"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} must have {n} nodes like feature, got {len(getattr(self, name))}")
        if len(starts) < 1 or starts[0] != 0 or starts[-1] != n or (np.diff(starts) < 1).any():
            raise ValueError(f"starts must rise from 0 to the {n} nodes, got {starts[:4].tolist()} ...")
        if len(self.group) != len(starts) - 1:
            raise ValueError(f"group must name an output for each of {len(starts) - 1} trees, got {len(self.group)}")
        if self.groups < 1 or (self.group < 0).any() or (self.group >= self.groups).any():
            raise ValueError(f"group must lie in [0, {self.groups})")
        inner = np.flatnonzero(self.feature >= 0)
        if np.isnan(self.threshold[inner]).any():
            raise ValueError("threshold must not be NaN at an inner node")
        if not np.isfinite(self.value[self.feature < 0]).all():
            raise ValueError("value must be finite at every leaf")
        surplus = np.concatenate([[0], np.cumsum(np.where(self.feature >= 0, -1, 1))])
        whole = np.array_equal(_branch_end(surplus, starts[:-1]), starts[1:])
        if not (whole and np.array_equal(_branch_end(surplus, inner + 1), self.right[inner])):
            raise ValueError("right must give every inner node two branches, the left one written right behind it")
        leaves = (np.diff(starts) + 1) // 2
        if leaves.max(initial=0) > MOST_LEAVES:
            raise ValueError(f"a tree must have at most {MOST_LEAVES} leaves, got {leaves.max()}")

    def tests(self) -> tuple[np.ndarray, ...]:
        """Inner nodes by column and threshold, and what each rules out.

        Returns
        -------
        feature, threshold, tree, missing_left
            (M,) of the inner nodes in that order.
        mask
            (M,) uint64: the leaves of its tree that are still possible for a row that goes right.
        leaf_values, first_leaf
            Values of all leaves from left to right, tree by tree, and (T,) where each tree's begin.
        """
        leaf = self.feature < 0
        rank = np.concatenate([[0], np.cumsum(leaf)])  # leaves before each node
        inner = np.flatnonzero(~leaf)
        tree = np.searchsorted(self.starts, inner, side="right") - 1
        first_leaf = rank[self.starts[:-1]]
        low = (rank[inner] - first_leaf[tree]).astype(np.uint64)  # first leaf of the left branch
        high = (rank[self.right[inner]] - first_leaf[tree]).astype(np.uint64)  # first leaf of the right branch
        one = np.uint64(1)
        mask = ~((one << high) - (one << low))
        order = np.lexsort((self.threshold[inner], self.feature[inner]))
        at = inner[order]
        return (
            self.feature[at],
            self.threshold[at],
            tree[order].astype(np.int32),
            self.missing_left[at],
            mask[order],
            self.value[leaf],
            first_leaf.astype(np.int32),
        )


def _branch_end(surplus: np.ndarray, at: np.ndarray) -> np.ndarray:
    """End of the branch that begins at each node: where leaves first outnumber inner nodes, -1 where they never do.

    `surplus` (N + 1,) counts leaves less inner nodes before each node.
    """
    n = len(surplus)
    if len(at) == 0:
        return np.zeros(0, np.int64)
    order = np.lexsort((np.arange(n), surplus))
    keys = surplus[order].astype(np.int64) * n + order  # the count moves by one, so it must pass the next value
    goal = surplus[at] + 1
    found = np.searchsorted(keys, goal.astype(np.int64) * n + at)
    end = order[np.minimum(found, n - 1)]
    return np.where((found < n) & (surplus[end] == goal), end, -1)


def _vector(name: str, values, dtype: type) -> np.ndarray:
    given = np.asarray(values)
    if given.ndim != 1:
        raise ValueError(f"{name} must be a vector, got shape {given.shape}")
    made = np.ascontiguousarray(given, dtype)
    if given.size and not np.array_equal(made, given, equal_nan=made.dtype.kind == "f"):
        raise ValueError(f"{name} must hold {np.dtype(dtype).name} values")
    return made
