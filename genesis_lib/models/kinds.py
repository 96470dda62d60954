"""The table of what can be trained: one line a kind, looked up without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.features import model_inputs

if TYPE_CHECKING:
    from genesis_lib.models.network import Network, NetworkConfig


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of model.

    Parameters
    ----------
    name
        What ``genesis train --model`` takes and what tables call it.
    title
        In words.
    architecture
        What a manifest's architecture says as its kind; several names may share one (``causal-16``, ``causal-32``).
    module, config, net
        Module of a torch network and the names of its two classes; empty for what is trained without torch.
    dense
        One pass over T rows gives the answers of all its windows (`Network` then has ``dense``).
    inputs
        Columns it reads when nothing else is asked for, as `genesis_lib.features.input_columns` takes them.
    book
        It reads nothing but the raw book, so it takes no other columns.
    parameters
        Number of trained values at the default shape with ten levels, None without torch.
    preset
        Fields of the configuration that the name stands for.
    """

    name: str
    title: str
    architecture: str
    module: str = ""
    config: str = ""
    net: str = ""
    dense: bool = False
    inputs: str = "book"
    book: bool = False
    parameters: int | None = None
    preset: Mapping[str, Any] = field(default_factory=dict)

    @property
    def torch(self) -> bool:
        """Whether training it takes torch."""
        return bool(self.module)

    def config_class(self) -> type[NetworkConfig]:
        """Class of its configuration; imports torch.

        Raises
        ------
        ModelError
            When the kind is no network.
        """
        self._require_torch()
        return getattr(import_module(self.module), self.config)

    def net_class(self) -> type[Network]:
        """Class of its network; imports torch.

        Raises
        ------
        ModelError
            When the kind is no network.
        """
        self._require_torch()
        return getattr(import_module(self.module), self.net)

    def configure(self, columns: Sequence[str], heads: int = 1, **changes: Any) -> NetworkConfig:
        """Give the configuration that reads rows of these columns and answers for so many horizons.

        Parameters
        ----------
        columns
            Names of the input columns, in order; the raw book, where it is read, comes first.
        heads
            Horizons.
        changes
            Fields of the configuration that shall differ from the kind's own.

        Raises
        ------
        ModelError
            When the kind is no network, reads the book alone and is given other columns, or has no such field.
        """
        cls, levels = self.config_class(), book_levels(columns)
        if self.book and 4 * levels != len(columns):
            raise ModelError(
                f"{self.name} reads the raw book alone, as model_inputs(levels) orders it; got {len(columns)} columns, "
                f"of which the first {4 * levels} are book columns"
            )
        shape = {"levels": levels} if self.book else {"inputs": len(columns)}
        if self.architecture == "causal":
            shape["levels"] = levels
        return cls.of({**shape, **self.preset, "heads": heads, **changes})

    def _require_torch(self) -> None:
        if not self.torch:
            raise ModelError(f"{self.name} is no network; networks: {', '.join(k for k in KINDS if KINDS[k].torch)}")


def _net(name: str, title: str, module: str, net: str, parameters: int, **more: Any) -> Kind:
    more = {"architecture": name, "parameters": parameters, **more}
    return Kind(name, title, module=f"genesis_lib.models.{module}", config=f"{net}Config", net=net, **more)


def _causal(channels: int, parameters: int) -> Kind:
    title = f"causal DeepLOB of {channels} channels, built to stream and to train densely"
    more = {"architecture": "causal", "dense": True, "preset": {"channels": channels}}
    return _net(f"causal-{channels}", title, "causal", "Causal", parameters, **more)


# BiN normalises over its window, and the paper's LSTM starts anew with each: neither is dense.
KINDS: dict[str, Kind] = {
    item.name: item
    for item in (
        _net("deeplob", "DeepLOB with flattened inception columns", "deeplob", "DeepLOB", 433_027, book=True),
        _causal(16, 74_115),
        _causal(32, 270_851),
        _net(
            "tcn-32",
            "small causal net of 32 channels, for columns that know the past already",
            "tcn",
            "TCN",
            18_275,
            architecture="tcn",
            dense=True,
            inputs="book+ofi+flow",
            preset={"channels": 32},
        ),
        _net("deeplob-lstm", "DeepLOB with LSTM, as in the paper", "paper", "PaperDeepLOB", 143_907, book=True),
        _net("tabl", "BiN-CTABL, bilinear layers with temporal attention", "tabl", "TABL", 12_526),
        _net(
            "attention",
            "attention along time and across features, in the direction of TLOB",
            "attention",
            "Attention",
            72_257,
        ),
        Kind("majority", "the most frequent class of the training samples", "majority"),
        Kind("persistence", "the class of the newest move that is known", "persistence", inputs="log_return_1"),
        Kind("logistic", "multinomial logistic regression", "logistic", inputs="ofi"),
        Kind("boosted", "gradient boosted trees", "boosted", inputs="ofi"),
        Kind("ensemble", "mean of several models", "ensemble"),
    )
}


def kind(name: str) -> Kind:
    """Look a kind up by its name.

    Raises
    ------
    ModelError
        When there is none; names those there are.
    """
    if name not in KINDS:
        raise ModelError(f"model must be one of {', '.join(KINDS)}, got {name!r}")
    return KINDS[name]


def book_levels(columns: Sequence[str]) -> int:
    """Count the levels of the raw book that the columns begin with.

    >>> book_levels(("ask_price_1", "ask_size_1", "bid_price_1", "bid_size_1", "spread"))
    1
    """
    levels = 0
    while tuple(columns[: 4 * (levels + 1)]) == model_inputs(levels + 1):
        levels += 1
    return levels


def config_of(architecture: Mapping[str, object]) -> NetworkConfig:
    """Read a configuration back from a manifest's architecture; imports torch.

    Raises
    ------
    ModelError
        When its kind is no network, or a key is not one of the kind's.
    """
    nets, name = _networks(), architecture.get("kind")
    if not isinstance(name, str) or name not in nets:
        raise ModelError(f"architecture kind must be one of {', '.join(nets)} to be a network, got {name!r:.80}")
    return nets[name].config_class().of(architecture)


def _networks() -> dict[str, Kind]:
    """By architecture; of several names for one architecture, any, for they share its two classes."""
    return {item.architecture: item for item in KINDS.values() if item.torch}


def build(config: NetworkConfig) -> Network:
    """Make the network of a configuration, with fresh weights from torch's random state."""
    return _networks()[config.KIND].net_class()(config)


def restore(architecture: Mapping[str, object], weights: Mapping[str, np.ndarray]) -> Network:
    """Rebuild a trained network from what an artifact holds, in evaluation mode.

    Raises
    ------
    ModelError
        When the architecture is no network, or a tensor is missing, foreign or of another shape.
    """
    import torch

    net = build(config_of(architecture))
    state = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    try:
        missing, unexpected = net.load_state_dict(state, strict=False)
    except RuntimeError as error:  # of another shape; torch names each
        raise ModelError(f"weights: {' '.join(str(error).split())}") from error
    # The count of batches a normalisation saw is no weight, and not part of an artifact.
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ModelError(f"weights do not fit the network: missing {missing}, unexpected {unexpected}")
    return net.eval()
