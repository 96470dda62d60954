"""Sums of decision trees in numpy: the readable twin of `_trees.pyx`, equal to the bit."""

from __future__ import annotations

import numpy as np

from orderbook_ext._forest import Forest

CHUNK = 1 << 20  # rows times trees that are walked at once


class Trees:
    """A sum of decision trees for each of several outputs; see `Forest` for the table."""

    def __init__(self, feature, threshold, right, missing_left, value, starts, group, groups) -> None:
        self._forest = Forest.of(feature, threshold, right, missing_left, value, starts, group, groups)
        self.width, self.groups, self.count = self._forest.width, self._forest.groups, len(self._forest.group)

    def add(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Add what the trees say of (n, F) float64 rows to (n, groups) float64 `out`, tree by tree in their order."""
        if rows.ndim != 2 or rows.shape[1] < self.width:
            raise ValueError(f"rows must be (n, {self.width} or more), got {rows.shape}")
        if out.shape != (len(rows), self.groups):
            raise ValueError(f"out must be ({len(rows)}, {self.groups}), got {out.shape}")
        step = max(CHUNK // max(self.count, 1), 1)
        for first in range(0, len(rows), step):
            leaves = self._leaves(rows[first : first + step])
            for tree, group in enumerate(self._forest.group):
                out[first : first + step, group] += self._forest.value[leaves[:, tree]]

    def _leaves(self, rows: np.ndarray) -> np.ndarray:
        """Leaf that each row ends at in each tree: (n, T)."""
        forest = self._forest
        node = np.tile(forest.starts[:-1], (len(rows), 1))
        row, tree = (at.ravel() for at in np.indices(node.shape))
        while len(row):
            at = node[row, tree]
            asks = forest.feature[at] >= 0
            row, tree, at = row[asks], tree[asks], at[asks]
            x = rows[row, forest.feature[at]]
            left = np.where(np.isnan(x), forest.missing_left[at] != 0, x <= forest.threshold[at])
            node[row, tree] = np.where(left, at + 1, forest.right[at])
        return node
