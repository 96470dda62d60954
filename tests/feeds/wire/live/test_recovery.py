from __future__ import annotations

import doctest

from genesis_lib.feeds.wire.live import recovery
from genesis_lib.feeds.wire.live.recovery import Recovery, percentiles


def test_example():
    assert doctest.testmod(recovery).failed == 0


def test_nothing_healed_has_no_figures():
    assert percentiles([]) is None


def test_one_figure_is_all_of_them():
    assert percentiles([Recovery("X", 0, "cut", 12.3456)]) == {"p50": 12.346, "p99": 12.346, "max": 12.346}
