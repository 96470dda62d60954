"""Plotly figures of cross-validations: folds in time, learning curves, scores with intervals, the price of a leak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from genesis_lib.analytics.plots import ACCENT, GRID, INK, MUTED, _finish, _times, thin
from genesis_lib.errors import InputError
from genesis_lib.training.dataset import Rows
from genesis_lib.training.folds import Fold
from genesis_lib.training.intervals import spans
from genesis_lib.training.labels import Label
from genesis_lib.training.samples import HeadSamples

# Told apart by people with any kind of colour blindness (Okabe and Ito, "Color Universal Design", 2008).
NO_CURVE = "this kind learns in one step; there is no curve"
PARTS = {
    "no sample": "#ffffff",
    "train": "#0072b2",
    "validation": "#56b4e9",
    "test": "#d55e00",
    "purged": "#f0e442",
    "embargo": "#cc79a7",
    "unused": "#c9ced6",
}
MARKS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#56b4e9")
BINS, MOST_COLUMNS = 1200, 8
WORDS = {"log_loss": "log-loss (less is better)", "mcc": "MCC", "macro_f1": "macro-F1", "accuracy": "accuracy"}


def fold_parts(
    rows: Rows, labels: Label | Sequence[Label], splitter: object, *, window: int = 100, stride: int = 5
) -> tuple[HeadSamples, list[np.ndarray]]:
    """Samples, and for each fold the part each of them is in, (n,) int8 by the order of `PARTS`."""
    samples = HeadSamples.of(rows, labels, window, stride)
    return samples, [_part(fold, len(samples)) for fold in samples.folds(rows, splitter)]


def _part(fold: Fold, total: int) -> np.ndarray:
    names, part = list(PARTS), np.full(total, list(PARTS).index("purged"), np.int8)
    for name, at in (
        *(("train", fold.train), ("validation", fold.validation), ("test", fold.test)),
        *(("embargo", fold.embargoed), ("unused", fold.unused)),
    ):
        part[at] = names.index(name)
    return part


def fold_timeline_figure(
    rows: Rows,
    labels: Label | Sequence[Label],
    splitter: object,
    *,
    window: int = 100,
    stride: int = 5,
    title: str = "Folds in time",
) -> go.Figure:
    """Mid price, and below it what each fold makes of each moment, on the real axis of time.

    Sessions that were recorded apart stand side by side, the first eight of them. A moment without a sample (a gap,
    the first rows of a streak, the last of a session) is blank.
    """
    samples, parts = fold_parts(rows, labels, splitter, window=window, stride=stride)
    start, time, end = samples.times(rows)
    group = spans(start, end, rows.session[samples.row])
    columns = [np.flatnonzero(group == g) for g in np.unique(group)[:MOST_COLUMNS]]
    figure = make_subplots(
        2, len(columns), shared_xaxes=True, vertical_spacing=0.06, horizontal_spacing=0.02, row_heights=[0.34, 0.66],
        column_widths=[max(int(np.ptp(time[at])), 1) for at in columns],
    )  # fmt: skip
    for column, at in enumerate(columns, 1):
        for number in np.unique(rows.session[samples.row[at]]):
            own = np.flatnonzero((rows.session == number) & (rows.starts >= 0))
            own = own[thin(rows.mid[own])]
            figure.add_scatter(
                x=_times(rows.time[own]), y=rows.mid[own], line={"color": INK, "width": 1.1}, showlegend=False, row=1,
                col=column, name=str(rows.sessions[number]["instrument"]),
            )  # fmt: skip
        edges = np.linspace(time[at].min(), time[at].max(), max(BINS // len(columns), 60) + 1)
        middle = ((edges[:-1] + edges[1:]) / 2).astype(np.int64)
        order = at[np.argsort(time[at], kind="stable")]
        near = np.clip(np.searchsorted(time[order], middle), 0, len(order) - 1)
        held = np.searchsorted(time[order], edges[1:], side="right") > np.searchsorted(time[order], edges[:-1])
        # Of a moment between two samples, the sample that follows tells; of a minute without any, none does.
        held |= np.abs(time[order][near] - middle) < 4 * max(np.median(np.diff(time[order])), np.diff(edges)[0])
        codes = np.stack([np.where(held, part[order][near], 0) for part in parts])
        figure.add_heatmap(
            x=_times(middle), y=[f"fold {number}" for number in range(len(parts))], z=codes, zmin=-0.5, ygap=5,
            zmax=len(PARTS) - 0.5, colorscale=_steps(), showscale=False, row=2, col=column,
            text=np.array(list(PARTS), object)[codes], hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
        )  # fmt: skip
        figure.update_yaxes(showticklabels=column == 1, autorange="reversed", showgrid=False, row=2, col=column)
        figure.update_yaxes(showticklabels=column == 1 or len(columns) > 1, row=1, col=column)
    used = {name for code, name in enumerate(PARTS) if code and any((part == code).any() for part in parts)}
    for name in (name for name in PARTS if name in used):
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=name, row=1, col=1,
            marker={"symbol": "square", "size": 13, "color": PARTS[name], "line": {"width": 0.5, "color": MUTED}},
        )  # fmt: skip
    figure.update_yaxes(title="mid", row=1, col=1)
    return _finish(figure, title, 230 + 34 * len(parts)).update_layout(hovermode="closest")


def _steps() -> list[list]:
    colours, n = list(PARTS.values()), len(PARTS)
    return [[edge, colour] for at, colour in enumerate(colours) for edge in (at / n, (at + 1) / n)]


def learning_figure(curves: pd.DataFrame, title: str = "Learning curves") -> go.Figure:
    """Training (dotted) and validation loss of each fold, as `CrossValidation.learning_curves` gives them.

    Of a kind that learns in one step there are none; the figure then says so.
    """
    figure = go.Figure()
    if not len(curves) or "validation_loss" not in curves:
        figure.add_annotation(text=NO_CURVE, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
        figure.update_xaxes(visible=False).update_yaxes(visible=False)
        return _finish(figure, title, 180)
    for number, (fold, own) in enumerate(curves.groupby(level=0)):
        colour = MARKS[number % len(MARKS)]
        for key, dash in (("train_loss", "dot"), ("validation_loss", "solid")):
            figure.add_scatter(
                x=own["predictions"], y=own[key], name=f"fold {fold}", legendgroup=str(fold), mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 2.2 if dash == "solid" else 1.4},
                marker={"size": 5}, showlegend=dash == "solid",
                hovertemplate=f"{key.replace('_', ' ')} %{{y:.4f}} after %{{x:,}}",
            )  # fmt: skip
    figure.update_xaxes(title="predictions seen (dotted: training, solid: validation)").update_yaxes(title="loss, nats")
    return _finish(figure, title, 380).update_layout(hovermode="closest")


def score_figure(
    scores: Mapping[str, Mapping[str, Mapping[str, float | None]]], title: str = "Scores with intervals"
) -> go.Figure:
    """Scores of several models with their intervals, a panel a measure; the first model's interval is a band.

    Parameters
    ----------
    scores
        By model and measure ``value``, ``low``, ``high``, as `Intervals.as_dict` has them under ``scores``.
    """
    if not scores:
        raise InputError("scores holds no model")
    figure = make_subplots(
        1, len(WORDS), shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=list(WORDS.values())
    )
    names = list(scores)
    for column, measure in enumerate(WORDS, 1):
        told = [scores[name][measure] for name in names]
        known = [own["low"] is not None for own in told]
        figure.add_scatter(
            x=[own["value"] for own in told], y=names, mode="markers", row=1, col=column, showlegend=False,
            marker={"size": 10, "color": [ACCENT, *[MUTED] * (len(names) - 1)]},
            error_x={
                "type": "data", "color": MUTED, "thickness": 1.6, "width": 0,
                "array": [own["high"] - own["value"] if ok else 0 for own, ok in zip(told, known)],
                "arrayminus": [own["value"] - own["low"] if ok else 0 for own, ok in zip(told, known)],
            },
            hovertemplate="%{y}: %{x:.4f}<extra></extra>",
        )  # fmt: skip
        if known[0]:
            figure.add_vrect(
                told[0]["low"], told[0]["high"], fillcolor=ACCENT, opacity=0.1, line_width=0, row=1, col=column
            )
        figure.update_xaxes(nticks=5, row=1, col=column)
    figure.update_yaxes(autorange="reversed", gridcolor=GRID)
    return _finish(figure, title, 150 + 32 * len(names)).update_layout(hovermode="closest")


def reliability_figure(tables: Mapping[str, pd.DataFrame], title: str = "Reliability") -> go.Figure:
    """How often answers came true against how sure they were, by model, as `reliability_table` gives them.

    On the dotted line probabilities mean what they say; a marker's size grows with the answers in its bin.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[1 / 3, 1], y=[1 / 3, 1], mode="lines", name="calibrated", line={"color": MUTED, "dash": "dot", "width": 1}
    )
    for number, (name, table) in enumerate(tables.items()):
        share = table["count"] / max(int(table["count"].sum()), 1)
        figure.add_scatter(
            x=table["confidence"], y=table["accuracy"], name=name, mode="lines+markers", customdata=table["count"],
            line={"color": MARKS[number % len(MARKS)], "width": 1.8}, marker={"size": 5 + 22 * np.sqrt(share)},
            hovertemplate="sure %{x:.3f}, right %{y:.3f}, %{customdata:,} answers",
        )  # fmt: skip
    figure.update_xaxes(title="probability of the answer", tickformat=".0%")
    figure.update_yaxes(title="share that came true", tickformat=".0%", range=[0, 1.02])
    return _finish(figure, title, 420).update_layout(hovermode="closest")


def leak_figure(table: pd.DataFrame, title: str = "One model, one set of data, two splitters") -> go.Figure:
    """Scores of `leak_table`: what shuffling pretends beside what purging leaves."""
    figure = go.Figure()
    for number, (splitter, row) in enumerate(table.iterrows()):
        values = [row[key] for key in ("accuracy", "macro_f1", "mcc")]
        figure.add_bar(
            x=["accuracy", "macro-F1", "MCC"], y=values, name=f"{splitter} ({row['share_touched']:.0%} touched)",
            marker={"color": (PARTS["test"], PARTS["train"])[number % 2]}, text=[f"{value:.3f}" for value in values],
            textposition="outside", cliponaxis=False,
        )  # fmt: skip
    figure.update_yaxes(range=[min(0, float(table["mcc"].min()) - 0.05), 1.05])
    return _finish(figure, title, 380).update_layout(barmode="group", hovermode="closest")
