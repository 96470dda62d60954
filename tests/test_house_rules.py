"""What the code must look like: thin notebooks, no machine's paths, no god files, a test for each module."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(
    path
    for package in ("genesis_lib", "orderbook_ext")
    for path in (ROOT / package).rglob("*.py")
    if path.name != "__init__.py" and "__pycache__" not in path.parts
)
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEXT = {".py", ".pyx", ".pxd", ".pyi", ".js", ".css", ".html", ".md", ".toml", ".yml", ".ipynb", ".json", ".j2", ".tpl"}


def tracked() -> list[Path]:
    """Files git knows, or would know; everything but the ignored."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of files to hold against the rules")
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def code(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_has_its_test(module: Path) -> None:
    inside = module.relative_to(ROOT / "genesis_lib") if "genesis_lib" in module.parts else module.relative_to(ROOT)
    name = inside.name.removeprefix("_")
    if name.endswith("_py.py"):
        name = name.removesuffix("_py.py") + ".py"  # a twin is tested with its compiled brother
    assert (ROOT / "tests" / inside.parent / f"test_{name}").exists()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_god_files(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 300


def test_no_god_extension_files() -> None:
    for path in (ROOT / "orderbook_ext").glob("*.pyx"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path.name


def test_no_rooms_for_leftovers() -> None:
    assert not [m for m in MODULES if m.stem in {"utils", "util", "helpers", "common", "misc"}]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_thin(notebook: Path) -> None:
    document = json.loads(notebook.read_text(encoding="utf-8"))
    sources = code(notebook)
    assert not [s for s in sources if re.search(r"^\s*(?:def|class|async def) ", s, re.M)], (
        "definitions belong in genesis_lib"
    )
    assert any("parameters" in c["metadata"].get("tags", []) for c in document["cells"]), "no parameters cell"
    assert document["metadata"]["kernelspec"]["name"] == "genesis"
    assert any(c["cell_type"] == "markdown" for c in document["cells"])


def test_notebooks_assert_something() -> None:
    for notebook in NOTEBOOKS:
        assert any("assert " in source for source in code(notebook)), f"{notebook.name}: nbval would pass on anything"


def test_no_paths_of_a_machine() -> None:
    pattern = re.compile(r"(?<![A-Za-z0-9_.])/(?:home|root|Users|work|farm|mnt)/")
    for path in tracked():
        if path.suffix in TEXT and path != Path(__file__).resolve():
            found = pattern.search(path.read_text(encoding="utf-8", errors="replace"))
            assert not found, f"{path.relative_to(ROOT)} holds {found[0]}"


def test_nothing_left_open() -> None:
    pattern = re.compile(r"\b(?:NotImplemented[E]rror|TO[D]O|FIX[M]E|X{3})\b")
    for path in tracked():
        if path.suffix in {".py", ".pyx", ".pxd", ".js"} and path != Path(__file__).resolve():
            assert not pattern.search(path.read_text(encoding="utf-8")), path.relative_to(ROOT)


def test_nothing_loads_from_elsewhere() -> None:
    pattern = re.compile(r"(?:src|href|import)\s*[=(]?\s*['\"]https?://(?!127\.0\.0\.1|localhost)")
    for path in tracked():
        if path.suffix in {".js", ".html", ".css", ".j2", ".tpl", ".ipynb"}:
            assert not pattern.search(path.read_text(encoding="utf-8")), path.relative_to(ROOT)


def test_nothing_is_large() -> None:
    for path in tracked():
        assert path.stat().st_size < 3_000_000, path.relative_to(ROOT)


def test_nothing_is_unpickled() -> None:
    pattern = re.compile(r"\b(?:pickle\.load|joblib\.load|torch\.load|allow_pickle=True)")
    for module in MODULES:
        assert not pattern.search(module.read_text(encoding="utf-8")), module.relative_to(ROOT)


@pytest.mark.skipif(os.environ.get("GENESIS_CI") != "1", reason="only CI promises a browser")
def test_ci_has_its_browser() -> None:
    assert shutil.which("chromium"), "the browser tests would all have been skipped"
