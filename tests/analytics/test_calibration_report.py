from __future__ import annotations

import pytest

from genesis_lib.analytics.calibration import STATISTICS
from genesis_lib.analytics.calibration_report import as_text, calibrated
from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.labelled import write_labelled
from genesis_lib.feeds.simulation.simulator import Simulator


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> str:
    return write_labelled(tmp_path_factory.mktemp("made"), Simulator(3, "SIMBTC", 0.4))["path"]


def test_a_market_held_against_itself_lies_inside(recording) -> None:
    report = calibrated([recording], ["SIMBTC"], seed=3, minutes=0.4)
    (found,) = report.calibrations
    assert list(found.recorded) == ["simulator:SIMBTC 2025-01-01"]
    assert found.off() == []
    for one in STATISTICS:  # the file gives the same events as the simulator, bit for bit
        assert found.recorded["simulator:SIMBTC 2025-01-01"][one.key] == pytest.approx(
            found.simulated[one.key], nan_ok=True
        )


def test_tables_have_a_line_a_statistic(recording) -> None:
    report = calibrated([recording], ["SIMBTC"], seed=4, minutes=0.2)
    plain, markdown = as_text(report).splitlines(), as_text(report, markdown=True).splitlines()
    assert sum(line.startswith("| ") for line in markdown) == len(STATISTICS) + 1
    assert "|---|---|---|---|---|" in markdown
    assert plain[0] == "SIMBTC, seed 4, 0.2 minutes (simulated)"
    assert len({line.count("|") for line in markdown if line.startswith("|")}) == 1


def test_two_sessions_of_a_day_keep_their_names_apart(recording, tmp_path) -> None:
    other = write_labelled(tmp_path, Simulator(5, "SIMBTC", 0.2))["path"]
    report = calibrated([recording, other], ["SIMBTC"], minutes=0.2)
    assert list(report.calibrations[0].recorded) == ["simulator:SIMBTC 2025-01-01", "simulator:SIMBTC 2025-01-01 (2)"]


def test_alone_the_simulator_is_measured_and_not_judged() -> None:
    report = calibrated(minutes=0.2)
    assert report.as_dict()["off"] == {"SIMBTC": []}
    assert "no recording to compare it with" in as_text(report)


def test_a_wrong_market_is_told_before_anything_is_read() -> None:
    with pytest.raises(InputError, match=r"simulator symbol must be one of SIMBTC.*got 'SIMXYZ'"):
        calibrated(["nowhere.gz"], ["SIMXYZ"])


@pytest.mark.slow
def test_others_are_shown_as_context(usdm_2024, coinm_btc) -> None:
    report = calibrated([*usdm_2024, *coinm_btc], minutes=0.2)
    assert [one.symbol for one in report.calibrations] == ["SIMBTC"]
    assert list(report.calibrations[0].recorded) == ["binance-usdm:BTCUSDT 2024-07-18"]
    assert list(report.context) == ["binance-coinm:BTCUSD_PERP 2024-08-08"]
    assert "For context" in as_text(report)
