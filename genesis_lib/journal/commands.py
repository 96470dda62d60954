"""The commands of a journal that whoever reads it must understand: where the account begins anew, and where in time."""

from __future__ import annotations

SEEK = "seek"


def seek_to(position: int) -> str:
    """Name of the command that goes on with event number `position` of the source.

    >>> seek_to(4711)
    'seek 4711'
    """
    return f"{SEEK} {position}"


def sought(name: str) -> int | None:
    """Where a command of the journal goes on; None for every other command.

    >>> sought("seek 4711"), sought("reset")
    (4711, None)
    """
    word, _, position = name.partition(" ")
    return int(position) if word == SEEK and position.isdigit() else None


def begins_anew(name: str) -> bool:
    """Whether position, profit and trades are empty after a command."""
    return name == "reset" or sought(name) is not None
