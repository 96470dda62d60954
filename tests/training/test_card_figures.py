from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.training.card_figures import curves, intervals, nice_ticks, reliability, short

SCORE = {"value": 1.05, "low": 1.04, "high": 1.06}


def drawn(svg: str, tag: str) -> list:
    return ElementTree.fromstring(svg).iter(tag)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=9))
def test_ticks_are_few_even_and_hold_everything(values):
    ticks = nice_ticks(values)
    assert 2 <= len(ticks) <= 8
    assert ticks[0] <= min(values) + 1e-6 and ticks[-1] >= max(values) - 1e-6
    steps = {round(b - a, 8) for a, b in pairwise(ticks)}
    assert len(steps) == 1 and len({short(tick, ticks) for tick in ticks}) == len(ticks)


def test_intervals_lie_where_the_axis_says():
    svg = intervals(
        {"net": {"log_loss": SCORE}, "a<b": {"log_loss": SCORE | {"value": 1.08, "low": None, "high": None}}},
        "log_loss",
    )
    dots = [float(dot.get("cx")) for dot in drawn(svg, "circle")]
    marks = {text.text: float(text.get("x")) for text in drawn(svg, "text")}
    assert marks["1.04"] < dots[0] < marks["1.06"] < dots[1]
    assert dots[0] == pytest.approx((marks["1.04"] + marks["1.06"]) / 2, abs=0.2)
    assert "a<b" in marks and "less is better" in marks
    assert len([line for line in drawn(svg, "line") if "bar" in line.get("class")]) == 1, "no interval, no line"


def test_a_calibrated_model_lies_on_the_diagonal():
    svg = reliability({"count": [0, 100, 300], "confidence": [0, 50.0, 240.0], "hits": [0, 50, 240]})
    diagonal = next(line for line in drawn(svg, "line") if line.get("class") == "ideal")
    x1, y1, x2, y2 = (float(diagonal.get(key)) for key in ("x1", "y1", "x2", "y2"))
    for dot in drawn(svg, "circle"):
        x, y = float(dot.get("cx")), float(dot.get("cy"))
        assert y == pytest.approx(y1 + (x - x1) / (x2 - x1) * (y2 - y1), abs=0.3)
    assert len(list(drawn(svg, "circle"))) == 2


def test_curves_show_the_first_seed_of_each_fold():
    points = [{"predictions": n, "train_loss": 1.2 - n / 1e4, "validation_loss": 1.1} for n in (100, 200)]
    runs = [{"fold": fold, "seed": seed, "points": points} for fold in (0, 1) for seed in (7, 8)]
    svg = curves(runs)
    assert len(list(drawn(svg, "polyline"))) == 4
    assert [text.text for text in drawn(svg, "text") if "word" in text.get("class")] == ["fold 0"], "none on another"
    assert curves([]) == "" and curves([{"fold": 0, "seed": 7, "points": []}]) == ""
