"""Packaging of Genesis and the build of its compiled order book; the tools' settings stand in pyproject.toml."""

import os
import re
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "genesis_lib" / "__init__.py").read_text())[1]
DEBUG = os.environ.get("GENESIS_BUILD_DEBUG") == "1"

# environment.yml names the same packages; tests/test_packaging.py holds the two against each other.
REQUIRES = [
    "anywidget>=0.11,<0.12",
    "apscheduler>=3.11,<4",
    "click>=8.1",
    "duckdb>=1.1",
    "httpx>=0.27",
    "ipykernel>=7,<8",
    "ipywidgets>=8.1,<9",
    "joblib>=1.4",
    "jupyterlab>=4.6,<5",
    "nbclient>=0.10",
    "numpy>=2.1,<3",
    "orjson>=3.10",
    "pandas>=2.2,<4",
    "papermill>=2.7,<3",
    "plotly>=7.1,<8",
    "pyarrow>=18",
    "pytorch-lightning>=2.6,<3",
    "pyzmq>=26",
    "safetensors>=0.4",
    "scikit-learn>=1.6,<2",
    "scipy>=1.14",
    "sqlalchemy>=2.0,<3",
    "threadpoolctl>=3.5",
    "torch>=2.6,<3",
    "tqdm>=4.66",
    "voila>=0.5.13,<0.6",
    "websockets>=13",
]
EXTRAS = {
    "alerts": ["apprise>=1.9"],
    "mlflow": ["alembic>=1.13", "mlflow-skinny>=3,<4"],
    "postgres": ["psycopg[binary]>=3.2"],
    "cluster": ["dask>=2026.8", "distributed>=2026.8", "ray>=2.50,<3"],
    "databento": ["databento-dbn>=0.40"],
    "onnx": ["onnx>=1.17", "onnxruntime>=1.20"],
    "test": [
        "apprise>=1.9",
        "dask>=2026.8",
        "databento-dbn>=0.40",
        "distributed>=2026.8",
        "hypothesis>=6.100",
        "import-linter>=2.1",
        "nbval>=0.11,<0.12",
        "onnx>=1.17",
        "onnxruntime>=1.20",
        "playwright>=1.49",
        "psutil>=6",
        "psycopg[binary]>=3.2",
        "pytest>=9,<10",
        "pytest-benchmark>=5.1",
        "python-binance>=1.0.37",
        "ray>=2.50,<3",
        "ruff>=0.9",
        "sortedcontainers>=2.4",
    ],
    # The peers that are measured beside us; some of them ask for an older numpy and pandas than the newest.
    "bench": [
        "hftbacktest>=2.4,<3",
        "lightmatchingengine>=2019.1.4",
        "lrvx>=0.11",
        "nautilus_trader>=1.221",
        "order-book>=0.6.1",
        "psycopg[binary]>=3.2",
        "pytest-benchmark>=5.1",
        "sortedcontainers>=2.4",
    ],
}

# Never -ffast-math and never contracted: batch and stream must agree to the last bit. Without errno and traps no value
# differs, but more loops become vectors.
FLAGS = ["-O0", "-g"] if DEBUG else ["-O3"]
if sys.platform != "win32":
    FLAGS += ["-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]

setup(
    name="genesis-workbench",
    version=VERSION,
    description="A Jupyter-centric research workbench for market microstructure",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["genesis_lib*", "orderbook_ext*"]),
    package_data={
        "genesis_lib": [
            "reports.html",
            "training/card.html",
            "detectors/regime_model.json",
            "widgets/static/*",
            "widgets/share/**/*",
        ],
        "orderbook_ext": ["*.pyi", "*.pxd", "*.pyx", "*.h"],
    },
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["genesis = genesis_lib.cli:main"]},
    ext_modules=cythonize(
        [
            Extension(
                f"orderbook_ext.{name}",
                [f"orderbook_ext/{name}.pyx"],
                include_dirs=["orderbook_ext"],
                depends=[f"orderbook_ext/{file.name}" for file in (HERE / "orderbook_ext").glob(f"{name}*.h")],
                extra_compile_args=FLAGS,
            )
            for name in (
                "_book",
                "_crowd",
                "_order_view",
                "_orders",
                "_program",
                "_rolling",
                "_scan",
                "_stream",
                "_trees",
            )
        ],
        build_dir="build",
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": DEBUG,
        },
    ),
    zip_safe=False,
)
