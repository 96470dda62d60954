"""Fixtures every test may ask for: the real recordings, where they are, and a model that knows nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("GENESIS_RECORDINGS", ROOT.parent / "shared" / "recordings"))

# A shell that starts the tests in the background has them, and all that they start, ignore interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _recording(*names: str):
    paths = [RECORDINGS / name for name in names]
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        pytest.skip(f"real recording not here ({missing[0]}); set GENESIS_RECORDINGS to the folder that holds it")
    return paths


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings."""
    return _recording(".")[0]


@pytest.fixture(scope="session")
def usdm_2023() -> list[Path]:
    return _recording("binance-usdm/btcusdt_20230404.dat.gz", "binance-usdm/btcusdt_20230405.dat.gz")


@pytest.fixture(scope="session")
def usdm_2024() -> list[Path]:
    return _recording("binance-usdm/btcusdt_20240718.gz", "binance-usdm/btcusdt_20240719.gz")


@pytest.fixture(scope="session")
def eth_2024() -> list[Path]:
    return _recording("binance-usdm/ethusdt_20240718.gz", "binance-usdm/ethusdt_20240719.gz")


@pytest.fixture(scope="session")
def coinm_btc() -> list[Path]:
    return _recording("binance-coinm/btcusd_perp_20240808.gz")


@pytest.fixture(scope="session")
def coinm_eth() -> list[Path]:
    return _recording("binance-coinm/ethusd_perp_20240808.gz")


@pytest.fixture(scope="session")
def spot_2023() -> list[Path]:
    return _recording("binance-spot/btcusdt_20230405.dat.gz")


@pytest.fixture(scope="session")
def taifex() -> Path:
    """The folder of TAIFEX Parquet files."""
    return _recording("taifex")[0]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a real PostgreSQL server that lives as long as the tests."""
    if os.environ.get("GENESIS_CI") != "1":
        pytest.importorskip("psycopg", reason="PostgreSQL needs its driver: pip install -e .[postgres]")
    from genesis_lib.cli.bench import import_benchmarks

    import_benchmarks()
    from benchmarks.postgres_server import NoServer, server

    try:
        with server(fsync="off") as url:
            yield url
    except NoServer as error:
        if os.environ.get("GENESIS_CI") == "1":
            raise
        pytest.skip(str(error))


@pytest.fixture
def postgres(postgres_server: str, request) -> str:
    """URL of an empty database of the test's own."""
    import psycopg

    name = f"t{abs(hash(request.node.nodeid)):x}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres_server.replace("/postgres?", f"/{name}?")


class Uniform:
    """Says 1/3 each: the seed's rules trade on it at every row."""

    name, version, columns, levels = "uniform", "1", ("obi_1",), 1

    def exposure(self, instrument, first, last):
        return "unseen"

    def predictor(self):
        """Stateless: itself."""
        return self

    def step(self, row):
        """The same for every row."""
        return np.full(3, 1 / 3)


@pytest.fixture(scope="session")
def uniform() -> Uniform:
    """A model for tests of what comes after the model."""
    return Uniform()
