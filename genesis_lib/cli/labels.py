"""`genesis labels`: what the classes are under each definition, and what knowing them would earn."""

from __future__ import annotations

import click

from genesis_lib import config
from genesis_lib.cli import emit, grid_options, json_option
from genesis_lib.errors import InputError

HORIZONS = ("10", "20", "50", "100", "1m", "5m", "15m")
SHORT = {"after_spread": "-spread", "after_fees": "-fees", "best_trades": "best_n"}
KINDS = ("smoothed", "smoothed-past", "volatility", "triple-barrier")


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--horizon", "horizons", multiple=True, help="Rows (50) or a time (30s, 5m); repeatable.")
@click.option("--label", "kinds", multiple=True, type=click.Choice(KINDS), help="Kind (smoothed); repeatable.")
@click.option("--threshold", "thresholds", multiple=True, help='A number, "balanced" or "spread"; repeatable.')
@click.option("--fee-bps", type=click.FloatRange(0), help="Taker fee a side; the settings' when left out.")
@click.option("--minutes", type=float, help="Length of each simulated session (10).")
@grid_options
@json_option
def labels(paths, horizons, kinds, thresholds, fee_bps, minutes, tick_size, symbol, as_json):
    """Compare labels on PATHS: thresholds, class shares, and the earnings of a perfect predictor of each.

    It comes in at the touch when the class is UP or DOWN, leaves at the touch when the label ends, and holds one
    position at a time: gross is mid to mid, then the spread is paid, then the fee on both sides. The threshold "spread"
    asks for a move of more than the spread and both fees.
    """
    from genesis_lib.training.label_value import label_value
    from genesis_lib.training.sessions import gather_sessions

    fee = config.load(execution={"taker_fee_bps": fee_bps}).execution.taker_fee_bps
    wanted = _definitions(horizons or HORIZONS, kinds or ("smoothed",), thresholds or ("balanced", "spread"), fee)
    sessions = gather_sessions(paths, 1, minutes=minutes, tick_size=tick_size, symbol=symbol)
    table = label_value(sessions, wanted, fee)
    summary = {
        "sessions": [{"instrument": s.instrument.name, "provenance": s.provenance, "rows": len(s)} for s in sessions],
        "fee_bps": fee,
        "labels": [{**label.as_dict(), **row} for label, row in zip(wanted, table.to_dict("records"))],
    }
    head = [f"{s.instrument.name} ({s.provenance}), {len(s):,} rows" for s in sessions]
    text = [*head, "", lines_of(wanted, table), "", *legend(fee), *unsampled(table, wanted, sessions)]
    emit(summary, as_json, "\n".join(text))


def lines_of(labels, table) -> str:
    """The table for a terminal: shares in per cent, thresholds with their units."""
    shown = table.drop(columns=[name for name in table if name.startswith("total_")])
    shown["threshold"] = [_size(label, value) for label, value in zip(labels, table["threshold"])]
    shares = ("DOWN", "NEUTRAL", "UP", "won")
    for name in shares:
        held = table["rows"].astype(bool) & table[name].notna()
        shown[name] = [f"{100 * value:.1f}" if known else "" for value, known in zip(table[name], held)]
    for name in ("gross", "after_spread", "after_fees", "best_total"):
        shown[name] = [f"{value:.2f}" if value == value else "" for value in table[name]]
    shown["trades"], shown["best_trades"] = shown["trades"].astype(str), shown["best_trades"].astype(str)
    return shown.rename(columns=SHORT).to_string(index=False)


def legend(fee: float) -> list[str]:
    """What the columns are."""
    return [
        "threshold: basis points (bp) of the price, deviations (sd), or times volatility or costs (x)",
        "DOWN, NEUTRAL, UP, won: shares in %; won: of the trades, those that earn anything after fees",
        "gross, -spread, -fees (gross, after_spread, after_fees of --json): a perfect predictor's mean a trade,",
        f"  in bp of the price: mid to mid, less the spread, less fees of {fee:g} bps a side, too",
        "best_n, best_total (best_trades, best_total of --json): the ceiling, of hindsight: trades worth taking,",
        "  and what they earn together, in bp after fees",
    ]


def unsampled(table, labels, sessions) -> list[str]:
    """Why labels have no row, a line a horizon."""
    held = [session for session in sessions if len(session)]
    rows = max(map(len, held))
    seconds = max(float(session.ts_exchange[-1] - session.ts_exchange[0]) / 1e9 for session in held)
    lasts = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
    whole = "the session" if len(held) == 1 else "the longest session"
    found = {}
    for label, known in zip(labels, table["rows"]):
        if not known:
            if label.seconds is not None and label.seconds >= seconds:
                found[label.ahead_in_words] = f"{whole} lasts {lasts}"
            elif label.seconds is None and label.horizon >= rows:
                found[label.ahead_in_words] = f"{whole} has {rows:,} rows"
            else:
                found[label.ahead_in_words] = "no unbroken stretch of valid rows is long enough for its windows"
    return ["", *(f"{ahead}: no sample; {why}" for ahead, why in found.items())] if found else []


def _size(label, threshold: float) -> str:
    if threshold != threshold:
        return ""
    if isinstance(threshold, str):
        return threshold
    if label.kind == "triple-barrier":
        return f"{label.width:g} x"
    return f"{threshold:.2f} sd" if label.kind == "volatility" else f"{1e4 * threshold:.3f} bp"


def _definitions(horizons, kinds, thresholds, fee: float):
    """Every combination that has a meaning; one that has none is refused where it alone was asked for."""
    from genesis_lib.training.labels import Label

    for text in horizons:
        try:
            Label.parse(text)
        except InputError as error:
            raise click.BadParameter(str(error), param_hint="'--horizon'") from None
    made, refused = [], []
    for kind in kinds:
        for text in horizons:
            for threshold in thresholds:
                value = threshold if threshold in ("balanced", "spread") else _number(threshold)
                cost = {"fee_bps": fee} if threshold == "spread" else {}
                try:
                    label = Label.parse(text, kind=kind, threshold=value, **cost)
                except InputError as error:
                    if kind != "volatility" or threshold != "spread":
                        raise
                    refused.append(error)
                    continue
                if label not in made:
                    made.append(label)
    if not made:
        raise refused[0]
    return made


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f'threshold must be a number, "balanced" or "spread", got {text!r}') from None
