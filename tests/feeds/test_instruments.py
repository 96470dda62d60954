"""Grids found in exact arithmetic, and what the venues' rules say."""

from __future__ import annotations

import doctest
from decimal import Decimal
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.feeds.instruments import grid_of, known, venue_rules

HOUR = 3_600_000_000_000


def test_the_table_and_the_contracts() -> None:
    assert known("binance-usdm", "BTCUSDT").tick_size == 0.1
    assert known("binance-coinm", "ETHUSD_PERP").lot_size == 1.0
    assert known("taifex", "TXFD6").tick_size == 1.0
    assert known("binance-usdm", "NOPE") is None


def test_pre_open_ends_when_the_market_opens() -> None:
    rules = venue_rules("taifex")
    spans = [(8.5, True), (8.7499, True), (8.75, False), (14.8332, False), (14.8334, True), (15.0, False)]
    for taipei, inside in spans:
        assert rules.is_pre_open(int(((taipei - 8) % 24 + 24 * 20_000) * HOUR)) is inside
    assert rules.levels == 5 and rules.max_hole_ns == 20_000_000_000
    assert not venue_rules("binance-usdm").is_pre_open(0)


@pytest.mark.parametrize("bad", ["NaN", "-1.0", "Infinity", "one"])
def test_a_grid_needs_numbers(bad: str) -> None:
    with pytest.raises(InputError):
        grid_of(["1.0", bad])
    with pytest.raises(InputError, match="no positive number"):
        grid_of(["0.000"])


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20), st.integers(0, 8))
def test_every_number_is_a_whole_multiple_of_its_grid(numbers: list[int], places: int) -> None:
    decimals = [Decimal(number).scaleb(-places) for number in numbers]
    step = Decimal(repr(grid_of(map(str, decimals))))
    multiples = [number / step for number in decimals]
    assert all(multiple == int(multiple) for multiple in multiples)
    assert grid_of([str(step), *map(str, decimals)]) == float(step)


@pytest.mark.parametrize("module", ["binance", "instruments", "integrity"])
def test_the_examples_in_the_docs_are_true(module: str) -> None:
    results = doctest.testmod(import_module(f"genesis_lib.feeds.{module}"))
    assert results.attempted > 0 and results.failed == 0
