"""What a model card says in words: the label, what is known of the seeds, what the model must not be used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genesis_lib.clock import from_iso
from genesis_lib.training.labels import Label

MOVES = {
    "smoothed": "the mean mid of the next {ahead} against the mid now",
    "smoothed-past": "the mean mid of the next {ahead} against the mean mid of the last {ahead} (part of that move has "
    "happened when it is predicted, and even of a random walk it can be foretold)",
    "volatility": "the return over the next {ahead}, in units of the volatility of the last {span} rows",
    "triple-barrier": "which of two barriers the mid passes first within the next {ahead}",
}
EXPOSED = {
    "seen": "Some of these rows were trained on: the figures prove nothing.",
    "same time": "Another instrument was trained on at this very time: the figures are no clean test.",
    "unseen": "No model that is shown here was trained on any of these rows.",
}
FEW_SEEDS = 3


def label_in_words(table: Mapping[str, Any]) -> str:
    """What DOWN, NEUTRAL and UP mean under a definition, as a sentence."""
    label = Label.of(table)
    text = MOVES[label.kind].format(ahead=label.ahead_in_words, span=label.span)
    text = text[0].upper() + text[1:]
    costs = f"the whole spread{f' and {label.fee_bps:g} bp of fees a side' if label.fee_bps else ''}"
    if label.kind == "triple-barrier":
        down = label.width if label.width_down is None else label.width_down
        unit = costs if label.threshold == "spread" else f"the volatility of the last {label.span} rows over that time"
        return f"{text}: UP {label.width:g} times {unit} above, DOWN {down:g} times below, NEUTRAL when neither."
    if label.threshold == 0:
        return f"{text}: UP for any rise, DOWN for any fall, NEUTRAL when it stays."
    if label.threshold in ("spread", "balanced"):
        size = costs if label.threshold == "spread" else "the lower tercile of the absolute moves in training"
    elif label.kind == "volatility":
        size = f"{label.threshold:g} deviations"
    else:
        size = f"{1e4 * label.threshold:.4g} basis points"
    return f"{text}: UP above {size}, DOWN below minus that, NEUTRAL between."


def seeds_in_words(seeds: Sequence[int]) -> str:
    """What is known of the luck of the initial weights."""
    if len(seeds) >= FEW_SEEDS:
        return (
            f"{len(seeds)} seeds ({', '.join(map(str, seeds))}), same folds. The first decides what is registered; the "
            "others only tell how much of its figures is luck."
        )
    return (
        f"Only {len(seeds)} seed{'s' * (len(seeds) > 1)} ({', '.join(map(str, seeds))}): how much of these figures is "
        f"the luck of the initial weights is NOT known. Less than {FEW_SEEDS} seeds tell nothing of it."
    )


def repeats_in_words(times: int) -> str:
    """What is to be known where folds test the same samples; empty where each is tested once."""
    if times < 2:
        return ""
    return (
        f" Each was tested up to {times} times, by models of different training: intervals draw its answers together, "
        "and counts and profits are those of all the tests."
    )


def simulated_in_words(data: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]]) -> str:
    """Which of the data was made by the simulator; empty where none was."""
    learnt, tested = (sum(each["provenance"] == "simulated" for each in some) for some in (data, shown))
    if not learnt and not tested:
        return ""
    parts = [(learnt, len(data), "trained on"), (tested, len(shown), "shown here")]
    words = " and ".join(
        f"{'all' if some == whole else f'{some} of {whole}'} sessions {what}" for some, whole, what in parts if some
    )
    return f"SIMULATED: {words} were made by the simulator, by no market."


def hours(sessions: Sequence[Mapping[str, Any]]) -> float:
    """Recorded time of some sessions, in hours."""
    return sum(from_iso(str(s["last"])) - from_iso(str(s["first"])) for s in sessions) / 3.6e12


def amount(sessions: Sequence[Mapping[str, Any]]) -> str:
    """How much market some sessions hold."""
    spent = hours(sessions)
    time = f"{spent:.1f} hours" if spent >= 2 else f"{60 * spent:.0f} minutes"
    names = sorted({str(s["instrument"]) for s in sessions})
    many = f"{len(sessions)} session{'s' * (len(sessions) != 1)}"
    return f"{sum(int(s['rows']) for s in sessions):,} rows, {time} in {many} of {', '.join(names)}"


def limits(
    data: Sequence[Mapping[str, Any]], window: int, warm: int, results: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What a model must not be used for, from what it was trained on and how it did."""
    lines = [
        "No advice to trade, and no model to trade real money with: it makes the workbench's desk, backtest and "
        "notebooks run on predictions that were tested honestly.",
        f"It was trained on {amount(data)}. That supports no claim about other instruments, venues, years or regimes.",
        "It takes one row after each book event of its feed. Rows at another pace, of another depth or lot size are "
        "another distribution, on which nothing here is known.",
        f"It answers nothing for {max(window, warm):,} rows after a start, a gap or an invalid row, and its labels "
        "mean nothing for any horizon but their own.",
        _profit_in_words(results),
    ]
    if worst := [one for one in results if one["scores"][one["main"]]["ece"]["value"] > 0.05]:
        where = ", ".join(str(one["title"]) for one in worst)
        lines.append(f"Its probabilities must not be read as frequencies: calibration error above 0.05 on {where}.")
    if any(s["provenance"] == "simulated" for s in data):
        lines.append("Part of its training data is SIMULATED: what it learnt there says nothing about a market.")
    return lines


def _profit_in_words(results: Sequence[Mapping[str, Any]]) -> str:
    text = "Accuracy is not profit."
    for one in results:
        best = max(
            one["profit"]["models"][one["main"]], key=lambda row: row["total_after_fees"] if row["trades"] else -1e99
        )
        if not best["trades"]:
            text += f" On {one['title']} the plain rule never acts on it."
            continue
        text += (
            f" On {one['title']} the plain rule, at the threshold that suits it best ({best['threshold']:g}), has "
            f"{best['gross']:+.3f} bp a trade before costs, {best['after_spread']:+.3f} after the spread and "
            f"{best['after_fees']:+.3f} after fees of {one['profit']['fee_bps']:g} bp a side."
        )
    return text
