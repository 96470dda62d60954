"""What the options of `genesis train` mean together, and which of them cannot be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import click

from genesis_lib.errors import InputError

FIELDS = ("epochs", "patience", "batch_size", "windows", "augment", "class_weights", "threads", "accelerator", "seed")


def digest(given) -> str:
    """Of the command: another one keeps what it reaches elsewhere."""
    told = {name: value for name, value in given.items() if name not in ("as_json", "fresh", "promote", "out", "track")}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def labels_of(given):
    from genesis_lib.training import Label

    threshold = given["threshold"]
    if threshold not in ("balanced", "spread"):
        try:
            threshold = float(threshold)
        except ValueError:
            raise click.BadParameter(f'threshold must be a number, "balanced" or "spread", got {threshold!r}') from None
    return [Label.parse(each, kind=given["kind"], threshold=threshold) for each in given["horizons"] or ("20",)]


def own_inputs(kinds) -> str:
    """What the kinds read when nothing is said: all of them the same rows, so together what any of them reads."""
    return "+".join(dict.fromkeys(part for item in kinds for part in item.inputs.split("+")))


def training_of(item, given):
    """How a kind is trained: its recipe with what was asked for."""
    from genesis_lib.training.config import recipe

    return recipe(item.name, **{name: given[name] for name in FIELDS})


def shape(item, columns, heads, given):
    """The kind's configuration with what was asked for; None where nothing was.

    Raises
    ------
    GenesisError
        When the kind has no such setting, or the value does not suit it.
    """
    from genesis_lib.training.estimators import configure_estimator

    changes = {name: given[name] for name in ("window", "dropout", "skip") if given[name] is not None}
    if not changes:
        return None
    if item.torch:
        return item.configure(columns, heads, **changes)
    changes = {name: value for name, value in changes.items() if name == "window"}
    return configure_estimator(item.name, columns, heads, changes)


def check(given, kinds, inputs, trainings, heads) -> None:
    """Refuse, before anything is read, what could only fail after it was.

    Raises
    ------
    GenesisError
        Names the option, its value, and what is allowed.
    """
    from genesis_lib.features import input_columns

    if given["jobs"] == 0 or given["jobs"] < -1:
        raise InputError(f"--jobs must be at least 1, or -1 for one a processor, got {given['jobs']}")
    if given["ensemble"] == "none" and len(kinds) > 1:
        raise InputError("--ensemble none would register none of several kinds; train them one by one")
    names = [item.name for item in kinds]
    if len(names) != len(set(names)):
        raise InputError(f"--model must name different kinds, got {', '.join(names)}")
    for path in (*given["paths"], *given["unseen"]):
        plain = not any(sign in path for sign in ("://", "*", "?")) and path.partition(":")[0] != "simulator"
        if plain and not Path(path).exists():
            raise InputError(f"{path}: no such file or folder")
    columns = input_columns(inputs, given["levels"] or 10)
    for item, training in zip(kinds, trainings):
        shape(item, columns, heads, given)
        if item.torch:
            from genesis_lib.training.hardware import choose

            item.configure(columns, heads)
            choose(training.accelerator)


def unseen(path: str, minutes: float | None):
    from genesis_lib.training import gather_sessions

    if path.startswith("simulator"):
        return gather_sessions([path], 10, minutes=minutes, seed=0)  # the desk's own session; training counts from 1000
    return gather_sessions([path], 10)
