import numpy as np

from genesis_lib.live.latency import LatencyWindow


def test_before_the_first_there_is_no_latency():
    assert LatencyWindow().percentiles() == {"p50": None, "p99": None}


def test_percentiles_are_of_the_newest_alone():
    window = LatencyWindow(size=100)
    for value in [10**9] * 50 + list(range(1000, 101_000, 1000)):
        window.add(value)
    assert window.count == 150
    assert window.percentiles() == {"p50": 50.0, "p99": 99.0} or window.percentiles() == {"p50": 51.0, "p99": 99.0}


def test_each_is_a_duration_that_was_seen():
    values = np.random.default_rng(3).integers(1, 10**7, 1000)
    window = LatencyWindow()
    for value in values:
        window.add(int(value))
    assert {round(v * 1000) for v in window.percentiles().values()} <= set(values.tolist())
