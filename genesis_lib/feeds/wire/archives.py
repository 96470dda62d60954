"""What may be had of market history without a key, and where it lies: Tardis' free days, Binance's public archives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx

from genesis_lib.config import Config
from genesis_lib.errors import InputError
from genesis_lib.feeds.wire.download import IDLE, Fetched, Progress, fetch, fetch_text

TARDIS = "https://datasets.tardis.dev/v1"
TARDIS_TYPES = ("incremental_book_L2", "book_snapshot_25", "book_snapshot_5", "trades", "quotes", "book_ticker")
BINANCE = "https://data.binance.vision/data"
BINANCE_TYPES = {
    "binance-usdm": ("futures/um", ("trades", "aggTrades", "bookTicker", "bookDepth")),
    "binance-coinm": ("futures/cm", ("trades", "aggTrades", "bookTicker", "bookDepth")),
    "binance-spot": ("spot", ("trades", "aggTrades")),
}
ARCHIVES = ("tardis", "binance")


@dataclass(frozen=True, slots=True)
class Remote:
    """A file of an archive: its address, the name it gets here, and the address of its digest where there is one."""

    url: str
    name: str
    checksum_url: str | None = None


def tardis_file(exchange: str, symbol: str, kind: str, day: date, base: str = TARDIS) -> Remote:
    """Name Tardis' CSV of a day.

    Parameters
    ----------
    exchange, symbol
        As Tardis writes them, for example ``"binance-futures", "BTCUSDT"``.
    kind
        One of `TARDIS_TYPES`.
    day
        The first of a month: the others need a key.

    References
    ----------
    Tardis.dev documentation, "Downloadable CSV files".
    """
    _check("type", kind, TARDIS_TYPES)
    _check_names(exchange=exchange, symbol=symbol)
    if day.day != 1:
        raise InputError(f"day must be the first of a month at Tardis (the others need a key), got {day}")
    if not exchange:
        raise InputError("exchange must be given for Tardis, for example binance-futures")
    place = symbol.upper().replace("/", "-").replace(":", "-")
    url = f"{base}/{exchange}/{kind}/{day:%Y/%m/%d}/{place}.csv.gz"
    return Remote(url, f"{exchange}_{kind}_{day}_{place}.csv.gz")


def binance_file(venue: str, symbol: str, kind: str, day: date, base: str = BINANCE) -> Remote:
    """Name the zipped CSV of a day in Binance's public archive, with the digest that lies beside it.

    Parameters
    ----------
    venue
        One of `BINANCE_TYPES`.
    kind
        What the venue's part of the archive has: trades and aggTrades; of futures bookTicker and bookDepth too, for
        some years only.

    References
    ----------
    Binance, "Binance Public Data" (binance-public-data on GitHub).
    """
    _check("exchange", venue, tuple(BINANCE_TYPES))
    folder, kinds = BINANCE_TYPES[venue]
    _check("type", kind, kinds)
    _check_names(symbol=symbol)
    symbol = symbol.upper()
    name = f"{symbol}-{kind}-{day}.zip"
    url = f"{base}/{folder}/daily/{kind}/{symbol}/{name}"
    return Remote(url, f"{venue}_{name}", f"{url}.CHECKSUM")


def download(
    archive: str,
    exchange: str,
    symbol: str,
    kinds: tuple[str, ...],
    days: Iterator[date] | list[date],
    out: str | Path,
    *,
    config: Config | None = None,
    progress: Callable[[str], Progress] = lambda name: lambda done, total: None,
    tell: Callable[[str], object] = lambda text: None,
) -> list[Fetched]:
    """Download files of an archive into `out`, each resumed, checked and whole or not there.

    Parameters
    ----------
    archive
        ``"tardis"`` or ``"binance"``.
    exchange, symbol, kinds, days
        See `tardis_file` and `binance_file`; all are checked before the first byte is asked for.
    config
        ``config.feeds`` may name other addresses (a mirror's).
    progress
        Called with a file's name, gives what is told its bytes; of a file that is there already it is told nothing.
    tell
        Called with why an attempt failed, and how long is waited before the next.

    Returns
    -------
    list of Fetched
        In order of day and kind.

    Raises
    ------
    InputError
        For what the archive does not have; names what is allowed.
    SessionError
        When a file cannot be had; those before it stay.
    """
    feeds = (config or Config()).feeds
    _check("archive", archive, ARCHIVES)
    today = datetime.now(UTC).date()
    files = []
    for day in days:
        if day >= today:
            raise InputError(f"day must be over (UTC), got {day}: an archive gets a day on the next one")
        for kind in kinds:
            if archive == "tardis":
                files.append(tardis_file(exchange, symbol, kind, day, feeds.tardis_url or TARDIS))
            else:
                files.append(binance_file(exchange, symbol, kind, day, feeds.binance_archive_url or BINANCE))
    if not files:
        raise InputError("nothing to download: at least one type and one day are needed")
    fetched = []
    local = files[0].url.startswith("http://127.")
    with httpx.Client(timeout=IDLE, follow_redirects=True, trust_env=not local) as client:
        for file in files:
            sha256 = _told(fetch_text(file.checksum_url, client, tell=tell), file) if file.checksum_url else None
            options = {"sha256": sha256, "client": client, "progress": progress(file.name), "tell": tell}
            fetched.append(fetch(file.url, Path(out) / file.name, **options))
    return fetched


def days_from(first: date, last: date | None, archive: str) -> list[date]:
    """Days from `first` to `last`, both included; of Tardis only the free ones, the firsts of months."""
    last = last or first
    if last < first:
        raise InputError(f"to must not be before day, got {last} and {first}")
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return days if archive != "tardis" or last == first else [day for day in days if day.day == 1]


def _told(text: str, file: Remote) -> str:
    """The digest in an archive's checksum file, ``<sha256>  <name>``."""
    digest, _, name = text.strip().partition(" ")
    if len(digest) != 64 or any(c not in "0123456789abcdef" for c in digest.lower()):
        raise InputError(f"{file.checksum_url}: no sha256 in it, but {text[:80]!r}")
    if name.strip(" *") not in ("", file.url.rpartition("/")[2]):
        raise InputError(f"{file.checksum_url}: the digest of another file, {name.strip()!r}")
    return digest


def _check(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{what} must be one of {', '.join(allowed)}, got {value!r}")


def _check_names(**names: str) -> None:
    """Names become part of addresses and file names: nothing that could leave the folder."""
    for what, name in names.items():
        if not name or not all(c.isalnum() or c in "-_/:." for c in name) or ".." in name:
            raise InputError(f"{what} must be letters, digits, '-', '_', '/', ':' or '.', got {name!r}")
