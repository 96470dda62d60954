"""What every widget of Genesis shares: its JavaScript as one module, and errors for keywords it does not know."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import anywidget

from genesis_lib.errors import InputError

STATIC = Path(__file__).parent / "static"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z_]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |function |class |async function )", re.MULTILINE)


def bundle(entry: str, folder: Path = STATIC) -> str:
    """Join an ES module and those it imports into one, in the order of their need.

    anywidget hands the browser one text, imported from a blob URL, where relative imports lead nowhere.

    Parameters
    ----------
    entry
        File name of the module whose default export is the widget.

    Raises
    ------
    InputError
        When a module is missing, or modules import each other in a circle.
    """
    parts: dict[str, str] = {}
    _collect(entry, folder, parts, ())
    return "\n".join(parts.values())


def _collect(name: str, folder: Path, parts: dict[str, str], above: tuple[str, ...]) -> None:
    if name in parts:
        return
    if name in above:
        raise InputError(f"modules import each other in a circle: {' -> '.join((*above, name))}")
    try:
        text = (folder / name).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"module {name} of a widget cannot be read: {error.strerror}") from error
    for needed in _IMPORT.findall(text):
        _collect(needed, folder, parts, (*above, name))
    parts[name] = _EXPORT.sub("", _IMPORT.sub("", text))


class Widget(anywidget.AnyWidget):
    """An anywidget that refuses keywords it does not know, naming the nearest one it does."""

    def __init__(self, **keywords: object) -> None:
        known = sorted(name for name in self.traits() if not name.startswith("_"))
        for name in keywords:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1, 0.0)[0]
                raise InputError(
                    f"{type(self).__name__} has no keyword {name!r}; did you mean {near!r}? Allowed: {', '.join(known)}"
                )
        super().__init__(**keywords)
