import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genesis_lib.errors import SessionError
from genesis_lib.live.supervise import Family, listening, wait_until

TALKS = "import sys, time; print('first'); print('genesis: last words', file=sys.stderr); sys.exit(3)"
STUBBORN = (
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(60)\n"
)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with Path(f"/proc/{pid}/stat").open() as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "Z"


def start(family, code, tmp_path, name="clerk"):
    return family.start(name, [sys.executable, "-c", code], dict(os.environ), tmp_path / f"{name}.log")


def test_a_child_that_ends_is_reported_with_its_last_words(tmp_path):
    (tmp_path / "clerk.log").write_text("of an earlier run\n")
    with Family() as family:
        child = start(family, TALKS, tmp_path)
        with pytest.raises(SessionError, match=r"^the clerk ended \(exit code 3\): last words$"):
            wait_until(lambda: False, child, 20, lambda: False)


def test_a_killed_child_is_reported_by_its_signal(tmp_path):
    with Family() as family:
        child = start(family, "import time; time.sleep(60)", tmp_path)
        child.signal(signal.SIGKILL)
        child.process.wait()
        assert child.obituary() == "the clerk ended (killed by SIGKILL)"


def test_waiting_can_be_stopped_and_has_an_end(tmp_path):
    with Family() as family:
        child = start(family, "import time; time.sleep(60)", tmp_path)
        assert wait_until(lambda: True, child, 1, lambda: False)
        assert not wait_until(lambda: False, child, 20, lambda: True)
        with pytest.raises(SessionError, match="not ready within 0 s"):
            wait_until(lambda: False, child, 0.1, lambda: False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_nobody_is_left_behind_not_even_the_child_of_a_child_that_ignores_us(tmp_path):
    with Family() as family:
        child = start(family, STUBBORN, tmp_path)
        wait_until(lambda: child.log.read_bytes().endswith(b"\n"), child, 20, lambda: False)
        grandchild = int(child.log.read_text())
        family.stop(within=0.3)
        assert child.code == -signal.SIGKILL
        for _ in range(100):
            if gone(grandchild):
                break
            time.sleep(0.02)
        assert gone(grandchild)


def test_children_notice_that_the_parent_is_gone(tmp_path):
    parent = (
        "import sys, os, time; from pathlib import Path; from genesis_lib.live.supervise import Family\n"
        'code = \'import os; os.read(0, 1); open(os.environ["NOTE"], "w").close()\'\n'
        "Family().start('clerk', [sys.executable, '-c', code], dict(os.environ), Path(os.environ['NOTE'] + '.log'))\n"
        "print('up', flush=True); time.sleep(60)\n"
    )
    note = tmp_path / "note"
    env = {**os.environ, "NOTE": str(note)}
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, env=env)
    assert process.stdout.readline() == b"up\n"
    process.kill()
    process.wait()
    process.stdout.close()
    for _ in range(200):
        if note.exists():
            break
        time.sleep(0.05)
    assert note.exists()


def test_listening_tells_an_open_port_from_a_closed_one():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert listening("127.0.0.1", port)
    assert not listening("127.0.0.1", port)
