"""The one object that a finished run answers with, whoever ran it."""

from __future__ import annotations

import math
from typing import Any

from genesis_lib.analytics.metrics import equity_metrics, trade_metrics
from genesis_lib.execution import Account
from genesis_lib.journal import Journal


def current_samples(journal_rows: list[dict[str, Any]], commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Equity samples since the last reset."""
    reset = max((row["seq"] for row in commands if row["name"] == "reset"), default=-1)
    return [row for row in journal_rows if row["seq"] > reset]


def summarize(account: Account, journal: Journal, counts: dict[str, int]) -> dict[str, Any]:
    """Summary of a run from its account and its committed journal.

    Parameters
    ----------
    account
        As it stands now; its present worth is taken as the last sample.
    journal
        Its equity samples since the last reset are read.
    counts
        ``events``, ``rows``, ``signals``, ``gaps``.

    Returns
    -------
    dict
        ``trades`` counts lines of the trade log, entries and exits. Figures are before fees, as profit is; those that
        start with ``net_`` are after fees. Money is in quote currency; NaN (not defined) is None.
    """
    samples = current_samples(journal.rows("samples"), journal.rows("commands"))
    times = [row["timestamp"] for row in samples]
    gross = [row["realized"] + row["unrealized"] for row in samples]
    net = [value - row["fees"] for value, row in zip(gross, samples, strict=True)]
    if samples:
        times, gross, net = [*times, times[-1]], [*gross, account.total], [*net, account.equity]
    before, after = equity_metrics(times, gross), equity_metrics(times, net)
    won, won_net = trade_metrics(account.trades), trade_metrics(account.trades, account.rates.taker_bps)
    summary = {
        "trades": len(account.trades),
        "round_trips": won["round_trips"],
        "position": account.position,
        "realized": account.realized,
        "unrealized": account.unrealized,
        "total": account.total,
        "fees": account.fees,
        "net": account.equity,
        **before,
        **{f"net_{key}": after[key] for key in ("sharpe", "max_drawdown")},
        **{key: won[key] for key in ("win_rate", "expectancy", "profit_factor", "mean_holding_s", "turnover")},
        **{f"net_{key}": won_net[key] for key in ("win_rate", "expectancy", "profit_factor")},
        **counts,
        "journal_sha256": journal.sha256,
    }
    return {key: _known(value) for key, value in summary.items()}


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
