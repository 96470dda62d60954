"""The durable record of a session: every command, order, fill, gap and alert, with the event it took effect at.

SQLite in WAL mode through SQLAlchemy Core: one writer, many readers. What was committed survives ``kill -9``; whoever
tells the world about a fill commits first. `Journal.sha256` is over the decisions alone, so two runs of one source can
be held equal.
"""

from genesis_lib.journal.reader import read_journal
from genesis_lib.journal.writer import Journal

__all__ = ["Journal", "read_journal"]
