"""setup.py, environment.yml and the import contract tell the same story."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"python-duckdb": "duckdb", "pytorch-cpu": "torch"}
NOT_FROM_SETUP = {"python", "c-compiler", "make", "pip", "cython", "setuptools"}


def requirements() -> dict[str, str]:
    """Name and version range of each run-time requirement of setup.py, read without running it."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "REQUIRES":
            return dict(split(item) for item in ast.literal_eval(node.value))
    raise AssertionError("setup.py holds no REQUIRES")


def split(requirement: str) -> tuple[str, str]:
    name, bounds = re.fullmatch(r"([A-Za-z0-9_.-]+)(.*)", requirement).groups()
    return name, bounds


def test_conda_names_the_same_packages() -> None:
    document = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = dict(split(item) for item in document["dependencies"] if isinstance(item, str))
    conda = {CONDA_NAMES.get(name, name): bounds for name, bounds in conda.items() if name not in NOT_FROM_SETUP}
    assert conda == requirements()
    assert {"pip": ["-e ."]} in document["dependencies"]


def test_torch_is_no_build_requirement() -> None:
    import tomllib

    requires = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert not [item for item in requires if item.startswith("torch")]


def test_the_command_is_installed() -> None:
    (command,) = entry_points(group="console_scripts", name="genesis")
    assert command.value == "genesis_lib.cli:main"


@pytest.mark.parametrize(
    "module",
    ["genesis_lib.widgets.desk", "genesis_lib.live.session", "genesis_lib.models.registry", "genesis_lib.cli.session"],
)
def test_viewers_and_sessions_start_without_torch(module: str) -> None:
    heavy = "[m for m in ('torch', 'pytorch_lightning', 'sklearn') if m in sys.modules]"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print({heavy})"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_data_flows_one_way() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
