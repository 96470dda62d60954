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
@TICK
@click.option("--symbol", help="Symbol of a CSV file that does not name it.")
@json_option
def ingest(
    files: tuple[Path, ...], out: Path, depth: int, tick_size: float | None, symbol: str | None, as_json: bool
) -> None:
    """Store recordings, hftbacktest events or top-10 CSV files as Parquet rows.

    Rows go to OUT/venue=V/symbol=S/date=D. Files of one instrument that follow each other are one session. Storing the
    same data again replaces it with the same bytes.
    """
    from genesis_lib.feeds.ingestion import ingest as store

    tell = partial(click.echo, err=True)
    emit(store(files, out, depth=depth, tick_size=tick_size, symbol=symbol, tell=tell), as_json)
