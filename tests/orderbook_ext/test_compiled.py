"""The compiled modules are the ones in use, the twins come only when asked for, and never without a trace."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import orderbook_ext


def python(root: Path, code: str, **environment: str) -> subprocess.CompletedProcess:
    """Run `code` in a fresh interpreter of this environment."""
    env = {key: value for key, value in os.environ.items() if key != "GENESIS_NO_EXTENSIONS"} | environment
    return subprocess.run([sys.executable, "-c", code], cwd=root, env=env, capture_output=True, text=True, timeout=60)


WHICH = """
import sys, orderbook_ext
module = orderbook_ext.OrderBook.__module__
print(orderbook_ext.COMPILED, module, sys.modules[module].__file__)
"""


def test_the_compiled_book_is_the_one_loaded(root):
    done = python(root, WHICH)
    assert done.returncode == 0, done.stderr
    compiled, module, file = done.stdout.split(maxsplit=2)
    assert (compiled, module) == ("True", "orderbook_ext._book")
    assert file.strip().endswith(tuple(EXTENSION_SUFFIXES)) and done.stderr == ""


def test_this_process_runs_the_compiled_book():
    if os.environ.get("GENESIS_NO_EXTENSIONS") == "1":
        pytest.skip("GENESIS_NO_EXTENSIONS=1 asks for the twins")
    assert orderbook_ext.COMPILED
    with pytest.raises(TypeError):
        orderbook_ext.OrderBook.top = None  # a compiled class is immutable


def test_the_twin_is_chosen_by_environment(root):
    done = python(root, WHICH, GENESIS_NO_EXTENSIONS="1")
    assert done.stdout.split()[:2] == ["False", "orderbook_ext._book_py"]
    assert done.stderr == "", "chosen on purpose: nothing to warn of"


def test_a_missing_build_is_told_once(root):
    hide = "import sys; sys.modules['orderbook_ext._book'] = None; "
    done = python(root, hide + WHICH + "import orderbook_ext")
    assert done.stdout.split()[:2] == ["False", "orderbook_ext._book_py"]
    assert done.stderr.count("RuntimeWarning: the compiled order book is missing") == 1
    assert "pip install -e ." in done.stderr


def test_the_core_needs_numpy_alone(root):
    done = python(
        root, "import sys, orderbook_ext; print([m for m in ('pandas', 'torch', 'genesis_lib') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]"
