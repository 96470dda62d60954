"""What a network is trained on: a GPU where there is one, in bfloat16 and with larger batches, else this processor."""

from __future__ import annotations

import ctypes
import gc
import sys
from dataclasses import dataclass, replace

import torch

from genesis_lib.errors import InputError
from genesis_lib.training.config import TrainingConfig

WIDER = 8  # times as many predictions a step on a GPU, which is idle on a small one


@dataclass(frozen=True, slots=True)
class Hardware:
    """`accelerator` and `precision` as Lightning's trainer takes them, `device` as torch does; `wider` batches."""

    accelerator: str
    precision: str
    device: str
    wider: int = 1


def choose(accelerator: str = "auto") -> Hardware:
    """Choose between the processor and a GPU.

    Raises
    ------
    InputError
        When a GPU was asked for and torch sees none.
    """
    there = torch.cuda.is_available()
    if accelerator == "gpu" and not there:
        raise InputError("accelerator: torch sees no GPU here; take cpu or auto")
    if accelerator == "cpu" or not there:
        return Hardware("cpu", "32-true", "cpu")
    return Hardware("gpu", "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true", "cuda", WIDER)


def widened(config: TrainingConfig) -> TrainingConfig:
    """The same training with the batches that suit where it runs; the rate grows with the square root of the batch.

    References
    ----------
    S. Malladi et al., "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", NeurIPS 2022.
    """
    wider = choose(config.accelerator).wider
    if wider == 1:
        return config
    return replace(
        config,
        sequences=config.sequences * wider,
        batch_size=config.batch_size * wider,
        learning_rate=config.learning_rate * wider**0.5,
    )


def give_back() -> None:
    """Collect what refers to itself (a finished training does), and return freed memory to the system.

    The C library keeps what was freed in small pieces, some 200 MB of activations after a training, while what comes
    next asks for new memory in large ones. Elsewhere than with glibc nothing is returned.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
