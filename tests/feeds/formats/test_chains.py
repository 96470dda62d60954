"""Files that follow each other within a minute are one session."""

from __future__ import annotations

from pathlib import Path

from genesis_lib.feeds.formats.chains import SAME_SESSION_NS, chains

A, B, C = map(Path, "abc")


def test_what_follows_within_a_minute_belongs_together() -> None:
    end = 10**18
    near, far = end + SAME_SESSION_NS, end + SAME_SESSION_NS + 1
    assert chains([(near, near + 5, B), (end - 5, end, A)]) == [[A, B]]
    assert chains([(far, far + 5, B), (end - 5, end, A)]) == [[A], [B]]


def test_what_overlaps_is_another_session() -> None:
    second = 10**9
    assert chains([(0, 10 * second, A), (5 * second, 20 * second, B), (21 * second, 22 * second, C)]) == [[A], [B, C]]
    assert chains([]) == []
