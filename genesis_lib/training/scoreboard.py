"""Several models' answers on the same samples, and every figure that says how good they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.models.predictor import CLASSES
from genesis_lib.training.bootstrap import Blocks, Intervals, score_intervals
from genesis_lib.training.label_value import positions, round_trips
from genesis_lib.training.labels import NEUTRAL, shares
from genesis_lib.training.scores import class_scores, confusion, reliability, scores

THRESHOLDS = (0.4, 0.5, 0.6, 0.7)  # of probability, beyond which the plain rule acts
FEE_BPS = 5.0  # a taker's, a side: Binance's futures at the lowest tier
SAME = 5e-5  # a difference that four digits do not show
RULE = (
    "Act on the most probable class when it is UP or DOWN and its probability passes the threshold: enter at the touch "
    "of that very row, leave at the touch of the row at which its label ends, one position at a time. No delay, no "
    "queue, no impact: an upper bound for whoever takes."
)


@dataclass(frozen=True)
class Scoreboard:
    """What models answered on the same samples; the first is the one in question, the others are held against it.

    Parameters
    ----------
    answers
        By model: answered classes (n,) and probabilities (n, 3).
    classes
        (n,) true classes.
    row, end, start
        (n,) decision rows, rows at which their labels are known, and the first rows that the answers read. One that
        several folds test is there as often; its answers are one witness to the intervals, not several.
    part
        (n,) number of the part (fold and session) of each sample; blocks and positions stay within one.
    mid, spread, session
        (N,) of all rows: mid price, distance of best ask and best bid, number of the session.
    sessions
        What each session is, as `describe` tells.
    fee_bps
        A taker's fee a side, for the plain rule.
    """

    answers: Mapping[str, tuple[np.ndarray, np.ndarray]]
    classes: np.ndarray
    row: np.ndarray
    end: np.ndarray
    start: np.ndarray
    part: np.ndarray
    mid: np.ndarray
    spread: np.ndarray
    session: np.ndarray
    sessions: Sequence[Mapping[str, Any]]
    fee_bps: float = FEE_BPS

    def __post_init__(self) -> None:
        if not self.answers or len(self.classes) == 0:
            raise InputError("a scoreboard needs at least one model and one sample")
        if not 0 <= self.fee_bps <= 1000:
            raise InputError(f"fee_bps must be between 0 and 1000 basis points, got {self.fee_bps!r}")

    @property
    def main(self) -> str:
        """The model in question."""
        return next(iter(self.answers))

    @cached_property
    def scores(self) -> dict[str, dict[str, float]]:
        """Scores of each model."""
        return {name: scores(self.classes, proba, said) for name, (said, proba) in self.answers.items()}

    @cached_property
    def blocks(self) -> Blocks:
        """Blocks of samples, none twice; one reaches over the longest stretch of rows that one sample knows of."""
        first = self._place[0]
        return Blocks.covering(int((self.end - self.start).max()) + 1, self.row[first], self.part[first])

    @cached_property
    def intervals(self) -> Intervals:
        """Block-bootstrap intervals."""
        return score_intervals(self.classes, self.answers, self.blocks, place=self._place[1])

    @property
    def tests(self) -> int:
        """How often a sample was tested, at most."""
        return int(np.unique(self.row, return_counts=True)[1].max())

    @cached_property
    def _place(self) -> tuple[np.ndarray | slice, np.ndarray | None]:
        """First answer about each sample, and which of the samples each answer is about; all where none is twice."""
        _, first, place = np.unique(self.row, return_index=True, return_inverse=True)
        return (slice(None), None) if len(first) == len(self.row) else (first, place)

    def verdict(self) -> list[str]:
        """A line a model held against the first, see `verdict`."""
        return verdict(self.intervals.as_dict())

    def by_session(self) -> list[dict[str, Any]]:
        """Scores of each model in each session that has samples."""
        number, found = self.session[self.row], []
        for at, told in enumerate(self.sessions):
            inside = number == at
            if inside.any():
                own = {
                    name: scores(self.classes[inside], proba[inside], said[inside])
                    for name, (said, proba) in self.answers.items()
                }
                head = {key: told[key] for key in ("instrument", "provenance", "first", "last")}
                found.append(
                    head | {"samples": int(inside.sum()), "shares": shares(self.classes[inside]), "scores": own}
                )
        return found

    def profits(self, thresholds: Sequence[float] = THRESHOLDS) -> dict[str, list[dict[str, float | None]]]:
        """What the plain rule would have earned with each model, by threshold; see `RULE`.

        Returns
        -------
        dict
            By model, a record a threshold: ``trades``; ``gross`` (mid to mid), ``after_spread`` and ``after_fees``, the
            mean of a trade in basis points of the price, None without trades; ``total_...``, their sums; ``won``, the
            share of trades that earn anything after fees.
        """
        return {name: [self._profit(name, each) for each in thresholds] for name in self.answers}

    def _profit(self, name: str, threshold: float) -> dict[str, float | None]:
        said, proba = self.answers[name]
        bid, ask = self.mid - self.spread / 2, self.mid + self.spread / 2
        sure = proba[np.arange(len(said)), said] > threshold
        earned: dict[str, list[np.ndarray]] = {key: [] for key in ("gross", "after_spread", "after_fees")}
        for part in np.unique(self.part):
            at = np.flatnonzero((self.part == part) & sure)
            if len(at):
                first = int(self.row[at].min())  # only the stretch of this part, in row numbers of its own
                stretch = slice(first, int(self.end[at].max()) + 1)
                acted, end = np.full((2, stretch.stop - first), NEUTRAL)
                acted[self.row[at] - first], end[self.row[at] - first] = said[at], self.end[at] - first
                trips = round_trips(bid[stretch], ask[stretch], acted, end, self.fee_bps, positions(acted, end))
                for key, values in earned.items():
                    values.append(trips[key])
        pooled = {key: np.concatenate(values) if values else np.empty(0) for key, values in earned.items()}
        trades = len(pooled["gross"])
        return {
            "threshold": threshold,
            "trades": trades,
            **{key: float(values.mean()) if trades else None for key, values in pooled.items()},
            **{f"total_{key}": float(values.sum()) for key, values in pooled.items()},
            "won": float((pooled["after_fees"] > 0).mean()) if trades else None,
        }

    def as_dict(self) -> dict[str, Any]:
        """Every figure as plain JSON."""
        said, proba = self.answers[self.main]
        intervals = self.intervals.as_dict()
        merged = {name: intervals["scores"][name] | {"ece": {"value": own["ece"]}} for name, own in self.scores.items()}
        own = class_scores(self.classes, said)
        number, confidence, hits = reliability(self.classes, proba)
        return {
            "main": self.main,
            "samples": len(self.classes),
            "simulated": any(told["provenance"] == "simulated" for told in self.sessions),
            "shares": shares(self.classes),
            "scores": merged,
            "differences": intervals["differences"],
            "bootstrap": {key: intervals[key] for key in ("block", "blocks", "draws", "confidence")},
            "classes": {name: {key: float(own[key][at]) for key in own} for at, name in enumerate(CLASSES)},
            "confusion": confusion(self.classes, said).tolist(),
            "reliability": {"count": number.tolist(), "confidence": confidence.tolist(), "hits": hits.tolist()},
            "sessions": self.by_session(),
            "profit": {"rule": RULE, "fee_bps": self.fee_bps, "models": self.profits()},
            "verdict": verdict(intervals),
        }


def verdict(intervals: Mapping[str, Any]) -> list[str]:
    """One line a model held against the first: who is ahead in what, by what, and whether beyond the interval."""
    main, sure = next(iter(intervals["scores"])), f"{100 * intervals['confidence']:g} %"
    lines = []
    for name, row in intervals["differences"].items():
        said = {key: _standing(key, row[key]) for key in ("log_loss", "mcc", "macro_f1", "accuracy")}
        groups = {side: [key for key, (where, _) in said.items() if where == side] for side in ("ahead", "behind")}
        if all(_zero(row[key]) for key in said):
            lines.append(f"{main} is the same as {name}: no score differs in four digits.")
            continue
        if not any(groups.values()):
            head = f"{main} cannot be told from {name}"
        elif not groups["behind"]:
            head = f"{main} beats {name}" + ("" if len(groups["ahead"]) == 4 else f" in {_listed(groups['ahead'])}")
        elif not groups["ahead"]:
            head = f"{main} **loses to** {name}" + (
                "" if len(groups["behind"]) == 4 else f" in {_listed(groups['behind'])}"
            )
        else:
            head = (
                f"{main} beats {name} in {_listed(groups['ahead'])} and **loses to** it in {_listed(groups['behind'])}"
            )
        within = [key for key, (where, _) in said.items() if where == "within"]
        tail = f"; {_listed(within)}: within the {sure} interval" if within else f", all beyond the {sure} interval"
        lines.append(f"{head}{tail} ({', '.join(text for _, text in said.values())}).")
    return lines


def in_short(intervals: Mapping[str, Any]) -> list[str]:
    """What `verdict` says, without its figures: a sentence each for defeats, ties and victories, worst first."""
    main, sure = next(iter(intervals["scores"])), f"{100 * intervals['confidence']:g} %"
    lost, tied, won = [], [], []
    for name, row in intervals["differences"].items():
        if all(_zero(each) for each in row.values()):
            continue  # the very same fit: `verdict` says so
        said = {key: _standing(key, row[key])[0] for key in ("log_loss", "mcc", "macro_f1", "accuracy")}
        for side, found in (("behind", lost), ("ahead", won)):
            if keys := [key for key, where in said.items() if where == side]:
                found.append(name if len(keys) == len(said) else f"{name} (in {_listed(keys)})")
        if set(said.values()) == {"within"}:
            tied.append(name)
    sentences = [f"{main} LOSES to {_and(lost)} beyond the {sure} interval."] if lost else []
    sentences += [f"{main} cannot be told from {_and(tied)}."] if tied else []
    return sentences + ([f"{main} beats {_and(won)} beyond the {sure} interval."] if won else [])


def _zero(difference: Mapping[str, float | None]) -> bool:
    return all(abs(difference[key] or 0.0) < SAME for key in ("value", "low", "high"))


def _standing(key: str, difference: Mapping[str, float | None]) -> tuple[str, str]:
    value, low, high = difference["value"], difference["low"], difference["high"]
    if low is None or high is None:
        return "within", f"{key} {value:+.4f}, too few blocks for an interval"
    text = f"{key} {value:+.4f} [{low:+.4f}, {high:+.4f}]"
    if low <= 0 <= high:
        return "within", text
    return ("ahead" if (value > 0) != (key == "log_loss") else "behind"), text


def _listed(names: Sequence[str]) -> str:
    words = [name.replace("_", "-") if name == "log_loss" else name.replace("macro_f1", "macro-F1") for name in names]
    return _and(["MCC" if word == "mcc" else word for word in words])


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
