"""Sums of decision trees; compiled. No tree is walked: every question that a row answers with "right" rules out leaves.

The questions of all trees are sorted by column and threshold, so those that a row answers with "right" stand side by
side; each takes the leaves of its left branch from its tree's word of possible leaves, and the lowest bit that is left
is the leaf the row ends at (C. Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles
of regression trees", SIGIR 2015).
"""

from libc.stdint cimport int32_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from orderbook_ext._side cimport lowest_bit

import numpy as np

from orderbook_ext._forest import Forest


cdef class Trees:
    """A sum of decision trees for each of several outputs; see `Forest` for the table."""

    cdef readonly Py_ssize_t width, groups, count
    cdef Py_ssize_t _columns
    # `_ends[c]` is where the questions about column `_asked[c]` end and those about the next begin.
    cdef const int32_t[::1] _asked, _tree, _group, _first_leaf
    cdef const Py_ssize_t[::1] _ends
    cdef const double[::1] _threshold, _leaf
    cdef const uint8_t[::1] _missing_left
    cdef const uint64_t[::1] _mask

    def __init__(self, feature, threshold, right, missing_left, value, starts, group, groups):
        forest = Forest.of(feature, threshold, right, missing_left, value, starts, group, groups)
        column, self._threshold, self._tree, self._missing_left, self._mask, self._leaf, self._first_leaf = forest.tests()
        asked, begins = np.unique(column, return_index=True)
        self._asked = np.ascontiguousarray(asked, np.int32)
        self._ends = np.append(begins[1:], len(column)).astype(np.intp) if len(asked) else np.zeros(0, np.intp)
        self._group = forest.group
        self._columns = len(asked)
        self.width, self.groups, self.count = forest.width, forest.groups, len(forest.group)

    def add(self, const double[:, ::1] rows, double[:, ::1] out):
        """Add what the trees say of (n, F) float64 rows to (n, groups) float64 `out`, tree by tree in their order."""
        cdef Py_ssize_t n = rows.shape[0], i
        if rows.shape[1] < self.width:
            raise ValueError(f"rows must be (n, {self.width} or more), got {(n, rows.shape[1])}")
        if out.shape[0] != n or out.shape[1] != self.groups:
            raise ValueError(f"out must be ({n}, {self.groups}), got {(out.shape[0], out.shape[1])}")
        if n == 0 or self.count == 0:
            return
        cdef uint64_t* possible = <uint64_t*>malloc(self.count * sizeof(uint64_t))
        if possible is NULL:
            raise MemoryError(f"no memory for {self.count} trees")
        with nogil:
            for i in range(n):
                self._one(&rows[i, 0] if rows.shape[1] else NULL, &out[i, 0], possible)
        free(possible)

    cdef void _one(self, const double* row, double* out, uint64_t* possible) noexcept nogil:
        cdef Py_ssize_t c, at = 0, end, tree
        cdef double x
        cdef const double* threshold
        cdef const int32_t* of_tree
        cdef const uint64_t* mask
        memset(possible, 0xFF, self.count * sizeof(uint64_t))
        if self._columns:
            threshold, of_tree, mask = &self._threshold[0], &self._tree[0], &self._mask[0]
        for c in range(self._columns):
            x, end = row[self._asked[c]], self._ends[c]
            if x != x:
                while at < end:
                    if not self._missing_left[at]:
                        possible[of_tree[at]] &= mask[at]
                    at += 1
            else:
                while at < end and threshold[at] < x:
                    possible[of_tree[at]] &= mask[at]
                    at += 1
            at = end
        for tree in range(self.count):
            out[self._group[tree]] += self._leaf[self._first_leaf[tree] + lowest_bit(possible[tree])]
