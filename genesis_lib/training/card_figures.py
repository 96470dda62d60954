"""Drawings of a model card as SVG that needs nothing else; colours are the page's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WORDS = {"log_loss": "log-loss", "mcc": "MCC", "macro_f1": "macro-F1", "accuracy": "accuracy"}
BETTER = {"log_loss": "less is better"}
ROW = 24  # pixels a model
RUNS = 6  # colours of folds


def intervals(scores: Mapping[str, Mapping[str, Mapping[str, float | None]]], measure: str) -> str:
    """Each model's score as a dot on its interval; the first model's interval goes down the figure as a band."""
    told = [own[measure] for own in scores.values()]
    ticks = nice_ticks([end for own in told for end in own.values() if end is not None])
    left, top, width = 118, 30, 420
    base = top + ROW * len(scores)
    scale = (width - left - 22) / (ticks[-1] - ticks[0])

    def x(value: float) -> float:
        return left + (value - ticks[0]) * scale

    parts = [
        _text(0, 14, WORDS[measure], "head"),
        _text(width - 4, 14, BETTER.get(measure, "more is better"), at="end"),
    ]
    if told[0]["low"] is not None:
        wide = max(x(told[0]["high"]) - x(told[0]["low"]), 1.0)
        parts.append(_rect("band", x(told[0]["low"]), top - 6, wide, base - top + 4))
    for tick in ticks:
        parts += [
            _line("grid", x(tick), top - 6, x(tick), base),
            _text(x(tick), base + 16, short(tick, ticks), at="middle"),
        ]
    for number, (name, own) in enumerate(zip(scores, told)):
        y, kind, said = top + ROW * number + ROW / 2 - 4, "other" if number else "main", f"{name}: {own['value']:.4f}"
        parts.append(_text(left - 10, y + 4, name, kind, "end"))
        if own["low"] is not None:
            parts.append(_line(f"{kind} bar", x(own["low"]), y, x(own["high"]), y))
            said += f" [{own['low']:.4f}, {own['high']:.4f}]"
        parts.append(_dot(kind, x(own["value"]), y, 4.5, said))
    return _svg(width, base + 26, parts, f"{WORDS[measure]} of each model with intervals")


def reliability(bins: Mapping[str, Sequence[float]]) -> str:
    """How often answers of each confidence were right, against the diagonal; below, how many there are.

    A bar is two standard errors of the share: where it is long there is little to see.
    """
    left, top, tall, width, low = 44, 12, 216, 420, 1 / 3
    across, base = width - left - 24, top + 284

    def x(value: float) -> float:
        return left + (value - low) / (1 - low) * across

    def y(value: float) -> float:
        return top + (1 - min(max(value, 0.0), 1.0)) * tall

    filled = [(n, c / n, h / n) for n, c, h in zip(bins["count"], bins["confidence"], bins["hits"]) if n]
    most, parts = max((n for n, _, _ in filled), default=1), []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [_line("grid", left, y(tick), x(1), y(tick)), _text(left - 8, y(tick) + 4, f"{tick:.0%}", at="end")]
    parts += [_text(x(tick), base + 15, f"{tick:.0%}", at="middle") for tick in (0.4, 0.6, 0.8, 1.0)]
    parts.append(_line("ideal", x(low), y(low), x(1), y(1)))
    parts.append(_path("curve", [(x(c), y(h)) for _, c, h in filled]))
    for n, c, h in filled:
        reach = 2 * math.sqrt(max(h * (1 - h), 1e-9) / n)
        parts.append(_rect("count", x(c) - 5, base - 44 * n / most, 10, 44 * n / most, f"{n:,.0f} answers"))
        parts.append(_line("main bar thin", x(c), y(h + reach), x(c), y(h - reach)))
        parts.append(_dot("main", x(c), y(h), 4, f"confidence {c:.3f}, right {h:.3f}, {n:,.0f} answers"))
    parts.append(_text(left + across / 2, base + 31, "probability of the answer (bars: how many)", at="middle"))
    return _svg(width, base + 34, parts, "Reliability diagram: share of right answers by confidence")


def curves(runs: Sequence[Mapping[str, Any]]) -> str:
    """Training (dashed) and validation loss of each fold's first seed over the predictions seen; empty without any."""
    runs = [run for run in runs if run["seed"] == runs[0]["seed"]]
    losses = [
        point[key] for run in runs for point in run["points"] for key in LOSSES.values() if _number(point.get(key))
    ]
    if not losses:
        return ""
    ticks, most = nice_ticks(losses), max(point["predictions"] for run in runs for point in run["points"])
    width, left, top, tall = 860, 56, 10, 236
    right = width - 60
    scale = tall / (ticks[-1] - ticks[0])
    parts = []
    for tick in ticks:
        y = top + (ticks[-1] - tick) * scale
        parts += [_line("grid", left, y, right, y), _text(left - 8, y + 4, short(tick, ticks), at="end")]
    ends: list[float] = []
    for number, run in enumerate(runs):
        colour, path = f"run{number % RUNS}", []
        for kind, key in LOSSES.items():
            path = [
                (left + point["predictions"] / most * (right - left), top + (ticks[-1] - point[key]) * scale)
                for point in run["points"]
                if _number(point.get(key))
            ]
            parts.append(_path(f"{colour} {kind}", path))
        if path:
            x, y = path[-1]
            parts.append(_dot(colour, x, y, 3, f"fold {run['fold']}"))
            if all(abs(y - other) > 11 for other in ends):  # else two names would lie on each other
                parts.append(_text(x + 7, y + 4, f"fold {run['fold']}", f"{colour} word"))
                ends.append(y)
    parts += [_text(left, top + tall + 20, "0"), _text(right, top + tall + 20, f"{most:,.0f}", at="end")]
    said = "predictions seen; dashed: training loss, solid: validation loss (nats)"
    parts.append(_text((left + right) / 2, top + tall + 38, said, at="middle"))
    return _svg(width, top + tall + 46, parts, "Learning curves")


LOSSES = {"train": "train_loss", "valid": "validation_loss"}  # the last is where a fold's name stands


def nice_ticks(values: Sequence[float], most: int = 5) -> list[float]:
    """Round numbers that reach from below the least to above the greatest value.

    >>> nice_ticks([0.42, 0.47])
    [0.42, 0.44, 0.46, 0.48]
    """
    low, high = min(values), max(values)
    if high - low < 1e-9:
        low, high = low - 0.01, high + 0.01
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * i, 10) for i in range(first, max(last, first + 1) + 1)]


def short(tick: float, ticks: Sequence[float]) -> str:
    """A tick with as many decimals as its neighbours need.

    >>> short(0.4, [0.38, 0.4])
    '0.40'
    """
    return f"{tick:.{max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))}f}"


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _text(x: float, y: float, said: str, kind: str = "soft", at: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{at}">{escape(said)}</text>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _path(kind: str, points: Sequence[tuple[float, float]]) -> str:
    return f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def _rect(kind: str, x: float, y: float, width: float, height: float, said: str = "") -> str:
    size = f'width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size}><title>{escape(said)}</title></rect>'


def _dot(kind: str, x: float, y: float, radius: float, said: str) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{escape(said)}</title></circle>'


def _svg(width: float, height: float, parts: Sequence[str], said: str) -> str:
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(said)}">{inside}</svg>'
