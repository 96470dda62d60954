"""The time of day, by the exchange's clock alone."""

import datetime as dt

import numpy as np
import pytest

from genesis_lib.features import FeatureSet

NAMES = ["time_of_day", "time_of_day_sin", "time_of_day_cos"]


def read(x):
    moments = [dt.datetime.fromtimestamp(int(ts) // 10**9, dt.UTC) for ts in x.ts]
    hours = np.array(
        [m.hour + m.minute / 60 + (m.second + int(ts) % 10**9 / 1e9) / 3600 for m, ts in zip(moments, x.ts)]
    )
    return {NAMES[0]: hours, NAMES[1]: np.sin(np.pi * hours / 12), NAMES[2]: np.cos(np.pi * hours / 12)}


def test_on_made_rows(make, agree):
    agree(make(300, 2, 1, 0.05), read)


def test_on_the_simulator(simulated, agree):
    agree(simulated[:500], read)


def test_a_recording_crosses_midnight(recorded, agree):
    hours = agree(recorded, read)["time_of_day"]
    assert np.nanmax(hours) > 23.9 and np.nanmin(hours) < 0.1


@pytest.mark.parametrize(("clock", "hours"), [("00:00:00", 0.0), ("06:30:00", 6.5), ("23:59:59", 24 - 1 / 3600)])
def test_by_the_clock(make, clock, hours):
    rows = make(1, 1)
    rows.ts_exchange[0] = int(dt.datetime.fromisoformat(f"2024-02-29T{clock}+00:00").timestamp()) * 10**9
    rows.ts_receive[0] = 0  # not this one
    assert FeatureSet(NAMES).batch(rows)[0, 0] == pytest.approx(hours)


def test_midnight_is_no_jump(make):
    rows = make(2, 1)
    midnight = int(dt.datetime(2024, 1, 2, tzinfo=dt.UTC).timestamp()) * 10**9
    rows.ts_exchange[:] = midnight - 1_000_000, midnight + 1_000_000
    assert np.abs(np.diff(FeatureSet(NAMES[1:]).batch(rows), axis=0)).max() < 1e-6
