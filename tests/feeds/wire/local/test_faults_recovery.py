"""What must hold whatever goes wrong on the wire: true books, told faults, invalid rows, nothing that hangs.

Every row that claims to be valid is held against the true one while it comes; see `Siege` in conftest.py.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from genesis_lib.feeds.recording import read_recording
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.fault_plan import VALUES, FaultPlan

FAULTS_EACH = 54  # a venue; the snapshots for more would pass the weight that a minute has


@pytest.mark.parametrize("market", ["binance-usdm", pytest.param("binance-spot", marks=pytest.mark.slow)])
def test_after_each_of_thirty_faults_the_books_are_the_true_ones(siege, market):
    with siege([Simulator(1, "SIMBTC"), Simulator(2, "SIMETH")], market, speed=15.0, seed=7) as besieged:
        for _ in range(30):
            besieged.fault()
        besieged.settle()
        told = besieged.report()
    assert sum(told["faults"].values()) == 30
    assert len(told["faults"]) >= 9
    assert told["recoveries"] == told["ledger"]["gap"] >= 10
    assert told["rows_compared"] > 100


def test_faults_that_come_all_together_leave_a_true_book(siege):
    plan = FaultPlan.parse(
        "drop=0.01,duplicate=0.005,reorder=0.005,delay=0.001:0.05,disconnect=0.002,halfopen=0.0005,malformed=0.005,"
        "outage=0.002:0.1,clock_skew=0.0005:-5,stale_snapshot=0.3:4,http429=0.1:0.02,http418=0.05:0.05",
        seed=3,
    )
    sources = [Simulator(5, "SIMBTC"), Simulator(6, "SIMETH")]
    with siege(sources, "binance-usdm", speed=3.0, seed=5, faults=plan, strict=False) as besieged:
        besieged.until(lambda: len(besieged.venue.injected) >= 100)
        besieged.settle()
        kinds = {fault.kind for fault in besieged.venue.injected}
        told = besieged.report()
    assert len(kinds) >= 8
    assert told["rows_compared"] > 20
    assert told["recoveries"] > 5


RECORDED = {
    "binance-usdm/2023": ("binance-usdm/btcusdt_20230404.dat.gz", "binance-usdm/btcusdt_20230405.dat.gz"),
    "binance-usdm/btc": ("binance-usdm/btcusdt_20240718.gz", "binance-usdm/btcusdt_20240719.gz"),
    "binance-usdm/eth": ("binance-usdm/ethusdt_20240718.gz", "binance-usdm/ethusdt_20240719.gz"),
    "binance-coinm/btc": ("binance-coinm/btcusd_perp_20240808.gz",),
    "binance-coinm/eth": ("binance-coinm/ethusd_perp_20240808.gz",),
}
FRONTS = [  # recordings, or in their place two simulated symbols; market; how often
    (("binance-usdm/2023",), "binance-usdm", 2),
    (("binance-usdm/btc", "binance-usdm/eth"), "binance-usdm", 3),
    (("binance-coinm/btc", "binance-coinm/eth"), "binance-coinm", 3),
    ((), "binance-usdm", 4),
    ((), "binance-coinm", 2),
    ((), "binance-spot", 5),
]


@pytest.mark.slow
def test_after_each_of_a_thousand_faults_the_books_are_the_true_ones(siege, root):
    here = Path(os.environ.get("GENESIS_RECORDINGS", root.parent / "shared" / "recordings"))
    sums: dict[str, Counter] = {"faults": Counter(), "noticed": Counter(), "harmless": Counter(), "ledger": Counter()}
    took, compared, seed, unused = [], 0, 0, 0
    for names, market, times in FRONTS:
        files = [[here / file for file in RECORDED[name]] for name in names]
        recorded = bool(files) and all(file.exists() for group in files for file in group)
        for _ in range(times):
            seed += 1
            sources = [read_recording(group) for group in files] if recorded else [Simulator(seed, "SIMBTC")]
            if not recorded:
                sources.append(Simulator(seed + 1000, "SIMETH"))
            with siege(sources, market, speed=10.0 if recorded else 20.0, seed=seed) as besieged:
                for _ in range(FAULTS_EACH):
                    besieged.fault()
                besieged.settle()
                told = besieged.report()
            sums["faults"].update(told["faults"])
            sums["noticed"].update(besieged.expected)
            sums["harmless"].update(besieged.harmless)
            sums["ledger"].update(told["ledger"])
            took += [one.milliseconds for one in besieged.feed.recoveries]
            compared += told["rows_compared"]
            unused += besieged.unused
    took.sort()
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(json.dumps({key: dict(value) for key, value in sums.items()}), f"{len(took)} recoveries, {compared} rows")
    print(f"time to recover: p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {took[-1]:.1f} ms")
    assert sum(sums["faults"].values()) >= 1000
    assert sum(sums["noticed"].values()) + sum(sums["harmless"].values()) == sum(sums["faults"].values())
    assert unused <= 5, "stale answers that were neither told nor used"
    assert min(sums["faults"][kind] for kind in VALUES) >= 50
    assert len(took) == sums["ledger"]["gap"] == sums["ledger"]["resync"]
