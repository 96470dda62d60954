import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.strategy.calibration import TrailingQuantiles


@given(st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=120), st.integers(1, 40), st.sampled_from([0.1, 0.5, 0.97]))
def test_a_quantile_is_that_of_the_last_window_to_one_cell(values, window, level):
    trailing = TrailingQuantiles((level,), 0.0, 1.0, window=window, bins=64, warmup=1, every=1)
    for i, value in enumerate(values):
        trailing.push(value)
        last = np.clip(values[max(0, i + 1 - window) : i + 1], 0.0, 1.0)
        exact = np.quantile(last, level, method="inverted_cdf")
        assert exact - 1e-12 <= trailing.values[0] <= exact + 1 / 64 + 1e-12 or exact == 1.0


def test_nothing_is_said_before_the_warm_up():
    trailing = TrailingQuantiles((0.5,), 0.0, 1.0, window=10, warmup=3)
    trailing.push(0.2)
    trailing.push(0.2)
    assert trailing.values is None
    trailing.push(0.2)
    assert trailing.values is not None


@pytest.mark.parametrize(
    "options", [{"levels": (1.0,)}, {"levels": (0.5,), "warmup": 0}, {"levels": (0.5,), "window": 5, "warmup": 6}]
)
def test_settings_that_make_no_sense_are_refused(options):
    with pytest.raises(InputError):
        TrailingQuantiles(options.pop("levels"), 0.0, 1.0, **options)
