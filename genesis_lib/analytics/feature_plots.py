"""Figures of a study of features: paths around moves, redundancy, and correlations measured and come true."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from genesis_lib.analytics.feature_events import EventPaths
from genesis_lib.analytics.feature_information import Redundancy
from genesis_lib.analytics.plots import ACCENT, AMBER, DOWN, GRID, INK, MUTED, NEUTRAL, PAPER, TEMPLATE, UP
from genesis_lib.errors import InputError
from genesis_lib.types import Snapshots

DIVERGING = [[0.0, DOWN], [0.5, PAPER], [1.0, ACCENT]]


def sourced(title: str, *sessions: Sequence[Snapshots]) -> str:
    """Say in a title what its figure was made of: RECORDED, SIMULATED, or both."""
    kinds = sorted({one.provenance.upper() for some in sessions for one in some})
    if not kinds:
        raise InputError("sessions must hold at least one, got none")
    return f"{title} ({' and '.join(kinds)})"


def _finish(figure: go.Figure, title: str, height: int, **layout) -> go.Figure:
    figure.update_layout(template=TEMPLATE, title=title, height=height, hovermode="closest")
    return figure.update_layout(**layout)


def _tint(colour: str, alpha: float) -> str:
    return f"rgba({int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:7], 16)},{alpha})"


def group_figure(table: pd.DataFrame, title: str = "Features by group") -> go.Figure:
    """How many features each group has; `table` is indexed by heading and has ``features`` and ``rows`` of warm-up."""
    figure = go.Figure(
        go.Bar(
            y=table.index, x=table["features"], orientation="h", marker={"color": ACCENT}, text=table["features"],
            textposition="outside", cliponaxis=False, customdata=table["rows"],
            hovertemplate="%{y}: %{x} features, longest warm-up %{customdata} rows<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False).update_xaxes(visible=False)
    return _finish(figure, title, 90 + 26 * len(table), margin={"l": 20, "t": 44, "b": 10})


def event_figure(paths: EventPaths, title: str = "Around a move of the price", across: int = 4) -> go.Figure:
    """Small multiples: mean path of each feature around moves up, and around moves down with the book turned over."""
    down = -(-len(paths.names) // across)
    figure = make_subplots(
        down, across, subplot_titles=paths.names, shared_xaxes=True, horizontal_spacing=0.05,
        vertical_spacing=0.28 / max(down, 2),
    )  # fmt: skip
    names = f"{paths.moves[0]} moves up", f"{paths.moves[1]} moves down, book turned over"
    for i in range(len(paths.names)):
        place = {"row": i // across + 1, "col": i % across + 1}
        for side, colour in enumerate((UP, DOWN)):
            low, high = paths.low[side, i], paths.high[side, i]
            figure.add_scatter(
                x=np.concatenate([paths.offsets, paths.offsets[::-1]]), y=np.concatenate([high, low[::-1]]),
                fill="toself", fillcolor=_tint(colour, 0.16), line={"width": 0}, hoverinfo="skip", showlegend=False,
                legendgroup=names[side], **place,
            )  # fmt: skip
            figure.add_scatter(
                x=paths.offsets, y=paths.mean[side, i], name=names[side], legendgroup=names[side], showlegend=i == 0,
                line={"color": colour, "width": 1.8}, hovertemplate="row %{x:+d}: %{y:.2f}<extra></extra>", **place,
            )  # fmt: skip
        figure.add_vline(x=-0.5, line={"color": MUTED, "width": 1, "dash": "dot"}, **place)
        figure.add_hline(y=0, line={"color": GRID, "width": 1.2}, **place)
        if i + across >= len(paths.names):
            figure.update_xaxes(title="rows from the move", title_standoff=4, showticklabels=True, **place)
    figure.update_annotations(font={"size": 12.5, "color": INK}, yshift=2)
    figure.update_xaxes(showgrid=False).update_yaxes(tickfont={"size": 10}, nticks=5)
    legend = {"y": 1 + 34 / (190 * down), "yanchor": "bottom"}
    return _finish(figure, title, 120 + 190 * down, legend=legend, margin={"t": 104, "l": 40})


def correlation_figure(
    found: Redundancy, title: str = "Rank correlation, like beside like", least: int = 4
) -> go.Figure:
    """Heatmap of all correlations in the tree's order; groups of at least `least` are named by their representative."""
    names = list(found.names)
    figure = go.Figure(
        go.Heatmap(
            z=found.correlation.round(2), x=names, y=names, zmin=-1, zmax=1, colorscale=DIVERGING,
            colorbar={"thickness": 10, "tickvals": [-1, -0.5, 0, 0.5, 1]},
            hovertemplate="%{y}<br>%{x}<br>%{z:.2f}<extra></extra>",
        )
    )  # fmt: skip
    edges = np.concatenate([[0], np.flatnonzero(np.diff(found.group)) + 1, [len(names)]])
    middles, words = [], []
    for representative, first, last in zip(found.representatives, edges[:-1], edges[1:]):
        if last - first >= least:
            middles.append((int(first) + int(last) - 1) // 2)
            words.append(f"{representative} and {last - first - 1} more")
            box = {"x0": first - 0.5, "x1": last - 0.5, "y0": first - 0.5, "y1": last - 0.5}
            figure.add_shape(type="rect", line={"color": INK, "width": 1}, **box)
    figure.update_xaxes(showticklabels=False, showgrid=False, ticks="")
    figure.update_yaxes(
        tickvals=middles, ticktext=words, tickfont={"size": 11.5}, autorange="reversed", showgrid=False, ticks=""
    )
    return _finish(figure, title, 800, margin={"t": 48, "b": 20, "l": 230})


def foresight_figure(table: pd.DataFrame, title: str = "What perfect foresight would earn a trade") -> go.Figure:
    """Mean absolute move by horizon against what a trade costs, in basis points on a logarithmic scale."""
    figure = go.Figure()
    x = [f"{horizon:,}" for horizon in table.index]
    figure.add_scatter(
        x=x, y=table["move"], name="mean move", mode="lines+markers+text", line={"color": ACCENT, "width": 2.6},
        text=[f"{v:.2f}" for v in table["move"]], textposition="top center", cliponaxis=False,
        hovertemplate="%{y:.3f} bps<extra>mean move</extra>",
    )  # fmt: skip
    costs = {"spread": table["spread"], "spread and taker fees": table["spread"] + table["fees"]}
    for (name, values), colour in zip(costs.items(), (AMBER, DOWN)):
        figure.add_scatter(
            x=x, y=values, name=name, mode="lines+markers", line={"color": colour, "width": 2},
            hovertemplate="%{y:.3f} bps<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.update_xaxes(title="rows ahead", type="category", showgrid=False)
    figure.update_yaxes(title="basis points", type="log", dtick=1)
    return _finish(figure, title, 360)


def sample_figure(tables: Mapping[str, pd.DataFrame], title: str, named: Sequence[str] = ()) -> go.Figure:
    """Each feature's correlation where it was measured, and where it had to come true; a panel a comparison.

    Parameters
    ----------
    tables
        Of `compare`, by what is compared. On the diagonal all that was measured came true.
    named
        Features that are labelled.
    """
    if not tables:
        raise InputError("tables must hold at least one comparison, got none")
    figure = make_subplots(1, len(tables), subplot_titles=list(tables), horizontal_spacing=0.06, shared_yaxes=True)
    reach = max(float(np.nanmax(np.abs(t[["ic", "ic_test"]].to_numpy(float)))) for t in tables.values()) * 1.12
    for column, table in enumerate(tables.values(), 1):
        place = {"row": 1, "col": column}
        ends = [-reach, reach]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", line={"color": MUTED, "width": 1, "dash": "dot"}, hoverinfo="skip",
            showlegend=False, **place,
        )  # fmt: skip
        kinds = (
            ("not found", ~table.found, NEUTRAL, "circle-open", 6),
            ("found, not kept", table.found & ~table.kept, AMBER, "diamond", 7),
            ("found and kept", table.kept, UP, "circle", 7),
        )
        for name, mask, colour, symbol, size in kinds:
            some = table[mask]
            figure.add_scatter(
                x=some.ic, y=some.ic_test, mode="markers", name=name, legendgroup=name, showlegend=column == 1,
                customdata=np.column_stack([some.index, some.q, some.p_test]),
                marker={"color": colour, "symbol": symbol, "size": size, "opacity": 0.75},
                hovertemplate="%{customdata[0]}<br>measured %{x:.2f}, q %{customdata[1]:.3f}"
                "<br>came true %{y:.2f}, p %{customdata[2]:.3f}<extra></extra>", **place,
            )  # fmt: skip
        axis = "" if column == 1 else column
        for i, name in enumerate(name for name in named if np.isfinite(table.ic.get(name, np.nan))):
            turn = 1 if i % 2 else -1  # names stand in the quadrants that are empty where things came true
            figure.add_annotation(
                x=table.ic[name], y=table.ic_test[name], text=name, showarrow=True, arrowhead=0, arrowwidth=1,
                arrowcolor=INK, ax=turn * 0.5 * reach, ay=-turn * 0.75 * reach, axref=f"x{axis}", ayref=f"y{axis}",
                bgcolor="rgba(255,255,255,0.85)", **place,
            )  # fmt: skip
        figure.add_hline(y=0, line={"color": GRID, "width": 1.5}, **place)
        figure.add_vline(x=0, line={"color": GRID, "width": 1.5}, **place)
        figure.update_xaxes(title="measured", range=ends, **place)
        figure.update_yaxes(range=ends, **place)
    figure.update_yaxes(title="came true", row=1, col=1)
    figure.update_xaxes(showgrid=False).update_yaxes(showgrid=False)
    figure.update_annotations(font={"size": 12})
    return _finish(figure, title, 480, legend={"y": 1.1}, margin={"t": 110})


def interval_figure(table: pd.DataFrame, title: str, first: str = "measured", then: str = "came true") -> go.Figure:
    """Correlations of a table of `compare` with their intervals, both samples a row; hollow where nothing was kept."""
    if table.empty:
        raise InputError("table holds no feature to draw")
    figure, at = go.Figure(), np.arange(len(table))
    for name, end, colour, shift in ((first, "", ACCENT, -0.16), (then, "_test", AMBER, 0.16)):
        ic = table[f"ic{end}"]
        figure.add_scatter(
            x=ic, y=at + shift, name=name, mode="markers",
            marker={"color": [colour if kept else PAPER for kept in table.kept], "size": 7,
                    "line": {"color": colour, "width": 1.6}},
            error_x={"type": "data", "symmetric": False, "array": table[f"high{end}"] - ic,
                     "arrayminus": ic - table[f"low{end}"], "color": _tint(colour, 0.55), "thickness": 1.6, "width": 0},
            customdata=np.column_stack([table.index, table[f"worth{end}"]]),
            hovertemplate="%{customdata[0]}: %{x:.2f}, worth %{customdata[1]:,.0f} rows<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": MUTED, "width": 1})
    figure.update_yaxes(tickvals=at, ticktext=list(table.index), autorange="reversed", showgrid=False)
    figure.update_xaxes(title="rank correlation with the move ahead")
    return _finish(figure, title, 130 + 21 * len(table), margin={"l": 180})


def worth_figure(table: pd.DataFrame, title: str, named: Sequence[str] = ()) -> go.Figure:
    """How many independent rows each feature's rows are worth, against its correlation, and the line of p = 0.05."""
    some = table[table.ic.notna()]
    if some.empty:
        raise InputError("table holds no feature that could be measured")
    figure = go.Figure()
    kinds = (("kept", some.kept, UP), ("not kept", ~some.kept, NEUTRAL))
    for name, mask, colour in kinds:
        part = some[mask]
        figure.add_scatter(
            x=part.worth, y=part.ic.abs(), mode="markers+text", name=name, marker={"color": colour, "size": 7},
            text=[str(f) if f in named else "" for f in part.index], textposition="top center", textfont={"size": 11},
            customdata=np.column_stack([part.index, part.rows]),
            hovertemplate="%{customdata[0]}: %{y:.2f}, %{customdata[1]:,} rows worth %{x:,.0f}<extra></extra>",
        )  # fmt: skip
    low, high = float(some.worth.min()), float(some.worth.max())
    x = np.geomspace(max(low * 0.8, 1.0), high * 1.2, 80)
    figure.add_scatter(
        x=x, y=1.96 / np.sqrt(x), mode="lines", name="p = 0.05 of that many independent rows",
        line={"color": DOWN, "width": 1.5, "dash": "dot"}, hoverinfo="skip",
    )  # fmt: skip
    naive = 1.96 / math.sqrt(float(some.rows.median()))
    figure.add_hline(
        y=naive, line={"color": MUTED, "width": 1, "dash": "dash"}, annotation_text="if rows were independent",
        annotation_position="top left", annotation_font={"size": 11, "color": MUTED},
    )  # fmt: skip
    figure.update_xaxes(type="log", title="independent rows that the feature's rows are worth", dtick=1)
    figure.update_yaxes(title="|rank correlation|", rangemode="tozero")
    return _finish(figure, title, 440)


def contest_figure(tables: Mapping[str, pd.DataFrame], title: str = "Lines against guesses") -> go.Figure:
    """Matthews' correlation and log-loss of each model, a colour for each way of scoring."""
    figure = make_subplots(1, 2, subplot_titles=("Matthews' correlation (higher is better)",
                                                 "log-loss less the majority's (lower is better)"),
                           horizontal_spacing=0.06, shared_yaxes=True)  # fmt: skip
    for (name, table), colour in zip(tables.items(), (ACCENT, AMBER, UP)):
        for column, values in enumerate((table.mcc, table.log_loss - table.log_loss["majority"]), 1):
            figure.add_bar(
                y=list(table.index), x=values, orientation="h", name=name, legendgroup=name, showlegend=column == 1,
                marker={"color": colour}, text=[f"{v:+.2f}" for v in values], textposition="outside",
                cliponaxis=False, hovertemplate="%{y}: %{x:+.3f}<extra>" + name + "</extra>", row=1, col=column,
            )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False).update_annotations(font={"size": 12.5})
    for column in (1, 2):
        figure.add_vline(x=0, line={"color": MUTED, "width": 1}, row=1, col=column)
    return _finish(figure, title, 400, legend={"y": 1.12}, margin={"t": 110, "r": 50}, bargap=0.3)
