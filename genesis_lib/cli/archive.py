"""`genesis download`: market history that may be had without a key."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from genesis_lib.cli import emit, json_option

DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("archive", type=click.Choice(["tardis", "binance"]))
@click.argument("exchange")
@click.argument("symbol")
@click.option(
    "--type",
    "kinds",
    multiple=True,
    help="What of it, repeatable; incremental_book_L2 and trades at Tardis, trades at Binance when left out.",
)
@click.option("--day", required=True, type=DAY, help="UTC day; at Tardis the first of a month, the others need a key.")
@click.option("--to", "last", type=DAY, help="Last day of several; at Tardis the firsts of months up to it.")
@click.option("--out", default="data/raw", show_default=True, type=click.Path(path_type=Path, file_okay=False))
@json_option
def download(
    archive: str,
    exchange: str,
    symbol: str,
    kinds: tuple[str, ...],
    day: datetime,
    last: datetime | None,
    out: Path,
    as_json: bool,
) -> None:
    """Fetch real market history that needs no key; resumed where it broke off, checked, never half a file.

    \b
    genesis download tardis binance-futures BTCUSDT --day 2024-03-01
    genesis download binance binance-usdm BTCUSDT --type bookTicker --day 2024-03-01

    Tardis gives the first day of each month; `genesis ingest` reads its incremental_book_L2 with the trades beside it.
    Binance's archive has trades and, of futures, best prices: no order book can be built of them.
    """
    from genesis_lib.config import load
    from genesis_lib.feeds.wire.archives import days_from
    from genesis_lib.feeds.wire.archives import download as fetch_all

    kinds = kinds or (("incremental_book_L2", "trades") if archive == "tardis" else ("trades",))
    days = days_from(day.date(), last.date() if last else None, archive)
    with _Bars() as bars:
        options = {"config": load(), "progress": bars.add, "tell": bars.say}
        files = fetch_all(archive, exchange, symbol, kinds, days, out, **options)
    for file in files:
        if file.skipped:
            click.echo(f"{file.path}: skipped, it is there and whole", err=True)
    emit(
        {
            "files": [str(file.path) for file in files],
            "bytes": sum(file.bytes for file in files),
            "sha256": {file.path.name: file.sha256 for file in files},
            "resumed": sum(file.resumed for file in files),
            "skipped": sum(file.skipped for file in files),
        },
        as_json,
    )


class _Bars:
    """One progress bar a file, on standard error, from its first byte on."""

    def __init__(self) -> None:
        self._bar = None

    def add(self, name: str) -> Callable[[int, int | None], None]:
        """End the bar before; gives what is told the bytes of a file."""
        from tqdm import tqdm

        self._close()

        def tell(done: int, total: int | None) -> None:
            if self._bar is None:
                self._bar = tqdm(desc=name, unit="B", unit_scale=True, unit_divisor=1024)
            self._bar.total = total
            self._bar.update(done - self._bar.n)

        return tell

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
