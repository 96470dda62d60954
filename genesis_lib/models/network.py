"""What all networks have in common: a configuration that reads back, and rows in, logits out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor, nn

from genesis_lib.errors import ModelError


class NetworkConfig:
    """Base of the configurations, which are frozen dataclasses.

    Each has `inputs` (columns of a row), `window` (rows a prediction sees) and `heads` (horizons answered for).
    """

    __slots__ = ()
    KIND: ClassVar[str]
    DERIVED: ClassVar[tuple[str, ...]] = ()  # follow from the fields; stored, so that a reader need not know how

    inputs: int
    window: int
    heads: int

    @classmethod
    def of(cls, architecture: Mapping[str, Any]) -> Self:
        """Read a configuration back from what `as_dict` gave; a key left out takes its default.

        Raises
        ------
        ModelError
            When a key is unknown, a value is not allowed, or what follows from the fields says otherwise.
        """
        given = {key: value for key, value in architecture.items() if key != "kind"}
        said = {key: given.pop(key) for key in cls.DERIVED if key in given}
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(given) - known):
            allowed = ", ".join(sorted(known | set(cls.DERIVED)))
            raise ModelError(f"unknown architecture keys {', '.join(unknown)}; allowed: {allowed}")
        config = cls(**given)
        for key, value in said.items():
            if value != getattr(config, key):
                raise ModelError(f"{key} must be {getattr(config, key)} as the other keys have it, got {value!r}")
        return config

    def as_dict(self) -> dict[str, Any]:
        """What the manifest stores, as JSON gives it back (lists, not tuples)."""
        own = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        return {"kind": self.KIND, **{key: getattr(self, key) for key in self.DERIVED}, **own}

    def require(self, **least: int) -> None:
        """Refuse fields that are not whole numbers of at least so much, and a dropout or slope that is no share."""
        for name, bound in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < bound:
                raise ModelError(f"{name} must be a whole number of at least {bound}, got {value!r}")
        for name in {"dropout", "slope"} & {f.name for f in fields(self)}:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value < 1.0:
                raise ModelError(f"{name} must lie in [0, 1), got {value!r}")

    def require_sizes(self, *names: str, count: int) -> None:
        """Refuse fields that are not so many whole numbers of at least 1; a list, as JSON has it, becomes a tuple."""
        for name in names:
            value = getattr(self, name)
            sound = isinstance(value, (list, tuple)) and len(value) == count
            if not (sound and all(type(size) is int and size >= 1 for size in value)):
                raise ModelError(f"{name} must be {count} whole numbers of at least 1, got {value!r}")
            object.__setattr__(self, name, tuple(value))


class Network(nn.Module):
    """Logits of DOWN, NEUTRAL, UP for each horizon from a window of scaled rows.

    Notes
    -----
    `forward` takes whole windows; `windows` takes rows and where each window finds its own among them, which a network
    may use to compute once what windows share. A network whose `is_dense` holds also has ``dense(x)``: (B, T, F) ->
    (B, T - window + 1, heads, 3), the answers of `forward` on every window of x. A softmax of the logits gives the
    probabilities; it is left to the loss while training.

    All this is equality in evaluation mode. In training mode a batch normalisation takes its statistics from what it
    is given: `forward` counts a row once for every window that holds it, `windows` and `dense`, which compute it once,
    once (dense training freezes the statistics, so that no row sees its future). Dropout, too, is drawn for what is
    computed. What is learned differs by that noise, what is served does not.
    """

    is_dense: ClassVar[bool] = False

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, x: Tensor) -> Tensor:
        """Logits of windows: (B, window, F) -> (B, heads, 3)."""
        raise TypeError(f"{type(self).__name__} must say how it answers")

    def windows(self, rows: Tensor, index: Tensor) -> Tensor:
        """Logits of windows given as row numbers: (R, F), (B, window) int64 -> (B, heads, 3)."""
        return self(rows[index])

    def by_head(self, flat: Tensor) -> Tensor:
        """Split what the last layer gives: (..., 3 * heads) -> (..., heads, 3)."""
        return flat.unflatten(-1, (self.config.heads, 3))

    def arrays(self) -> dict[str, np.ndarray]:
        """Trained values and the normalisations' statistics by name, as an artifact stores them."""
        state = self.state_dict().items()
        return {name: t.detach().cpu().numpy() for name, t in state if not name.endswith("num_batches_tracked")}

    @property
    def parameter_count(self) -> int:
        """Number of trained values."""
        return sum(p.numel() for p in self.parameters())
