"""The live desk: a running session's market, predictions, account and trades in one widget."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import traitlets as t

from genesis_lib.errors import SessionError
from genesis_lib.live.client import SessionClient
from genesis_lib.widgets.base import STATIC, Widget, bundle
from genesis_lib.widgets.serve import SESSION_VARIABLE
from genesis_lib.widgets.stream import Stream


class Desk(Widget):
    """A view of one session; any number of them may show the same one.

    Nothing is read before a browser says hello, and nothing once it is gone, so that a notebook runs through whether
    there is a session or not. Closing it, or the whole kernel, leaves the session alone.

    Parameters
    ----------
    client
        A connected `SessionClient`; it stays the caller's to close.
    height
        Height in pixels where the page does not give one (a notebook's cell).

    Raises
    ------
    InputError
        For a keyword it does not have, naming the nearest one.

    Examples
    --------
    >>> Desk.connect()  # doctest: +SKIP
    """

    _esm = bundle("desk.js")
    _css = "".join(
        (STATIC / name).read_text(encoding="utf-8") for name in ("desk.css", "replay.css", "panels.css", "states.css")
    )

    _stream: Stream | None = None

    height = t.Int(760, min=480, max=4000, help="pixels in a notebook's cell").tag(sync=True)

    def __init__(self, client: SessionClient | None = None, **keywords: object) -> None:
        super().__init__(**keywords)
        self._open: Callable[[], Any] = _Borrowed(client) if client is not None else SessionClient
        self.on_msg(self._heard)

    @classmethod
    def connect(cls, session_dir: str | os.PathLike | None = None, **keywords: object) -> Desk:
        """Show a session; it need not run yet.

        Parameters
        ----------
        session_dir
            A session's directory or name. None is the one that ``GENESIS_SESSION`` names, else the one that started
            last and still runs.
        """
        desk = cls(**keywords)
        wanted = session_dir or os.environ.get(SESSION_VARIABLE)
        desk._open = lambda: SessionClient(wanted)
        return desk

    @property
    def link(self) -> str:
        """``waiting`` until a browser is there, then one of `genesis_lib.widgets.stream.LINKS`."""
        return self._stream.link if self._stream is not None and self._stream.is_alive() else "waiting"

    def close(self) -> None:
        """End the view; the session goes on."""
        if self._stream is not None:
            self._stream.close()
        super().close()

    def __repr__(self) -> str:
        try:
            client = self._open()
        except SessionError as error:
            return f"Desk: {error}"
        name = client.name
        client.close()
        return f"Desk of session {name}"

    def _heard(self, _: object, content: dict, buffers: list) -> None:
        kind = content.get("type")
        if kind == "hello":
            if self._stream is None or not self._stream.is_alive():
                self._stream = Stream(self._open, self.send)
                self._stream.start()
            else:
                self._stream.hello()
        elif self._stream is not None and kind == "ack":
            self._stream.acknowledge(int(content["n"]))
        elif self._stream is not None and kind == "command":
            self._stream.command(str(content["name"]), content.get("value"))


class _Borrowed:
    """A client that the stream may use but not close."""

    def __init__(self, client: SessionClient) -> None:
        self._client = client

    def __call__(self) -> _Borrowed:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def close(self) -> None:
        """Leave it open: it is the caller's."""
