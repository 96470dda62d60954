from __future__ import annotations

import numpy as np

from orderbook_ext._factors_py import Factor, uniforms

MASK = 2**64 - 1


def split_mix(seed: int, n: int) -> list[float]:
    """SplitMix64 as its authors wrote it, one number at a time."""
    out = []
    for _ in range(n):
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        out.append(((z ^ (z >> 31)) >> 11) * 2.0**-53)
    return out


def test_numbers_are_those_of_the_generator_beyond_a_block():
    for seed in (0, 5, 2**63 + 11, MASK):
        draw = uniforms(seed)
        assert [draw() for _ in range(3000)] == split_mix(seed, 3000)


def test_a_factor_depends_on_seed_and_time_alone():
    fast, slow, other = Factor(3, 1.0), Factor(3, 1.0), Factor(4, 1.0)
    for cell in range(0, 5000, 7):
        fast.advance(cell)
    for cell in range(0, 5000, 700):
        slow.advance(cell)
    fast.advance(5000)
    slow.advance(5000)
    other.advance(5000)
    assert (fast.value, fast.activity) == (slow.value, slow.activity)
    assert other.value != fast.value


def test_a_factor_moves_by_one_a_second_with_fat_tails_and_clustered():
    factor, values = Factor(9, 1.0), []
    for second in range(20_000):
        factor.advance(10 * second)
        values.append(factor.value)
    steps = np.diff(values)
    assert 0.8 < steps.std() < 1.25
    assert (steps**4).mean() / steps.var() ** 2 > 6
    size = np.abs(steps)
    assert np.corrcoef(size[10:], size[:-10])[0, 1] > 0.03
