"""The table of all features as people read it: grouped by module, in Markdown, in plain text and as records."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from genesis_lib.features import FEATURES, MODULES, Feature
from genesis_lib.features.references import REFERENCES

INTRODUCTION = """\
# Features

{count} named columns of a book row, each defined once and computed to the same bits row by row (`FeatureSet.step`)
and for a whole recording (`FeatureSet.batch`). This file is what `genesis features --markdown` prints.

```python
from genesis_lib.features import FEATURES, FeatureSet

columns = FeatureSet(["obi_1", "ofi_integrated", "hawkes_imbalance_1s"])
values = columns.batch(rows)  # (rows, 3) float64
value = columns.step(row)  # (3,)
FEATURES["obi_1"].formula, columns.warmup, columns.warmup_seconds
```

**Notation.** `P^b_i`, `q^b_i`, `P^a_i`, `q^a_i`: price and quantity of bid and ask level i, 1 the best; `'` the row
before; `mid` = `(P^a_1 + P^b_1) / 2`; `tick` the price grid; `return_n` the move of the mid over n rows in ticks; `e`
of a level = `[P^b >= P^b'] q^b - [P^b <= P^b'] q^b' - [P^a <= P^a'] q^a + [P^a >= P^a'] q^a'`; `d` the sign of a trade
by the Lee-Ready rule, `p` its price, `q` its quantity; `buys` and `sells` quantities by the venue's flag; `slog(x)` =
sign(x) log(1 + |x|). "Over n rows" ends with this row. Sums over levels stop at the tenth, or where the book does.

**Rules.** A column is made of its row and the rows before it alone, with memory that does not grow. A row that is not
valid gives NaN and resets everything. *Warm-up* counts the rows after a reset (and the seconds, where it names them)
in which a column is NaN. A *sparse* column is NaN as well where what it measures did not happen in its window: no
trade, no shock, nothing cancelled. *Levels* is how many a side the book must have. Time is the exchange's, never the
machine's.
"""


class Group(NamedTuple):
    """The features of one module: its name, a heading, what its docstring goes on to say, and the features."""

    module: str
    title: str
    text: str
    features: tuple[Feature, ...]


def groups() -> list[Group]:
    """Every feature once, by module, both in the order of the table."""
    result = []
    for module in MODULES:
        qualified = f"{__package__}.{module}"
        first, _, rest = sys.modules[qualified].__doc__.partition("\n\n")
        title, _, more = " ".join(first.split()).rstrip(".").partition(": ")
        told = f"{more[:1].upper()}{more[1:]}." if more else ""
        members = tuple(item for item in FEATURES.values() if item.build.__module__ == qualified)
        result.append(Group(module, title, "\n\n".join(filter(None, (told, rest.strip()))), members))
    return result


def warmup(item: Feature) -> str:
    """Rows, seconds and whether more may pass, in words.

    >>> warmup(FEATURES["mid"]), warmup(FEATURES["hawkes_buy_1s"]), warmup(FEATURES["vpin"])
    ('0', '1, 5 s', '49, sparse')
    """
    parts = [str(item.warmup)]
    if item.warmup_seconds:
        parts.append(f"{item.warmup_seconds:g} s")
    return ", ".join([*parts, "sparse"] if item.sparse else parts)


def markdown() -> str:
    """The whole table as a Markdown document."""
    parts = [INTRODUCTION.format(count=len(FEATURES))]
    for group in groups():
        parts.append(f"## {group.title}\n" + (f"\n{group.text}\n" if group.text else ""))
        lines = [
            "| name | what it says | unit | formula | warm-up | levels | source |",
            "|---|---|---|---|---|---|---|",
        ]
        for item in group.features:
            cells = (
                f"`{item.name}`",
                item.summary,
                item.unit,
                f"`{item.formula}`",
                warmup(item),
                item.levels,
                item.source,
            )
            lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join(lines) + "\n")
    parts.append("## References\n\n" + "\n".join(f"- {key}. {text}." for key, text in REFERENCES.items()) + "\n")
    return "\n".join(parts)


def plain() -> str:
    """The whole table in aligned columns: name, unit, warm-up, levels, formula and source, a heading a group."""
    rows = {item.name: (item.name, item.unit, warmup(item), str(item.levels)) for item in FEATURES.values()}
    widths = [max(len(cells[k]) for cells in rows.values()) for k in range(4)]
    lines = []
    for group in groups():
        lines += ["", f"{group.title} ({len(group.features)})"]
        for item in group.features:
            fixed = "  ".join(cell.ljust(width) for cell, width in zip(rows[item.name], widths))
            lines.append(f"  {fixed}  {item.formula}  [{item.source}]")
    return "\n".join(lines[1:])


def records() -> list[dict[str, Any]]:
    """One mapping a feature, of all the table says."""
    return [
        {
            "name": item.name,
            "group": group.module,
            "summary": item.summary,
            "unit": item.unit,
            "formula": item.formula,
            "source": item.source,
            "warmup": item.warmup,
            "warmup_seconds": item.warmup_seconds,
            "levels": item.levels,
            "sparse": item.sparse,
        }
        for group in groups()
        for item in group.features
    ]
