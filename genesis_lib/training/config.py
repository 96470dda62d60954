"""How a network is trained, in plain numbers. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from genesis_lib.errors import InputError

WINDOWS = 32_768  # windows a pass of a network that is not dense, when nothing is said
CHECK = 262_144  # predictions between two validations at most, when nothing is said
CHOICES = {
    "schedule": ("one-cycle", "constant"),
    "class_weights": ("none", "balanced"),
    "accelerator": ("auto", "cpu", "gpu"),
}


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How a network is trained.

    What is seen, validated and waited for is counted in predictions: a pass is as many as there are training samples
    (or `windows`, when fewer).

    Parameters
    ----------
    epochs
        Passes at most. The one-cycle schedule is laid out over all of them.
    patience
        Passes (parts count) without a better validation loss before training stops.
    batch_size
        Windows a step of a network that is trained on windows.
    windows
        Predictions a pass at most, drawn anew each pass; 0 takes all. None takes all where training is dense, else
        32,768.
    together
        Neighbouring windows that are drawn together (they may share their rows' computation); 1 draws each by itself.
    learning_rate, weight_decay
        Peak rate of AdamW; decay of the weights of matrices and convolutions (normalisations and biases have none).
    augment
        Show half of what is seen upside down (bids as asks, UP as DOWN), and shift the log sizes of each stretch of
        rows by a common random amount: neither which side is which nor the unit of size may matter. None does so where
        the mirror is at hand: for the raw book, and for rows made with ``mirrored=True``.
    seed
        Decides initial weights, order and dropout.
    threads
        Threads torch may use.
    quiet
        No progress bar.
    dense
        Train on long stretches of rows in one pass each; None does so where the network allows it.
    sequences, stretch
        A dense step takes `sequences` stretches of ``window - 1 + stretch`` rows, `stretch` predictions each.
    check
        Predictions between two validations; None takes a pass, at most 262,144.
    schedule
        ``one-cycle`` (a quarter of the way up from a 25th of the rate, then down to nearly nothing, both by a cosine)
        or ``constant``.
    average
        Decay, a step, of the exponential average of the weights that is validated and kept; 0 keeps the weights
        themselves.
    clip
        Largest norm of a step's gradient.
    class_weights
        ``none`` judges every sample alike, as log-loss does; ``balanced`` weighs classes inversely to their shares,
        which calls rare classes sooner and makes the probabilities too large for them.
    linear_start
        Start a network with a linear path from its answer, as the logistic regression on the training samples gives it.
    accelerator
        ``auto`` takes a GPU where there is one, in bfloat16 and with larger batches; or ``cpu``, ``gpu``.

    References
    ----------
    L. N. Smith, N. Topin, "Super-Convergence", arXiv:1708.07120, 2017 (one-cycle).
    I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    B. Polyak, A. Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM Journal on Control and
    Optimization 30(4), 1992.
    """

    epochs: int = 15
    patience: float = 15
    batch_size: int = 256
    windows: int | None = None
    together: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    augment: bool | None = None
    seed: int = 7
    threads: int = 2
    quiet: bool = False
    dense: bool | None = None
    sequences: int = 16
    stretch: int = 128
    check: int | None = None
    schedule: str = "one-cycle"
    average: float = 0.99
    clip: float = 1.0
    class_weights: str = "none"
    linear_start: bool = True
    accelerator: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "together", "threads", "sequences", "stretch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if self.batch_size < 2:
            raise InputError(f"batch_size must be at least 2, got {self.batch_size!r}")
        if self.windows and self.windows < self.batch_size:
            raise InputError(f"windows must be 0 (all) or at least batch_size {self.batch_size}, got {self.windows!r}")
        for name in ("patience", "learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, got {getattr(self, name)!r}")
        if self.check is not None and self.check < 1:
            raise InputError(f"check must be at least 1, got {self.check!r}")
        if not self.weight_decay >= 0:
            raise InputError(f"weight_decay must be at least 0, got {self.weight_decay!r}")
        if not 0 <= self.average < 1:
            raise InputError(f"average must lie in [0, 1), got {self.average!r}")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")

    def is_dense(self, able: bool, model: str = "the network") -> bool:
        """Whether training is dense for a network that is able to (or not).

        Raises
        ------
        InputError
            When dense training was asked for and the network cannot.
        """
        if self.dense and not able:
            raise InputError(f"dense: {model} computes each window by itself and cannot be trained densely")
        return able if self.dense is None else self.dense

    def a_pass(self, samples: int, dense: bool) -> int:
        """Predictions that make a pass over so many training samples."""
        limit = self.windows if self.windows is not None else 0 if dense else WINDOWS
        return min(samples, limit) if limit else samples

    def a_check(self, a_pass: int) -> int:
        """Predictions between two validations, where a pass has so many."""
        return self.check or min(a_pass, CHECK)


RECIPES: dict[str, dict[str, object]] = {
    "causal-16": {"epochs": 8, "patience": 2, "learning_rate": 5e-3, "weight_decay": 1e-2, "average": 0.998},
    "causal-32": {"epochs": 8, "patience": 2, "learning_rate": 5e-3, "weight_decay": 1e-2, "average": 0.998},
    "tcn-32": {"epochs": 8, "patience": 2, "learning_rate": 5e-3, "weight_decay": 1e-2, "average": 0.998},
}


def recipe(model: str, **changes: object) -> TrainingConfig:
    """How a kind of network is trained when nothing is said, with `changes`; None leaves a field to the recipe.

    >>> recipe("causal-16", seed=3, epochs=None).patience
    2
    """
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(TrainingConfig(), **{**RECIPES.get(model, {}), **given})
