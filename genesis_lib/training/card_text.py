"""A model card as JSON and as Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genesis_lib.training.scores import NAMES

DIGITS = 10  # significant ones: what lies beyond differs from machine to machine


def card_json(card: Mapping[str, Any]) -> str:
    """A card as JSON: numbers to ten digits, NaN as null, what was measured on the last line."""
    facts = {key: value for key, value in card.items() if key != "measured"}
    text = json.dumps(_rounded(facts), indent=1, allow_nan=False)
    # A line of its own: the registry leaves it out of the version.
    return text.removesuffix("\n}") + f',\n "measured": {json.dumps(_rounded(card["measured"]))}\n}}\n'


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def markdown(card: Mapping[str, Any]) -> str:
    """A card as Markdown."""
    model = card["model"]
    lines = [f"# {card['name']} {card['version']}", ""]
    if card["simulated"]:
        lines += [f"**{card['simulated']}**", ""]
    lines += [
        f"{model['title']} ({_count(model['parameters'])} parameters, {model['columns']} columns from "
        f"{model['levels']} book levels a side, {model['window']} rows a window): probabilities of DOWN, NEUTRAL, UP.",
        "",
        "## Verdict",
        "",
        *(f"- On {block['title']}: {line}" for block in card["results"] for line in block["verdict"]),
        "",
        "Differences are the model's less the other's, with their intervals in brackets; less log-loss is better.",
        "",
        "## What it should not be used for",
        "",
        *(f"- {line}" for line in card["limits"]),
        "",
        "## Label",
        "",
        *(f"- {line}" for line in card["labels"]),
        "",
        "## Data",
        "",
        f"Provenance: **{card['provenance']}**. {card['data_in_words']}. SHA-256 of the rows: "
        f"`{card['lineage']['data_hash']}`.",
        "",
        *table(card["data"], ("instrument", "provenance", "rows", "first", "last")),
        "",
    ]
    for block in card["results"]:
        lines += _result(block)
    if card["training"]:
        lines += _training(card["training"])
    warm = card["calibration"]["temperature"]
    lines += [
        "## Calibration",
        "",
        "Logits are divided by a temperature fitted on validation samples: "
        + (f"{', '.join(f'{t:.4f}' for t in warm)}, one a head." if warm else "none was fitted."),
        "",
        "## Latency",
        "",
        latency_in_words(card["measured"]),
        "",
        "## Lineage",
        "",
        *(f"- {key.replace('_', ' ')}: `{_cell(value)}`" for key, value in card["lineage"].items()),
        "",
    ]
    return "\n".join(lines)


def headline(title: str) -> str:
    """The heading of a block of results; names of instruments stay as they are."""
    return title.capitalize() if title == "cross-validation" else title


def latency_in_words(measured: Mapping[str, Any]) -> str:
    """How long an answer takes, between the marks of what is no part of a model's version."""
    p50, p99 = measured.get("p50_us"), measured.get("p99_us")
    said = (
        f"{p50:,.1f} us at the median and {p99:,.1f} us at the 99th percentile, of {measured['rows']:,} rows, one by "
        f"one from Python with scaling, on {measured['machine']}"
        if p50 is not None
        else f"no row was answered, so none was measured, on {measured.get('machine', 'this machine')}"
    )
    return f"<!--measured-->{said}; {measured['created']}.<!--/measured-->"


def _result(block: Mapping[str, Any]) -> list[str]:
    how = block["bootstrap"]
    scores = [
        {"model": name} | {key: _with_interval(own[key]) for key in NAMES} for name, own in block["scores"].items()
    ]
    shares = ", ".join(f"{name} {100 * share:.1f} %" for name, share in block["shares"].items())
    confusion = [
        {"true": name} | dict(zip(block["classes"], row)) for name, row in zip(block["classes"], block["confusion"])
    ]
    sessions = [
        {"instrument": told["instrument"], "from": told["first"], "samples": told["samples"]}
        | {f"{name} {key}": own[key] for name, own in told["scores"].items() for key in ("log_loss", "mcc")}
        for told in block["sessions"]
    ]
    heads = [{key: value for key, value in row.items() if key != "kind"} for row in block["heads"]]
    trades = [
        {"model": name}
        | {key: row[key] for key in ("threshold", "trades", "gross", "after_spread", "after_fees", "won")}
        for name, rows in block["profit"]["models"].items()
        for row in rows
    ]
    return [
        f"## {headline(block['title'])}",
        "",
        f"{block['samples']:,} samples ({shares}). {block['words']}{' SIMULATED data.' if block['simulated'] else ''}",
        "",
        *table(scores),
        "",
        f"In brackets: {100 * how['confidence']:g} % intervals of a moving-block bootstrap ({how['draws']:,} draws of "
        f"{how['blocks']:,} blocks of {how['block']:,} samples, none across the end of a session).",
        "",
        f"By class ({block['main']}):",
        "",
        *table([{"class": name} | row for name, row in block["classes"].items()]),
        "",
        f"Confusion ({block['main']}; true class down, answer across):",
        "",
        *table(confusion),
        "",
        "By session:",
        "",
        *table(sessions),
        "",
        *(["By head:", "", *table(heads), ""] if len(heads) > 1 else []),
        f"Profit of a plain rule, basis points a trade, fees {block['profit']['fee_bps']:g} bp a side. "
        f"{block['profit']['rule']}",
        "",
        *table(trades),
        "",
    ]


def _training(training: Mapping[str, Any]) -> list[str]:
    seeds = training["seeds"]
    rows = [{"seed": str(row["seed"])} | {key: row[key] for key in NAMES} for row in seeds["scores"]]
    for name in ("mean", "spread"):
        if seeds[name]:
            rows.append({"seed": name} | {key: seeds[name][key] for key in NAMES})
    shares = [{"part": part} | dict(own) for part, own in training["shares"].items()]
    return [
        "## Seeds",
        "",
        seeds["words"],
        "",
        *table(rows),
        "",
        "## Folds",
        "",
        f"Threshold, scaler, weights, temperature and baselines of a fold come from its training and validation "
        f"samples alone. Registered is fold {training['best_fold']}, which says most about its validation samples.",
        "",
        *table(training["folds"]),
        "",
        f"Class shares of fold {training['best_fold']}:",
        "",
        *table(shares),
        "",
        "## Settings",
        "",
        *(f"- {key}: {_cell(value)}" for key, value in training["settings"].items()),
        "",
    ]


def table(records: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> list[str]:
    """Records as the lines of a Markdown table."""
    records = list(records)
    if not records:
        return ["(none)"]
    names = list(columns or dict.fromkeys(key for row in records for key in row))
    body = [[_cell(row.get(name)) for name in names] for row in records]
    return ["| " + " | ".join(row) + " |" for row in (names, ["---"] * len(names), *body)]


def _with_interval(score: Mapping[str, float | None]) -> str:
    if score.get("low") is None:
        return f"{score['value']:.4f}"
    return f"{score['value']:.4f} [{score['low']:.4f}, {score['high']:.4f}]"


def _count(number: int | None) -> str:
    return "no count of" if number is None else f"{number:,}"


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value).replace("|", "\\|")
    return (
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:,.0f}"
        if value == round(value) and abs(value) >= 1000
        else f"{value:.4f}"
    )
