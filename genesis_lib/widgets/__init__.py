"""Widgets: what a browser draws. A kernel that shows them loads no model, no table and no trading code."""

from importlib import import_module
from typing import Any

__all__ = ["Desk"]


def __getattr__(name: str) -> Any:
    # Whoever only starts the web server (`serve`) must not pay for the widgets' libraries.
    if name == "Desk":
        return import_module("genesis_lib.widgets.desk").Desk
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
