import pytest

from genesis_lib.training.card_words import (
    amount,
    label_in_words,
    limits,
    repeats_in_words,
    seeds_in_words,
    simulated_in_words,
)
from genesis_lib.training.labels import KINDS, Label

SESSION = {"instrument": "made-up:A", "provenance": "recorded", "rows": 1000,
           "first": "2025-01-01T00:00:00Z", "last": "2025-01-01T00:30:00Z"}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_label_has_words(kind):
    words = label_in_words(Label(kind, 7, 0.5).as_dict())
    assert "next 7 rows" in words and "NEUTRAL" in words and words.endswith(".")


def test_thresholds_are_told_in_their_own_unit():
    assert "UP above 0.05 basis points" in label_in_words(Label(threshold=5e-6).as_dict())
    assert "UP above 1.5 deviations" in label_in_words(Label("volatility", 5, 1.5).as_dict())
    spread = label_in_words(Label(threshold="spread", fee_bps=2, seconds=300).as_dict())
    assert "next 5 minutes" in spread and "the whole spread and 2 bp of fees a side" in spread
    barrier = label_in_words(Label("triple-barrier", 10, width=2.0, width_down=1.0).as_dict())
    assert "UP 2 times" in barrier and "DOWN 1 times" in barrier


def test_a_label_that_has_begun_says_so():
    for kind in KINDS:
        said = "part of that move has happened" in label_in_words(Label(kind, 7, 0.5).as_dict())
        assert said == (kind == "smoothed-past")


def test_samples_that_are_tested_again_are_said_to_be():
    assert repeats_in_words(1) == "" and "up to 5 times" in repeats_in_words(5)


def test_how_much_market_it_is():
    assert amount([SESSION]) == "1,000 rows, 30 minutes in 1 session of made-up:A"
    long = [SESSION | {"last": "2025-01-01T05:00:00Z"}, SESSION]
    assert amount(long) == "2,000 rows, 5.5 hours in 2 sessions of made-up:A"


def test_simulation_is_counted_where_it_is():
    made = SESSION | {"provenance": "simulated"}
    assert simulated_in_words([SESSION], [SESSION]) == ""
    assert "1 of 2 sessions trained on were" in simulated_in_words([SESSION, made], [SESSION])
    assert "all sessions trained on and all sessions shown here" in simulated_in_words([made], [made])


def test_fewer_than_three_seeds_are_said_to_tell_nothing():
    assert "NOT known" in seeds_in_words((7,)) and "NOT known" in seeds_in_words((7, 8))
    assert "NOT known" not in seeds_in_words((7, 8, 9))


def result(trades: int, ece: float) -> dict:
    row = {"threshold": 0.5, "trades": trades, "gross": 1.0, "after_spread": -0.5, "after_fees": -9.5}
    return {"title": "a day", "main": "net", "scores": {"net": {"ece": {"value": ece}}},
            "profit": {"fee_bps": 5.0, "models": {"net": [row | {"total_after_fees": -9.5 * trades}]}}}  # fmt: skip


def test_limits_speak_of_money_calibration_and_simulation():
    text = " ".join(limits([SESSION], 100, 30, [result(3, 0.2)]))
    assert "-9.500 after fees of 5 bp" in text and "calibration error above 0.05 on a day" in text
    assert "nothing for 100 rows" in text and "SIMULATED" not in text and "No advice to trade" in text
    text = " ".join(limits([SESSION | {"provenance": "simulated"}], 100, 300, [result(0, 0.01)]))
    assert "never acts" in text and "SIMULATED" in text and "frequencies" not in text and "300 rows" in text
