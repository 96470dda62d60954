"""Gradient-boosted trees as plain arrays: fitted by scikit-learn, served without it, equal to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Tensors
from genesis_lib.models.linear import ABSENT, RowConfig, RowNet, spread
from orderbook_ext import Trees

NODES = {"feature": np.int32, "threshold": np.float64, "left": np.int32, "right": np.int32, "value": np.float64}
NODES |= {"missing_left": np.uint8}
TABLES = NODES | {"starts": np.int64, "tree_class": np.int32}


@dataclass(frozen=True)
class BoostedConfig(RowConfig):
    """Gradient-boosted trees on the newest row.

    Parameters
    ----------
    learning_rate, rounds, leaves, least, ridge
        Shrinkage, rounds of three trees at most, leaves a tree at most (64 is the limit), samples a leaf at least,
        quadratic penalty of leaf values.
    patience
        Rounds without a better validation loss after which growing stops; the trees after the best round are dropped.
    most
        Training samples at most, evenly spread; a quarter as many validate.
    """

    kind: ClassVar[str] = "boosted"
    learning_rate: float = 0.05
    rounds: int = 400
    leaves: int = 31
    least: int = 100
    ridge: float = 1.0
    patience: int = 15
    most: int = 400_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.leaves <= 64:
            raise ModelError(f"boosted: leaves must lie in [2, 64], got {self.leaves!r}")
        for name in ("rounds", "least", "patience", "most"):
            if getattr(self, name) < 1:
                raise ModelError(f"boosted: {name} must be at least 1, got {getattr(self, name)!r}")
        if not (self.learning_rate > 0 and self.ridge >= 0):
            raise ModelError("boosted: learning_rate must be positive and ridge at least 0")


@dataclass(frozen=True)
class Boosted:
    """Trees and where they start from.

    Parameters
    ----------
    tables
        ``feature``, ``threshold``, ``left``, ``right``, ``value``, ``missing_left`` (N,) of the nodes (feature -1 is a
        leaf; a row goes left where its value is at most the threshold; every tree in pre-order, so the left child is
        the next node), ``starts`` (T + 1,) the trees' roots, ``tree_class`` (T,) the output each adds to.
    baseline
        (groups,) what every sum starts from: three classes a head.
    """

    tables: dict[str, np.ndarray]
    baseline: np.ndarray

    def __post_init__(self) -> None:
        if missing := [name for name in TABLES if name not in self.tables]:
            raise ModelError(f"weights: trees have no {', '.join(missing)}")
        if self.baseline.ndim != 1 or not np.isfinite(self.baseline).all():
            raise ModelError(f"weights: baseline must be a finite vector, got shape {self.baseline.shape}")
        feature, left = self.tables["feature"], self.tables["left"]
        inner = np.flatnonzero(feature >= 0)
        if left.shape != feature.shape or not np.array_equal(left[inner], inner + 1):
            raise ModelError("weights: left must name the node after each inner node")
        t = self.tables
        nodes = (t["feature"], t["threshold"], t["right"], t["missing_left"], t["value"])
        try:
            trees = Trees(*nodes, t["starts"], t["tree_class"], len(self.baseline))
        except ValueError as error:
            raise ModelError(f"weights: trees: {error}") from error
        object.__setattr__(self, "_trees", trees)

    def __reduce__(self):
        return Boosted, (self.tables, self.baseline)  # the compiled trees are made anew where they arrive

    @property
    def width(self) -> int:
        """Columns a row must have at least."""
        return self._trees.width

    @property
    def count(self) -> int:
        """Number of trees."""
        return len(self.tables["tree_class"])

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Sums of (n, F) raw rows: (n, groups) float64."""
        out = np.tile(self.baseline, (len(rows), 1))
        self._trees.add(np.ascontiguousarray(rows, np.float64), out)
        return out

    def scaled(self, factor: float) -> Boosted:
        """The same trees with every answer times a factor (one over a temperature); absent classes stay absent."""
        start = np.where(self.baseline > ABSENT, self.baseline * factor, ABSENT)
        return Boosted(self.tables | {"value": self.tables["value"] * factor}, start)

    @classmethod
    def fit(
        cls,
        x: np.ndarray,
        classes: np.ndarray,
        validation: tuple[np.ndarray, np.ndarray] | None,
        config: BoostedConfig,
        *,
        seed: int = 7,
    ) -> Boosted:
        """Grow trees on raw samples; stop by the loss on the validation samples, which nothing else is learned from.

        Parameters
        ----------
        x, classes
            (n, F) raw rows and (n,) classes 0, 1, 2.
        validation
            The same, held out in time; never a random share of the training samples, whose neighbours it would hold.
            None grows all rounds.
        seed
            Of scikit-learn.

        Notes
        -----
        Trees are grown on one thread: scikit-learn's threads spin while they wait for each other, and where cores are
        shared cost many times what they bring. Folds can be grown side by side instead.

        References
        ----------
        J. Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29(5), 2001.
        G. Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017.
        """
        present = np.unique(classes)
        if len(present) < 2:
            start = np.full(3, ABSENT)
            start[present] = 0.0
            return cls({name: np.zeros(int(name == "starts"), kind) for name, kind in TABLES.items()}, start)
        few = spread(len(classes), config.most)
        held = None
        if validation is not None:
            known = np.flatnonzero(np.isin(validation[1], present))
            known = known[spread(len(known), max(config.most // 4, 1))]
            held = (validation[0][known], validation[1][known]) if len(known) else None
        if len(few) < len(classes):  # else it would only be copied
            x, classes = x[few], classes[few]
        return from_sklearn(_grow(x, classes, held, config, seed))


def _grow(x, classes, held, config: BoostedConfig, seed: int):
    from sklearn.ensemble import HistGradientBoostingClassifier  # serving must not need scikit-learn
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        learning_rate=config.learning_rate,
        max_iter=config.rounds,
        max_leaf_nodes=min(config.leaves, max(len(classes) // 200, 4)),  # few samples bear few leaves
        min_samples_leaf=min(config.least, max(len(classes) // 50, 1)),
        l2_regularization=config.ridge,
        max_bins=min(max(len(classes) // 40, 31), 255),  # finer ones only cost time
        early_stopping=held is not None,
        n_iter_no_change=config.patience,
        random_state=seed,
    )
    with threadpool_limits(limits=1):
        if held is None:
            return model.fit(x, classes)
        return model.fit(x, classes, X_val=held[0], y_val=held[1])


def from_sklearn(model) -> Boosted:
    """Read the trees out of a fitted HistGradientBoostingClassifier of the classes 0, 1, 2 (or two of them).

    Where it was stopped early, the rounds after the one with the least validation loss are left out.
    """
    present = np.asarray(model.classes_, np.int64)
    rounds = model._predictors
    scores = np.asarray(model.validation_score_)
    if len(scores):
        rounds = rounds[: int(scores.argmax())]  # the first score is that of no tree
    start = np.full(3, ABSENT)
    base = np.ravel(model._baseline_prediction)
    start[present] = (0.0, base[0]) if len(present) == 2 else base
    parts: dict[str, list[np.ndarray]] = {name: [np.zeros(0, kind)] for name, kind in NODES.items()}
    starts, outputs = [0], []
    for grown in rounds:
        for number, tree in enumerate(grown):
            nodes, first = tree.nodes, starts[-1]
            if nodes["is_categorical"].any():
                raise ModelError("boosted: trees over categories are not served")
            leaf = nodes["is_leaf"] != 0
            parts["feature"].append(np.where(leaf, -1, nodes["feature_idx"]).astype(np.int32))
            parts["threshold"].append(np.where(leaf, 0.0, nodes["num_threshold"]))
            for side in ("left", "right"):
                parts[side].append(np.where(leaf, -1, nodes[side].astype(np.int64) + first).astype(np.int32))
            parts["value"].append(np.where(leaf, nodes["value"], 0.0))
            parts["missing_left"].append(np.where(leaf, 0, nodes["missing_go_to_left"]).astype(np.uint8))
            starts.append(first + len(nodes))
            outputs.append(present[1] if len(present) == 2 else present[number])
    tables = {name: np.concatenate(pieces) for name, pieces in parts.items()}
    tables |= {"starts": np.array(starts, np.int64), "tree_class": np.array(outputs, np.int32)}
    return Boosted(tables, start)


def joined(heads: list[Boosted]) -> Boosted:
    """Trees of several heads as one table, three outputs a head."""
    tables: dict[str, list[np.ndarray]] = {name: [] for name in TABLES}
    nodes = 0
    for head, each in enumerate(heads):
        leaf = each.tables["feature"] < 0
        for name in NODES:
            moved = name in ("left", "right")
            tables[name].append(np.where(leaf, -1, each.tables[name] + nodes) if moved else each.tables[name])
        tables["starts"].append(each.tables["starts"][head > 0 :] + nodes)
        tables["tree_class"].append(each.tables["tree_class"] + 3 * head)
        nodes += len(leaf)
    made = {name: np.concatenate(pieces).astype(TABLES[name]) for name, pieces in tables.items()}
    return Boosted(made, np.concatenate([each.baseline for each in heads]))


class BoostedNet(RowNet):
    """Served trees: the tables of `Boosted` and ``baseline`` (heads, 3)."""

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, Any]) -> None:
        super().__init__(architecture)
        tables = {name: weights[name] for name in TABLES if name in weights}
        self._trees = Boosted(tables, Tensors(weights).get("baseline", self.heads, 3).ravel())
        if self._trees.width > self.width:
            raise ModelError(f"weights: trees ask about column {self._trees.width - 1} of {self.width}")

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Sums of the trees' leaves."""
        return self._trees.logits(rows).reshape(-1, self.heads, 3)
