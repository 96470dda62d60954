from __future__ import annotations

import os
import subprocess
import sys
import time

import nbclient
import nbformat
import pytest

from genesis_lib.errors import InputError
from genesis_lib.widgets import Desk
from genesis_lib.widgets.serve import SHARE


def test_without_a_session_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GENESIS_SESSION", raising=False)
    desk = Desk.connect()
    assert desk.link == "waiting"
    assert "no session is running" in repr(desk) and "genesis run" in repr(desk)


def test_an_unknown_keyword_is_an_error():
    with pytest.raises(InputError, match="did you mean 'height'"):
        Desk.connect(heigth=700)


def test_nothing_streams_before_the_browser_says_hello(tmp_path, monkeypatch):
    said = []
    monkeypatch.setenv("GENESIS_SESSION", str(tmp_path / "gone"))
    desk = Desk.connect()
    desk.send = lambda content, buffers: said.append(content)
    desk._handle_custom_msg({"type": "ack", "n": 1}, [])
    desk._handle_custom_msg({"type": "command", "name": "stop"}, [])
    assert not said and desk.link == "waiting"
    desk._handle_custom_msg({"type": "hello"}, [])
    ends = time.monotonic() + 10
    while not said and time.monotonic() < ends:
        time.sleep(0.01)
    assert said[0]["link"] == "none" and str(tmp_path / "gone") in said[0]["text"]
    desk.close()
    desk._stream.join(10)
    assert desk.link == "waiting"


def test_a_dashboard_kernel_loads_no_heavy_library():
    heavy = "('torch', 'pandas', 'sklearn', 'pyarrow')"
    code = f"import sys, genesis_lib.widgets as w; w.Desk; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_whoever_starts_the_server_loads_no_widget():
    code = "import sys, genesis_lib.widgets.serve; print('ipywidgets' in sys.modules, 'voila' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_notebook_runs_without_a_session(root, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(SHARE))
    monkeypatch.setenv("GENESIS_PATHS_SESSIONS", str(tmp_path))
    monkeypatch.delenv("GENESIS_SESSION", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(root / "notebooks/05_live_trading.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="genesis").execute(cwd=str(root / "notebooks"))
    shown = notebook.cells[-1].outputs[0].data
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert "no session is running" in shown["text/plain"]
