"""Widgets: what a browser draws. A kernel that shows them loads no model, no table and no trading code."""

from importlib import import_module
from typing import Any

__all__ = ["AlertExplorer", "Desk"]

_HOMES = {"AlertExplorer": "alert_explorer", "Desk": "desk"}


def __getattr__(name: str) -> Any:
    # Whoever only starts the web server (`serve`) must not pay for the widgets' libraries.
    if name in _HOMES:
        return getattr(import_module(f"genesis_lib.widgets.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
