"""Settings: frozen dataclasses, filled from `genesis.toml`, then `GENESIS_*` variables, then arguments.

Nothing is read at import; `load` is called once by whoever starts something. A variable is named
``GENESIS_<SECTION>_<KEY>``, for example ``GENESIS_EXECUTION_TAKER_FEE_BPS``; ``GENESIS_RECORDINGS`` is short for
``GENESIS_PATHS_RECORDINGS``.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from genesis_lib.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders. The defaults, and relative ones of a file, are meant from the workbench's root (see `root`)."""

    recordings: str = "../shared/recordings"
    data: str = "data"
    models: str = "models"
    reports: str = "reports"
    sessions: str = "data/sessions"


@dataclass(frozen=True, slots=True)
class Market:
    """What a book row holds."""

    depth: int = 10  # levels a side of a row
    ladder: int = 12  # levels a side shown on the desk

    def __post_init__(self) -> None:
        for name in ("depth", "ladder"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1 level, got {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class Strategy:
    """Which rules trade."""

    preset: str = "default"  # see genesis_lib.strategy.PRESETS
    size: float = 1.0  # largest position, in units of the instrument


@dataclass(frozen=True, slots=True)
class Execution:
    """What the simulated exchange charges and how long an order takes to reach it."""

    taker_fee_bps: float = 5.0
    maker_fee_bps: float = 2.0
    latency_ms: float = 20.0


@dataclass(frozen=True, slots=True)
class Session:
    """The live session and its viewers."""

    frames_per_second: float = 30.0
    port: int = 8866
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        if not self.frames_per_second > 0:
            raise ConfigError(f"frames_per_second must be greater than 0, got {self.frames_per_second!r}")


@dataclass(frozen=True, slots=True)
class Feeds:
    """How live markets are reached (the addresses: a local venue's, a proxy's), and how connections are kept."""

    rest_url: str = ""  # http://127.0.0.1:9000
    websocket_url: str = ""  # ws://127.0.0.1:9000
    depth_speed: str = ""  # of the diffs: 0ms (futures, undocumented), 100ms, 500ms; empty takes the venue's fastest
    trades: str = "trade"  # every match; aggTrade joins those of one taker at one price within 100 ms
    snapshot_levels: int = 1000  # a side, of the snapshots that books are joined with
    streams_per_connection: int = 200
    silence_s: float = 15.0  # without any message, after which a connection counts as dead
    lifetime_s: float = 82_800.0  # after which another connection takes over; the venue closes each after 24 hours
    longest_wait_s: float = 60.0  # between attempts to connect, or to fetch a snapshot
    backlog: int = 200_000  # events kept for a slow reader
    tardis_url: str = ""  # in place of https://datasets.tardis.dev/v1
    binance_archive_url: str = ""  # in place of https://data.binance.vision/data
    rotate_mb: float = 256.0  # size (compressed) at which a recording goes on in the next file; and at UTC midnight

    def __post_init__(self) -> None:
        if self.trades not in ("trade", "aggTrade"):
            raise ConfigError(f"trades must be 'trade' or 'aggTrade', got {self.trades!r}")
        if self.depth_speed and not re.fullmatch(r"\d{1,4}ms", self.depth_speed):
            raise ConfigError(f"depth_speed must be empty or like '100ms', got {self.depth_speed!r}")
        for name in ("snapshot_levels", "streams_per_connection", "backlog"):
            if getattr(self, name) < 5:
                raise ConfigError(f"{name} must be at least 5, got {getattr(self, name)!r}")
        for name in ("silence_s", "lifetime_s", "longest_wait_s", "rotate_mb"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be greater than 0, got {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class Alerts:
    """Who is told of what, and how often. The first six are those of every rule that has none of its own."""

    deduplicate_s: float = 5.0
    cooldown_s: float = 0.0
    escalate_after: int = 5  # repeats
    escalate_within_s: float = 60.0
    remind_s: float = 300.0
    remind_times: int = 3
    rules: tuple = ()  # tables, see genesis_lib.alerts.rules
    # Of sessions alone: where alarms are sent. Addresses, or tables with url, least_severity and per_minute.
    sinks: tuple = field(default=(), repr=False)  # they may hold passwords
    sink_severity: str = "info"
    sink_per_minute: float = 60.0
    sink_timeout_s: float = 5.0
    sink_attempts: int = 8
    sink_longest_wait_s: float = 60.0
    sink_queue: int = 256
    flush_s: float = 3.0  # patience with sinks at the end of a session
    log_mb: float = 10.0  # size at which a file of alarms is put aside

    def __post_init__(self) -> None:
        for name in ("sink_per_minute", "sink_timeout_s", "sink_longest_wait_s", "log_mb"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be greater than 0, got {getattr(self, name)!r}")
        for name in ("sink_attempts", "sink_queue"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        most = {"sink_attempts": 1000, "sink_queue": 100_000, "log_mb": 10_000}
        for name, limit in (most | dict.fromkeys(("flush_s", "sink_timeout_s", "sink_longest_wait_s"), 3600)).items():
            if getattr(self, name) > limit:
                raise ConfigError(f"{name} must be at most {limit}, got {getattr(self, name)!r}")
        if self.flush_s < 0:
            raise ConfigError(f"flush_s must not be negative, got {self.flush_s!r}")


@dataclass(frozen=True, slots=True)
class Config:
    """All settings; immutable."""

    paths: Paths = field(default_factory=Paths)
    market: Market = field(default_factory=Market)
    strategy: Strategy = field(default_factory=Strategy)
    execution: Execution = field(default_factory=Execution)
    session: Session = field(default_factory=Session)
    feeds: Feeds = field(default_factory=Feeds)
    alerts: Alerts = field(default_factory=Alerts)


SHORT = {"GENESIS_RECORDINGS": "GENESIS_PATHS_RECORDINGS"}
NOT_SETTINGS = {
    "GENESIS_NO_EXTENSIONS",
    "GENESIS_BUILD_DEBUG",
    "GENESIS_CONFIG",
    "GENESIS_CI",
    "GENESIS_SESSION",
    "GENESIS_TOKEN",
}


def load(file: str | Path | None = None, env: Mapping[str, str] | None = None, **sections: Mapping[str, Any]) -> Config:
    """Read the settings; later sources win: file, environment, arguments.

    Parameters
    ----------
    file
        A TOML file; when left out the one that ``GENESIS_CONFIG`` names, else ``genesis.toml`` of the workbench (see
        `root`) where there is one.
    env
        Variables to read instead of the process environment.
    sections
        ``section={key: value}``, a value of None being "not given".

    Raises
    ------
    ConfigError
        For a named file that is not there, an unknown section or key (naming the nearest known one), or a value of the
        wrong type.
    """
    env = os.environ if env is None else env
    config = Config()
    named = file if file is not None else env.get("GENESIS_CONFIG")
    path = Path(named) if named is not None else root() / "genesis.toml"
    if path.exists():
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not valid TOML: {error}") from error
        config = _merge(config, table, str(path))
    elif named is not None:
        raise ConfigError(f"{path}: no such file")
    config = replace(config, paths=_from_root(config.paths))
    config = _merge(config, _from_env(env), "environment")
    return _merge(config, sections, "arguments")


def root() -> Path:
    """Folder of the workbench: the nearest one upwards with a ``genesis.toml``, or with ``notebooks`` and ``models``.

    A notebook's kernel works in ``notebooks``, the shell one above; both must find the same models and recordings.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "genesis.toml").exists() or all((folder / name).is_dir() for name in ("notebooks", "models")):
            return folder
    return here


def unconfigured() -> Paths:
    """The folders where nobody has configured others."""
    return _from_root(Paths())


def _from_root(paths: Paths) -> Paths:
    """The same folders as seen from the working directory, so that no absolute path reaches a log or a notebook."""
    base = root()
    return Paths(**{f.name: os.path.relpath(base / getattr(paths, f.name)) for f in fields(paths)})


def _from_env(env: Mapping[str, str]) -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for name, value in env.items():
        if not name.startswith("GENESIS_") or name in NOT_SETTINGS:
            continue
        section, _, key = SHORT.get(name, name).removeprefix("GENESIS_").lower().partition("_")
        table.setdefault(section, {})[key] = value
    return table


def _merge(config: Config, table: Mapping[str, Any], origin: str) -> Config:
    for section, values in table.items():
        current = getattr(config, _known(section, Config, "section", origin))
        if not isinstance(values, Mapping):
            raise ConfigError(f"{origin}: section {section!r} must hold keys, got {values!r}")
        given = {
            _known(key, type(current), f"key of [{section}]", origin): _typed(current, key, value, origin)
            for key, value in values.items()
            if value is not None
        }
        config = replace(config, **{section: replace(current, **given)})
    return config


def _known(name: str, cls: type, what: str, origin: str) -> str:
    names = [f.name for f in fields(cls)]
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 1, 0.0)
    raise ConfigError(f"{origin}: unknown {what} {name!r}; did you mean {near[0]!r}? Allowed: {', '.join(names)}")


def _typed(section: Any, key: str, value: Any, origin: str) -> Any:
    want = type(getattr(section, key)) if hasattr(section, key) else type(value)
    if want is tuple:
        return _listed(key, value, origin)
    wrong = ConfigError(f"{origin}: {key} must be {want.__name__}, got {value!r}")
    if (isinstance(value, bool) and want is not bool) or (want is str and not isinstance(value, (str, os.PathLike))):
        raise wrong
    if want is int and isinstance(value, float) and value != value // 1:
        raise wrong  # int(10.7) would be 10 without a word
    try:
        if want is bool and isinstance(value, str):
            return {"1": True, "true": True, "0": False, "false": False}[value.lower()]
        if want is float and not math.isfinite(float(value)):
            raise ConfigError(f"{origin}: {key} must be a finite number, got {value!r}")
        return want(value)
    except (TypeError, ValueError, KeyError, OverflowError):
        raise wrong from None


def _listed(key: str, value: Any, origin: str) -> tuple[str | dict[str, Any], ...]:
    """A list of words and tables; in a variable as JSON, or as words with spaces between. No value is quoted: some of
    them hold passwords."""
    wrong = ConfigError(f"{origin}: {key} must be a list of texts or tables (in a variable: JSON, or words)")
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return tuple(value.split())
        try:
            value = json.loads(value)
        except ValueError:
            raise wrong from None
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, (str, Mapping)) for item in value):
        raise wrong
    return tuple(item if isinstance(item, str) else dict(item) for item in value)
