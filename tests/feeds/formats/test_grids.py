"""Grids from decimals, block by block, the same as from all at once in exact arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.feeds.formats.grids import Grid, on_grid
from genesis_lib.feeds.instruments import grid_of


def grid(*blocks) -> Grid:
    found = Grid()
    for block in blocks:
        found.add(np.array(block, float))
    return found


@settings(max_examples=200, deadline=None)
@given(
    places=st.integers(0, 8),
    wholes=st.lists(st.integers(10**6, 10**10), min_size=1, max_size=30),
    factor=st.sampled_from([1, 5, 25]),
    cut=st.integers(0, 30),
)
def test_as_exact_as_decimals(places: int, wholes: list[int], factor: int, cut: int) -> None:
    texts = [f"{whole * factor / 10**places:.{places}f}" for whole in wholes]
    numbers = [float(text) for text in texts]
    assert grid(numbers[:cut], numbers[cut:]).step == grid_of(texts)


def test_zeros_noise_and_sizes_beside() -> None:
    assert grid([0.0, 0.15, 0.25]).step == 0.05
    assert grid([2000.05, 2000.100000000003]).price_step() == 0.05
    assert grid([0.00001234, 0.00001235]).price_step() == 1e-8
    assert grid([3e12, 5e12]).step == 1e12  # sizes of coins that cost next to nothing
    assert grid([1.5, 1e-3], [2e12]).step == 1e-3


def test_what_has_no_grid() -> None:
    with pytest.raises(InputError, match="no good row to take a price grid from"):
        grid([0.0]).price_step()
    with pytest.raises(InputError, match="--tick-size"):
        grid(np.random.default_rng(0).uniform(1000, 2000, 50)).price_step()
    with pytest.raises(InputError, match="too large"):
        grid([1e300])


def test_multiples() -> None:
    assert on_grid(np.array([28145.1, 0.3, 28145.15]), 0.1).tolist() == [True, True, False]
