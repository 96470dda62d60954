"""Fit the states of the market: clusters of seconds, offline; the detector itself only looks them up.

``genesis regime --seeds 0-9 --out genesis_lib/detectors/regime_model.json PATH...`` made the model of the library, PATH
being the recordings of Binance's futures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from genesis_lib.detectors.base import DETECTORS, Detector
from genesis_lib.detectors.regime import RegimeFeatures
from genesis_lib.detectors.regime_model import COLUMNS, RegimeModel
from genesis_lib.detectors.view import View
from genesis_lib.errors import InputError
from genesis_lib.feeds.snapshots import FinishedSession

VERSION = 1
SEED = 7
WITHIN = 2.0  # deviations from their habit up to which seconds are calm
EVIDENCE = 0.35  # of manipulation, up to which they are
FLOOR, EVIDENCE_FLOOR = 0.7, 0.15  # deviation of a cluster, at least: what few seconds share is no law
LEAST, FEWEST = 200, 10  # seconds to fit on, in all and of a state
TOLD = [0, 1, 2, 3, 6]  # the columns that states are told by
SCALE = (1.0, 1.0, 1.0, 1.0, 5.0)  # an alarm of manipulation weighs as much as three deviations
# What a state is meant to be, in those columns and scales: where the search for its centres begins.
MEANT = (
    ("Stressed", (1.0, 3.0, 0.0, 0.0, 0.0)),  # a wide market
    ("Stressed", (0.0, 0.0, 2.5, 0.0, 0.0)),  # a thin one
    ("Execution Hot", (2.0, 0.0, 0.0, 2.0, 0.0)),
    ("Manipulation Suspected", (0.0, 0.0, 0.0, 0.0, 3.0)),
)


class Collector(Detector):
    """Stands in for the detector while data are gathered: takes rows and alarms, keeps the features of each second."""

    kind = "regime"
    summary = "collects the features of each second"

    def __init__(self) -> None:
        self._rows = RegimeFeatures()
        self.seconds: list[list[float]] = []

    def forget(self) -> None:
        self._rows.forget()

    def heed(self, alerts) -> None:
        """Take what the other detectors said of this row."""
        self._rows.heed(alerts)

    def look(self, view: View) -> None:
        features = self._rows.push(view)
        if features is not None and self._rows.ready:
            self.seconds.append(features)


def fit(features: Sequence[Sequence[float]] | np.ndarray, fitted_on: Iterable[str] = ()) -> RegimeModel:
    """Fit the clusters of a regime model to seconds.

    Parameters
    ----------
    features
        (n, 7): a row for each second, columns as `COLUMNS`.
    fitted_on
        Names of the sessions, for the record.

    Raises
    ------
    InputError
        When there are too few seconds, in all or of a state.

    Notes
    -----
    Most seconds are one cloud, which no clustering may cut up: those within `WITHIN` deviations of their habit in
    volatility, spread, depth and trading, and without evidence of manipulation, are Calm. The others are clustered by
    k-means (scikit-learn) that begins at what each state is meant to be, by how far what states are told by stands
    *above* its habit (imbalance and the order-to-trade ratio follow); a state's centre is where its seconds are. The
    same seconds give the same model. Nothing here runs while a session does: a new model is passed to `Regime`.
    """
    from sklearn.cluster import KMeans

    seconds = np.asarray(features, dtype=float)
    if seconds.ndim != 2 or seconds.shape[1] != len(COLUMNS) or len(seconds) < LEAST:
        raise InputError(f"features must be at least {LEAST} rows of {len(COLUMNS)} numbers, got shape {seconds.shape}")
    calm = (seconds[:, :4].max(axis=1) < WITHIN) & (seconds[:, -1] < EVIDENCE)
    restless = seconds[~calm]
    if len(restless) < FEWEST * len(MEANT):
        raise InputError(f"features must hold {FEWEST * len(MEANT)} seconds that stand out, got {len(restless)}")
    states, begin = zip(*MEANT)
    means = KMeans(len(MEANT), init=np.array(begin), n_init=1, random_state=SEED)
    labels = means.fit_predict(np.maximum(restless[:, TOLD], 0.0) * SCALE)
    groups = [seconds[calm], *(restless[labels == k] for k in range(len(MEANT)))]
    for state, group in zip(("Calm", *states), groups):
        if len(group) < FEWEST:
            raise InputError(f"features must hold {FEWEST} seconds of {state}, got {len(group)}")
    floor = np.array([FLOOR] * (len(COLUMNS) - 1) + [EVIDENCE_FLOOR])
    return RegimeModel(
        VERSION,
        COLUMNS,
        ("Calm", *states),
        tuple(round(len(group) / len(seconds), 4) for group in groups),
        tuple(tuple(np.round(group.mean(axis=0), 4).tolist()) for group in groups),
        tuple(tuple(np.round(np.maximum(group.std(axis=0), floor), 4).tolist()) for group in groups),
        tuple(fitted_on),
    )


def gather(seeds: Iterable[int], sessions: Iterable[FinishedSession] = ()) -> RegimeModel:
    """Run all other detectors over simulated sessions and finished data, and `fit` the seconds."""
    from genesis_lib.detectors.trials import watch_seed, watch_session

    others = [kind for kind in DETECTORS if kind != Collector.kind]
    seconds: list[list[float]] = []
    names: list[str] = []
    for run, items in ((watch_session, sessions), (watch_seed, seeds)):
        for item in items:
            collector = Collector()
            names.append(run(item, (*others, collector)).name)
            seconds += collector.seconds
    return fit(seconds, names)


def write_model(model: RegimeModel, path: Path) -> None:
    """Write a model as JSON, whole or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(model.as_dict(), indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
