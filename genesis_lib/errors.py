"""Every error Genesis raises on purpose. Messages name the argument, the value that came and what is allowed."""

from __future__ import annotations


class GenesisError(Exception):
    """Base of all; the command line turns it into one line and exit code 1."""


class InputError(GenesisError, ValueError):
    """A value, a file or a line is not what it must be."""


class RecordingError(InputError):
    """A recording cannot be read: names file, line and cause."""

    def __init__(self, cause: str, file: object = None, line: int | None = None) -> None:
        self.file, self.line, self.cause = file, line, cause
        where = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(where + cause)


class ConfigError(GenesisError):
    """An unknown or ill-typed configuration key."""


class ModelError(GenesisError):
    """A model cannot be loaded, or does not fit the data it is given."""


class StateError(GenesisError):
    """A command that does not make sense in the state the thing is in."""


class SessionError(GenesisError):
    """A live session cannot be started, reached or commanded."""
