"""A figure to click in: choose an alarm, and see the book before and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

import plotly.graph_objects as go

from genesis_lib.analytics.depth_history import DepthHistory
from genesis_lib.analytics.surveillance import ALERTS, book_traces, depth_history_figure, within
from genesis_lib.detectors import Alert
from genesis_lib.errors import InputError

LINE = 140  # characters of a line of words over the book
WIDTH = 1040  # px: the widget would stay at 700 otherwise, whatever room there is


class AlertExplorer(go.FigureWidget):
    """Depth through time with alarms and planted episodes; a click on an alarm shows the book about it below.

    Parameters
    ----------
    history
        See `genesis_lib.analytics.depth_history.depth_history`.
    alerts
        Alarms; those outside the span are left out.
    labels
        What was planted, where that is known.

    Attributes
    ----------
    alerts_shown : list of Alert
        Those of the span.
    chosen : Alert or None
        The one whose book is shown.

    Notes
    -----
    Everything is in one figure: a second one that changes after it was made would be painted empty inside a box.
    """

    def __init__(
        self,
        history: DepthHistory,
        alerts: Sequence[Alert],
        labels: Sequence[Mapping] | None = None,
        title: str = "Click an alarm: the book before and after it",
    ) -> None:
        figure = depth_history_figure(history, alerts, labels, title, panels=True)
        shown = within(history, alerts)
        for trace in book_traces(history, shown[0].timestamp if shown else int(history.times[-1]))[::-1]:
            figure.add_trace(trace, row=3, col=1)
        figure.update_xaxes(title="quantity", row=3, col=1).update_yaxes(title="price", showgrid=False, row=3, col=1)
        figure.update_layout(barmode="overlay", width=WIDTH)
        figure.add_annotation(
            name="chosen",
            text="",
            xref="paper",
            x=0,
            yref="y3 domain",
            y=1.02,
            yanchor="bottom",
            showarrow=False,
            align="left",
        )
        super().__init__(figure)
        # FigureWidget refuses attributes that are no part of a figure unless they are private.
        self._history, self._shown, self._chosen = history, shown, None
        self._point(ALERTS).on_click(lambda trace, points, state: self._clicked(points.point_inds))
        if shown:
            self.choose(0)

    @property
    def alerts_shown(self) -> list[Alert]:
        """The alarms of the span, oldest first as they were given."""
        return list(self._shown)

    @property
    def chosen(self) -> Alert | None:
        """The alarm whose book is shown."""
        return self._chosen

    def choose(self, number: int) -> Alert:
        """Show the book about alarm `number` of `alerts_shown`, as a click does.

        Raises
        ------
        InputError
            For a number that none of them has.
        """
        if not 0 <= number < len(self._shown):
            raise InputError(f"number must be 0 to {len(self._shown) - 1}, got {number!r}")
        alert = self._shown[number]
        before, after = book_traces(self._history, alert.timestamp)
        with self.batch_update():
            for new in (before, after):
                trace = self._point(new.name)
                trace.x, trace.y, trace.marker = new.x, new.y, new.marker
            words = wrap(f"{alert.kind}, {alert.severity}, {alert.score:.0f}: {alert.message}", LINE)
            self.layout.annotations[-1].text = "<br>".join(words)
        self._chosen = alert
        return alert

    def _clicked(self, numbers: Sequence[int]) -> None:
        if numbers:
            self.choose(numbers[0])

    def _point(self, name: str) -> go.Figure:
        return next(trace for trace in self.data if trace.name == name)
