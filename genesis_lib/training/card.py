"""From a cross-validation to a registered model with a card that says what it is good for, and what not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from genesis_lib.models import registry
from genesis_lib.models.artifact import Artifact
from genesis_lib.models.baseline import NAMES as BASELINES
from genesis_lib.training.crossval import CrossValidation
from genesis_lib.training.dataset import Rows
from genesis_lib.training.evaluation import Evaluation
from genesis_lib.training.scores import NAMES

WORDS = {
    "smoothed": "mean mid of the next {horizon} book rows against the mid now",
    "smoothed-past": "mean mid of the next {horizon} book rows against the mean of the last {horizon}",
    "volatility": "return over {horizon} book rows in units of the volatility of the last {span}",
    "triple-barrier": "which barrier, {width} past volatilities away, the mid passes first within {horizon} book rows",
}


def register_best(
    result: CrossValidation,
    rows: Rows,
    name: str,
    *,
    root: str | Path = "models",
    unseen: Mapping[str, Evaluation] | None = None,
) -> Artifact:
    """Register the fold that did best on its validation samples, with metrics, baselines and card.

    Parameters
    ----------
    result, rows
        The cross-validation, and the rows it was run on.
    name
        Model name below `root`.
    unseen
        Evaluations on sessions that were held out of everything, to be shown in the card, by what they are called.
    """
    best = result.best
    metrics = {
        **result.scores(),
        "baselines": {model: result.scores(model) for model in BASELINES},
        "folds": fold_records(result),
        "best_fold": best.number,
        "unseen": {title: {**shown.scores, "rows": shown.rows} for title, shown in (unseen or {}).items()},
    }
    training = {
        **asdict(result.training),
        **{f"split_{key}": value for key, value in asdict(result.splitter).items()},
        "stride": result.stride,
        "seconds": round(result.seconds, 1),
        "parameters": result.parameters,
    }
    del training["quiet"]
    return registry.register(
        name,
        weights=best.first.weights,
        scaler=best.first.scaler,
        baselines=best.baselines.as_dict(),
        architecture=best.first.architecture,
        columns=rows.columns,
        label=best.label.as_dict(),
        metrics=metrics,
        data_hash=rows.data_hash,
        provenance=rows.provenance,
        data=rows.sessions,
        training=training,
        seed=result.training.seed,
        card=model_card(result, rows, unseen or {}),
        root=root,
    )


def fold_records(result: CrossValidation) -> list[dict[str, object]]:
    """The fold table as plain records, for JSON."""
    table = result.fold_table().reset_index()
    return [
        {key: getattr(value, "item", lambda v=value: v)() for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def model_card(result: CrossValidation, rows: Rows, unseen: Mapping[str, Evaluation]) -> str:
    """Markdown; ``{name}`` and ``{version}`` are left for the registry to fill in."""
    best, net = result.best, result.scores()
    label, training = best.label, result.training
    lines = [
        "# {name} {version}",
        "",
        f"DeepLOB ({result.parameters:,} parameters): {result.config.levels} book levels a side, "
        f"{result.config.window} rows a window, probabilities of DOWN, NEUTRAL, UP.",
        "",
        "## Label",
        "",
        WORDS[label.kind].format(horizon=label.horizon, span=label.span, width=f"{label.width:g}") + ".",
    ]
    if label.kind != "triple-barrier":
        how = (
            "the lower tercile of the absolute move in the training rows"
            if result.label.threshold == "balanced"
            else ("given")
        )
        lines.append(f"DOWN and UP beyond a threshold of {label.threshold:.3e} ({how}), NEUTRAL within.")
    lines += [
        "",
        "## Data",
        "",
        f"Provenance: **{rows.provenance}**. SHA-256 of the rows: `{rows.data_hash}`.",
        "",
        _markdown(
            pd.DataFrame(
                [{key: s[key] for key in ("instrument", "provenance", "rows", "first", "last")} for s in rows.sessions]
            ).set_index("instrument")
        ),
        "",
        "## Training",
        "",
        f"{result.splitter.folds} folds, purged by window start and label end, embargo "
        f"{100 * result.splitter.embargo:g} % of each recorded span, validation {100 * result.splitter.validation:g} % "
        f"of the samples. A sample every {result.stride} rows; at most {training.windows or 'all'} windows a pass, "
        f"{training.epochs} passes, patience {training.patience}, batches of {training.batch_size}, Adam "
        f"{training.learning_rate:g}, weights inverse to the class shares, seed {training.seed}"
        f"{', books mirrored and log sizes shifted at random' if training.augment else ''}. "
        f"{result.seconds / 60:.1f} minutes in all. Threshold, scaler, weights and baselines of a fold come from its "
        f"training samples alone. This is fold {best.number}, the one that says most about its validation samples.",
        "",
        "## Cross-validation",
        "",
        "Accuracy of the network in each part, and of the baselines on the same test samples:",
        "",
        _markdown(result.fold_table()[["predictions", "n_train", "n_test", "train", "validation", "test", *BASELINES]]),
        "",
        "All test samples of the folds together:",
        "",
        _markdown(result.baseline_table()),
        "",
        "By class (network):",
        "",
        _markdown(result.class_table()),
        "",
        "Confusion (network; true class down, answer across):",
        "",
        _markdown(result.confusion()),
        "",
        "Class shares:",
        "",
        _markdown(pd.DataFrame(best.shares).T.rename_axis(f"fold {best.number}")),
        "",
    ]
    for title, shown in unseen.items():
        table = pd.DataFrame({"deeplob": shown.scores, **shown.baselines}).T.rename_axis("model")[list(NAMES)]
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shown.shares.items())
        lines += [
            f"## Unseen: {title}",
            "",
            f"{shown.rows:,} rows that no fold had any part of ({shares}):",
            "",
            _markdown(table),
            "",
        ]
    lines += [
        "## Verdict",
        "",
        *verdict(net, {name: result.scores(name) for name in BASELINES}, "In cross-validation"),
        *(line for title, shown in unseen.items() for line in verdict(shown.scores, shown.baselines, f"On {title}")),
        f"- Calibration error on the test samples is {net['ece']:.3f}"
        + (": its probabilities must not be read as frequencies." if net["ece"] > 0.05 else "."),
        "",
        "## Intended use and limits",
        "",
        "- It makes the workbench's desk, backtest and notebooks run on real predictions. It is no advice to trade.",
        f"- {sum(int(s['rows']) for s in rows.sessions):,} rows are minutes of market: they show that the pipeline is "
        "right and free of leaks, and support no general claim about accuracy.",
        "- Accuracy is not profit: the moves it predicts are mostly smaller than spread and fees.",
        "- It takes one row after each book event; another pace of events is another distribution.",
        *(
            ["- Part of its training data is **simulated**; what it learnt there says nothing about a market."]
            if "simulated" in rows.provenance
            else []
        ),
        "",
    ]
    return "\n".join(lines)


def verdict(net: Mapping[str, float], baselines: Mapping[str, Mapping[str, float]], where: str) -> list[str]:
    """One line a baseline that says plainly which of the two is ahead, by what."""
    lines = []
    for name, other in baselines.items():
        ahead = [key for key in ("accuracy", "macro_f1", "mcc") if net[key] > other[key]]
        ahead += ["log_loss"] if net["log_loss"] < other["log_loss"] else []
        what = "beats" if len(ahead) == 4 else "**loses to**" if not ahead else f"beats (in {', '.join(ahead)} only)"
        figures = ", ".join(f"{key} {net[key]:.3f} / {other[key]:.3f}" for key in ("accuracy", "macro_f1", "log_loss"))
        lines.append(f"- {where} the network {what} {name}: {figures}.")
    return lines


def _markdown(frame: pd.DataFrame) -> str:
    head = [str(frame.index.name or ""), *map(str, frame.columns)]
    body = [[_cell(index), *map(_cell, values)] for index, values in zip(frame.index, frame.itertuples(index=False))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body))


def _cell(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return "" if math.isnan(value) else f"{value:.4f}"
