"""Which files of one instrument follow each other in time and are therefore one session."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from genesis_lib.feeds.instruments import MINUTE, SECOND

SAME_SESSION_NS = MINUTE  # a file that begins within this of the end of the one before continues its session


def chains(spans: Iterable[tuple[int, int, Path]]) -> list[list[Path]]:
    """Split files into runs that follow each other; what overlaps is another session.

    Parameters
    ----------
    spans
        First and last time (ns) of each file, and the file.

    Examples
    --------
    >>> spans = [(0, 5, Path("a")), (10**15, 10**15 + 9, Path("c")), (6, 9, Path("b"))]
    >>> [[file.name for file in run] for run in chains(spans)]
    [['a', 'b'], ['c']]
    """
    found: list[list[Path]] = []
    last = None
    for start, end, file in sorted(spans):
        if last is None or not -SECOND <= start - last <= SAME_SESSION_NS:
            found.append([])
        found[-1].append(file)
        last = end
    return found
