import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.training import gather_sessions


def test_each_simulated_session_has_a_seed_of_its_own():
    first, second = gather_sessions(["simulator", "simulator:SIMETH"], 5, minutes=0.2)
    assert first.provenance == second.provenance == "simulated"
    assert first.depth == 5 and first.instrument.symbol == "SIMBTC" and second.instrument.symbol == "SIMETH"
    again = gather_sessions("simulator", 5, minutes=0.2)[0]
    assert np.array_equal(first.levels, again.levels, equal_nan=True)
    other = gather_sessions("simulator", 5, minutes=0.2, seed=1001)[0]
    assert other.levels.shape != first.levels.shape or not np.array_equal(other.levels, first.levels)


def test_recordings_and_the_simulator_side_by_side(usdm_2024):
    sessions = gather_sessions([*usdm_2024, "simulator"], minutes=0.1)
    assert [s.provenance for s in sessions] == ["recorded", "simulated"]
    assert sessions[0].instrument.name == "binance-usdm:BTCUSDT" and len(sessions[0]) > 9000


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="nothing"):
        gather_sessions([])
    with pytest.raises(InputError, match="simulator's"):
        gather_sessions([tmp_path / "x.csv"], minutes=3)
    with pytest.raises(InputError, match="no such file"):
        gather_sessions([tmp_path / "x.csv"])
