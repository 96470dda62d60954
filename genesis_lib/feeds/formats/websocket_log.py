"""Raw websocket traffic as cryptofeed writes it down: one line a message, with the time it was received."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.decompression import open_bytes

BILLION = 1_000_000_000
MAX_STEP_BACK = BILLION  # a clock that is set may step back a little; more than this is a damaged recording
_LINE = re.compile(rb"(?:(\S+) )?(<->|<-|->)? ?(\d{10}(?:\.\d{1,9})?)(?:: (.*))?", re.S)


class Frame(NamedTuple):
    """A line of a log: a message that came, or (with an empty payload) a connection that was made."""

    ts_receive: int
    payload: bytes
    connected: bool
    file: Path
    number: int
    whole: bool  # False: the last line, without its line feed


def looks_like_log(head: bytes) -> bool:
    """Whether a file begins with a line of such a log."""
    first = head.split(b"\n", 1)[0].removesuffix(b"\r")
    found = _LINE.fullmatch(first)
    return found is not None and (found[2] is not None or (found[4] or b"")[:1] in (b"{", b"["))


def in_order(paths: Iterable[Path]) -> list[list[Path]]:
    """Group the files of each connection, ``NAME.0``, ``NAME.1`` ..., in the order in which they were written."""
    groups: dict[tuple[str, str], list[tuple[int, str, Path]]] = {}
    for path in dict.fromkeys(paths):
        name = path.name.removesuffix(".gz").removesuffix(".zst")
        stem, _, number = name.rpartition(".")
        key = (str(path.parent), stem) if stem and number.isdigit() else (str(path.parent), name)
        groups.setdefault(key, []).append((int(number) if number.isdigit() else 0, path.name, path))
    return [[path for _, _, path in sorted(group)] for group in groups.values()]


def frames(paths: Iterable[Path]) -> Iterator[Frame]:
    """Read messages and connections in order; what was sent, answers over HTTP and blank lines are passed over.

    Raises
    ------
    RecordingError
        For a line of another kind, and for receive time that jumps back by more than a second; names file and line.
    """
    latest = 0
    for path in paths:
        with open_bytes(path) as stream:
            for number, line in enumerate(io.BufferedReader(stream, 1 << 20), 1):
                if line.isspace():
                    continue
                # Nearly all lines: receive time, colon, blank, message.
                stamp, colon, payload = line.partition(b": ")
                connected = False
                if not colon or not stamp[:1].isdigit():
                    found = _LINE.fullmatch(line.strip())
                    if found is None or found[2] is None:
                        if latest and not line.endswith(b"\n"):  # cut off before its message: unreadable, as one within
                            yield Frame(latest, line, False, path, number, False)
                            continue
                        shown = line[:60].decode(errors="replace").rstrip()
                        raise RecordingError(f"no line of a websocket log, got {shown!r}", path, number)
                    if found[2] != b"<->":
                        continue
                    stamp, payload, connected = found[3], b"", True
                try:
                    time = nanoseconds(stamp)
                except ValueError:
                    shown = stamp[:40].decode(errors="replace")
                    raise RecordingError(
                        f"a line must begin with its receive time in seconds, got {shown!r}", path, number
                    ) from None
                if time < latest - MAX_STEP_BACK:
                    back = (latest - time) / BILLION
                    raise RecordingError(f"receive time jumps back by {back:.3f} s, to {time}", path, number)
                latest = max(latest, time)
                yield Frame(time, payload, connected, path, number, line.endswith(b"\n"))


def nanoseconds(seconds: str | bytes) -> int:
    """Nanoseconds of decimal seconds, exactly; digits behind the ninth are cut off.

    >>> nanoseconds("1618678132.927716"), nanoseconds(b"1652459225")
    (1618678132927716000, 1652459225000000000)
    """
    if isinstance(seconds, bytes):
        seconds = seconds.decode("ascii", "replace")
    whole, _, part = seconds.partition(".")
    if not whole.isdigit() or (part and not part.isdigit()):
        raise ValueError(f"not decimal seconds: {seconds!r}")
    return int(whole) * BILLION + int(part[:9].ljust(9, "0"))
