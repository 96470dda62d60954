"""A request that is refused, in Binance's way."""

from __future__ import annotations


class RestError(Exception):
    """Code and words of Binance's, and the HTTP status.

    >>> RestError(-1121, "Invalid symbol.").status
    400
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status
