"""Tear sheets: what a session earned and how, as one HTML file that works offline, with the trade log as CSV."""

from __future__ import annotations

import csv
import html
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from genesis_lib.analytics.metrics import round_trips
from genesis_lib.analytics.summary import figures, since_reset, trade_log
from genesis_lib.clock import iso
from genesis_lib.errors import SessionError
from genesis_lib.execution import TradeEvent
from genesis_lib.journal import read_journal
from genesis_lib.journal.commands import sought

CSV_COLUMNS = ("id", "timestamp", "side", "price", "size", "type", "pnl", "confidence")
PAGE = Path(__file__).with_name("reports.html")
LATEST = 50  # trades in the table; the CSV has them all


def write_report(
    where: str | os.PathLike, out: str | os.PathLike = "reports", session: str | None = None
) -> dict[str, Any]:
    """Write ``<session>.html`` and ``<session>.csv`` for a session that runs, has ended or was killed.

    Parameters
    ----------
    where
        The session's directory, or the URL of a journal.
    out
        Folder of the reports; made when it is not there.
    session
        Name of the session; the newest of the journal when left out.

    Returns
    -------
    dict
        ``path``, ``csv``, and the figures that the sheet shows.

    Raises
    ------
    SessionError
        When there is no such session, its journal is damaged, or the folder cannot be written.
    """
    data = read_journal(where, session)
    name, fees = data["session"], data["header"]["config"]["execution"]["taker_fee_bps"]
    found = figures(data, fees)
    folder = Path(out)
    page, table = folder / f"{name}.html", folder / f"{name}.csv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(table, trades_csv(trade_log(data)))
        _write(page, tear_sheet(data, found))
    except OSError as error:
        raise SessionError(f"reports folder {folder} cannot be written: {error.strerror}") from error
    return {"path": str(page), "csv": str(table), "session": name, "provenance": data["header"]["provenance"], **found}


def trades_csv(trades: list[TradeEvent]) -> str:
    """The trade log as CSV: `CSV_COLUMNS`, times as ISO 8601 UTC, numbers to the last bit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for trade in trades:
        row = trade._asdict() | {"timestamp": iso(trade.timestamp)}
        writer.writerow([row[column] for column in CSV_COLUMNS])
    return text.getvalue()


def tear_sheet(data: dict[str, Any], found: dict[str, Any]) -> str:
    """The HTML page of a journal as `read_journal` gives it, with its `figures`; holds all it needs."""
    from plotly.offline import get_plotlyjs

    head, model = data["header"], data["header"]["model"]
    samples = since_reset(data, "samples")
    ends = [iso(row["timestamp"])[:19].replace("T", " ") for row in (samples[0], samples[-1])] if samples else []
    span = f"{' to '.join(ends)} UTC" if ends else "no rows"
    about = {
        "Source": head["source"] + _now(data, "source"),
        "Market": f"{head['venue']}:{head['symbol']}, tick {head['tick_size']:g}, lot {head['lot_size']:g}",
        "Time": span,
        "Model": (f"{model['name']} {model['version']}{_exposed(data['summary'])}" if model else "none")
        + _now(data, "model"),
        "Strategy": "{preset}, size {size:g}".format(**head["config"]["strategy"]) + _now(data, "preset"),
        "Execution": "taker fee {taker_fee_bps:g} bp, latency {latency_ms:g} ms".format(**head["config"]["execution"])
        if head["preset"] != "seed"
        else "taker fee {taker_fee_bps:g} bp, at the touch at once".format(**head["config"]["execution"]),
        "Accounting": head["contract"],
        "Data": f"sha256 {head['data_hash'][:16]}" if len(head["data_hash"]) == 64 else head["data_hash"] or "unknown",
        "Genesis": head["code_version"],
        "Journal": f"sha256 {data['summary']['journal_sha256'][:16]}" if data["summary"] else "not ended, or killed",
    }
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        title=html.escape(data["session"]),
        provenance=head["provenance"].upper(),
        provenance_class=head["provenance"],
        about="".join(f"<div><dt>{key}</dt><dd>{html.escape(str(value))}</dd></div>" for key, value in about.items()),
        cards="".join(_cards(found)),
        figures="".join(_figures(data, samples)),
        trades=_trades(trade_log(data)),
        events=_events(data),
        plotly=get_plotlyjs(),
    )


def _cards(found: dict[str, Any]) -> Iterator[str]:
    def money(value: float | None) -> str:
        return "–" if value is None else f"{value:+,.2f}"

    def share(value: float | None) -> str:
        return "–" if value is None else f"{value:.1%}"

    sharpe, error = found["sharpe"], found["sharpe_error"]
    factor, holding = found["profit_factor"], found["mean_holding_s"]
    cards = (
        ("Net, after fees", money(found["net"]), f"drawdown {found['net_max_drawdown']:,.2f}", found["net"]),
        ("Total, before fees", money(found["total"]), f"drawdown {found['max_drawdown']:,.2f}", found["total"]),
        ("Realised", money(found["realized"]), f"unrealised {money(found['unrealized'])}", found["realized"]),
        ("Fees", f"{found['fees']:,.2f}", f"turnover {found['turnover']:,.0f}", None),
        ("Round trips", f"{found['round_trips']:,}", f"{found['trades']:,} trades", None),
        ("Win rate", share(found["win_rate"]), f"after fees {share(found['net_win_rate'])}", None),
        (
            "A round trip earns",
            money(found["expectancy"]),
            f"after fees {money(found['net_expectancy'])}",
            found["expectancy"],
        ),
        (
            "Sharpe, annualised",
            "–" if sharpe is None else f"{sharpe:,.1f}",
            "–" if error is None else f"standard error {error:,.1f}",
            None,
        ),
        (
            "Profit factor",
            "–" if factor is None else f"{factor:.2f}",
            "–" if holding is None else f"held {holding:,.1f} s on average",
            None,
        ),
        ("Position at the end", f"{found['position']:g}", "told as unrealised", None),
    )
    for label, value, note, signed in cards:
        tone = "" if not signed else " gain" if signed > 0 else " loss"
        yield f'<div class="card"><span>{label}</span><b class="{tone.strip()}">{value}</b><small>{note}</small></div>'


def _figures(data: dict[str, Any], samples: list[dict[str, Any]]) -> Iterator[str]:
    from genesis_lib.analytics import plots

    if not samples:
        yield "<section><p>The session saw no book row: nothing to draw.</p></section>"
        return

    def column(*names: str) -> np.ndarray:
        return np.array([[np.nan if row[name] is None else row[name] for name in names] for row in samples])

    trades, times = trade_log(data), np.array([row["timestamp"] for row in samples])
    realized, unrealized, fees = column("realized", "unrealized", "fees").T
    probabilities = column("down", "neutral", "up")
    drawn = [
        plots.price_figure(times, column("mid")[:, 0], trades, "Mid price, entries and exits"),
        plots.equity_figure(times, realized + unrealized, realized + unrealized - fees),
    ]
    if np.isfinite(probabilities).any():
        seconds, means = _averages(times, probabilities)
        span = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
        drawn.append(plots.probability_figure(*means, f"Class probabilities, means of {span}"))
    profits = [trip["pnl"] for trip in round_trips(trades)]
    if profits:
        drawn.append(plots.profit_figure(profits))
    options = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}
    for figure in drawn:
        yield f"<section>{figure.to_html(full_html=False, include_plotlyjs=False, config=options)}</section>"


def _averages(times: np.ndarray, values: np.ndarray) -> tuple[int, tuple[np.ndarray, np.ndarray]]:
    """Means over stretches of whole seconds, so long that at most 400 are left; NaN where nothing was known."""
    seconds = int(max(1, (times[-1] - times[0]) // (400 * 1_000_000_000)))
    stretch = (times - times[0]) // (seconds * 1_000_000_000)
    starts = np.flatnonzero(np.diff(stretch, prepend=-1))
    known = np.isfinite(values).all(axis=1)
    counts = np.add.reduceat(known.astype(float), starts)[:, None]
    sums = np.add.reduceat(np.where(known[:, None], values, 0.0), starts)
    return seconds, (times[starts], np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0))


def _trades(trades: list[TradeEvent]) -> str:
    if not trades:
        return "<p>No trades.</p>"
    rows = "".join(
        f"<tr><td>{t.id}</td><td>{iso(t.timestamp)[11:23]}</td>"
        f'<td class="{t.side.lower()}">{t.side}</td><td>{t.type}</td>'
        f"<td>{t.price:,.10g}</td><td>{t.size:g}</td><td>{t.confidence:.3f}</td>"
        f'<td class="{"gain" if t.pnl > 0 else "loss" if t.pnl < 0 else ""}">'
        f"{f'{t.pnl:+,.2f}' if t.type == 'EXIT' else ''}</td></tr>"
        for t in reversed(trades[-LATEST:])
    )
    head = "".join(f"<th>{name}</th>" for name in ("id", "time", "side", "type", "price", "size", "confidence", "pnl"))
    said = f"The last {min(LATEST, len(trades))} of {len(trades):,} trades; the CSV beside this page has them all."
    return f"<p>{said}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _events(data: dict[str, Any]) -> str:
    commands = ", ".join(
        f"{html.escape(row['name'])} before event {row['event_index']:,}" for row in data["commands"][-10:]
    )
    kinds: dict[str, int] = {}
    for row in data["alerts"]:
        if row.get("cause") not in ("new", None):  # told before
            continue
        kinds[row["kind"]] = kinds.get(row["kind"], 0) + 1
    alerts = ", ".join(f"{html.escape(kind)} {count:,}" for kind, count in sorted(kinds.items()))
    jumps = sum(sought(row["name"]) is not None for row in data["commands"])
    refused = sum(row["status"] in ("refused", "cancelled") for row in data["orders"])
    return "".join(
        f"<div><dt>{key}</dt><dd>{value or 'none'}</dd></div>"
        for key, value in (
            ("Commands", commands),
            ("Sent to another time", f"{jumps:,} times: no straight run, figures since the last" if jumps else "never"),
            ("Gaps in the feed", len(data["gaps"])),
            ("Orders refused or called back", refused),
            ("Alerts", alerts),
        )
    )


def _write(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _now(data: dict[str, Any], key: str) -> str:
    """What to add where a session was taken up with something else than it began with."""
    names = [row["name"] for row in data["commands"] if row["name"].startswith(f"now {key} ")]
    return f", later {names[-1].removeprefix(f'now {key} ')}" if names else ""


def _exposed(summary: dict[str, Any] | None) -> str:
    """What to add to the model's name when its training saw this market: the figures are then no test of it."""
    words = {"seen": " (trained on this data)", "same time": " (trained on another instrument at this time)"}
    return words.get((summary or {}).get("exposure") or "", "")
