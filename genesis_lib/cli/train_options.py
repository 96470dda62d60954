"""What the options of `genesis train` mean together, and which of them cannot be."""

from __future__ import annotations

import hashlib
import json
from difflib import get_close_matches
from pathlib import Path

import click

from genesis_lib.errors import GenesisError, InputError
from genesis_lib.models.kinds import KINDS, kind

FIELDS = ("epochs", "patience", "batch_size", "windows", "augment", "class_weights", "threads", "accelerator", "seed")


TRAINABLE = tuple(name for name in KINDS if name != "ensemble")
SPECS = ("book", "ofi", "flow")


def kinds_of(given, default: str):
    """Look the asked kinds up, without torch.

    Raises
    ------
    click.BadParameter
        For a name there is not, naming the nearest, or the same one twice.
    """
    names = given["models"] or (default,)
    for name in names:
        if name not in TRAINABLE:
            raise click.BadParameter(
                f"must be one of {', '.join(TRAINABLE)}, got {name!r}; did you mean {_nearest(name, TRAINABLE)!r}?",
                param_hint="--model",
            )
    if len(names) != len(set(names)):
        raise click.BadParameter(f"must name different kinds, got {', '.join(names)}", param_hint="--model")
    return [kind(name) for name in names]


def check_words(given) -> None:
    """Refuse what the words of the command alone tell to be wrong: inputs, paths, minutes, counts.

    Raises
    ------
    click.UsageError
        Names the option, its value, and what is allowed.
    """
    if given["inputs"] is not None:
        _check_inputs(given["inputs"])
    paths = (*given["paths"], *given["unseen"])
    plain = [path for path in paths if not any(sign in path for sign in ("://", "*", "?")) and not simulated(path)]
    if missing := [path for path in plain if not Path(path).exists()]:
        raise click.UsageError(f"{', '.join(missing)}: no such file or folder")
    if given["minutes"] is not None and not any(map(simulated, paths)):
        raise click.BadParameter(
            "is the length of simulated sessions, and no path is simulator", param_hint="--minutes"
        )
    if given["jobs"] == 0 or given["jobs"] < -1:
        raise click.BadParameter(
            f"must be at least 1, or -1 for one a processor, got {given['jobs']}", param_hint="--jobs"
        )
    if given["ensemble"] == "none" and len(given["models"]) > 1:
        raise click.UsageError("--ensemble none would register none of several kinds; train them one by one")


def check_top_folds(count: int, folds: int) -> None:
    """Refuse to make one of less than two folds, or of more than there are."""
    if count and not 2 <= count <= folds:
        raise click.BadParameter(f"must be 0 or between 2 and the {folds} folds, got {count}", param_hint="--top-folds")


def simulated(path: str) -> bool:
    """Whether a path is ``simulator`` or ``simulator:SYMBOL``."""
    return path.partition(":")[0] == "simulator"


def seeds_of(item, seeds):
    """Those that make a difference to a kind: what is fitted without chance takes the first alone."""
    if item.torch or len(seeds) == 1:
        return seeds
    click.echo(f"{item.name}: no seed makes a difference to it, so it is fitted once (seed {seeds[0]})", err=True)
    return seeds[:1]


def _check_inputs(inputs: str) -> None:
    from genesis_lib.features import FEATURES
    from genesis_lib.features.base import lookup

    for word in (each.strip() for each in inputs.replace("+", ",").split(",")):
        if word in SPECS:
            continue
        try:
            lookup(word)
        except InputError:
            near = next(iter(get_close_matches(word, SPECS, 1)), None) or _nearest(word, FEATURES)
            raise click.BadParameter(
                f"unknown {word!r}; did you mean {near!r}? {', '.join(SPECS)}, or what genesis features lists",
                param_hint="--inputs",
            ) from None


def _nearest(name: str, names) -> str:
    return get_close_matches(name, list(names), 1, 0.0)[0]


def digest(given) -> str:
    """Of the command: another one keeps what it reaches elsewhere."""
    told = {
        name: value
        for name, value in given.items()
        if name not in ("as_json", "fresh", "promote", "out", "track", "top_folds")
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def labels_of(given):
    from genesis_lib.training.labels import Label

    threshold = given["threshold"]
    if threshold not in ("balanced", "spread"):
        try:
            threshold = float(threshold)
        except ValueError:
            raise click.BadParameter(f'threshold must be a number, "balanced" or "spread", got {threshold!r}') from None
    try:
        return [Label.parse(each, kind=given["kind"], threshold=threshold) for each in given["horizons"] or ("20",)]
    except InputError as error:
        raise click.UsageError(str(error)) from None


def own_inputs(kinds) -> str:
    """What the kinds read when nothing is said: all of them the same rows, so together what any of them reads."""
    return "+".join(dict.fromkeys(part for item in kinds for part in item.inputs.split("+")))


def training_of(item, given):
    """How a kind is trained: its recipe with what was asked for."""
    from genesis_lib.training.config import recipe

    try:
        return recipe(item.name, **{name: given[name] for name in FIELDS})
    except InputError as error:
        raise click.UsageError(str(error)) from None


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
    click.UsageError
        Names the option, its value, and what is allowed.
    GenesisError
        When this machine lacks what was asked for.
    """
    from genesis_lib.features import input_columns

    try:
        columns = input_columns(inputs, given["levels"] or 10)
        for item in kinds:
            shape(item, columns, heads, given)
            if item.torch:
                item.configure(columns, heads)
    except GenesisError as error:
        raise click.UsageError(str(error)) from None
    for item, training in zip(kinds, trainings):
        if item.torch:
            from genesis_lib.training.hardware import choose

            choose(training.accelerator)


def unseen(path: str, minutes: float | None):
    from genesis_lib.training import gather_sessions

    if simulated(path):
        return gather_sessions([path], 10, minutes=minutes, seed=0)  # the desk's own session; training counts from 1000
    return gather_sessions([path], 10)
