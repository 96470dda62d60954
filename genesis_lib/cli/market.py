"""`genesis verify` and `genesis ingest`: finished market data audited and stored."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from genesis_lib.cli import emit, json_option
from genesis_lib.errors import InputError

FILES = click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
TICK = click.option(
    "--tick-size", type=click.FloatRange(min=0, min_open=True), help="Price grid, where the data does not tell it."
)


@click.command()
@FILES
@TICK
@click.option("--strict", is_flag=True, help="Exit with 1 when a check disagrees, not only when there is no book.")
@json_option
def verify(files: tuple[Path, ...], tick_size: float | None, strict: bool, as_json: bool) -> None:
    """Rebuild the book of one session's recording and audit it against what else it tells.

    `bbo_checked` best prices and sizes after an update were compared with the independent bookTicker stream,
    `bbo_equal` of them agree. `checksums` and `snapshots` are 0 where the format carries none.
    """
    from genesis_lib.feeds.recording import read_recording
    from genesis_lib.feeds.verify import audit, doubts

    found = audit(read_recording(files, tick_size=tick_size))
    wrong = doubts(found)
    if wrong:
        verdict = f"NOT PROVEN: {', '.join(wrong)}"
    elif found["bbo_checked"] or found["checksums"] or found["snapshots"]:
        verdict = "PROVEN: every check that the recording allows agrees"
    else:
        verdict = "UNCHECKED: nothing speaks against the book, but the recording holds nothing to compare it with"
    width = max(map(len, found))
    emit(found | {"doubts": wrong}, as_json, "\n".join([*(f"{k:<{width}}  {v}" for k, v in found.items()), verdict]))
    if strict and wrong:
        raise InputError(verdict)


@click.command()
@FILES
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to.")
@click.option("--depth", default=10, show_default=True, type=click.IntRange(1, 1000), help="Levels a side to keep.")
@click.option("--format", "format_", metavar="NAME", help="Read the files as this format instead of recognising it.")
@TICK
@click.option("--symbol", help="Symbol, where the data does not name it; picks one where it names several.")
@click.option("--venue", help="Venue, where the data does not name it.")
@click.option("--strict", is_flag=True, help="Refuse a file at its first bad row instead of setting such rows aside.")
@json_option
def ingest(
    files: tuple[Path, ...],
    out: Path,
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
    from genesis_lib.feeds.ingestion import ingest as store

    tell = partial(click.echo, err=True)
    grid = {"tick_size": tick_size, "symbol": symbol, "venue": venue}
    found = store(files, out, depth=depth, format=format_, **grid, strict=strict, tell=tell)
    if found["quarantined"]:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(found["quarantined"].items()))
        tell(f"set aside in {found['quarantine']}: {told}")
    emit(found, as_json)
