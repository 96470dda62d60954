"""Addresses of sinks, and what may be said of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from genesis_lib import config as configuration
from genesis_lib.alerts.rules import check_severity, known
from genesis_lib.errors import ConfigError
from genesis_lib.storage.database_url import HIDDEN

# Schemes whose host is a server's name, and no token: it may be told.
OPEN_HOSTS = {"http", "https", "json", "jsons", "form", "forms", "xml", "xmls", "mailto", "mailtos"}
PLENTY = 60_000.0  # letters a minute


@dataclass(frozen=True, slots=True)
class Address:
    """Where alerts are sent, which of them, and how often at most.

    Parameters
    ----------
    url
        ``log`` (Python's logging, ``genesis.alerts``), ``file`` or ``file:PATH`` (lines of JSON; beside the journal
        where no path is named), ``http://`` or ``https://`` (a POST of JSON), or any address of apprise.
    least_severity
        What is below is not sent.
    per_minute
        Most messages a minute; the others wait.
    """

    url: str = field(repr=False)
    least_severity: str = "info"
    per_minute: float = 60.0

    def __post_init__(self) -> None:
        if not isinstance(self.url, str) or not self.url.strip():
            raise ConfigError("url of a sink must be text and not empty")
        check_severity("least_severity", self.least_severity)
        number = isinstance(self.per_minute, (int, float)) and not isinstance(self.per_minute, bool)
        if not (number and math.isfinite(self.per_minute) and self.per_minute > 0):
            raise ConfigError(f"per_minute must be a number greater than 0, got {self.per_minute!r}")

    def __str__(self) -> str:
        return masked(self.url)


def read_addresses(settings: configuration.Alerts) -> tuple[Address, ...]:
    """The sinks of ``[alerts]``: addresses, or tables with `Address`'s fields.

    Raises
    ------
    ConfigError
        For an unknown key (naming the nearest known one) or a value that cannot be; no message quotes an address.
    """
    found = []
    for number, sink in enumerate(settings.sinks, 1):
        table: Mapping[str, Any] = {"url": sink} if isinstance(sink, str) else sink
        try:
            for key in table:
                known("key of a sink", key, [item.name for item in fields(Address)])
            if "url" not in table:
                raise ConfigError("a sink needs url")
            near = scheme_of(str(table["url"])) in ("log", "file")  # nobody is disturbed by them
            per_minute = PLENTY if near else settings.sink_per_minute
            found.append(Address(**{"least_severity": settings.sink_severity, "per_minute": per_minute, **table}))
        except ConfigError as error:
            raise ConfigError(f"alerts.sinks, number {number}: {error}") from None
    return tuple(found)


def scheme_of(url: str) -> str:
    """The word before the first colon; the whole where there is none."""
    return url.partition(":")[0].strip().lower()


def masked(url: str) -> str:
    """An address as it may be told: its scheme, and the server where that is no secret. No token, password or path.

    >>> masked("tgram://123456:AAbbCC/42"), masked("https://me:pw@hooks.slack.com:444/services/T0/B0/xyz?key=1")
    ('tgram://***', 'https://hooks.slack.com:444/***')
    >>> masked("mailtos://me:pw@mail.example"), masked("file:logs/alerts.jsonl"), masked("https://me:p/w@x")
    ('mailtos://mail.example/***', 'file:logs/alerts.jsonl', 'https://***')
    """
    scheme = scheme_of(url)
    if url.strip() == "log" or scheme == "file":
        return url
    if "://" not in url:
        return HIDDEN
    if scheme not in OPEN_HOSTS:
        return f"{scheme}://{HIDDEN}" if scheme.isalnum() else HIDDEN
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return f"{scheme}://{HIDDEN}"
    # A password with an unescaped /, ? or # leaves a part of it before the first of them: that is no host.
    if not host or "@" in url.partition("://")[2].strip()[len(parts.netloc) :]:
        return f"{scheme}://{HIDDEN}"
    return f"{scheme}://{host}{f':{port}' if port else ''}/{HIDDEN}"
