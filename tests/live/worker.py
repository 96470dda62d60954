"""A session with a model that follows the queue imbalance, for tests in this process and in one to be killed."""

import math
import sys

import numpy as np

from genesis_lib.config import load
from genesis_lib.feeds import open_source
from genesis_lib.live.directory import SessionDirectory
from genesis_lib.live.session import Session


class QueueReader:
    """Says up where the best bid is the longer queue; trades a lot with the preset ``seed``."""

    name, version, columns, levels, window = "queue-reader", "1", ("obi_1",), 1, 1

    def exposure(self, instrument, first, last):
        return "unseen"

    def predictor(self):
        return self

    def step(self, row):
        up = 0.4 + 0.4 * row[0]
        return np.array([0.8 - up, 0.2, up]) if not math.isnan(row[0]) else np.full(3, math.nan)

    def reset(self):
        return None


def make(source, directory, **options):
    config = load(strategy={"preset": "seed"}, session={"frames_per_second": options.pop("fps", 30.0)})
    return Session(source, directory, config=config, artifact=QueueReader(), **options)


if __name__ == "__main__":
    path, speed = sys.argv[1], float(sys.argv[2])
    source = open_source(sys.argv[3:] or "simulator", speed=speed, seed=None if sys.argv[3:] else 5)
    with SessionDirectory(path) as directory:
        make(source, directory).run()
