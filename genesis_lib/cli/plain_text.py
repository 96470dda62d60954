"""Results as people read them: a line a figure, no program's notation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from genesis_lib.clock import iso

MOST_ITEMS = 10


def lines(result: Mapping[str, Any]) -> str:
    """Aligned keys and values; a list of several things, or a dict of dicts, one a line below its key.

    >>> print(lines({"rows": 3, "share": 1 / 3, "files": ["a", "b"], "latency": {"p50": 12.0, "p99": 40.5}}))
    rows     3
    share    0.333333
    files    2
               a
               b
    latency  p50 12, p99 40.5
    """
    width = max(map(len, result), default=0)
    return "\n".join(line for key, value in result.items() for line in _entry(key, value, width))


def figure(value: Any) -> str:
    """One value: floats with six significant digits (whole ones to the unit), dicts as ``key value`` pairs."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return figure(value.item())
    if isinstance(value, float):
        return f"{value:.0f}" if math.isfinite(value) and 1e6 <= abs(value) < 1e15 else f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_nested(item)}" for key, item in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_nested, value)) or "none"
    return str(value)


def progress(status: Mapping[str, Any]) -> str:
    """A session after a command, in a few lines: where it stands, and what the account holds."""
    replay = status.get("replay")
    shown: dict[str, Any] = {"session": status["session"], "state": status["state"].lower()}
    if status.get("reason"):
        shown["reason"] = status["reason"]
    if not status["active"]:
        shown["strategy"] = "stopped: no new entries"
    if replay is not None:
        speed = replay["speed"]
        shown["replay"] = replay["state"]
        shown["time"] = replay["at"]
        shown["speed"] = speed if speed == "max" else f"{speed:g}x"
        total = replay["total_events"]
        shown["events"] = f"{replay['events']:,}" + (f" of {total:,}" if total is not None else "")
    else:
        shown |= {"time": _moment(status["ts"]), "events": f"{status['events']:,}"}
    return lines(shown | {name: status[name] for name in ("position", "realized", "unrealized")})


def acknowledged(status: Mapping[str, Any]) -> str:
    """How many alerts a session marked as seen, and which.

    >>> acknowledged({"acknowledged": [{"id": 3, "kind": "spoofing"}, {"id": 7, "kind": "feed_gap"}]})
    'acknowledged 2 alerts: 3 (spoofing), 7 (feed_gap)'
    """
    alerts = status["acknowledged"]
    if not alerts:
        return "acknowledged nothing: somebody has seen all of it before, or nothing was told"
    shown = [f"{alert['id']} ({alert['kind']})" for alert in alerts[:MOST_ITEMS]]
    more = f" and {len(alerts) - MOST_ITEMS} more" if len(alerts) > MOST_ITEMS else ""
    return f"acknowledged {len(alerts)} alert{'s' * (len(alerts) > 1)}: {', '.join(shown)}{more}"


def whole(status: Mapping[str, Any]) -> str:
    """Everything a session says of itself, times as dates."""
    shown = {key: _moment(value) if key == "ts" else value for key, value in status.items()}
    if (replay := status.get("replay")) is not None:
        times = {key: _moment(replay[key]) for key in ("time", "start", "end", "known")}
        del shown["replay"]
        shown |= {f"replay {key}": value for key, value in (replay | times).items() if key != "at"}
    return lines(shown)


def _entry(key: str, value: Any, width: int) -> Iterator[str]:
    if isinstance(value, (list, tuple)) and len(value) > 1 and not all(isinstance(one, (int, float)) for one in value):
        items = [figure(one) for one in value]
    elif isinstance(value, Mapping) and any(isinstance(one, (Mapping, list, tuple)) for one in value.values()):
        items = [f"{name}: {figure(one)}" for name, one in value.items()]
    else:
        yield f"{key:<{width}}  {figure(value)}"
        return
    yield f"{key:<{width}}  {len(items)}"
    indent = " " * (width + 4)
    yield from (f"{indent}{item}" for item in items[:MOST_ITEMS])
    if len(items) > MOST_ITEMS:
        yield f"{indent}... and {len(items) - MOST_ITEMS} more"


def _nested(value: Any) -> str:
    text = figure(value)
    return f"({text})" if isinstance(value, (Mapping, list, tuple)) and value else text


def _moment(ms: float | None) -> str | None:
    return None if ms is None else iso(round(ms * 1000) * 1000)
