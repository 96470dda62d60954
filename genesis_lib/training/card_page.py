"""A model card as one HTML page that holds all it needs: no script, no network, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from genesis_lib.training import card_figures as figures
from genesis_lib.training.card_text import headline, latency_in_words
from genesis_lib.training.scores import NAMES

PAGE = Path(__file__).with_name("card.html")
HASH = re.compile(r"\b[0-9a-f]{32,}\b")
SHOWN = ("log_loss", "mcc", "macro_f1", "accuracy")


def page(card: Mapping[str, Any]) -> str:
    """The HTML page of a card."""
    model, results, training = card["model"], card["results"], card["training"]
    kind = "simulated" if card["simulated"] else "recorded"
    badges = f'<span class="badge {kind}">{escape(str(card["provenance"]).upper())}</span>'
    worst = {"seen": "SEEN IN TRAINING", "same time": "SAME TIME AS TRAINING"}
    exposures = {block["exposure"] for block in results} & set(worst)
    badges += "".join(f'<span class="badge seen">{worst[each]}</span>' for each in sorted(exposures))
    verdicts = "".join(
        f"<p><b>On {escape(block['title'])}</b></p><ul>{''.join(map(_verdict, block['verdict']))}</ul>"
        for block in results
    )
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        title=escape(f"{card['name']} {card['version']}"),
        name=escape(card["name"]),
        version=escape(card["version"]),
        badges=badges,
        lead=escape(
            f"{model['title'][0].upper()}{model['title'][1:]}. {_number(model['parameters'])} parameters, "
            f"{model['columns']} columns from {model['levels']} book levels a side, {model['window']} rows a window. "
            "Gives probabilities of DOWN, NEUTRAL and UP after every book row."
        ),
        banner=f'<p class="banner">{escape(card["simulated"])}</p>' if card["simulated"] else "",
        tiles=_tiles(card),
        verdict=verdicts,
        limits="".join(f"<li>{escape(line)}</li>" for line in card["limits"]),
        labels="".join(f"<li>{escape(line)}</li>" for line in card["labels"]),
        data_words=escape(f"{card['data_in_words']}."),
        data=_table(
            [{key: told[key] for key in ("instrument", "provenance", "rows", "first", "last")} for told in card["data"]]
        ),
        results="".join(map(_result, results)),
        training=_training(training) if training else "",
        about=_about(card),
    )


def _tiles(card: Mapping[str, Any]) -> str:
    block = card["results"][0]
    own, others = block["scores"][block["main"]], {k: v for k, v in block["scores"].items() if k != block["main"]}
    tiles = []
    for key in SHOWN:
        best = min if key == "log_loss" else max
        near = best(others, key=lambda name, k=key: others[name][k]["value"]) if others else None
        beside = f"best other: {others[near][key]['value']:.4f}, {near}" if near else ""
        tiles.append((figures.WORDS[key], f"{own[key]['value']:.4f}", beside))
    tiles.append(("calibration error", f"{own['ece']['value']:.4f}", "of the answers' probabilities"))
    text = "".join(_tile(*each) for each in tiles)
    measured = card["measured"]
    median = "none" if measured.get("p50_us") is None else f"{measured['p50_us']:,.1f} µs"
    tail = "no row was answered" if measured.get("p99_us") is None else f"99th percentile {measured['p99_us']:,.1f} µs"
    return f"{text}<!--measured-->{_tile('an answer takes', median, tail)}<!--/measured-->"


def _tile(name: str, value: str, below: str) -> str:
    return f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b><small>{escape(below)}</small></div>'


def _verdict(line: str) -> str:
    ahead, behind = " beats " in line, "**loses to**" in line
    kind = "mixed" if ahead and behind else "loses" if behind else "wins" if ahead else "even"
    head, _, detail = line.rstrip(".").partition(" (")
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(head))
    return f'<li class="{kind}">{text}<small>{escape(detail.removesuffix(")"))}</small></li>'


def _result(block: Mapping[str, Any]) -> str:
    how, main, drawn = block["bootstrap"], escape(block["main"]), figures.reliability(block["reliability"])
    shares = ", ".join(f"{name} {share:.1%}" for name, share in block["shares"].items())
    badge = '<p class="banner">SIMULATED data: says nothing about a market.</p>' if block["simulated"] else ""
    rows = [
        {"model": name} | {_word(key): _with_interval(own[key]) for key in (*SHOWN, "ece")}
        for name, own in block["scores"].items()
    ]
    heads = [{key: value for key, value in row.items() if key not in ("kind", "head")} for row in block["heads"]]
    title = headline(block["title"])
    return "".join(
        (
            f"<h2>{escape(title)}</h2>",
            f'<p class="soft">{block["samples"]:,} samples ({shares}). {escape(block["words"])}</p>{badge}',
            '<div class="grid2">',
            *(f"<section>{figures.intervals(block['scores'], key)}</section>" for key in SHOWN),
            "</div>",
            f"<section><h3>Beside the baselines</h3>{_table(rows, first='main')}",
            f'<p class="soft">Lines and brackets: {how["confidence"]:.0%} intervals of a moving-block bootstrap, '
            f"{how['draws']:,} draws of {how['blocks']:,} blocks of {how['block']:,} samples; no block reaches over "
            "the end of a session.</p></section>",
            f'<div class="grid2"><section><h3>Confusion and classes ({main})</h3>{_matrix(block)}',
            _table([{"class": name} | dict(row) for name, row in block["classes"].items()]),
            f"</section><section><h3>Calibration ({main})</h3>{drawn}</section></div>",
            f"<section><h3>By session</h3>{_sessions(block)}</section>",
            f"<section><h3>By head</h3>{_table(heads)}</section>" if len(heads) > 1 else "",
            _profit(block["profit"], block["main"]),
        )
    )


def _matrix(block: Mapping[str, Any]) -> str:
    names = list(block["classes"])
    body = []
    for name, row in zip(names, block["confusion"]):
        total = max(sum(row), 1)
        cells = "".join(f'<td style="--s:{n / total:.3f}"><b>{n:,}</b>{n / total:.1%}</td>' for n in row)
        body.append(f"<tr><th>{name}</th>{cells}</tr>")
    head = "".join(f"<th>{name}</th>" for name in names)
    caption = '<p class="soft">True class down, answer across; shares of the true class.</p>'
    return (
        f'<table class="matrix"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>{caption}'
    )


def _sessions(block: Mapping[str, Any]) -> str:
    models = list(block["scores"])
    rows = []
    for told in block["sessions"]:
        others = {name: told["scores"][name]["log_loss"] for name in models[1:]}
        near = min(others, key=others.get) if others else None
        own = told["scores"][models[0]]
        row = {"session": f"{told['instrument']} {told['first'][:16].replace('T', ' ')}", "samples": told["samples"]}
        row |= {_word(key): own[key] for key in ("log_loss", "mcc", "macro_f1", "accuracy")}
        rows.append(row | ({"best other log-loss": others[near], "by": near} if near else {}))
    return _table(rows)


def _profit(profit: Mapping[str, Any], main: str) -> str:
    rows = [
        {
            "model": name,
            "threshold": f"{row['threshold']:g}",
            "trades": row["trades"],
            "before costs": row["gross"],
            "after spread": row["after_spread"],
            "after fees": row["after_fees"],
            "won": "" if row["won"] is None else f"{row['won']:.1%}",
            "all, after fees": row["total_after_fees"],
        }
        for name, every in profit["models"].items()
        for row in every
        if row["trades"] or name == main
    ]
    idle = [
        name for name, every in profit["models"].items() if name != main and not any(row["trades"] for row in every)
    ]
    note = f" Never acts: {', '.join(idle)}." if idle else ""
    return (
        f"<section><h3>What a plain rule earns, basis points a trade</h3>{_table(rows, mark=main)}"
        f'<p class="soft">{escape(profit["rule"])} Fees: {profit["fee_bps"]:g} bp a side.{escape(note)}</p></section>'
    )


def _training(training: Mapping[str, Any]) -> str:
    seeds, folds = training["seeds"], training["folds"]
    rows = [{"seed": str(row["seed"])} | {_word(key): row[key] for key in NAMES} for row in seeds["scores"]]
    rows += [{"seed": key} | {_word(n): seeds[key][n] for n in NAMES} for key in ("mean", "spread") if seeds[key]]
    shares = [{"part": part} | dict(own) for part, own in training["shares"].items()]
    drawn = figures.curves(training["curves"])
    best = training["best_fold"]
    settings = [{"setting": key, "value": _plain(value)} for key, value in training["settings"].items()]
    return "".join(
        (
            "<h2>Training</h2>",
            f"<section><h3>Learning curves (first seed)</h3>{drawn}</section>" if drawn else "",
            f"<section><h3>Seeds</h3><p>{escape(seeds['words'])}</p>{_table(rows)}</section>",
            '<section><h3>Folds</h3><p class="soft">Threshold, scaler, weights, temperature and baselines of a fold '
            f"come from its training and validation samples alone. Registered is fold {best}, which says most about "
            f"its validation samples; test samples have no say.</p>{_table(folds)}</section>",
            f'<div class="grid2"><section><h3>Class shares of fold {best}</h3>{_table(shares)}</section>',
            f"<section><details><summary>Settings</summary>{_table(settings)}</details></section></div>",
        )
    )


def _about(card: Mapping[str, Any]) -> str:
    warm, lineage = card["calibration"]["temperature"], card["lineage"]
    told = {
        "Temperature (by head)": ", ".join(f"{t:.4f}" for t in warm) if warm else "none was fitted",
        "Made by": f"genesis {card['made_by']}",
        **{key.replace("_", " ").capitalize(): _cell(value) for key, value in lineage.items()},
        "Architecture": ", ".join(f"{key} {_plain(value)}" for key, value in card["model"]["architecture"].items()),
    }
    lines = "".join(
        f"<div><dt>{escape(key)}</dt><dd>{_shortened(str(value))}</dd></div>" for key, value in told.items()
    )
    marked = re.fullmatch(r"(<!--measured-->)(.*)(<!--/measured-->)", latency_in_words(card["measured"]), re.DOTALL)
    first, said, last = marked.groups()
    return f"{lines}<div><dt>Latency of an answer</dt><dd>{first}{escape(said)}{last}</dd></div>"


def _table(records: Iterable[Mapping[str, Any]], first: str = "", mark: str = "") -> str:
    records = list(records)
    if not records:
        return '<p class="soft">None.</p>'
    names = list(dict.fromkeys(key for row in records for key in row))
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    body = []
    for at, row in enumerate(records):
        kind = ' class="main"' if (first and at == 0) or (mark and row.get(names[0]) == mark) else ""
        body.append(f"<tr{kind}>{''.join(_td(row.get(name)) for name in names)}</tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _td(value: Any) -> str:
    text = value if isinstance(value, _Html) else escape(_cell(value))
    return f"<td{' class=text' if isinstance(value, str) and len(value) > 60 else ''}>{text}</td>"


def _shortened(text: str) -> str:
    """Text as HTML, long hashes cut, their whole in a title."""
    return HASH.sub(lambda found: f'<span title="{found[0]}">{found[0][:12]}…</span>', escape(text))


class _Html(str):
    """Text that is HTML already."""


def _with_interval(score: Mapping[str, float | None]) -> str:
    if score.get("low") is None:
        return _Html(f"{score['value']:.4f}")
    return _Html(f"{score['value']:.4f} <small>[{score['low']:.4f}, {score['high']:.4f}]</small>")


def _word(key: str) -> str:
    return figures.WORDS.get(key, {"ece": "calibration error"}.get(key, key))


def _plain(value: Any) -> str:
    return _cell(value) if isinstance(value, bool) else str(value)


def _number(value: int | None) -> str:
    return "No count of" if value is None else f"{value:,}"


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, (list, tuple, Sequence)) and not isinstance(value, str):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) or (value == round(value) and abs(value) >= 100):
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"
