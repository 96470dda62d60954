"""Reading a journal beside its writer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from genesis_lib.errors import SessionError
from genesis_lib.journal.schema import (
    FILE,
    RECORDS,
    SESSIONS,
    check_file,
    clearly,
    database_engine,
    rows_of,
    sqlite_engine,
)


def read_journal(where: str | os.PathLike, session: str | None = None) -> dict[str, Any]:
    """Read a journal beside its writer: ``header``, ``summary`` (None while it runs) and the rows of each kind.

    Parameters
    ----------
    where
        The session's directory, or a database URL.
    session
        Name of the session; the newest when left out.

    Raises
    ------
    SessionError
        When there is no such journal or session, or it is damaged.
    """
    url = "://" in str(where)
    file = Path("." if url else where) / FILE
    if not url and not file.is_file():
        raise SessionError(f"no session at {where}: {file} does not exist")
    engine, place = database_engine(str(where)) if url else (sqlite_engine(file, durable=False), str(file))
    try:
        with clearly(place), engine.connect() as connection:
            if not url:
                check_file(connection, place)
            query = sa.select(SESSIONS).order_by(SESSIONS.c.created.desc())
            rows = connection.execute(query if session is None else query.where(SESSIONS.c.session == session))
            head = rows.mappings().first()
            if head is None:
                raise SessionError(f"{place}: holds no session {session or ''}".rstrip())
            name = head["session"]
            return {
                "session": name,
                "created": head["created"],
                "header": json.loads(head["header"]),
                "summary": json.loads(head["summary"]) if head["summary"] else None,
                **{kind: rows_of(connection, kind, name, is_whole=False) for kind in RECORDS},
            }
    finally:
        engine.dispose()
