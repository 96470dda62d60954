"""Several trained models answering as one: the mean of their probabilities or of their logits, weighted or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import sizes
from genesis_lib.models.scaler import Scaler

MEANS = ("probability", "logit")
FLOOR = 1e-12  # least probability a mean is taken of


class Member(NamedTuple):
    """One model of an ensemble, as it was trained.

    Parameters
    ----------
    architecture, weights, scaler
        As an artifact of its own would store them.
    temperature
        One a head.
    columns
        Where its inputs are among the ensemble's columns.
    weight
        Its part in the mean; all together must give 1.
    """

    architecture: Mapping[str, Any]
    weights: Mapping[str, np.ndarray]
    scaler: Scaler
    temperature: tuple[float, ...]
    columns: tuple[int, ...]
    weight: float


def assemble(
    members: Sequence[Member], inputs: int, mean: str = "probability"
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Architecture and weights of an ensemble, as `registry.register` takes them beside a scaler that scales nothing.

    Parameters
    ----------
    members
        At least one; they must answer for the same heads.
    inputs
        Columns of a row of the ensemble.
    mean
        Of ``probability`` (a mixture), or of ``logit`` (its members must agree to be sure).

    Raises
    ------
    ModelError
        When the members do not fit together.
    """
    shape = {
        "kind": "ensemble",
        "inputs": int(inputs),
        "window": max((int(member.architecture["window"]) for member in members), default=0),
        "heads": int(members[0].architecture.get("heads", 1)) if members else 0,
        "mean": mean,
        "members": [
            {
                "architecture": dict(member.architecture),
                "weight": float(member.weight),
                "temperature": [float(each) for each in member.temperature],
                "scaler": member.scaler.as_dict(),
                "columns": [int(column) for column in member.columns],
            }
            for member in members
        ],
    }
    tensors = {f"member{at}.{name}": array for at, each in enumerate(members) for name, array in each.weights.items()}
    EnsembleNet(tensors, shape)  # refuses what could not be served
    return shape, tensors


class EnsembleNet:
    """A served ensemble; every member sees its own columns through its own scaling.

    Parameters
    ----------
    weights
        Each member's tensors, ``member0.`` and so on before their names.
    architecture
        ``inputs``, ``window`` (the longest of the members'), ``heads``, ``mean`` and ``members``, see `assemble`.

    Raises
    ------
    ModelError
        When a member is damaged, or does not fit the others.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, Any]) -> None:
        try:
            self.width, self.window, self.heads = sizes(architecture, "inputs", "window", "heads")
            self.mean, members = architecture["mean"], list(architecture["members"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"architecture: ensemble: {error} is missing or damaged") from error
        if self.mean not in MEANS:
            raise ModelError(f"architecture: ensemble mean must be one of {', '.join(MEANS)}, got {self.mean!r}")
        if not members:
            raise ModelError("architecture: an ensemble needs at least one member")
        self.members = [_Served(at, table, weights, self.width, self.heads) for at, table in enumerate(members)]
        total = sum(member.weight for member in self.members)
        if abs(total - 1.0) > 1e-6:
            raise ModelError(f"architecture: weights of the members must add up to 1, got {total:.6g}")
        if self.window != max(member.net.window for member in self.members):
            raise ModelError("architecture: window of an ensemble must be the longest of its members'")

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Logits at every row of one unbroken streak: (n, width) -> (n, heads, 3), NaN at the first `window` - 1."""
        with np.errstate(invalid="ignore"):
            return self.mixed([member.told(member.net.logits(member.seen(rows))) for member in self.members])

    def mixed(self, told: Sequence[np.ndarray]) -> np.ndarray:
        """Mean of what the members tell, each (..., 3) log-probabilities."""
        if self.mean == "logit":
            least = np.log(FLOOR)  # one member alone must not rule a class out, nor say more than it was scored with
            return sum(member.weight * np.maximum(each, least) for member, each in zip(self.members, told))
        mixture = sum(member.weight * np.exp(each) for member, each in zip(self.members, told))
        return np.log(np.maximum(mixture, FLOOR))

    def stream(self) -> EnsembleStream:
        """A fresh stream of rows."""
        return EnsembleStream(self)


class EnsembleStream:
    """One answer a row, from the members' own streams, once the one with the longest window has an answer."""

    def __init__(self, net: EnsembleNet) -> None:
        self._net = net
        self._streams = [member.net.stream() for member in net.members]

    def reset(self) -> None:
        """Forget every row."""
        for stream in self._streams:
            stream.reset()

    def ahead(self) -> None:
        """Let the members do what can be done before the next row comes."""
        for stream in self._streams:
            stream.ahead()

    def step(self, row: np.ndarray) -> np.ndarray | None:
        """Take one row (width,), give logits (heads, 3), or None while a member still waits."""
        members = self._net.members
        answers = [stream.step(member.seen(row)) for stream, member in zip(self._streams, members)]
        if any(answer is None for answer in answers):
            return None
        return self._net.mixed([member.told(answer) for member, answer in zip(members, answers)])


class _Served:
    """A member, ready to answer."""

    def __init__(self, at: int, table: Mapping[str, Any], weights, width: int, heads: int) -> None:
        from genesis_lib.models.predictor import folded  # which finds this file by name

        mark = f"member{at}."
        try:
            own = {name.removeprefix(mark): weights[name] for name in weights if name.startswith(mark)}
            self.net = folded(own, table["architecture"])
            self.weight = float(table["weight"])
            self._scaler = Scaler.of(table["scaler"])
            if not all(type(column) is int for column in table["columns"]):
                raise ModelError(f"columns must be whole numbers, got {table['columns']!r:.80}")
            self.columns = np.array(table["columns"], np.int64)
            self._cool = np.array(table["temperature"], float)[:, None]
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise ModelError(f"architecture: member {at}: {error} is missing or damaged") from error
        except ModelError as error:
            raise ModelError(f"member {at}: {error}") from error
        if self.net.heads != heads:
            raise ModelError(f"architecture: member {at} answers for {self.net.heads} heads, the ensemble for {heads}")
        if self.columns.shape != (self.net.width,) or len(self._scaler.mean) != self.net.width:
            raise ModelError(f"architecture: member {at} takes {self.net.width} columns, got {self.columns.size}")
        if ((self.columns < 0) | (self.columns >= width)).any():
            raise ModelError(f"architecture: member {at}: columns must lie in [0, {width})")
        if self._cool.shape != (heads, 1) or not (self._cool > 0).all() or not np.isfinite(self._cool).all():
            raise ModelError(f"architecture: member {at}: temperature must hold a positive number for each head")
        if not 0.0 <= self.weight <= 1.0 + 1e-9:
            raise ModelError(f"architecture: member {at}: weight must lie in [0, 1], got {self.weight!r}")
        if np.array_equal(self.columns, np.arange(width)):
            self.columns = slice(None)  # all, in order: nothing to pick

    def seen(self, rows: np.ndarray) -> np.ndarray:
        """Its columns of (..., width) rows, scaled."""
        return self._scaler.transform(rows[..., self.columns])

    def told(self, logits: np.ndarray) -> np.ndarray:
        """Its calibrated log-probabilities, from logits (..., heads, 3)."""
        cooled = logits / self._cool
        cooled = cooled - cooled.max(axis=-1, keepdims=True)
        return cooled - np.log(np.exp(cooled).sum(axis=-1, keepdims=True))
