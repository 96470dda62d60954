"""`genesis labels`: what the classes are under each definition, and what knowing them would earn."""

from __future__ import annotations

import click

from genesis_lib import config
from genesis_lib.cli import emit, grid_options, json_option
from genesis_lib.errors import InputError

HORIZONS = ("10", "20", "50", "100", "1m", "5m", "15m")
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
    shown = table.drop(columns=[name for name in table if name.startswith("total_")])
    head = [f"{s.instrument.name} ({s.provenance}), {len(s):,} rows" for s in sessions]
    told = f"mean earnings a trade in bps of the price, {fee:g} bps a side in after_fees"
    emit(summary, as_json, "\n".join([*head, told, "", shown.round(6).to_string(index=False, na_rep="")]))


def _definitions(horizons, kinds, thresholds, fee: float):
    """Every combination that has a meaning; one that has none is refused where it alone was asked for."""
    from genesis_lib.training.labels import Label

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
