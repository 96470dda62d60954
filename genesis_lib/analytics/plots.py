"""Plotly figures for notebooks and reports, in one visual language; all work offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from genesis_lib.errors import InputError
from genesis_lib.types import Snapshots

INK, MUTED, GRID, PAPER = "#1b2430", "#697386", "#e8ebf0", "#ffffff"
UP, DOWN, NEUTRAL = "#0b8f79", "#d2455a", "#9aa3b2"
ACCENT, SECOND, AMBER = "#2f5bea", "#7a4fd3", "#d98a00"
CLASSES = ("DOWN", "NEUTRAL", "UP")
CLASS_COLOURS = dict(zip(CLASSES, (DOWN, NEUTRAL, UP), strict=True))
MOST_POINTS = 4_000

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": "Inter, system-ui, -apple-system, 'Segoe UI', sans-serif", "size": 13, "color": INK},
        "title": {
            "x": 0,
            "xanchor": "left",
            "xref": "container",
            "y": 1,
            "yanchor": "top",
            "yref": "container",
            "pad": {"l": 4, "t": 8},
            "font": {"size": 16},
        },
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "colorway": [ACCENT, AMBER, UP, DOWN, SECOND, NEUTRAL],
        "margin": {"l": 64, "r": 24, "t": 78, "b": 44},
        "hovermode": "x unified",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        "xaxis": {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "ticks": "outside", "tickcolor": GRID},
        "yaxis": {
            "gridcolor": GRID,
            "zeroline": False,
            "linecolor": GRID,
            "automargin": True,
            "exponentformat": "none",
            "separatethousands": True,
        },
    }
)


def _finish(figure: go.Figure, title: str, height: int) -> go.Figure:
    return figure.update_layout(template=TEMPLATE, title=title, height=height)


def _times(ns: Sequence[int]) -> np.ndarray:
    return np.asarray(ns, np.int64).astype("datetime64[ns]").astype("datetime64[ms]")


def thin(values: np.ndarray, most: int = MOST_POINTS) -> np.ndarray:
    """Indices of at most `most` points that keep the lowest and highest value of every stretch, in order.

    >>> thin(np.array([0.0, 9.0, 1.0, 2.0, -5.0, 3.0]), 4).tolist()
    [0, 1, 4, 5]
    """
    if most < 4:
        raise InputError(f"most must be at least 4, got {most!r}")
    n = len(values)
    if n <= most:
        return np.arange(n)
    keep = {0, n - 1}
    filled = np.nan_to_num(values, nan=0.0)
    for stretch in np.array_split(np.arange(n), (most - 2) // 2):
        keep.update((int(stretch[filled[stretch].argmin()]), int(stretch[filled[stretch].argmax()])))
    return np.array(sorted(keep))


def price_figure(
    timestamps: Sequence[int], prices: Sequence[float], trades: Sequence[Any] = (), title: str = "Price"
) -> go.Figure:
    """Mid price with the account's entries and exits.

    Parameters
    ----------
    timestamps, prices
        (n,) ns since 1970 UTC, and mid; NaN breaks the line.
    trades
        `TradeEvent`-like; at most 3,000 are marked, evenly chosen, and the title says so.
    """
    prices = np.asarray(prices, np.float64)
    at = thin(prices)
    figure = go.Figure(
        go.Scatter(x=_times(timestamps)[at], y=prices[at], name="mid", line={"color": INK, "width": 1.3})
    )
    marked = list(trades)
    if len(marked) > 3_000:
        marked = [marked[i] for i in np.linspace(0, len(marked) - 1, 3_000).astype(int)]
        title = f"{title} (3,000 of {len(trades):,} trades marked)"
    scale = 1.0 if len(marked) < 300 else 0.55
    for kind, side, symbol, colour in (
        ("ENTRY", "BUY", "triangle-up", UP),
        ("ENTRY", "SELL", "triangle-down", DOWN),
        ("EXIT", "SELL", "circle-open", UP),
        ("EXIT", "BUY", "circle-open", DOWN),
    ):
        some = [trade for trade in marked if (trade.type, trade.side) == (kind, side)]
        long = (kind == "ENTRY") == (side == "BUY")
        figure.add_scatter(
            x=_times([trade.timestamp for trade in some]),
            y=[trade.price for trade in some],
            customdata=[[trade.size, trade.pnl] for trade in some],
            mode="markers",
            name=f"{'long' if long else 'short'} {kind.lower()}",
            marker={
                "symbol": symbol,
                "size": (10 if kind == "ENTRY" else 8) * scale,
                "color": colour,
                "opacity": 0.55 + 0.45 * (scale == 1),
                "line": {"width": 1.4 * scale, "color": colour},
            },
            hovertemplate="%{y:,.2f} × %{customdata[0]:g}, pnl %{customdata[1]:,.2f}",
        )
    return _finish(figure, title, 420)


def depth_figure(rows: Snapshots, title: str = "Waiting size by level") -> go.Figure:
    """Median quantity at each level of valid rows, bids to the left and asks to the right, quartiles as whiskers."""
    figure = go.Figure()
    levels = rows.levels[rows.valid]
    if not len(levels):
        raise InputError("rows holds no valid row: there is no depth to show")
    for name, column, sign, colour in (("bid", 1, -1, ACCENT), ("ask", 3, 1, AMBER)):
        low, median, high = np.nanpercentile(levels[:, :, column], [25, 50, 75], axis=0)
        figure.add_bar(
            x=sign * np.arange(1, rows.depth + 1), y=median, name=name, marker={"color": colour},
            error_y={"type": "data", "array": high - median, "arrayminus": median - low, "color": MUTED},
        )  # fmt: skip
    figure.update_xaxes(title="level from the touch", dtick=1).update_yaxes(type="log", title="quantity")
    return _finish(figure, title, 360).update_layout(hovermode="closest")


def equity_figure(
    timestamps: Sequence[int], gross: Sequence[float], net: Sequence[float], title: str = "Equity and drawdown"
) -> go.Figure:
    """Equity before and after fees, each on its own scale, shaded down from its highest value so far (currency)."""
    x, figure = _times(timestamps), make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.08)
    for row, (name, values, colour) in enumerate((("before fees", gross, ACCENT), ("after fees", net, AMBER)), 1):
        values = np.asarray(values, np.float64)
        peak, at = np.maximum.accumulate(np.maximum(values, 0.0)), thin(values)
        figure.add_scatter(
            x=x[at], y=peak[at], line={"color": colour, "width": 1, "dash": "dot"}, showlegend=False, row=row, col=1,
            name="highest so far",
        )  # fmt: skip
        figure.add_scatter(
            x=x[at], y=values[at], name=name, line={"color": colour, "width": 1.8}, fill="tonexty", row=row, col=1,
            fillcolor=f"rgba({int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:7], 16)},0.12)",
        )  # fmt: skip
        figure.update_yaxes(title=name, row=row, col=1)
    return _finish(figure, title, 460).update_layout(showlegend=False, margin={"t": 48})


def probability_figure(
    timestamps: Sequence[int], probabilities: np.ndarray, title: str = "Class probabilities"
) -> go.Figure:
    """Probabilities (n, 3) of DOWN, NEUTRAL, UP over time; NaN breaks the lines, the dotted line is 1/3."""
    probabilities = np.asarray(probabilities, np.float64).reshape(-1, 3)
    at, figure = thin(probabilities[:, 2] - probabilities[:, 0]), go.Figure()
    for name, column in zip(CLASSES, probabilities.T, strict=True):
        figure.add_scatter(
            x=_times(timestamps)[at], y=column[at], name=name, line={"color": CLASS_COLOURS[name], "width": 1.4}
        )
    figure.add_hline(1 / 3, line={"dash": "dot", "color": MUTED, "width": 1})
    figure.update_yaxes(tickformat=".0%")
    return _finish(figure, title, 320)


def profit_figure(profits: Sequence[float], title: str = "Profit of a round trip, before fees") -> go.Figure:
    """Histogram of the profits of round trips, losses and gains apart (quote currency)."""
    profits = np.asarray(profits, np.float64)
    figure = go.Figure()
    width = float(np.ptp(profits)) / 40 if len(profits) > 1 and np.ptp(profits) > 0 else 1.0
    for name, values, colour in (("loss", profits[profits <= 0], DOWN), ("gain", profits[profits > 0], UP)):
        bins = {"start": 0.0 if name == "gain" else -width * np.ceil(1 - float(min(profits, default=0)) / width)}
        figure.add_histogram(x=values, name=name, marker={"color": colour}, xbins=bins | {"size": width})
    figure.update_layout(bargap=0.06, barmode="overlay").update_yaxes(title="round trips")
    return _finish(figure, title, 320).update_layout(hovermode="closest")


def confusion_figure(matrix: np.ndarray, title: str = "Confusion matrix") -> go.Figure:
    """Counts (3, 3), rows the true class and columns the predicted one, shaded by the share of the true class."""
    matrix = np.asarray(matrix)
    if matrix.shape != (3, 3):
        raise InputError(f"matrix must have shape (3, 3), got {matrix.shape}")
    total = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, total, out=np.zeros((3, 3)), where=total > 0)
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=CLASSES, y=CLASSES, zmin=0, zmax=1, colorscale=[[0, "#f4f6fd"], [1, ACCENT]],
            text=[[f"{n:,}<br>{s:.1%}" for n, s in zip(*row, strict=True)] for row in zip(matrix, shares, strict=True)],
            texttemplate="%{text}", hovertemplate="true %{y}, predicted %{x}: %{text}<extra></extra>",
            colorbar={"tickformat": ".0%", "thickness": 10},
        )
    )  # fmt: skip
    figure.update_xaxes(title="predicted", showgrid=False)
    figure.update_yaxes(title="true", autorange="reversed", showgrid=False)
    return _finish(figure, title, 420).update_layout(hovermode="closest")


def class_share_figure(shares: Mapping[str, Sequence[float]], title: str = "Class shares") -> go.Figure:
    """Shares of DOWN, NEUTRAL and UP in several sets or horizons, one bar each."""
    figure = go.Figure()
    for i, name in enumerate(CLASSES):
        values = [float(share[i]) for share in shares.values()]
        figure.add_bar(
            y=list(shares), x=values, name=name, orientation="h", marker={"color": CLASS_COLOURS[name]},
            text=[f"{value:.1%}" for value in values], textposition="inside", insidetextanchor="middle",
            insidetextfont={"color": INK if name == "NEUTRAL" else PAPER},
        )  # fmt: skip
    figure.update_xaxes(tickformat=".0%", range=[0, 1]).update_yaxes(autorange="reversed", showgrid=False)
    figure.update_layout(barmode="stack", hovermode="closest", legend={"traceorder": "normal"})
    return _finish(figure, title, 120 + 42 * max(len(shares), 1)).update_layout(hovermode="closest")
