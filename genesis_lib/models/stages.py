"""Which model is in use, which were, and which are put away: one small file, replaced whole, never edited.

``<root>/champion.json`` names the champion and holds the history of every change. Writers take turns by a lock on the
folder; whoever reads meets the file as it was before a change or after it, also when a writer is killed.

A model is ``challenger`` when it is registered, ``champion`` (one at a time) when it was promoted and no other since,
``archived`` when it was put away.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genesis_lib.errors import ModelError, StateError
from genesis_lib.models.manifest import LARGEST_JSON, NAME, VERSION, parse, read_bytes

CHAMPION = "champion.json"
STAGES = ("challenger", "champion", "archived")
ACTIONS = ("promote", "rollback", "archive", "restore")
PATIENCE_S = 30.0  # for the other writer; a change takes milliseconds
TURN_S = 0.005

Key = tuple[str, str]  # name, version


@dataclass(frozen=True, slots=True)
class Change:
    """One change of stages, as the history holds it; `before` was champion until then, None where none was."""

    at: str  # UTC
    action: str  # one of ACTIONS
    name: str  # of the model whose stage was set
    version: str
    by: str = ""
    why: str = ""
    before: Key | None = None

    @property
    def key(self) -> Key:
        return self.name, self.version

    def as_dict(self) -> dict[str, Any]:
        """What the file holds."""
        return asdict(self) | {"before": None if self.before is None else "/".join(self.before)}


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of a folder of models at one moment."""

    champion: Key | None = None
    archived: frozenset[Key] = frozenset()
    history: tuple[Change, ...] = field(default=())

    def of(self, name: str, version: str) -> str:
        """Stage of a registered model."""
        key = (name, version)
        return "champion" if key == self.champion else "archived" if key in self.archived else "challenger"

    @property
    def previous(self) -> Key | None:
        """Who was champion before the present one came, seen through rollbacks; None where nobody was."""
        way: list[Key | None] = []  # champions one on the other, as promotions and rollbacks left them
        for change in self.history:
            if change.action == "promote":
                way += [change.before] if not way else []
                way.append(change.key)
            elif change.action == "rollback":
                way = [*way[:-1]] if len(way) > 1 and way[-2] == change.key else [*way, change.key]
        return way[-2] if len(way) > 1 and way[-1] == self.champion else None


def read(root: str | Path) -> Stages:
    """The stages as they are now; a folder without the file has no champion.

    Raises
    ------
    ModelError
        When the file is not what this module writes; it is never written over.
    """
    file = Path(root) / CHAMPION
    if not file.exists() and not file.is_symlink():
        return Stages()
    table = parse(file, read_bytes(file, LARGEST_JSON))
    try:
        champion = None if table["name"] is None else _key(table["name"], table["version"])
        archived = frozenset(_key(*text.split("/")) for text in table.get("archived", ()))
        return Stages(champion, archived, tuple(map(_change, table.get("history", ()))))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{file}: does not name a model: {type(error).__name__} {error}; mend it, or move it away and promote anew"
        ) from error


def _change(table: Mapping[str, Any]) -> Change:
    before = table["before"]
    given = {key: str(table[key]) for key in ("at", "action", "by", "why")}
    name, version = _key(table["name"], table["version"])
    return Change(**given, name=name, version=version, before=None if before is None else _key(*before.split("/")))


def _key(name: str, version: str) -> Key:
    if not (NAME.fullmatch(name) and VERSION.fullmatch(version)):
        raise ValueError(f"{name!r:.80}, {version!r:.80} cannot be a model's name and version")
    return name, version


def change(root: str | Path, action: str, key: Key | None = None, *, by: str | None = None, why: str = "") -> Stages:
    """Carry out one change, alone, and give the stages after it.

    Parameters
    ----------
    root
        Folder of models.
    action
        ``promote`` makes `key` champion; ``rollback`` the champion before (with a `key`, only that one), taken
        out of the archive where it was put away; ``archive`` puts `key` away; ``restore``
        makes an archived one a challenger again.
    by, why
        Who asked for it (the user's name when left out), and a reason, for the history.

    Raises
    ------
    StateError
        When the change makes no sense now, or another writer holds the folder for longer than `PATIENCE_S`.
    ModelError
        When there is no such folder, or it cannot be written.
    """
    root = Path(root)
    with alone(root):
        stages = read(root)
        after = _after(stages, action, key, _user() if by is None else by, why)
        if after is not stages:
            _write(root / CHAMPION, after)
        return after


def _after(stages: Stages, action: str, key: Key | None, by: str, why: str) -> Stages:
    champion, archived = stages.champion, stages.archived
    if action == "rollback":
        if stages.previous is None:
            raise StateError("nothing to roll back to: no champion came before the present one")
        if key not in (None, stages.previous):
            raise StateError(f"another process changed the champion meanwhile: {'/'.join(stages.champion)} is in use")
        key = stages.previous
    label = "/".join(key)
    if action in ("promote", "rollback"):
        if key == champion:
            return stages  # already so; asked twice is done once
        champion, archived = key, archived - {key}
    elif action == "archive":
        if key == champion:
            raise StateError(f"{label} is the champion: promote another first, or roll back")
        if key in archived:
            return stages
        archived = archived | {key}
    elif action == "restore":
        if key not in archived:
            raise StateError(f"{label} is not archived, it is {stages.of(*key)}")
        archived = archived - {key}
    else:
        raise StateError(f"action must be one of {', '.join(ACTIONS)}, got {action!r}")
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    made = Change(at, action, *key, by=by, why=why, before=stages.champion)
    return Stages(champion, archived, (*stages.history, made))


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold the folder's lock; the system gives it back when its holder dies, however."""
    try:
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ModelError(f"{root}: no folder of models: {error.strerror}") from error
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StateError(f"{root}: another process has been changing stages for {PATIENCE_S:g} s") from None
                time.sleep(TURN_S)
        for left in root.glob(".champion-*"):  # of a writer that was killed: the lock is ours, so nobody writes it
            left.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def _write(file: Path, stages: Stages) -> None:
    name, version = stages.champion or (None, None)
    table = {
        "name": name,
        "version": version,
        "archived": sorted("/".join(key) for key in stages.archived),
        "history": [change.as_dict() for change in stages.history],
    }
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=".champion-", dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(table, stream, indent=1)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(file)
        sync(file.parent)
    except OSError as error:
        raise ModelError(f"{file}: cannot be written: {error.strerror}") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
