from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.episodes import PAUSE_MS, WARM_UP_MS
from genesis_lib.feeds.simulation.overlay_episodes import MEMORY, SCRIPTS
from genesis_lib.feeds.simulation.overlay_plan import spans_of, spread
from genesis_lib.types import DepthSnapshot, DepthUpdate

S = 1_000_000_000
LEVELS = np.array([0, 1], np.int8), np.array([10, 11]), np.array([1.0, 1.0])


class Listed(list):
    name = "listed"
    counts = {"depthUpdate": 3}  # noqa: RUF012


def diff(second: float, number: int, previous: int | None = None) -> DepthUpdate:
    ts = int(second * S)
    return DepthUpdate("X", ts, ts, number, number, number - 1 if previous is None else previous, *LEVELS)


def snapshot(second: float, number: int) -> DepthSnapshot:
    return DepthSnapshot("X", int(second * S), int(second * S), number, *LEVELS)


def test_spans_are_where_the_book_is_whole():
    diffs = [diff(i, 100 + i) for i in range(60)]
    assert spans_of(Listed([snapshot(0, 100), *diffs])) == [(0, 59 * S)]
    missing = [snapshot(0, 100), *diffs[:20], *diffs[21:40], snapshot(39.5, 139), *diffs[40:]]
    assert spans_of(Listed(missing)) == [(0, 19 * S), (40 * S, 59 * S)]
    assert spans_of(Listed([snapshot(0, 100), *diffs[:30], snapshot(29.5, 129), *diffs[30:]])) == [
        (0, 29 * S),
        (30 * S, 59 * S),
    ]
    hole = [diff(i + (40 if i > 30 else 0), 100 + i) for i in range(60)]
    assert spans_of(Listed([snapshot(0, 100), *hole])) == [(0, 30 * S), (71 * S, 99 * S)]


def test_a_recording_without_numbers_or_snapshot_is_refused():
    with pytest.raises(InputError, match="listed: an overlay needs diffs that the venue numbers"):
        spans_of(Listed([diff(0, -1)]))
    with pytest.raises(InputError, match="listed: the book cannot be rebuilt: 3 diffs, but no REST snapshot"):
        spans_of(Listed([diff(0, 5), diff(1, 6), diff(2, 7)]))


def test_episodes_lie_in_the_spans_apart_from_each_other():
    spans = [(0, 70 * S), (100 * S, 112 * S), (200 * S, 300 * S)]
    found = set()
    for seed in range(20):
        plan = spread({"spoofing": 2, "depth_shock": 3, "quote_stuffing": 2}, spans, seed)
        assert [e.kind for e in plan] == [
            e.kind for e in spread({"spoofing": 2, "depth_shock": 3, "quote_stuffing": 2}, spans, seed)
        ]
        assert sorted(e.kind for e in plan) == ["depth_shock"] * 3 + ["quote_stuffing"] * 2 + ["spoofing"] * 2
        for one, other in zip(plan, [*plan[1:], None]):
            inside = [(start, end) for start, end in spans if start <= one.start < end]
            (span,) = inside
            longest = SCRIPTS[one.kind][1] * 1_000_000
            assert span[0] + WARM_UP_MS * 1_000_000 <= one.start <= span[1] - longest
            assert other is None or other.start - one.start >= longest + PAUSE_MS * 1_000_000
            found.add(span)
    assert found == {spans[0], spans[2]}


def test_agents_come_late_where_there_is_room():
    first = [
        min(e.start for e in spread({"spoofing": 2}, [(0, seconds * S)], seed))
        for seconds in (400, 50)
        for seed in range(9)
    ]
    assert min(first[:9]) >= MEMORY and max(first[9:]) < MEMORY


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (
            {"iceberg": 1},
            "an overlay knows no kind 'iceberg'; allowed: spoofing, layering, quote_stuffing, depth_shock",
        ),
        ({"layering": -2}, "count of layering must not be negative, got -2"),
        ({"spoofing": 9}, "9 episodes do not fit into 1.0 minutes of whole book"),
    ],
)
def test_what_cannot_be_laid_over_is_named(plant, message):
    with pytest.raises(InputError, match=message):
        spread(plant, [(0, 60 * S)], 1)
