"""Trials: the same alarms from memory, from files and by several processes."""

import pytest

from genesis_lib.detectors.trials import parse_seeds, standard_plant, watch_seed, watch_seeds, watch_session
from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.episode_scripts import SCRIPTS
from genesis_lib.feeds.simulation.labelled import write_labelled
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.snapshots import open_sessions

PLANT = {"spread_shock": 2, "liquidity_gap": 1}


def test_a_file_gives_the_alarms_of_the_simulation_it_was_written_from(tmp_path):
    write_labelled(tmp_path, Simulator(6, "SIMBTC", 2.0, plant=PLANT))
    (session,) = open_sessions(tmp_path)
    told = []
    filed, made = watch_session(session, tell=told.append), watch_seed(6, minutes=2.0, plant=PLANT)
    assert filed.alerts == made.alerts == told and filed.labels == made.labels and len(made.labels) == 3
    assert filed.rows == made.rows > 1000 and filed.hours == pytest.approx(2 / 60, rel=0.02)


def test_processes_change_nothing():
    options = {"minutes": 1.0, "plant": {}, "kinds": ("heavy_imbalance", "unusual_trade_size")}
    assert watch_seeds([3, 4], jobs=2, **options) == watch_seeds([3, 4], **options)


def test_the_standard_session_plants_every_kind():
    assert set(standard_plant()) == set(SCRIPTS) and min(standard_plant().values()) >= 2


@pytest.mark.parametrize("text", ["", "a", "5-", "9-1", "1;2", "0-5000", "-3"])
def test_seeds_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="seeds must"):
        parse_seeds(text)


def test_seeds_are_read_once_each():
    assert parse_seeds("3, 1-4") == (3, 1, 2, 4)
