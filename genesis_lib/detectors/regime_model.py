"""The clusters that states of the market are told by: frozen numbers, read, hashed and looked up."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files

from genesis_lib.errors import InputError

STATES = ("Calm", "Stressed", "Execution Hot", "Manipulation Suspected")
COLUMNS = ("volatility", "spread", "thinness", "trade_rate", "imbalance", "order_to_trade", "manipulation")


@dataclass(frozen=True, slots=True)
class RegimeModel:
    """Clusters of seconds, each of one of `STATES`; made by `genesis_lib.detectors.regime_fitting`.

    Parameters
    ----------
    version : int
        Of what the numbers mean.
    columns : tuple of str
        Features, in the order of the numbers.
    states : tuple of str
        State of each cluster.
    weights : tuple of float
        Share of each cluster in what it was fitted on.
    centres, deviations : tuple of tuple of float
        Mean and standard deviation of each feature, a cluster a row.
    fitted_on : tuple of str
        Sessions.
    """

    version: int
    columns: tuple[str, ...]
    states: tuple[str, ...]
    weights: tuple[float, ...]
    centres: tuple[tuple[float, ...], ...]
    deviations: tuple[tuple[float, ...], ...]
    fitted_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.states)
        if tuple(self.columns) != COLUMNS:
            raise InputError(f"columns must be {', '.join(COLUMNS)}, got {', '.join(self.columns)}")
        unknown = sorted(set(self.states) - set(STATES))
        if unknown or "Calm" not in self.states:
            raise InputError(
                f"states must be of {', '.join(STATES)} with Calm among them, got {', '.join(self.states)}"
            )
        for name, rows in (("centres", self.centres), ("deviations", self.deviations), ("weights", self.weights)):
            if len(rows) != count:
                raise InputError(f"{name} must have {count} rows, one for each state, got {len(rows)}")
        if not all(len(row) == len(COLUMNS) for row in (*self.centres, *self.deviations)):
            raise InputError(f"centres and deviations must have {len(COLUMNS)} numbers a row")
        if not all(value > 0.0 for row in (*self.deviations, self.weights) for value in row):
            raise InputError("deviations and weights must be positive")

    @classmethod
    def from_dict(cls, values: Mapping) -> RegimeModel:
        """Read what `as_dict` gives."""
        made = {
            name: tuple(tuple(item) if isinstance(item, list) else item for item in value)
            if isinstance(value, list)
            else value
            for name, value in values.items()
        }
        try:
            return cls(**made)
        except TypeError as error:
            raise InputError(f"not a regime model: {error}") from None

    def as_dict(self) -> dict:
        """Plain values, ready for JSON."""
        return asdict(self)

    @property
    def hash(self) -> str:
        """First 12 digits of the sha256 of its numbers."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:12]

    def probabilities(self, features: Sequence[float]) -> dict[str, float]:
        """Probability of each state: of the Gaussian mixture with these clusters, those of one state added up."""
        logs = []
        for weight, centre, deviation in zip(self.weights, self.centres, self.deviations):
            log = math.log(weight)
            for value, mean, spread in zip(features, centre, deviation):
                log -= 0.5 * ((value - mean) / spread) ** 2 + math.log(spread)
            logs.append(log)
        top = max(logs)
        shares = [math.exp(log - top) for log in logs]
        total = sum(shares)
        found = dict.fromkeys(STATES, 0.0)
        for state, share in zip(self.states, shares):
            found[state] += share / total
        return found


@cache
def default_model() -> RegimeModel:
    """The model that comes with the library."""
    text = files("genesis_lib.detectors").joinpath("regime_model.json").read_text(encoding="utf-8")
    return RegimeModel.from_dict(json.loads(text))
