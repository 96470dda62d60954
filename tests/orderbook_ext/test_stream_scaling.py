import math

import numpy as np
import pytest

from orderbook_ext import Plan, Register, Stream
from orderbook_ext._stream_plan import Operation
from orderbook_ext._stream_scaling import scaling


def test_defaults_change_nothing():
    mean, std, clip, temperature, head = scaling(3, 2, None, None, None, None, 0)
    assert mean.tolist() == [0, 0, 0] and std.tolist() == [1, 1, 1] and clip == math.inf
    assert temperature.tolist() == [1, 1] and head == 0


def test_what_was_given_is_copied():
    mean = np.zeros(3)
    kept = scaling(3, 1, mean, None, None, None, 0)[0]
    mean[:] = 7
    assert kept.tolist() == [0, 0, 0] and not kept.flags.writeable


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"mean": np.zeros(2)}, r"mean must have shape \(3,\), got \(2,\)"),
        ({"mean": [0, np.nan, 0]}, "mean must be finite"),
        ({"std": np.zeros(3)}, r"std must be positive, got 0\.0"),
        ({"std": [1, -1, 1]}, r"std must be positive, got -1\.0"),
        ({"clip": 0}, r"clip must be positive, got 0\.0"),
        ({"clip": math.nan}, "clip must be positive"),
        ({"temperature": [1.0]}, r"temperature must have shape \(2,\)"),
        ({"temperature": [1.0, 0.0]}, "temperature must be positive"),
        ({"head": 2}, "head must be from 0 to 1, got 2"),
        ({"head": 0.0}, "head must be from 0 to 1"),
    ],
)
def test_refusals_name_the_value(changes, cause):
    given = {"mean": None, "std": None, "clip": None, "temperature": None, "head": 0} | changes
    with pytest.raises(ValueError, match=cause):
        scaling(3, 2, **given)
    plan = Plan([Register(1, 3), Register(1, 6)], [Operation("copy", 0, 0, 1, 0, 3)], (1, 0), 1, 2)
    with pytest.raises(ValueError, match=cause):
        Stream(plan, **given)


def test_rows_are_scaled_and_held():
    plan = Plan([Register(1, 3), Register(1, 3)], [Operation("copy", 0, 0, 1, 0, 3)], (1, 0), 1)
    stream = Stream(plan, mean=[1, 2, 3], std=[2, 2, 4], clip=1.5)
    stream.step(np.array([2.0, 1e308, -1e308]))
    assert stream.logits.tolist() == [[0.5, 1.5, -1.5]]
