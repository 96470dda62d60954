from __future__ import annotations

import socket
from pathlib import Path

import pytest

from genesis_lib.errors import InputError, SessionError
from genesis_lib.widgets import serve

TOKEN = "0123456789abcdef"


def test_the_command_carries_no_secret_and_the_environment_does():
    argv, env = serve.voila_command(__file__, port=8870, token=TOKEN, session_dir="here", env={"JUPYTER_PATH": "mine"})
    assert TOKEN not in " ".join(argv)
    assert env[serve.TOKEN_VARIABLE] == TOKEN
    assert env[serve.SESSION_VARIABLE] == str(Path("here").resolve())
    assert env["JUPYTER_PATH"].split(":") == [str(serve.SHARE), "mine"]


def test_no_session_is_named_where_none_was_given():
    assert serve.SESSION_VARIABLE not in serve.voila_command(__file__, token=TOKEN, env={})[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"notebook": "gone.ipynb"}, "gone.ipynb is not there"),
        ({"token": "short"}, "at least 16 characters, got 5"),
        ({"host": "0.0.0.0"}, "the dashboard can trade.*'0.0.0.0'"),
    ],
)
def test_what_would_be_unsafe_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        serve.voila_command(**{"notebook": __file__, "token": TOKEN, **change})


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SessionError, match=f"port {port} on 127.0.0.1 cannot be used"):
            serve.check_port("127.0.0.1", port)
    serve.check_port("127.0.0.1", serve.free_port())
    with pytest.raises(SessionError, match="from 0 to 65535, got 80000"):
        serve.check_port("127.0.0.1", 80_000)


def test_tokens_differ_and_addresses_hold_them():
    one, two = serve.new_token(), serve.new_token()
    assert one != two and len(one) == 48
    assert serve.page_url("::1", 1, one) == f"http://[::1]:1/?token={one}"


def test_the_template_and_the_kernel_are_where_jupyter_looks():
    assert (serve.SHARE / "voila/templates/genesis/conf.json").is_file()
    assert (serve.SHARE / "kernels/genesis/kernel.json").is_file()
