"""Figures of a finished or running account, from its trade log and its equity samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from genesis_lib.errors import InputError

SECONDS_PER_YEAR = 365.25 * 86_400  # these markets never close
LONGEST_HOLE = 60_000_000_000  # ns


def sharpe(equity: Sequence[float], seconds: float = 1.0) -> float:
    """Annualised Sharpe ratio of equity sampled every `seconds`; NaN for under 3 samples or no variation.

    Notes
    -----
    ``mean(d) / std(d, ddof=1) * sqrt(seconds per year / seconds)`` with ``d`` the changes of equity in quote currency.
    A paper account has no capital, so changes stand in for returns (the ratio does not depend on the scale); the year
    has 365.25 days of 24 hours. Minutes of data carry next to no information about a year: read it beside
    `sharpe_error`.

    References
    ----------
    W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21(1), 1994.
    """
    changes = np.diff(np.asarray(equity, np.float64))
    if len(changes) < 2:
        return math.nan
    deviation = float(np.std(changes, ddof=1))
    return float(np.mean(changes)) / deviation * math.sqrt(SECONDS_PER_YEAR / seconds) if deviation > 0 else math.nan


def sharpe_error(equity: Sequence[float], seconds: float = 1.0) -> float:
    """Standard error of `sharpe`, annualised, for independent changes.

    Notes
    -----
    ``sqrt((1 + s^2 / 2) / n)`` with ``s`` the ratio per sample.

    References
    ----------
    A. W. Lo, "The Statistics of Sharpe Ratios", Financial Analysts Journal 58(4), 2002.
    """
    ratio, year = sharpe(equity, seconds), math.sqrt(SECONDS_PER_YEAR / seconds)
    return math.sqrt((1 + (ratio / year) ** 2 / 2) / (len(equity) - 1)) * year if math.isfinite(ratio) else math.nan


def max_drawdown(equity: Sequence[float]) -> float:
    """Largest fall of equity from an earlier peak (>= 0, quote currency); the account starts at zero.

    >>> max_drawdown([0.0, 5.0, 2.0, 4.0, -1.0])
    6.0
    """
    values = np.concatenate(([0.0], np.asarray(equity, np.float64)))
    return float(np.max(np.maximum.accumulate(values) - values))


def round_trips(trades: Sequence[Any]) -> list[dict[str, Any]]:
    """Fold a trade log into round trips, from flat to flat.

    Parameters
    ----------
    trades
        `TradeEvent`-like, in order, since the account was flat.

    Returns
    -------
    list of dict
        ``opened``, ``closed`` (ns), ``direction``, ``size`` (largest), ``pnl`` (before fees), ``turnover``; a position
        still open at the end is no round trip.
    """
    trips: list[dict[str, Any]] = []
    trip: dict[str, Any] | None = None
    position = 0.0
    for trade in trades:
        signed = trade.size if trade.side == "BUY" else -trade.size
        if trip is None:
            if trade.type != "ENTRY":
                raise InputError(f"trade {trade.id} is an {trade.type} of an account that is flat")
            trip = {"opened": trade.timestamp, "direction": 1 if signed > 0 else -1, "size": 0.0, "pnl": 0.0}
            trip["turnover"] = 0.0
        position += signed
        trip["size"] = max(trip["size"], abs(position))
        trip["pnl"] += trade.pnl
        trip["turnover"] += trade.price * trade.size
        if trade.type == "EXIT" and abs(position) < 1e-9 * max(1.0, trip["size"]):
            trips.append(trip | {"closed": trade.timestamp})
            trip, position = None, 0.0
    return trips


def trade_metrics(trades: Sequence[Any], fee_bps: float = 0.0) -> dict[str, Any]:
    """Figures over round trips, after fees of `fee_bps` on their turnover.

    Returns
    -------
    dict
        ``round_trips``; ``win_rate`` (share with profit > 0), ``expectancy`` (mean profit, quote currency),
        ``profit_factor`` (sum won / sum lost), ``mean_holding_s``, ``turnover`` (of all trades): NaN where nothing was
        closed.
    """
    trips = round_trips(trades)
    profits = np.array([trip["pnl"] - trip["turnover"] * fee_bps / 10_000 for trip in trips])
    won, lost = float(profits[profits > 0].sum()), float(-profits[profits < 0].sum())
    holding = [(trip["closed"] - trip["opened"]) / 1e9 for trip in trips]
    return {
        "round_trips": len(trips),
        "win_rate": float(np.mean(profits > 0)) if trips else math.nan,
        "expectancy": float(np.mean(profits)) if trips else math.nan,
        "profit_factor": won / lost if lost else (math.inf if won else math.nan),
        "mean_holding_s": float(np.mean(holding)) if trips else math.nan,
        "turnover": float(sum(trade.price * trade.size for trade in trades)),
    }


def equity_metrics(timestamps: Sequence[int], equity: Sequence[float], seconds: float = 1.0) -> dict[str, float]:
    """Sharpe ratio, its standard error and the largest drawdown of sampled equity.

    Samples are put on a grid of `seconds` first, each point taking the newest sample at or before it: times without
    events (and several samples in one step) would otherwise distort the ratio. A hole of more than a minute (a closed
    market, a clock that jumps) counts as a minute. Drawdown uses every sample.
    """
    times, values = np.asarray(timestamps, np.int64), np.asarray(equity, np.float64)
    if times.shape != values.shape:
        raise InputError(f"timestamps and equity must have one length, got {len(times)} and {len(values)}")
    if not len(times):
        return {"sharpe": math.nan, "sharpe_error": math.nan, "max_drawdown": 0.0}
    times = np.concatenate(([0], np.cumsum(np.clip(np.diff(times), 0, LONGEST_HOLE))))
    grid = np.arange(0, times[-1] + 1, max(int(seconds * 1e9), 1))
    even = values[np.searchsorted(times, grid, side="right") - 1]
    return {
        "sharpe": sharpe(even, seconds),
        "sharpe_error": sharpe_error(even, seconds),
        "max_drawdown": max_drawdown(values),
    }
