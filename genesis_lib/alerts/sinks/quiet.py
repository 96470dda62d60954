"""Other people's libraries log whole addresses, tokens included; not while they send for us."""

from __future__ import annotations

import logging
import threading

TALKATIVE = ("httpx", "apprise", "urllib3.connectionpool", "urllib3.util.retry", "requests", "requests_oauthlib")


class Quiet(logging.Filter):
    """Drops what `TALKATIVE` loggers say in one thread; a context manager that this thread enters."""

    def __init__(self) -> None:
        super().__init__()
        self._thread: int | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record may pass."""
        return record.thread != self._thread

    def __enter__(self) -> Quiet:
        self._thread = threading.get_ident()
        for name in TALKATIVE:
            logging.getLogger(name).addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in TALKATIVE:
            logging.getLogger(name).removeFilter(self)
