"""The simulated crowd against what was measured in recordings, whether they are here or not."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from genesis_lib.analytics.calibration import COUNTERPARTS, KNOWN_OFF, OFF, STATISTICS, Calibration
from genesis_lib.analytics.calibration_report import as_text, calibrated
from genesis_lib.analytics.stylised import StylisedFacts, measure
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.snapshots import open_sessions

FACTS = json.loads((Path(__file__).parent / "recorded_facts.json").read_text(encoding="utf-8"))["recorded"]
FILES = {"binance-usdm": "*.gz", "binance-coinm": "*.gz", "taifex": "TXFD6_2026-04-10.parquet"}  # as the README names
SEEDS = range(3)
# What five minutes tell well enough; rates of orders wander for longer than that.
PLAIN = (
    *("spread_mean", "spread_one_tick", "messages_per_second", "gap_cv", "updates_p50", "updates_near", "size_1"),
    *("last_level_ticks", "sign_acf_1", "sign_acf_10", "volatility"),
)


def recorded(symbol: str) -> dict[str, dict[str, float]]:
    name = ":".join(COUNTERPARTS[symbol])
    return {
        title: {key: math.nan if value is None else value for key, value in facts.items()}
        for title, facts in FACTS.items()
        if title.startswith(f"{name} ")
    }


def held(symbol: str, seed: int, minutes: float) -> Calibration:
    market = Simulator(seed, symbol, minutes)
    return Calibration(symbol, StylisedFacts(market.instrument).of(market), recorded(symbol))


def same(title: str, files: list[Path]) -> None:
    (session,) = open_sessions(files)
    found = measure(session).facts()
    for key, value in FACTS[title].items():
        assert found[key] == pytest.approx(math.nan if value is None else value, rel=1e-5, nan_ok=True), key


@pytest.mark.slow
def test_the_bounds_are_those_of_a_recording(usdm_2024) -> None:
    same("binance-usdm:BTCUSDT 2024-07-18", usdm_2024)


@pytest.mark.slow
def test_the_bounds_are_those_of_the_other_recordings(usdm_2023, eth_2024) -> None:
    same("binance-usdm:BTCUSDT 2023-04-04", usdm_2023)
    same("binance-usdm:ETHUSDT 2024-07-18", eth_2024)


def test_bounds_are_there_for_every_market_and_statistic() -> None:
    assert [len(recorded(symbol)) for symbol in COUNTERPARTS] == [2, 1]
    assert all({one.key for one in STATISTICS} <= set(facts) for facts in FACTS.values())


def test_five_minutes_look_like_the_recordings() -> None:
    verdicts = held("SIMBTC", 7, 5.0).verdicts()
    assert {key: verdicts[key].words for key in PLAIN if verdicts[key].kind == OFF} == {}


@pytest.mark.slow
@pytest.mark.parametrize("symbol", COUNTERPARTS)
def test_nothing_is_off_that_is_not_known_to_be(symbol: str) -> None:
    found = {key: verdict for seed in SEEDS for key, verdict in off(held(symbol, seed, 30.0)).items()}
    assert {key: words for key, words in found.items() if key not in KNOWN_OFF[symbol]} == {}
    assert set(KNOWN_OFF[symbol]) - set(found) == set(), "no longer off: take it from the list"


def off(calibration: Calibration) -> dict[str, str]:
    verdicts = calibration.verdicts()
    return {key: verdicts[key].words for key in calibration.off()}


def documented(root: Path) -> str:
    text = (root / "genesis_lib/feeds/simulation/README.md").read_text(encoding="utf-8")
    return text.partition("<!-- calibration -->\n")[2].partition("\n<!-- end of calibration -->")[0]


@pytest.mark.slow
def test_the_documentation_shows_what_the_command_prints(root, recordings) -> None:
    files = [path for folder, names in FILES.items() for path in sorted((recordings / folder).glob(names))]
    assert documented(root).splitlines() == as_text(calibrated(files), markdown=True).splitlines()


@pytest.mark.slow
def test_the_documentation_shows_the_simulator_as_it_is(root) -> None:
    """Without a recording: every figure of the simulator, and the verdicts on it by the stored bounds."""
    tables = documented(root).split("### ")
    for symbol in COUNTERPARTS:
        (table,) = (part for part in tables if part.startswith(f"{symbol}, seed 0, 30 minutes"))
        fresh = held(symbol, 0, 30.0)
        shown = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
        assert [line[-3:] for line in shown[1:]] == [line[-3:] for line in fresh.table()[1:]]
        assert fresh.summary() in table
