from types import SimpleNamespace

import numpy as np

from genesis_lib.training.latency import machine, step_latency


class Clocked:
    """A predictor that knows how often it was asked; answers after three rows."""

    def __init__(self) -> None:
        self.seen, self.late = 0, 0

    def step(self, row):
        self.seen += 1
        return np.full(3, np.nan if self.seen < 3 else 1 / 3)

    def ahead(self):
        self.late += 1


def test_only_answers_count_and_only_of_the_longest_streak():
    made = Clocked()
    artifact = SimpleNamespace(window=3, predictor=lambda: made)
    starts = np.array([0, 0, -1, *[3] * 50, -1, *[54] * 10])
    found = step_latency(artifact, np.zeros((len(starts), 2), np.float32), starts)
    assert made.seen == made.late == 50 and found["rows"] == 48
    assert 0 < found["p50_us"] <= found["p99_us"] and found["machine"] == machine()


def test_without_an_answer_nothing_was_measured():
    artifact = SimpleNamespace(window=3, predictor=Clocked)
    for starts in (np.array([0, 0]), np.full(5, -1)):
        found = step_latency(artifact, np.zeros((len(starts), 2)), starts)
        assert found["p50_us"] is None and found["rows"] == 0
