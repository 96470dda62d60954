"""How the dashboard is served: the command line and environment of its web server.

The server is a process of its own (`genesis_lib.widgets.voila_app`), so whoever starts it imports no web framework.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from genesis_lib.errors import InputError, SessionError

SESSION_VARIABLE = "GENESIS_SESSION"  # directory of the session the dashboard shows
TOKEN_VARIABLE = "GENESIS_TOKEN"  # in the environment: an argument could be read by every user of the machine
SHARE = Path(__file__).parent / "share"  # a Jupyter data folder: holds the page's template


def voila_command(
    notebook: str | os.PathLike,
    *,
    port: int = 8866,
    host: str = "127.0.0.1",
    token: str,
    session_dir: str | os.PathLike | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Command and environment that serve one notebook as a page, and nothing else.

    Parameters
    ----------
    notebook
        The notebook to serve.
    port, host
        Where to listen; a loopback address.
    token
        What the page's URL must carry, see `new_token`.
    session_dir
        Directory of the session to show; None for the newest that runs.
    env
        Environment to start from; the process's own when left out.

    Returns
    -------
    argv, env
        For `subprocess.Popen`. The server ends, with its kernels, on SIGINT or SIGTERM, and when its parent is gone.

    Raises
    ------
    InputError
        When the notebook is not there, the token is short, or the address is not a loopback address.

    Examples
    --------
    >>> argv, env = voila_command(__file__, port=8870, token=new_token(), session_dir="data/sessions/one")
    >>> argv[1:3], Path(env["GENESIS_SESSION"]).name
    (['-m', 'genesis_lib.widgets.voila_app'], 'one')
    """
    path = Path(notebook).resolve()
    if not path.is_file():
        raise InputError(f"notebook {path} is not there")
    if len(token) < 16:
        raise InputError(f"token must have at least 16 characters, got {len(token)}")
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise InputError(f"host must be 127.0.0.1, localhost or ::1 (the dashboard can trade), got {host!r}")
    environment = dict(os.environ if env is None else env)
    paths = [str(SHARE), *filter(None, [environment.get("JUPYTER_PATH")])]
    environment.update({"JUPYTER_PATH": os.pathsep.join(paths), TOKEN_VARIABLE: token})
    if session_dir is not None:
        environment[SESSION_VARIABLE] = str(Path(session_dir).resolve())
    argv = [sys.executable, "-m", "genesis_lib.widgets.voila_app", str(path), host, str(port), str(os.getpid())]
    return argv, environment


def new_token() -> str:
    """A fresh secret for one server: 48 hexadecimal digits."""
    return secrets.token_hex(24)


def page_url(host: str, port: int, token: str) -> str:
    """Address to open in a browser.

    >>> page_url("127.0.0.1", 8866, "secret")
    'http://127.0.0.1:8866/?token=secret'
    """
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/?token={token}"


def check_port(host: str, port: int) -> None:
    """Make sure that a server could listen there; port 0 always can.

    Raises
    ------
    SessionError
        When the port is taken or no port, or this user may not use it.
    """
    if not 0 <= port <= 65535:
        raise SessionError(f"port must be a number from 0 to 65535, got {port}")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SessionError(f"port {port} on {host} cannot be used: {error.strerror}; choose another") from error


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
