"""Figures of surveillance: depth through time with trades, alarms and what was planted; the book about an alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from genesis_lib.analytics.depth_history import DepthHistory
from genesis_lib.analytics.plots import ACCENT, AMBER, DOWN, INK, MUTED, NEUTRAL, PAPER, SECOND, TEMPLATE, UP
from genesis_lib.clock import NS
from genesis_lib.detectors import Alert
from genesis_lib.detectors.evaluation import Watched, precision_recall
from genesis_lib.errors import InputError

# Light to dark in one hue: readable in grey, and for whoever sees colours differently.
SHADES = ("#ffffff", "#e3eaf7", "#bccdea", "#8ba9da", "#5a80c4", "#33589f", "#1b3670", "#0c1a3d")
SEVERITY_MARKS = {"info": ("circle", MUTED, 9), "warning": ("diamond", AMBER, 11), "critical": ("x", DOWN, 12)}
KIND_COLOURS = (ACCENT, AMBER, UP, DOWN, SECOND, "#0e7c9e", "#8a6d3b", "#b0308f", "#4d6b1f", NEUTRAL)
MOST_TRADES = 1_500
BEFORE_NS, AFTER_NS, SHOWN_TICKS = NS, NS // 2, 14
AFTER = "0.5 s after (bids blue, asks amber)"
ALERTS = "alarms"  # name of the trace that can be clicked


def depth_history_figure(
    history: DepthHistory,
    alerts: Sequence[Alert] = (),
    labels: Sequence[Mapping] | None = None,
    title: str = "Depth through time",
    *,
    panels: bool = False,
) -> go.Figure:
    """Depth heatmap with trades as bubbles, best prices as lines, and above it alarms and planted episodes by kind.

    Parameters
    ----------
    history
        See `depth_history`. Colours step at quantiles of the quantities that stood, so one huge level hides no other.
    alerts
        Alarms; those outside the span are left out.
    labels
        What was planted, where that is known; each episode is a bar in the lane of its kind.
    panels
        Leave room below for the book about an alarm (`book_traces`).
    """
    first, last = int(history.times[0]), int(history.times[-1])
    alerts = within(history, alerts)
    labels = [label for label in labels or () if label["end"] >= first and label["start"] <= last]
    lanes = list(dict.fromkeys([*(label["kind"] for label in labels), *(alert.kind for alert in alerts)]))
    tall = 26 * max(len(lanes), 1) + 16
    heights = [tall, 430, *([250] if panels else [])]
    figure = make_subplots(
        len(heights), 1, shared_xaxes=False, vertical_spacing=0.1 if panels else 0.05, row_heights=heights
    )
    _add_lanes(figure, lanes, alerts, labels, first, last)
    _add_heatmap(figure, history)
    span = _times([first, last])
    for row in (1, 2):
        figure.update_xaxes(range=span, showgrid=False, row=row, col=1)
    figure.update_xaxes(showticklabels=False, ticks="", matches="x2", row=1, col=1)
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=lanes[::-1],
        showgrid=True,
        row=1,
        col=1,
        range=[-0.6, max(len(lanes), 1) - 0.4],
    )
    edges = history.instrument.price(history.ticks[[0, -1]] + np.array([-0.5, history.step - 0.5]))
    figure.update_yaxes(title="price", showgrid=False, range=edges, row=2, col=1)
    told = history.provenance.upper()
    figure.update_layout(
        template=TEMPLATE, title=f"{title} · {history.instrument.name} · {told}", autosize=True,
        height=sum(heights) + (190 if panels else 130),
        hovermode="closest", legend={"y": 1.0, "yanchor": "bottom", "itemsizing": "constant"},
        margin={"t": 104 if panels else 78},
    )  # fmt: skip
    return figure


def within(history: DepthHistory, alerts: Sequence[Alert]) -> list[Alert]:
    """The alarms of the history's span, as the figure numbers them."""
    return [alert for alert in alerts if history.times[0] <= alert.timestamp <= history.times[-1]]


def _times(ns: Sequence[int]) -> np.ndarray:
    return np.asarray(ns, np.int64).astype("datetime64[ns]").astype("datetime64[ms]")


def _add_lanes(figure: go.Figure, lanes, alerts, labels, first: int, last: int) -> None:
    for number, label in enumerate(labels):
        begin, end = max(int(label["start"]), first), min(int(label["end"]), last)
        figure.add_scatter(
            x=_times([begin, end]), y=[label["kind"]] * 2, mode="lines", name="planted", legendgroup="planted",
            showlegend=number == 0, line={"color": "#c7d2f0", "width": 14}, row=1, col=1,
            hovertemplate=f"planted {label['kind']}, {label.get('side', '')}<extra></extra>",
        )  # fmt: skip
    marks = [SEVERITY_MARKS[alert.severity] for alert in alerts]
    figure.add_scatter(
        x=_times([alert.timestamp for alert in alerts]), y=[alert.kind for alert in alerts], mode="markers",
        name=ALERTS, row=1, col=1, text=[f"{alert.message} ({alert.severity}, {alert.score:.0f})" for alert in alerts],
        marker={
            "symbol": [mark[0] for mark in marks], "color": [mark[1] for mark in marks],
            "size": [mark[2] for mark in marks], "line": {"color": PAPER, "width": 1},
        },
        hovertemplate="%{x|%H:%M:%S.%L}<br>%{text}<extra></extra>",
    )  # fmt: skip
    if not lanes:
        figure.add_annotation(text="no alarm", showarrow=False, xref="x domain", yref="y domain", x=0.5, y=0.5)


def _add_heatmap(figure: go.Figure, history: DepthHistory) -> None:
    price, at = history.instrument.price, _times(history.times)
    figure.add_heatmap(
        x=at, y=price(history.ticks), z=history.sizes, colorscale=quantile_scale(history.sizes), zmin=0.0,
        zmax=float(np.nanmax(history.sizes)) or 1.0, showscale=False, name="depth", row=2, col=1,
        hovertemplate="%{x|%H:%M:%S.%L}<br>%{y}: %{z:.4g}<extra></extra>",
    )  # fmt: skip
    for k, (name, colour) in enumerate((("best bid", UP), ("best ask", DOWN))):
        figure.add_scatter(
            x=at, y=price(history.best[:, k]), mode="lines", name=name, row=2, col=1, hoverinfo="skip",
            line={"color": colour, "width": 1.2, "shape": "hv"},
        )  # fmt: skip
    shown = np.argsort(history.trade_sizes)[-MOST_TRADES:]
    scale = 22.0 / np.sqrt(history.trade_sizes.max()) if len(shown) else 1.0
    for side, name, colour in ((1, "buyer took", UP), (-1, "seller took", DOWN), (0, "traded", NEUTRAL)):
        some = shown[history.trade_sides[shown] == side]
        if not len(some):
            continue
        figure.add_scatter(
            x=_times(history.trade_times[some]), y=price(history.trade_ticks[some]), mode="markers", name=name,
            customdata=history.trade_sizes[some], row=2, col=1,
            marker={
                "color": colour, "opacity": 0.55, "size": np.maximum(2.5, scale * np.sqrt(history.trade_sizes[some])),
                "line": {"color": PAPER, "width": 0.5},
            },
            hovertemplate=f"{name} %{{customdata:.4g}} at %{{y}}<br>%{{x|%H:%M:%S.%L}}<extra></extra>",
        )  # fmt: skip
    if len(history.trade_sizes) > MOST_TRADES:
        figure.add_annotation(
            text=f"the {MOST_TRADES:,} largest of {len(history.trade_sizes):,} trades", showarrow=False, x=1, y=0,
            xref="x2 domain", yref="y2 domain", xanchor="right", yanchor="bottom", font={"color": MUTED, "size": 11},
            bgcolor=PAPER,
        )  # fmt: skip


def quantile_scale(sizes: np.ndarray) -> list[list]:
    """Colour scale over 0 to the largest quantity, whose colours change at quantiles of those greater than 0."""
    some = sizes[sizes > 0.0]
    largest = float(some.max()) if some.size else 1.0
    cuts = np.quantile(some, np.linspace(0.0, 1.0, len(SHADES) - 1)) / largest if some.size else np.ones(1)
    scale, before = [[0.0, SHADES[0]]], 0.0
    for cut, shade in zip(cuts, SHADES[1:]):
        cut = min(float(cut), 1.0)
        if cut > before:
            scale.append([cut, shade])
            before = cut
    if before < 1.0:
        scale.append([1.0, SHADES[-1]])
    return scale


def book_traces(history: DepthHistory, ts: int) -> tuple[go.Bar, go.Bar]:
    """Bars of the book one second before a time and half a second after it, within a few ticks of the touch."""
    moments = history.column(ts - BEFORE_NS), history.column(ts + AFTER_NS)
    middles = [history.best[moment].mean() for moment in moments]
    middle = next((value for value in middles[::-1] if value == value), None)
    if middle is None:
        raise InputError(f"the book is not known about {ts}: there is nothing to show before and after it")
    near = np.abs(history.ticks - middle) <= SHOWN_TICKS * history.step
    prices = history.instrument.price(history.ticks[near])
    before, after = (history.sizes[near, moment] for moment in moments)
    sides = np.where(history.ticks[near] <= middle, ACCENT, AMBER)
    hover = "%{y}: %{x:.4g}<extra>%{fullData.name}</extra>"
    return (
        go.Bar(
            x=before, y=prices, orientation="h", name="1 s before", hovertemplate=hover,
            marker={"color": "rgba(0,0,0,0)", "line": {"color": INK, "width": 1}},
        ),
        go.Bar(
            x=after, y=prices, orientation="h", name=AFTER, hovertemplate=hover,
            marker={"color": sides, "opacity": 0.75},
        ),
    )  # fmt: skip


def book_figure(history: DepthHistory, alert: Alert) -> go.Figure:
    """The book before and after an alarm, as bars by price."""
    figure = go.Figure(book_traces(history, alert.timestamp)[::-1])
    figure.update_xaxes(title="quantity").update_yaxes(title="price", showgrid=False)
    return figure.update_layout(
        template=TEMPLATE,
        title=f"{alert.kind}: {alert.message} · {history.provenance.upper()}",
        barmode="overlay",
        height=440,
        hovermode="closest",
    )


def precision_recall_figure(
    sessions: Sequence[Watched], title: str = "Precision and recall, by the least score told"
) -> go.Figure:
    """Precision over recall of each planted kind, along the score from which alarms are told.

    Kinds without alarms are left out; the large mark is the detector's own threshold.
    """
    figure, made = go.Figure(), sorted({session.provenance.upper() for session in sessions if session.labels})
    kinds = dict.fromkeys(label["kind"] for session in sessions for label in session.labels or ())
    for number, kind in enumerate(sorted(kinds)):
        points = precision_recall(sessions, kind)
        if not points:
            continue
        figure.add_scatter(
            x=[point["recall"] for point in points], y=[point["precision"] for point in points], name=kind,
            customdata=[point["least_score"] for point in points], mode="lines+markers",
            line={"color": KIND_COLOURS[number % len(KIND_COLOURS)], "width": 1.4, "shape": "hv"},
            marker={"size": [12] + [4] * (len(points) - 1), "symbol": number % 5},
            hovertemplate=kind + ", scores from %{customdata}<br>precision %{y:.0%}, recall %{x:.0%}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="recall: episodes found", range=[-0.03, 1.03], tickformat=".0%")
    figure.update_yaxes(title="precision: alarms that were right", range=[-0.03, 1.06], tickformat=".0%")
    return figure.update_layout(template=TEMPLATE, title=" · ".join([title, *made]), height=440, hovermode="closest")
