"""How far a model is from the best that is possible, where the true odds of its rows are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genesis_lib.feeds.simulation.truth import Truth, labels_told
from genesis_lib.training.labels import NEUTRAL, Label
from genesis_lib.training.scores import scores
from genesis_lib.types import Snapshots


def below_ceiling(
    truths: Sequence[Truth],
    sessions: Sequence[Snapshots],
    label: Label,
    rows: np.ndarray,
    classes: np.ndarray,
    moves: np.ndarray,
    scored: Mapping[str, Mapping[str, float]],
) -> dict[str, object]:
    """Score the Bayes rule on the very rows on which models were scored.

    Parameters
    ----------
    truths
        Those beside the data; none gives an empty result.
    sessions
        What the rows were taken from, pooled in this order.
    label
        What was predicted.
    rows, classes, moves
        (n,) row number among all sessions, true class and move of each answer.
    scored
        Scores of each model on them.

    Returns
    -------
    dict
        ``bayes_accuracy``: expected accuracy of the Bayes rule on these rows, the mean of their highest odds; no model
        beats it but by luck. ``bayes``: scores of its answers, with the luck of these rows, which models had too.
        ``from_ceiling``: by model, ``accuracy`` (the rule's less the model's) and ``log_loss`` (the model's less the
        rule's). Only ``bayes_note``, a sentence, where the truth is not that of these labels and rows.
    """
    if not truths:
        return {}
    horizons = sorted({truth.horizon for truth in truths})
    if label.kind != "smoothed" or [label.horizon] != horizons or not np.array_equal(classes, np.sign(moves) + NEUTRAL):
        note = f"the truth beside the data is of other labels: {labels_told(horizons)}; the model's are {_words(label)}"
        return {"bayes_note": note}
    odds = np.concatenate([_odds(truths, session) for session in sessions if len(session)])[rows]
    unknown = int(np.isnan(odds[:, 0]).sum())
    if unknown:
        return {"bayes_note": f"the truth of {unknown:,} of {len(rows):,} rows is not known: there is no ceiling"}
    bayes = scores(classes, odds)
    return {
        "bayes_accuracy": float(odds.max(axis=1).mean()),
        "bayes": bayes,
        "from_ceiling": {
            name: {
                "accuracy": bayes["accuracy"] - found["accuracy"],
                "log_loss": found["log_loss"] - bayes["log_loss"],
            }
            for name, found in scored.items()
        },
    }


def _odds(truths: Sequence[Truth], session: Snapshots) -> np.ndarray:
    """Odds of a session's rows, of the truth that knows all of them; NaN where there is none, or two that differ.

    Simulations share their clock's beginning, and those of one seed all of their times, whatever their accuracy.
    """
    held = [one.at(session.ts_exchange) for one in truths if np.isin(session.ts_exchange, one.time).all()]
    if held and all(np.array_equal(held[0], other) for other in held[1:]):
        return held[0]
    return np.full((len(session), 3), np.nan)


def _words(label: Label) -> str:
    if label.kind == "triple-barrier":
        return f"{label.kind}, horizon {label.ahead}, width {label.width:g}"
    size = label.threshold if isinstance(label.threshold, str) else f"{label.threshold:g}"
    return f"{label.kind}, horizon {label.ahead}, threshold {size}"


def told(found: Mapping[str, object]) -> list[str]:
    """Lines for people."""
    if "bayes_note" in found:
        return ["", str(found["bayes_note"])]
    if not found:
        return []
    bayes = found["bayes"]
    lines = [
        "",
        f"best possible: accuracy {found['bayes_accuracy']:.4f} expected on these rows; the Bayes rule itself had "
        f"{bayes['accuracy']:.4f}, log-loss {bayes['log_loss']:.4f}",
    ]
    for name, distance in found["from_ceiling"].items():
        accuracy, loss = distance["accuracy"], distance["log_loss"]
        right = f"{abs(accuracy):.4f} {'below it' if accuracy >= 0 else 'above it, by chance'}"
        lines.append(f"{name:>14} {right}; log-loss {abs(loss):.4f} {'above' if loss >= 0 else 'below, by chance'}")
    return lines
