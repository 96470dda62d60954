"""Database URLs: what of one is ours, what is the server's, and what nobody may read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from genesis_lib.errors import InputError

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
SECRETS = ("password", "sslpassword")
OURS = ("symbol", "venue")
HIDDEN = "***"  # in place of every password
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A PostgreSQL server, and which of the instruments in it are meant.

    `label` is what may be shown: the password is ``***`` in it. `server` is the URL for libpq, with the password.
    """

    server: str
    label: str
    symbol: str | None = None
    venue: str | None = None

    def __repr__(self) -> str:
        return f"DatabaseUrl({self.label!r})"

    def clean(self, text: str) -> str:
        """A message of the server or its driver without any secret of the URL."""
        for secret in _secrets(self.server):
            text = text.replace(secret, "***")
        return text


def is_url(spec: object) -> bool:
    """Whether what a user names is a URL and no path."""
    return isinstance(spec, str) and _URL.match(spec) is not None


def parse_url(url: str) -> DatabaseUrl:
    """Take a URL apart: ``postgresql://user@host:port/database?symbol=BTCUSDT&venue=binance-usdm``.

    Parameters
    ----------
    url
        As libpq takes it (``?host=/folder`` for a unix socket, ``sslmode`` ...), with two parameters more.

    Raises
    ------
    InputError
        For another scheme, or an empty symbol or venue. The message shows no password.
    """
    try:
        parts = urlsplit(url)
        parameters = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        raise InputError(f"{masked(url)}: not a URL") from None
    if parts.scheme not in SCHEMES:
        raise InputError(f"{masked(url)}: the scheme of a database must be one of {', '.join(SCHEMES)}")
    ours = {name: value for name, value in parameters if name in OURS}
    for name, value in ours.items():
        if not value:
            raise InputError(f"{masked(url)}: {name} must not be empty")
    theirs = urlencode([pair for pair in parameters if pair[0] not in OURS], quote_via=quote)
    server = f"postgresql://{parts.netloc}{parts.path}{'?' if theirs else ''}{theirs}"
    return DatabaseUrl(server, masked(url), ours.get("symbol"), ours.get("venue"))


def masked(url: str) -> str:
    """A URL as it may be shown: every password in it is ``***``.

    >>> masked("postgresql://me:secret@localhost/market?password=other&symbol=BTCUSDT")
    'postgresql://me:***@localhost/market?password=***&symbol=BTCUSDT'
    """
    scheme, mark, rest = url.partition("://")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    if "@" in rest[end:] and ":" in rest[:end]:  # a password with a raw slash: better too much hidden than too little
        end = rest.rfind("@") + 1
    authority, tail = rest[:end], rest[end:]
    user, at, host = authority.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        authority = f"{name}{':***' if colon else ''}@{host}"
    tail = re.sub(rf"([?&](?:{'|'.join(SECRETS)})=)[^&#]*", r"\1***", tail, flags=re.I)
    return f"{scheme}{mark}{authority}{tail}"


def _secrets(url: str) -> list[str]:
    parts = urlsplit(url)
    found = [value for name, value in parse_qsl(parts.query) if name in SECRETS]
    user, at, _ = parts.netloc.rpartition("@")
    if at and ":" in user:
        raw = user.partition(":")[2]
        found += [raw, unquote(raw)]
    return sorted(filter(None, set(found)), key=len, reverse=True)
