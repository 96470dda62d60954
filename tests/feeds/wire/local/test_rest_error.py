from __future__ import annotations

import doctest

from genesis_lib.feeds.wire.local import rest_error


def test_example():
    assert doctest.testmod(rest_error).failed == 0
