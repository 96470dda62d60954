"""The notebooks by papermill, small and on simulated data: what a schedule or a newcomer without recordings runs."""

from __future__ import annotations

import gzip
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import papermill
import pytest

from genesis_lib import retrain
from genesis_lib.config import load
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.models import registry
from genesis_lib.types import DepthSnapshot, DepthUpdate, Trade

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SMALL = {"source": ["simulator"], "minutes": 1.5, "folds": 2, "epochs": 1, "windows": 256, "stride": 10, "jobs": 1}


def execute(name: str, folder: Path, **parameters):
    document = papermill.execute_notebook(
        str(NOTEBOOKS / name),
        str(folder / name),
        parameters,
        kernel_name="python3",
        progress_bar=False,
        cwd=str(folder),
    )
    text = [
        output.get("text", "") + "".join(output.get("data", {}).get("text/plain", ""))
        for cell in document.cells
        for output in cell.get("outputs", [])
    ]
    return document, "\n".join(text)


def test_01_prepares_simulated_data_and_says_so(tmp_path, monkeypatch) -> None:
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("GENESIS_RECORDINGS", str(tmp_path / "none"))
    _, text = execute("01_data_preparation.ipynb", tmp_path, minutes=0.5, out=str(tmp_path / "out"))
    assert "SIMULATED" in text
    assert list((tmp_path / "out").rglob("*.parquet"))


def test_01_fetches_a_first_day_and_proves_what_it_can(tmp_path, monkeypatch) -> None:
    site = tmp_path / "site"
    write_tardis_day(site, Simulator(3, "SIMBTC", 0.3), "binance-futures", "BTCUSDT")
    handler = partial(SimpleHTTPRequestHandler, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("GENESIS_FEEDS_TARDIS_URL", f"http://127.0.0.1:{server.server_address[1]}")
        _, text = execute("01_data_preparation.ipynb", tmp_path, day="2024-03-01", out=str(tmp_path / "out"))
        server.shutdown()
    assert "binance-futures:BTCUSDT, read as tardis" in text
    assert len(list((tmp_path / "out" / "raw").glob("*.csv.gz"))) == 2
    assert list((tmp_path / "out").rglob("ledger*.jsonl"))


def write_tardis_day(site: Path, simulator: Simulator, exchange: str, symbol: str) -> None:
    """Lay out a simulated market as Tardis' servers do, its clock moved to the first of March 2024."""
    start, first = 1_709_251_200_000_000, None
    books = ["exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"]
    trades = ["exchange,symbol,timestamp,local_timestamp,id,side,price,amount"]
    price = simulator.instrument.price
    for event in simulator:
        first = event.ts_exchange if first is None else first
        stamp = start + (event.ts_exchange - first) // 1000
        head = f"{exchange},{symbol},{stamp},{stamp + 900}"
        if isinstance(event, Trade):
            side = "buy" if event.side > 0 else "sell"
            trades.append(f"{head},{event.trade_id},{side},{price(event.tick)},{event.quantity}")
        elif isinstance(event, DepthSnapshot | DepthUpdate):
            whole = "true" if isinstance(event, DepthSnapshot) else "false"
            for side, tick, quantity in zip(event.sides, event.ticks, event.quantities):
                books.append(f"{head},{whole},{('bid', 'ask')[side]},{price(tick)},{quantity}")
    for kind, lines in (("incremental_book_L2", books), ("trades", trades)):
        file = site / exchange / kind / "2024/03/01" / f"{symbol}.csv.gz"
        file.parent.mkdir(parents=True)
        file.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))


def test_02_scores_features_on_another_simulated_session(tmp_path, monkeypatch) -> None:
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("GENESIS_RECORDINGS", str(tmp_path / "none"))
    small = {
        "minutes": 1.0,
        "slowest": 5.0,
        "horizon": 10,
        "horizons": [10, 50],
        "around": 10,
        "block": 60,
        "shifts": 100,
        "folds": 2,
    }
    document, text = execute("02_features_and_labels.ipynb", tmp_path, stride=10, shown=["obi_1", "vpin"], **small)
    assert "measured on: SIMULATED" in text and "scored on: SIMULATED" in text
    assert "out of sample means: another session" in text and "RECORDED" not in text
    drawn = [
        o
        for cell in document.cells
        for o in cell.get("outputs", [])
        if "application/vnd.plotly.v1+json" in o.get("data", {})
    ]
    assert len(drawn) == 9
    titles = [one["data"]["application/vnd.plotly.v1+json"]["layout"]["title"]["text"] for one in drawn]
    assert sum(title.endswith("(SIMULATED)") for title in titles) == 8, titles  # the table of features is of no data


def test_03_shows_the_network_beside_its_baselines(tmp_path) -> None:
    _, text = execute("03_cross_validation.ipynb", tmp_path, **SMALL)
    assert "SIMULATED" in text
    assert all(name in text for name in ("majority", "persistence", "logistic_ofi", "LeakyShuffle"))


def test_05_waits_for_a_session_without_complaint(tmp_path) -> None:
    document, _ = execute("05_live_trading.ipynb", tmp_path)
    views = [output.get("data", {}) for cell in document.cells for output in cell.get("outputs", [])]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in views)


def test_06_registers_a_version_and_the_gate_decides(tmp_path) -> None:
    config = load(env={}, paths={"models": str(tmp_path / "models"), "reports": str(tmp_path / "reports")})
    first = retrain.run_once(SMALL, config=config, progress=False)
    assert (first.status, first.promoted, first.champion) == ("done", True, None)
    assert registry.champion(tmp_path / "models") == ("retrained", first.challenger)
    second = retrain.run_once(SMALL | {"seed": 8}, config=config, progress=False)
    assert second.champion == first.challenger
    assert second.challenger != first.challenger
    assert len(registry.entries(tmp_path / "models")) == 2
    assert (registry.champion(tmp_path / "models")[1] == second.challenger) == second.promoted
    assert [run.run for run in retrain.history(tmp_path / "reports")] == [first.run, second.run]


def test_09_shows_the_simulator_alone_where_no_recording_is(tmp_path, monkeypatch) -> None:
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("GENESIS_RECORDINGS", str(tmp_path / "none"))
    document, text = execute("09_simulator_calibration.ipynb", tmp_path, minutes=2.0)
    assert "SIMULATED market alone, compared with nothing" in text
    assert "SIMBTC alone: no recording to compare it with" in text
    assert "SIMBTC: nothing to compare with" in text and "not known to be: nothing" not in text
    drawn = [
        output["data"]["application/vnd.plotly.v1+json"]["layout"].get("title", {}).get("text", "")
        for cell in document.cells
        for output in cell.get("outputs", [])
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    assert drawn and "Nothing to compare with: there is no verdict to draw." in text
    assert not [title for title in drawn if "against recordings" in title]


def test_08_scores_the_detectors_on_what_was_planted(tmp_path, monkeypatch) -> None:
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("GENESIS_RECORDINGS", str(tmp_path / "none"))
    small = {"minutes": 4.0, "trial_seeds": "3", "trial_minutes": 4.0, "columns": 60, "span": 20.0}
    plants = {"plant": "spread_shock=2,layering=2,quote_stuffing=1", "trial_plant": "spread_shock=2,layering=1"}
    document, text = execute("08_surveillance.ipynb", tmp_path, **small, **plants)
    assert text.count("SIMULATED") >= 2 and "spread_shock" in text
    views = [output.get("data", {}) for cell in document.cells for output in cell.get("outputs", [])]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in views)


@pytest.mark.parametrize(
    "name", ["01_data_preparation.ipynb", "03_cross_validation.ipynb", "06_retraining.ipynb", "08_surveillance.ipynb"]
)
def test_an_unknown_parameter_never_passes_silently(name: str) -> None:
    with pytest.raises(retrain.InputError, match="no parameter 'epochz'"):
        retrain.check_parameters(NOTEBOOKS / name, {"epochz": 1})
