"""What `genesis train` tells people of its result: compact tables, a verdict, and what speaks against it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from genesis_lib.models.baseline import NAMES as BASELINES

PARTS = {"train": "train", "val": "validation", "test": "test"}
UNLIKE = 0.15  # of a class's share: beyond it the validation samples are of another market than the training ones


def report(result, chosen, shown, ceiling) -> str:
    """Tables and verdict of a training run, as text for people.

    Parameters
    ----------
    result
        The cross-validation.
    chosen
        The registered model.
    shown
        Evaluations on unseen sessions by what they are called.
    ceiling
        What `below_ceiling` found, empty without truths.
    """
    import pandas as pd

    from genesis_lib.cli.evaluation import score_lines
    from genesis_lib.training.ceiling import told

    plain, best = "{:.4f}".format, result.best.number
    lines = [
        *fold_lines(result),
        "",
        "test samples of all folds together:",
        *score_lines({name: row.to_dict() for name, row in result.baseline_table().iterrows()}),
        *told(ceiling),
        "",
        result.class_table().to_string(float_format=plain),
        "",
        result.confusion().to_string(),
        "",
        f"shares of the classes in the parts of the registered fold ({best}):",
        pd.DataFrame(result.best.shares).T.to_string(float_format="{:.3f}".format),
    ]
    if len(result.labels) > 1:
        lines += ["", result.head_table().to_string(float_format=plain)]
    if len(result.seeds) > 1:
        lines += ["", result.seed_table().to_string(float_format=plain)]
    for title, each in shown.items():
        lines += ["", f"unseen: {title}", *score_lines({result.model: each.scores, **each.baselines})]
    lines += ["", *verdict_lines(chosen), *warnings(result)]
    words = f"fold {best} says most about its validation samples"
    lines += ["", f"{words}; registered as {chosen.name} {chosen.version} in {chosen.path} ({result.seconds:.0f} s)"]
    return "\n".join(lines)


def fold_lines(result) -> list[str]:
    """A row a fold, no wider than a terminal, under what its columns are."""
    import pandas as pd

    from genesis_lib.training.scores import scores

    table = []
    for fold in result.folds:
        own = fold.first.scores
        losses = {
            name: scores(fold.classes, fold.proba[name])["log_loss"]
            for name in BASELINES
            if name in fold.proba and name != result.model
        }
        least = min(losses, key=losses.get)
        table.append(
            {
                "fold": fold.number,
                "best": "*" if fold is result.best else "",
                "n_test": fold.sizes["test"],
                "predictions": fold.first.predictions,
                **{f"acc_{part}": own[key]["accuracy"] for part, key in PARTS.items()},
                **{f"loss_{part}": own[key]["log_loss"] for part, key in list(PARTS.items())[1:]},
                "base_loss": losses[least],
                "baseline": least,
            }
        )
    return [
        f"a row a fold: * is registered; accuracy (acc) and log-loss (loss) of {result.model} on training, validation",
        "and test samples; base_loss is the test log-loss of the baseline that has the least there",
        pd.DataFrame(table).to_string(index=False, float_format="{:.4f}".format),
    ]


def verdict_lines(chosen) -> list[str]:
    """Up to three sentences, the worst first, from the intervals in the model's card."""
    from genesis_lib.training.scoreboard import in_short

    card = json.loads((chosen.path / "card.json").read_text(encoding="utf-8"))
    block = card["results"][0]
    return in_short({**block["bootstrap"], "scores": block["scores"], "differences": block["differences"]})


def warnings(result) -> list[str]:
    """Folds that learnt nothing, and a registered fold that was chosen on samples unlike those it learnt from."""
    silent: dict[tuple[str, ...], list[str]] = {}
    for fold in result.folds if result.model != "majority" else ():
        if parts := tuple(part for part in ("validation", "test") if _loss(fold, part) >= _constant(fold.shares, part)):
            silent.setdefault(parts, []).append(str(fold.number))
    lines = [
        f"WARNING: fold{'s' * (len(numbers) > 1)} {', '.join(numbers)} learnt nothing: log-loss not below the "
        f"majority's on the {' and '.join(parts)} samples."
        for parts, numbers in silent.items()
    ]
    train, held = (result.best.shares[part] for part in ("train", "validation"))
    name = max(train, key=lambda each: abs(held[each] - train[each]))
    if abs(held[name] - train[name]) > UNLIKE:
        lines.append(
            f"WARNING: fold {result.best.number} was chosen on validation samples unlike its training samples: {name} "
            f"{100 * held[name]:.0f} % against {100 * train[name]:.0f} %."
        )
    return lines


def _loss(fold, part: str) -> float:
    return fold.first.scores[part]["log_loss"]


def _constant(shares: Mapping[str, Mapping[str, float]], part: str) -> float:
    """Log-loss of always saying the training shares, as the majority does."""
    said, true = (np.array(list(shares[each].values())) for each in ("train", part))
    return -float(true @ np.log(np.clip(said, 1e-6, 1.0)))
