"""`genesis verify` and `genesis ingest`: finished market data audited and stored."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from genesis_lib.cli import Spec, emit, json_option
from genesis_lib.cli.plain_text import lines
from genesis_lib.errors import InputError

SHOWN = 20  # incidents on the screen
FILES = click.argument("files", nargs=-1, required=True, metavar="FILE...", type=Spec())
TICK = click.option(
    "--tick-size", type=click.FloatRange(min=0, min_open=True), help="Price grid, where the data does not tell it."
)


@click.command()
@FILES
@click.option("--format", "format_", metavar="NAME", help="Read the files as this format instead of recognising it.")
@TICK
@click.option("--symbol", help="Audit this instrument alone, where the files hold several.")
@click.option(
    "--ledger", type=click.Path(dir_okay=False, path_type=Path), help="Write every incident there, a JSON line each."
)
@click.option("--strict", is_flag=True, help="Exit with 1 when a check disagrees, not only when there is no book.")
@json_option
def verify(
    files: tuple[str | Path, ...],
    format_: str | None,
    tick_size: float | None,
    symbol: str | None,
    ledger: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Rebuild the books of recordings and audit them against what else the files tell.

    FILE... are those of a session and what stands beside them, in any order, or folders: SSE orders and snapshots,
    LOBSTER messages and rows of levels, Databento MBO and MBP-10. `bbo_equal` of `bbo_checked` best prices and sizes
    after an update agree with the independent bookTicker stream, `checksums_ok` of `checksums` with the venue's,
    `snapshots_equal` of `snapshots` with the levels beside the orders; all are 0 where the format carries none. The
    last line says PROVEN, NOT PROVEN and why, or UNCHECKED. Of several instruments the sums are shown, then each of
    them.
    """
    from genesis_lib.feeds.integrity import Ledger
    from genesis_lib.feeds.verify import audit_files, doubts, provenance, verdict

    with Ledger() if ledger is None else Ledger.staged(ledger) as noted:
        found = audit_files(files, format=format_, tick_size=tick_size, symbol=symbol, ledger=noted)
        if ledger is not None:
            noted.commit()
    said = verdict(found)
    emit(
        found | {"doubts": doubts(found), "verdict": said},
        as_json,
        f"{provenance(found)}: {found['instrument']}\n{_shown(found, said)}",
    )
    if strict and doubts(found):
        raise InputError(said)


def _shown(found: dict[str, Any], said: str) -> str:
    """An audit as text: its counts, each instrument in a line, what the ledger has first, the verdict."""
    parts, entries = found.get("instruments", {}), found["ledger"]
    apart = ("instruments", "incidents", "ledger", "instrument", "provenance", "overlay")
    shown = [lines({key: value for key, value in found.items() if key not in apart})]
    for name, part in parts.items():
        counts = ", ".join(f"{key} {value}" for key, value in part.items() if isinstance(value, int) and value)
        shown.append(f"{name}: {part.get('error', counts)}")
    shown += entries[:SHOWN]
    if len(entries) > SHOWN:
        shown.append(f"... and {len(entries) - SHOWN} incidents more (--ledger FILE writes all of them)")
    return "\n".join([*shown, said])


@click.command()
@FILES
@click.option(
    "--out", required=True, metavar="DIR|URL", help="Folder to write to, or a database: postgresql://user@host/name."
)
@click.option("--updates", is_flag=True, help="Store every event too: books and rows can be made again from them.")
@click.option("--depth", default=10, show_default=True, type=click.IntRange(1, 1000), help="Levels a side to keep.")
@click.option("--format", "format_", metavar="NAME", help="Read the files as this format instead of recognising it.")
@TICK
@click.option("--symbol", help="Symbol, where the data does not name it; picks one where it names several.")
@click.option("--venue", help="Venue, where the data does not name it.")
@click.option("--strict", is_flag=True, help="Refuse a file at its first bad row instead of setting such rows aside.")
@json_option
def ingest(
    files: tuple[str | Path, ...],
    out: str,
    updates: bool,
    depth: int,
    format_: str | None,
    tick_size: float | None,
    symbol: str | None,
    venue: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Store market data of any known format as Parquet rows.

    Formats are recognised by content: Binance's raw lines, hftbacktest, Tardis, LOBSTER, Databento, Kraken, OKX, SSE,
    FI-2010, tables of ten levels, and Binance's public archives, plain, gzip or zstd. Rows go to
    OUT/venue=V/symbol=S/date=D, rows that cannot be right to OUT/quarantine.jsonl with file, line and reason. Files of
    one instrument that follow each other are one session. Storing the same data again replaces it with the same bytes;
    when one file fails, nothing of any is stored.
    """
    if Path(out).is_file():
        raise click.BadParameter(f"{out!r} is a file, not a folder", param_hint="--out")
    from genesis_lib.feeds.ingestion import ingest as store
    from genesis_lib.feeds.ingestion import mostly_invalid

    tell = partial(click.echo, err=True)
    grid = {"tick_size": tick_size, "symbol": symbol, "venue": venue}
    found = store(files, out, depth=depth, format=format_, **grid, strict=strict, updates=updates, tell=tell)
    if found["quarantined"]:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(found["quarantined"].items()))
        tell(f"set aside in {found['quarantine']}: {told}")
    if told := mostly_invalid(found):
        tell(told)
    emit(found, as_json)
