"""The commands of a journal that whoever reads it must understand: where the account begins anew, and where in time."""

from __future__ import annotations

SEEK, ACKNOWLEDGE = "seek", "acknowledge"
MOST_LETTERS = 64  # of who has seen an alarm


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


def called(who: str) -> str:
    """A name as every journal can hold it: one line of printable letters, not too many.

    >>> called(" Anna  of\\nops\\x00")
    'Anna of ops'
    """
    return "".join(filter(str.isprintable, " ".join(who.split())))[:MOST_LETTERS].strip()


def acknowledge(what: int | str, by: str = "") -> str:
    """Name of the command that marks alarms as seen: one by its number, those of a kind, or ``all``; and by whom.

    >>> acknowledge(3, "Anna"), acknowledge("all")
    ('acknowledge 3 by Anna', 'acknowledge all')
    """
    who = called(by)
    return f"{ACKNOWLEDGE} {what}" + (f" by {who}" if who else "")


def acknowledged(name: str) -> tuple[str, str] | None:
    """What a command of the journal marks as seen, and by whom; None for every other command.

    >>> acknowledged("acknowledge 3 by Anna of ops"), acknowledged("acknowledge all"), acknowledged("reset")
    (('3', 'Anna of ops'), ('all', ''), None)
    """
    word, _, rest = name.partition(" ")
    what, _, by = rest.partition(" by ")
    return (what, by) if word == ACKNOWLEDGE and what and " " not in what else None
