"""Models that go on learning: answers from the weights of the moment, and one small step on labels that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.ensemble import EnsembleNet
from genesis_lib.models.linear import LogisticNet
from genesis_lib.models.predictor import folded
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.batches import gather
from genesis_lib.training.calibration import calibrated

RATES = {"logistic": 0.01, "network": 1e-4}
STEP = 500  # labels that a step of the full rate takes; one of fewer is as much smaller
INTERCEPTS = 10.0  # times the rate: shares of the classes drift sooner than what tells them apart
PULL = 0.02  # share of the way back to the weights of training that every full step of a network takes
REACH = 0.05  # how far a network may go from them, as a share of their length
CHUNK = 2048  # windows at a time


class Learner(Protocol):
    """A model that can be asked and taught about rows, given by the last row of each window."""

    learns: bool

    def log_probabilities(self, ends: np.ndarray) -> np.ndarray:
        """Calibrated log-probabilities (n, H, 3) by the weights of the moment."""

    def update(self, ends: np.ndarray, classes: np.ndarray) -> None:
        """One step on rows (n,) whose classes (n, H) are known; -1 where a head has none."""

    def weights(self) -> dict[str, np.ndarray]:
        """Tensors of the moment, as an artifact stores them."""


def learner(
    architecture: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    scaler: Scaler,
    temperature: Sequence[float],
    inputs: np.ndarray,
    starts: np.ndarray,
    rate: float | None = None,
) -> Learner:
    """Copy a trained model into one that goes on learning.

    Parameters
    ----------
    architecture, weights, scaler, temperature
        As an artifact holds them; none is changed.
    inputs, starts
        (N, F) raw rows and (N,) beginnings of their streaks, as `Rows` has them.
    rate
        Learning rate of a step on `STEP` labels; that of `RATES` when left out. Of an ensemble, a factor of its
        members' own.

    Raises
    ------
    ModelError
        For a model that cannot take small steps: trees, persistence, shares.
    """
    kind, cool = architecture["kind"], np.array(temperature, np.float64)
    if kind == "ensemble":
        return EnsembleLearner(architecture, weights, scaler.transform(inputs), starts, rate or 1.0)
    if kind == "logistic":
        return LogisticLearner(architecture, weights, scaler.transform(inputs), cool, rate or RATES["logistic"])
    if kind in ("majority", "persistence", "boosted"):
        raise ModelError(f"{kind} cannot learn online: networks, logistic regressions and ensembles with such can")
    return NetworkLearner(architecture, weights, scaler.transform(inputs), starts, cool, rate or RATES["network"])


class LogisticLearner:
    """Plain gradient steps on the mean log-loss, none longer than the rate."""

    learns = True

    def __init__(self, architecture, weights, scaled: np.ndarray, cool: np.ndarray, rate: float) -> None:
        LogisticNet(weights, architecture)  # refuses what does not fit
        self._x, self._cool, self._rate = scaled, cool, rate
        self._coefficients = weights["coefficients"].astype(np.float64)
        self._intercepts = weights["intercepts"].astype(np.float64)

    def log_probabilities(self, ends: np.ndarray) -> np.ndarray:
        """See `Learner`."""
        flat = self._x[ends].astype(np.float64) @ self._coefficients.reshape(-1, self._x.shape[1]).T
        return _log_softmax((flat.reshape(len(ends), -1, 3) + self._intercepts) / self._cool[:, None])

    def update(self, ends: np.ndarray, classes: np.ndarray) -> None:
        """See `Learner`."""
        wrong = np.exp(self.log_probabilities(ends))
        known = classes >= 0
        wrong -= np.eye(3)[np.maximum(classes, 0)]
        wrong *= (known / np.maximum(known.sum(axis=0), 1) / self._cool)[:, :, None]
        slope = np.einsum("nhc,ng->hcg", wrong, self._x[ends].astype(np.float64), optimize=True)
        size = self._rate * len(ends) / STEP
        self._coefficients -= size * slope / max(float(np.sqrt(np.square(slope).sum())), 1.0)
        self._intercepts -= INTERCEPTS * size * wrong.sum(axis=0)

    def weights(self) -> dict[str, np.ndarray]:
        """See `Learner`."""
        return {"coefficients": self._coefficients.copy(), "intercepts": self._intercepts.copy()}


class NetworkLearner:
    """Steps of Adam on a leash: each is pulled back to the weights of training, and none goes further than `REACH`.

    Normalisations keep the statistics of training, and nothing is dropped out. Labels of one class only teach
    nothing: the cheapest answer to them is to forget the others.
    """

    learns = True

    def __init__(self, architecture, weights, scaled, starts, cool: np.ndarray, rate: float) -> None:
        import torch

        from genesis_lib.models.kinds import restore

        self._net = restore(architecture, weights)
        self._x, self._starts = torch.from_numpy(np.nan_to_num(scaled)), starts
        self._cool = torch.from_numpy(cool)[:, None].float()
        self._rate, self._optimizer = rate, torch.optim.Adam(self._net.parameters(), lr=rate)
        self._home = [each.detach().clone() for each in self._net.parameters()]
        self._length = float(sum(each.square().sum() for each in self._home)) ** 0.5
        self.window = int(architecture["window"])

    def _logits(self, ends: np.ndarray):
        """Cooled logits (n, H, 3) at ascending rows, neighbours in one dense pass where the network has one."""
        import torch

        if not self._net.is_dense:
            rows, index = gather(ends, self.window)
            return self._net.windows(self._x[rows], torch.from_numpy(index)) / self._cool
        parts, reach = [], self.window - 1
        cuts = np.flatnonzero((np.diff(ends) > reach) | (np.diff(self._starts[ends]) != 0)) + 1
        for run in np.split(ends, cuts):
            first, last = int(run[0]), int(run[-1])
            every = self._net.dense(self._x[None, first - reach : last + 1])[0]
            parts.append(every[torch.from_numpy(run - first)])
        return torch.cat(parts) / self._cool

    def log_probabilities(self, ends: np.ndarray) -> np.ndarray:
        """See `Learner`."""
        import torch

        order = np.argsort(ends, kind="stable")
        result = np.empty((len(ends), len(self._cool), 3))
        with torch.inference_mode():
            for first in range(0, len(order), CHUNK):
                at = order[first : first + CHUNK]
                result[at] = self._logits(ends[at]).double().log_softmax(-1).numpy()
        return result

    def update(self, ends: np.ndarray, classes: np.ndarray) -> None:
        """See `Learner`."""
        import torch
        from torch.nn import functional

        order = np.argsort(ends, kind="stable")
        truth = torch.from_numpy(classes[order].astype(np.int64))
        self._optimizer.zero_grad()
        logits = self._logits(ends[order])
        loss = functional.cross_entropy(logits.reshape(-1, 3), truth.reshape(-1), ignore_index=-1)
        several = bool((np.diff(np.sort(classes[classes >= 0])) > 0).any())
        if several and torch.isfinite(loss):
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._net.parameters(), 1.0)
            self._optimizer.param_groups[0]["lr"] = self._rate * len(ends) / STEP
            self._optimizer.step()
        self._homeward(len(ends) / STEP)

    def _homeward(self, size: float) -> None:
        import torch

        with torch.no_grad():
            own = list(self._net.parameters())
            for each, home in zip(own, self._home):
                each.lerp_(home, min(PULL * size, 1.0))
            gone = float(sum((each - home).square().sum() for each, home in zip(own, self._home))) ** 0.5
            if gone > REACH * self._length:
                for each, home in zip(own, self._home):
                    each.copy_(home + (each - home) * (REACH * self._length / gone))

    def weights(self) -> dict[str, np.ndarray]:
        """See `Learner`."""
        return {name: array.copy() for name, array in self._net.arrays().items()}


class _Fixed:
    """A member that stays as it was trained."""

    learns = False

    def __init__(self, architecture, weights, scaled, starts, cool: np.ndarray) -> None:
        net = folded(weights, architecture)
        every = np.full((len(scaled), net.heads, 3), np.nan)
        edges = np.flatnonzero(np.diff(starts, prepend=-2, append=-2))
        for first, last in zip(edges[:-1], edges[1:]):  # noqa: RUF007
            if starts[first] >= 0:
                every[first:last] = net.logits(scaled[first:last])
        self._every, self._weights = _log_softmax(every / cool[:, None]), dict(weights)

    def log_probabilities(self, ends: np.ndarray) -> np.ndarray:
        return self._every[ends]

    def update(self, ends: np.ndarray, classes: np.ndarray) -> None:
        """Learns nothing."""

    def weights(self) -> dict[str, np.ndarray]:
        return self._weights


class EnsembleLearner:
    """Every member that can learns by itself; their weights in the mean stay."""

    learns = True

    def __init__(self, architecture, weights, scaled: np.ndarray, starts: np.ndarray, factor: float) -> None:
        self._net = EnsembleNet(weights, architecture)
        self._members: list[Learner] = []
        for at, (table, served) in enumerate(zip(architecture["members"], self._net.members)):
            mark = f"member{at}."
            own = {name.removeprefix(mark): array for name, array in weights.items() if name.startswith(mark)}
            shape, cool = table["architecture"], np.array(table["temperature"], np.float64)
            rate = RATES["logistic" if shape["kind"] == "logistic" else "network"] * factor
            seen, none = served.seen(scaled), Scaler(np.zeros(served.net.width), np.ones(served.net.width), 1e30)
            try:
                self._members.append(learner(shape, own, none, tuple(cool), seen, starts, rate))
            except ModelError:
                self._members.append(_Fixed(shape, own, seen, starts, cool))
        if not any(member.learns for member in self._members):
            raise ModelError("none of the ensemble's members can learn online: networks and logistic regressions can")

    def log_probabilities(self, ends: np.ndarray) -> np.ndarray:
        """See `Learner`."""
        return _log_softmax(self._net.mixed([member.log_probabilities(ends) for member in self._members]))

    def update(self, ends: np.ndarray, classes: np.ndarray) -> None:
        """See `Learner`."""
        for member in self._members:
            member.update(ends, classes)

    def weights(self) -> dict[str, np.ndarray]:
        """See `Learner`."""
        return {
            f"member{at}.{name}": array
            for at, member in enumerate(self._members)
            for name, array in member.weights().items()
        }


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(calibrated(logits), 1e-300))
