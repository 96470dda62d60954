"""Figures that hold a simulated market against the recordings it stands for, a panel a market."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from genesis_lib.analytics.calibration import INSIDE, KNOWN_OFF, NEAR, OFF, STATISTICS, UNTOLD, Calibration, Statistic
from genesis_lib.analytics.calibration_report import CalibrationReport, is_number
from genesis_lib.analytics.mid_prices import ABS_LAGS
from genesis_lib.analytics.order_signs import SIGN_LAGS
from genesis_lib.analytics.plots import ACCENT, AMBER, DOWN, GRID, INK, MUTED, NEUTRAL, PAPER, SECOND, TEMPLATE, UP
from genesis_lib.analytics.stylised import StylisedFacts

RECORDED = (ACCENT, AMBER, SECOND, UP)
VERDICTS = {INSIDE: UP, NEAR: AMBER, OFF: DOWN, UNTOLD: NEUTRAL}
QUANTILES = np.concatenate([np.arange(1, 100) / 100, [0.995, 0.999]])
Curve = Callable[[StylisedFacts], tuple[Sequence[float], Sequence[float]]]


def depth_profile_figure(report: CalibrationReport) -> go.Figure:
    """Median quantity at each level, both sides together."""

    def curve(facts: StylisedFacts) -> tuple[range, list[float]]:
        return range(1, facts.depth + 1), [held.at(0.5) for held in facts.sizes]

    figure = _panels(report, curve, "Depth profile: median quantity at each level", markers=True)
    return figure.update_yaxes(type="log", title="quantity", dtick=1).update_xaxes(title="level", dtick=1)


def spread_figure(report: CalibrationReport, widest: int = 12) -> go.Figure:
    """Share of rows with a spread of 1 to `widest` ticks."""

    def curve(facts: StylisedFacts) -> tuple[np.ndarray, np.ndarray]:
        shares = facts.spread_shares()[1 : widest + 1]
        return np.arange(1, widest + 1), np.where(shares > 0, shares, np.nan)

    figure = _panels(report, curve, "Spread: share of rows at each width", markers=True)
    return figure.update_yaxes(type="log", title="share of rows", tickformat=".3~%", dtick=1).update_xaxes(
        title="spread, ticks", dtick=1
    )


def sign_memory_figure(report: CalibrationReport) -> go.Figure:
    """Autocorrelation of the signs of market orders, both axes logarithmic; what is not positive is left out."""

    def curve(facts: StylisedFacts) -> tuple[tuple[int, ...], np.ndarray]:
        values = facts.orders.signs.values()
        return SIGN_LAGS, np.where(values > 0, values, np.nan)

    figure = _panels(report, curve, "Order signs remember: autocorrelation by lag", markers=True)
    return figure.update_xaxes(
        type="log", title="market orders later", tickvals=[1, 2, 5, 10, 20, 50, 100]
    ).update_yaxes(type="log", title="autocorrelation", tickvals=[0.003, 0.01, 0.03, 0.1, 0.3])


def volatility_memory_figure(report: CalibrationReport) -> go.Figure:
    """Autocorrelation of absolute returns of one second; the band is two standard errors of the shortest recording."""
    figure = _panels(
        report, lambda facts: (ABS_LAGS, facts.mids.absolute.values()), "Volatility remembers: |return of 1 s| by lag"
    )
    for panel, one in enumerate(report.calibrations, 1):
        seconds = [report.facts[name].mids.second.n for name in one.recorded] or [
            report.facts[one.symbol].mids.second.n
        ]
        error = 2.0 / np.sqrt(max(min(seconds), 1))
        figure.add_hrect(-error, error, fillcolor=MUTED, opacity=0.12, line_width=0, row=1, col=panel)
    return figure.update_xaxes(title="seconds later").update_yaxes(title="autocorrelation")


def gap_figure(report: CalibrationReport) -> go.Figure:
    """Quantile against quantile of the time between depth messages; on the dotted line both are alike."""
    figure = _grid(report)
    for panel, one in enumerate(report.calibrations, 1):
        simulated = _quantiles(report.facts[one.symbol])
        every = simulated
        for name, colour in zip(one.recorded, RECORDED):
            recorded = _quantiles(report.facts[name])
            every = np.concatenate([every, recorded])
            figure.add_scatter(
                x=recorded, y=simulated, mode="lines+markers", name=_label(name), line={"color": colour, "width": 1.6},
                marker={"size": 4}, legendgroup=name, customdata=QUANTILES * 100, row=1, col=panel,
                hovertemplate="%{customdata:.1f} %: %{x:.1f} ms recorded, %{y:.1f} ms simulated",
            )  # fmt: skip
        if not one.recorded:
            figure.add_scatter(x=QUANTILES, y=simulated, name=one.symbol, line={"color": INK}, row=1, col=panel)
            continue
        ends = [max(every.min(), 0.5), every.max()]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", line={"color": MUTED, "dash": "dot", "width": 1}, showlegend=False,
            hoverinfo="skip", row=1, col=panel,
        )  # fmt: skip
    title = "Time between depth messages, quantile against quantile, ms"
    if not any(one.recorded for one in report.calibrations):
        return _finish(figure, "Time between depth messages, ms").update_xaxes(title="share below")
    figure = _finish(figure, title).update_layout(hovermode="closest")
    ticks = {"type": "log", "tickvals": [1, 3, 10, 30, 100, 300, 1000]}
    return figure.update_xaxes(title="recorded", **ticks).update_yaxes(title="simulated", **ticks)


def verdict_figure(report: CalibrationReport) -> go.Figure:
    """Where each statistic lies: 0 is inside the range of the recordings, 1 the end of the tolerance."""
    figure = _grid(report, shared=True)
    texts = [one.text for one in reversed(STATISTICS)]
    for panel, one in enumerate(report.calibrations, 1):
        verdicts = one.verdicts()
        places = {s.key: _place(s, [f[s.key] for f in one.recorded.values()], one.simulated[s.key]) for s in STATISTICS}
        for kind, colour in VERDICTS.items():
            some = [s for s in STATISTICS if verdicts[s.key].kind == kind]
            if not some:
                continue
            figure.add_scatter(
                x=[places[s.key] for s in some], y=[s.text for s in some], mode="markers", name=_NAMES[kind],
                legendgroup=kind, showlegend=panel == 1, marker={"color": colour, "size": 9},
                customdata=[verdicts[s.key].words for s in some], hovertemplate="%{y}: %{customdata}",
                row=1, col=panel,
            )  # fmt: skip
        figure.add_vrect(-1, 1, fillcolor=UP, opacity=0.07, line_width=0, row=1, col=panel)
    figure = _finish(figure, "Simulator against recordings, in units of the tolerance", 20 * len(texts) + 190)
    figure.update_yaxes(categoryorder="array", categoryarray=texts, tickfont={"size": 11}, range=[-1, len(texts)])
    return figure.update_layout(hovermode="closest", margin={"l": 330}, legend={"x": 0.3}).update_xaxes(
        range=[-3.3, 3.3], tickvals=[-3, -1, 0, 1, 3], ticktext=["too low", "-1", "0", "1", "too high"]
    )


def verdict_table(calibration: Calibration) -> go.Figure:
    """Every statistic beside those of the recordings, with its verdict in colour."""
    head, *lines = calibration.table()
    colours = [VERDICTS[verdict.kind] for verdict in calibration.verdicts().values()]
    widths = [4.6 if name == "statistic" else 4.4 if name == "verdict" else 1.2 for name in head]
    return _table([_label(name) for name in head], lines, widths, {len(head) - 2: colours} if "verdict" in head else {})


def known_table() -> go.Figure:
    """What is known to be off, with the reasons."""
    text = {one.key: one.text for one in STATISTICS}
    lines = [[symbol, text[key], why] for symbol, known in KNOWN_OFF.items() for key, why in known.items()]
    return _table(["market", "known to be off", "because"], lines, [1.0, 4.0, 7.0], {})


def _table(head: list[str], lines: list[list[str]], widths: list[float], colours: dict[int, list[str]]) -> go.Figure:
    """Text in columns, numbers to the right; colours of a column's cells by its number."""
    columns = [list(column) for column in zip(*lines)]
    align = ["right" if all(cell == "-" or is_number(cell) for cell in column) else "left" for column in columns]
    table = go.Table(
        columnwidth=widths,
        header={"values": [f"<b>{name}</b>" for name in head], "align": align, "fill_color": GRID, "height": 30},
        cells={
            "values": columns, "align": align, "height": 23, "fill_color": PAPER, "line_color": GRID,
            "font": {"size": 12, "color": [colours.get(i, INK) for i in range(len(head))]},
        },
    )  # fmt: skip
    # A table does not grow with what it holds: room for every line, wrapped where its column is narrow.
    room = [150 * width / sum(widths) for width in widths]
    wrapped = sum(max(-(-len(cell) // int(wide)) for cell, wide in zip(line, room)) for line in lines)
    return go.Figure(table).update_layout(
        template=TEMPLATE, height=20 * wrapped + 4 * len(lines) + 70, margin={"l": 4, "r": 4, "t": 8, "b": 8}
    )


_NAMES = {INSIDE: "inside the range", NEAR: "within the tolerance", OFF: "off", UNTOLD: "cannot be told"}


def _place(statistic: Statistic, recorded: Iterable[float], simulated: float) -> float:
    told = [value for value in recorded if np.isfinite(value)]
    if not told or not np.isfinite(simulated):
        return 0.0
    low, high = min(told), max(told)
    if low <= simulated <= high:
        return 0.0
    bound, sign = (low, -1.0) if simulated < low else (high, 1.0)
    if not statistic.times:
        place = abs(simulated - bound) / statistic.plus
    elif simulated * bound > 0:
        place = abs(np.log(simulated / bound)) / np.log(statistic.times)
    else:
        place = np.inf
    return float(sign * min(place, 3.0))


def _quantiles(facts: StylisedFacts) -> np.ndarray:
    return np.array([facts.gaps.at(share) for share in QUANTILES])


def _grid(report: CalibrationReport, shared: bool = False) -> go.Figure:
    titles = [one.symbol for one in report.calibrations]
    return make_subplots(1, len(titles), subplot_titles=titles, horizontal_spacing=0.1, shared_yaxes=shared)


def _panels(report: CalibrationReport, curve: Curve, title: str, markers: bool = False) -> go.Figure:
    """A line a recording, and the simulator's over them."""
    figure, mode = _grid(report), "lines+markers" if markers else "lines"
    for panel, one in enumerate(report.calibrations, 1):
        for name, colour in zip(one.recorded, RECORDED):
            x, y = curve(report.facts[name])
            figure.add_scatter(
                x=list(x),
                y=list(y),
                mode=mode,
                name=_label(name),
                line={"color": colour, "width": 1.6},
                row=1,
                col=panel,
            )
        x, y = curve(report.facts[one.symbol])
        line = {"color": INK, "width": 2.6, "dash": "solid" if panel == 1 else "dash"}
        figure.add_scatter(
            x=list(x), y=list(y), mode=mode, name=f"{one.symbol} (simulated)", line=line, row=1, col=panel
        )
    return _finish(figure, title)


def _finish(figure: go.Figure, title: str, height: int = 420) -> go.Figure:
    figure.update_layout(template=TEMPLATE, title=title, height=height, margin={"t": 70, "b": 96})
    return figure.update_layout(legend={"y": 0, "yref": "container", "yanchor": "bottom"})


def _label(name: str) -> str:
    """Symbol and day, without the venue."""
    return name.rpartition(":")[2]
