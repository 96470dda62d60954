"""The live session: one process that trades, any number of viewers that come and go."""

from genesis_lib.live.client import SessionClient
from genesis_lib.live.messages import decode, encode

__all__ = ["SessionClient", "decode", "encode"]
