import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.strategy import PRESETS, EdgeRules, Enter, Leave, SeedRules, View, preset

FLAT = View(True, True, False, 0.0, 0.0, 0.0, 0, 0, 10**6, 1, 0)


def view(down, neutral, up, **changes):
    return FLAT._replace(down=down, neutral=neutral, up=up, **changes)


probability = st.floats(0, 1)


@given(probability, probability, probability, st.sampled_from([-5, 0, 5]), st.booleans())
def test_the_seed_acts_by_its_written_rules_and_no_others(down, neutral, up, position, active):
    decision = SeedRules().step(view(down, neutral, up, position=position, active=active))
    if position == 0:
        wanted = active and (up > 0.23 or down > 0.23)
        assert isinstance(decision, Enter) == wanted
        if wanted:
            long = up > 0.23 and (up >= down or not down > 0.23)
            assert decision.direction == (1 if long else -1)
            assert decision.confidence == (up if long else down)
    else:
        assert isinstance(decision, Leave) == (neutral > 0.22 or (down if position > 0 else up) > 0.22)


@pytest.mark.parametrize(
    ("probabilities", "position", "expected"),
    [
        ((0.2, 0.57, 0.23), 0, None),  # not above 0.23
        ((0.2, 0.5699, 0.2301), 0, +1),
        ((0.2301, 0.5699, 0.2), 0, -1),
        ((0.4, 0.25, 0.35), 0, -1),  # both above: the larger
        ((0.35, 0.3, 0.35), 0, +1),  # equal: up
        ((0.22, 0.22, 0.56), 1, None),  # not above 0.22
        ((0.19, 0.23, 0.58), 1, "leave"),
        ((0.23, 0.2, 0.57), 1, "leave"),
        ((0.57, 0.2, 0.23), -1, "leave"),
        ((0.57, 0.21, 0.22), -1, None),
    ],
)
def test_the_seed_at_its_thresholds(probabilities, position, expected):
    decision = SeedRules().step(view(*probabilities, position=position))
    shown = None if decision is None else "leave" if isinstance(decision, Leave) else decision.direction
    assert shown == expected


def test_the_seed_leaves_though_it_was_stopped():
    assert isinstance(SeedRules().step(view(0.3, 0.4, 0.3, position=7, active=False)), Leave)


def test_a_model_that_knows_nothing_makes_the_seed_churn_and_the_default_wait():
    seed, default, position, trades = SeedRules(), EdgeRules(warmup=50), 0, 0
    for _ in range(300):
        decision = seed.step(view(1 / 3, 1 / 3, 1 / 3, position=position))
        trades += decision is not None
        position = 0 if isinstance(decision, Leave) else position or decision.direction
        assert default.step(view(1 / 3, 1 / 3, 1 / 3)) is None
    assert trades == 300


@pytest.mark.parametrize("rules", [SeedRules(), EdgeRules(warmup=1, hold=0, cooldown=0)])
@pytest.mark.parametrize("change", [{"valid": False}, {"pending": True}])
def test_nothing_is_decided_on_an_invalid_row_or_with_an_order_on_its_way(rules, change):
    for _ in range(40):
        assert rules.step(view(0.05, 0.05, 0.9, **change)) is None


@pytest.mark.parametrize("rules", [SeedRules(), EdgeRules(warmup=1)])
def test_nothing_is_decided_without_a_prediction(rules):
    for position in (-3, 0, 3):
        assert rules.step(view(math.nan, math.nan, math.nan, position=position, held=10**6)) is None


class TestEdge:
    @staticmethod
    def warm(rules, n=400):
        edges = np.random.default_rng(0).uniform(-0.2, 0.2, n)
        for edge in edges:
            rules.step(view(0.3 - edge / 2, 0.4, 0.3 + edge / 2, active=False))
        return rules

    def test_enters_on_a_rare_edge_alone(self):
        rules = self.warm(EdgeRules())
        assert rules.step(view(0.25, 0.4, 0.35)) is None
        assert rules.step(view(0.15, 0.4, 0.45)).direction == 1
        assert rules.step(view(0.45, 0.4, 0.15)).direction == -1

    def test_the_threshold_never_contains_the_row_it_judges(self):
        rules = EdgeRules(warmup=2, window=4)
        for _ in range(3):
            rules.step(view(0.3, 0.4, 0.3, active=False))
        assert rules.step(view(0.2, 0.4, 0.4)) is not None

    def test_does_not_enter_on_a_wide_spread_in_a_cooldown_or_when_stopped(self):
        rules = self.warm(EdgeRules())
        for change in ({"spread": 2}, {"flat": 3}, {"active": False}):
            assert rules.step(view(0.1, 0.4, 0.5, **change)) is None
        assert isinstance(rules.step(view(0.1, 0.4, 0.5)), Enter)

    def test_stays_through_noise_and_leaves_when_the_edge_turns(self):
        rules = self.warm(EdgeRules())
        assert rules.step(view(0.5, 0.3, 0.2, position=5, held=1)) is None  # shortest stay
        assert rules.step(view(0.29, 0.41, 0.3, position=5, held=100)) is None
        assert rules.step(view(0.31, 0.4, 0.29, position=5, held=100)).reason == "edge turned"
        assert rules.step(view(0.29, 0.4, 0.31, position=-5, held=100)).reason == "edge turned"

    def test_leaves_an_edge_that_faded_for_long(self):
        rules = self.warm(EdgeRules())
        assert rules.step(view(0.29, 0.41, 0.3, position=5, held=400)).reason == "edge faded"
        assert rules.step(view(0.2, 0.4, 0.4, position=5, held=400)) is None

    def test_reset_forgets_the_distribution(self):
        rules = self.warm(EdgeRules())
        rules.reset()
        assert rules.step(view(0.1, 0.4, 0.5)) is None

    def test_a_rarity_that_is_none_is_refused(self):
        with pytest.raises(InputError, match="rarity"):
            EdgeRules(rarity=0.4)


def test_presets_are_found_by_name_and_unknown_ones_refused():
    assert preset("seed").instant and preset("seed").fill == "touch" and preset("seed").cap == 1.0
    assert set(PRESETS) == {"default", "seed"}
    with pytest.raises(InputError, match="default, seed, got 'sed'"):
        preset("sed")
