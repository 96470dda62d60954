"""The table of trees: what it must be, and which leaves each question rules out."""

import numpy as np
import pytest

from orderbook_ext._forest import MOST_LEAVES, Forest

# x0 <= 1 ? (x1 <= 2 ? 10 : 20) : 30, and a tree of one leaf
TABLE = {
    "feature": [0, 1, -1, -1, -1, -1],
    "threshold": [1.0, 2.0, 0.0, 0.0, 0.0, 0.0],
    "right": [4, 3, -1, -1, -1, -1],
    "missing_left": [1, 0, 0, 0, 0, 0],
    "value": [0.0, 0.0, 10.0, 20.0, 30.0, 7.0],
    "starts": [0, 5, 6],
    "group": [0, 1],
    "groups": 2,
}


def test_questions_are_sorted_and_rule_out_the_left_branch():
    forest = Forest.of(**TABLE)
    feature, threshold, tree, missing_left, mask, values, first = forest.tests()
    assert forest.width == 2
    assert feature.tolist() == [0, 1] and threshold.tolist() == [1.0, 2.0] and tree.tolist() == [0, 0]
    assert missing_left.tolist() == [1, 0]
    assert [format(int(word) & 0b111, "03b") for word in mask] == ["100", "110"]  # the lowest bit is the leftmost leaf
    assert values.tolist() == [10.0, 20.0, 30.0, 7.0] and first.tolist() == [0, 3]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"right": [3, 3, -1, -1, -1, -1]}, "two branches"),
        ({"right": [4, 9, -1, -1, -1, -1]}, "two branches"),
        ({"feature": [0, 1, -1, 0, -1, -1]}, "two branches"),
        ({"starts": [0, 4, 6]}, "two branches"),
        ({"starts": [0, 5]}, "starts must rise"),
        ({"starts": [0, 5, 5, 6], "group": [0, 0, 1]}, "starts must rise"),
        ({"group": [0, 2]}, r"group must lie in \[0, 2\)"),
        ({"group": [0]}, "group must name an output"),
        ({"threshold": [np.nan, 2.0, 0, 0, 0, 0]}, "threshold must not be NaN"),
        ({"value": [0, 0, np.inf, 20, 30, 7]}, "value must be finite"),
        ({"value": [0.0]}, "value must have 6 nodes"),
        ({"feature": [0.5, 1, -1, -1, -1, -1]}, "feature must hold int32"),
        ({"feature": [[0]]}, "feature must be a vector"),
    ],
)
def test_what_is_no_table_is_refused(changes, cause):
    with pytest.raises(ValueError, match=cause):
        Forest.of(**(TABLE | changes))


def chain(leaves):
    """A tree that splits its right branch again and again."""
    n = 2 * leaves - 1
    feature = np.where((np.arange(n) % 2 == 0) & (np.arange(n) < n - 1), 0, -1)
    right = np.where(feature == 0, np.arange(n) + 2, -1)
    return Forest.of(feature, np.arange(n, dtype=float), right, np.zeros(n), np.arange(n), [0, n], [0], 1)


def test_a_word_holds_the_leaves():
    mask = chain(MOST_LEAVES).tests()[4]
    assert len(mask) == MOST_LEAVES - 1 and len(np.unique(mask)) == MOST_LEAVES - 1
    assert np.bitwise_and.reduce(mask) == np.uint64(1) << np.uint64(MOST_LEAVES - 1)  # right at every question
    with pytest.raises(ValueError, match="at most 64 leaves, got 65"):
        chain(MOST_LEAVES + 1)
