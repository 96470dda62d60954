"""Labels, purged cross-validation and training. Nothing here is needed to serve a model.

Names are loaded when asked for: labels and splits do without torch.
"""

from __future__ import annotations

import os
from importlib import import_module

# Threads that wait for one another by spinning take the processor from the one they wait for: beside any other load a
# step of training took 30 times as long. The libraries read this once, when they are loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_HOMES = {
    "CrossValidation": "crossval",
    "cross_validate": "crossval",
    "Evaluation": "evaluation",
    "answers": "evaluation",
    "evaluate": "evaluation",
    "worst_exposure": "evaluation",
    "Label": "labels",
    "label_matrix": "labels",
    "share_table": "label_value",
    "CombinatorialPurged": "splits",
    "PurgedKFold": "splits",
    "WalkForward": "splits",
    "paths": "splits",
    "splitter": "splits",
    "Rows": "dataset",
    "describe": "dataset",
    "Samples": "dataset",
    "TrainingConfig": "config",
    "recipe": "config",
    "challenge": "gate",
    "hold_out": "gate",
    "judge": "gate",
    "gather_sessions": "sessions",
    "register_best": "card",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
