"""The figures of a run, from its journal alone: a finished run's summary and a report cannot disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from genesis_lib.analytics.metrics import equity_metrics, trade_metrics
from genesis_lib.execution import TradeEvent
from genesis_lib.journal.commands import begins_anew


def since_reset(records: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Rows of a kind since the last reset (or seek, which is one: money of another time is none)."""
    reset = max((row["seq"] for row in records["commands"] if begins_anew(row["name"])), default=-1)
    return [row for row in records[kind] if row["seq"] > reset]


def trade_log(records: Mapping[str, Any]) -> list[TradeEvent]:
    """The trade log since the last reset."""
    keep = [name for name in TradeEvent._fields if name != "id"]
    return [TradeEvent(row["trade_id"], *(row[name] for name in keep)) for row in since_reset(records, "trades")]


def figures(records: Mapping[str, Any], taker_fee_bps: float) -> dict[str, Any]:
    """Figures of a run since its last reset.

    Parameters
    ----------
    records
        Rows of a journal by kind: ``trades``, ``samples`` and ``commands`` are read.
    taker_fee_bps
        What round trips were charged.

    Returns
    -------
    dict
        ``trades`` counts lines of the trade log, entries and exits. Figures are before fees, as profit is; those that
        start with ``net_`` are after fees. Money is in quote currency; None where a figure is not defined.
    """
    log, samples = trade_log(records), since_reset(records, "samples")
    times = [row["timestamp"] for row in samples]
    gross = [row["realized"] + row["unrealized"] for row in samples]
    net = [total - row["fees"] for total, row in zip(gross, samples, strict=True)]
    before, after = equity_metrics(times, gross), equity_metrics(times, net)
    won, won_net = trade_metrics(log), trade_metrics(log, taker_fee_bps)
    last = samples[-1] if samples else dict.fromkeys(("position", "realized", "unrealized", "fees"), 0.0)
    found = {
        "trades": len(log),
        "round_trips": won["round_trips"],
        **{key: last[key] for key in ("position", "realized", "unrealized")},
        "total": gross[-1] if samples else 0.0,
        "fees": last["fees"],
        "net": net[-1] if samples else 0.0,
        **before,
        **{f"net_{key}": after[key] for key in ("sharpe", "max_drawdown")},
        **{key: won[key] for key in ("win_rate", "expectancy", "profit_factor", "mean_holding_s", "turnover")},
        **{f"net_{key}": won_net[key] for key in ("win_rate", "expectancy", "profit_factor")},
    }
    return {key: _known(value) for key, value in found.items()}


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
