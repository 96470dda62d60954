"""Live predictions: a raw feature row in, three probabilities out, on one thread and without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.scaler import Scaler

CLASSES = ("DOWN", "NEUTRAL", "UP")
# Imported when asked for: a predictor costs the modules of its own kind. Each class takes the trained tensors by their
# name in the torch module's state and the manifest's architecture; `ModelError` where one is missing or misshapen.
SERVED = {
    "deeplob": "genesis_lib.models.streaming_deeplob:ServedDeepLOB",
    "causal": "genesis_lib.models.streaming_causal:ServedCausal",
    "tcn": "genesis_lib.models.streaming_tcn:ServedTCN",
    "deeplob-lstm": "genesis_lib.models.streaming_lstm:ServedPaperDeepLOB",
    "tabl": "genesis_lib.models.streaming_tabl:ServedTABL",
    "attention": "genesis_lib.models.streaming_attention:ServedAttention",
    "majority": "genesis_lib.models.linear:MajorityNet",
    "persistence": "genesis_lib.models.persistence:PersistenceNet",
    "logistic": "genesis_lib.models.linear:LogisticNet",
    "boosted": "genesis_lib.models.boosted:BoostedNet",
    "ensemble": "genesis_lib.models.ensemble:EnsembleNet",
}


class LogitsByRow(Protocol):
    """A stream of scaled rows."""

    def step(self, row: np.ndarray) -> np.ndarray | None:
        """Take one scaled row (width,), give logits (heads, 3), or None while fewer than the window have come."""

    def reset(self) -> None:
        """Forget every row."""

    def ahead(self) -> None:
        """Do what can be done before the next row comes."""


class Served(Protocol):
    """What a kind must have to answer live."""

    window: int
    width: int
    heads: int

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Logits at every row of one unbroken streak of scaled rows: (n, width) -> (n, heads, 3), NaN at first."""

    def stream(self) -> LogitsByRow:
        """A fresh stream."""


def folded(weights: Mapping[str, np.ndarray], architecture: Mapping[str, Any]) -> Served:
    """Build what an architecture names, ready to answer.

    Raises
    ------
    ModelError
        For a kind that is not known, and for weights that do not fit, or that nothing of the kind asks for.
    """
    kind = architecture.get("kind") if isinstance(architecture, Mapping) else None
    if not isinstance(kind, str) or kind not in SERVED:
        raise ModelError(f"architecture kind must be one of {', '.join(SERVED)}, got {kind!r:.80}")
    module, name = SERVED[kind].split(":")
    asked = _Asked(weights)
    net = getattr(import_module(module), name)(asked, architecture)
    if foreign := sorted(set(weights) - asked.names):
        raise ModelError(f"weights: {kind} of this architecture has no {', '.join(foreign[:5])}")
    return net


class _Asked(dict):
    """Tensors by name, and which of them were looked up."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        super().__init__(weights)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> np.ndarray:
        self.names.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


class Predictor:
    """Probabilities of DOWN, NEUTRAL, UP after each row.

    Parameters
    ----------
    net, scaler
        The artifact's network and input scaling.
    temperature
        Logits are divided by it, one a head; 1 when left out.
    head
        Whose probabilities `step` gives.

    Attributes
    ----------
    width : int
        Columns of a row.
    warmup : int
        Unbroken rows an answer needs.

    Notes
    -----
    A row that is not finite everywhere (a gap, a warm-up) forgets all rows before it: no window ever contains one.
    Networks that run compiled take the raw row there: scaling, step and softmax are one call.
    """

    def __init__(self, net: Served, scaler: Scaler, temperature: Sequence[float] | None = None, head: int = 0) -> None:
        self.width, self.warmup = net.width, net.window
        self._temperature = check(net, scaler, temperature, head)
        raw = getattr(net, "raw_stream", None)
        if raw is not None:
            self._stream = raw(scaler, self._temperature, head)
        else:
            self._stream = ScaledStream(net, scaler, self._temperature, head)

    @property
    def remaining(self) -> int:
        """Rows still to come before there is an answer."""
        return self._stream.remaining

    @property
    def heads(self) -> np.ndarray:
        """Probabilities of all horizons after the last row: (heads, 3) float64, NaN while warming up."""
        return self._stream.probabilities

    def reset(self) -> None:
        """Forget every row."""
        self._stream.reset()

    def ahead(self) -> None:
        """Do now what the next step can do before its row is known; it does so itself when this is left out."""
        self._stream.ahead()

    def step(self, row: np.ndarray) -> np.ndarray:
        """Take one raw row (F,) in the artifact's column order, give (3,) float64; NaN while warming up.

        Raises
        ------
        ModelError
            When the row has another number of columns.
        """
        try:
            return self._stream.step(row)
        except ValueError as error:
            raise ModelError(str(error)) from None


class ScaledStream:
    """Scaling before, softmax behind a stream that takes scaled rows and gives logits."""

    def __init__(self, net: Served, scaler: Scaler, temperature: np.ndarray, head: int) -> None:
        self._width, self._window, self._heads, self._head = net.width, net.window, net.heads, head
        self._scaler, self._temperature = scaler, temperature[:, None]
        self._stream = net.stream()
        self.ahead = self._stream.ahead
        self._forget()

    def _forget(self) -> None:
        self.remaining = self._window
        self._answer = np.full((self._heads, 3), np.nan)

    @property
    def probabilities(self) -> np.ndarray:
        return self._answer.copy()

    def reset(self) -> None:
        self._stream.reset()
        self._forget()

    def step(self, row: np.ndarray) -> np.ndarray:
        row = np.asarray(row, np.float64)
        if row.shape != (self._width,):
            raise ModelError(f"row must have shape ({self._width},), got {row.shape}")
        if not np.isfinite(row).all():
            self.reset()
        else:
            logits = self._stream.step(self._scaler.transform(row))
            self.remaining = max(self.remaining - 1, 0)
            if logits is not None:
                self._answer = softmax(logits / self._temperature)
        return self._answer[self._head].copy()


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities from logits, along the last axis."""
    power = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


def check(net: Served, scaler: Scaler, temperature: Sequence[float] | None, head: int) -> np.ndarray:
    """Give the temperatures (heads,), when scaler, temperatures and head fit the network."""
    if len(scaler.mean) != net.width:
        raise ModelError(f"scaler has {len(scaler.mean)} columns, the network takes {net.width}")
    if not 0 <= head < net.heads:
        raise ModelError(f"head must be from 0 to {net.heads - 1}, got {head!r}")
    values = np.ones(net.heads) if temperature is None else np.asarray(temperature, np.float64)
    if values.shape != (net.heads,) or not (np.isfinite(values) & (values > 0)).all():
        raise ModelError(f"temperature must hold {net.heads} positive numbers, one a head, got {temperature!r}")
    return values


def predict_heads(
    net: Served,
    scaler: Scaler,
    rows: np.ndarray,
    valid: np.ndarray | None = None,
    temperature: Sequence[float] | None = None,
) -> np.ndarray:
    """Batch twin of `Predictor` over (n, F) raw rows: (n, heads, 3) float64, NaN where `step` gives NaN.

    `valid` (n,) bool marks further rows that must not be used.
    """
    values = check(net, scaler, temperature, 0)
    if rows.ndim != 2 or rows.shape[1] != net.width:
        raise ModelError(f"rows must have shape (n, {net.width}), got {rows.shape}")
    if valid is not None and valid.shape != (len(rows),):
        raise ModelError(f"valid must have shape ({len(rows)},), got {valid.shape}")
    if hasattr(net, "raw_stream"):
        return net.raw_stream(scaler, values, 0).run(rows, valid)
    usable = np.isfinite(rows).all(axis=1)
    if valid is not None:
        usable &= valid
    result = np.full((len(rows), net.heads, 3), np.nan)
    edges = np.flatnonzero(np.diff(usable, prepend=False, append=False))
    for first, last in zip(edges[::2], edges[1::2]):
        if last - first >= net.window:
            logits = net.logits(scaler.transform(np.asarray(rows[first:last], np.float64)))
            with np.errstate(invalid="ignore"):
                result[first:last] = softmax(logits / values[:, None])
    return result
