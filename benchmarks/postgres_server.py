"""A real PostgreSQL server for as long as a benchmark or a test runs: in a temporary folder, on a unix socket."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0  # s until the server must answer
ROLE = "genesis"


class NoServer(Exception):
    """PostgreSQL is not installed here; the message says what to install."""


def binaries() -> Path:
    """Folder of ``initdb`` and ``postgres``; raises `NoServer` where there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    for folder in [*reversed(debian), *([Path(found).resolve().parent] if found else [])]:
        if all((folder / name).exists() for name in ("initdb", "postgres")):
            return folder
    raise NoServer("PostgreSQL's server is not installed (Debian's package postgresql has it)")


@contextmanager
def server(**settings: str) -> Iterator[str]:
    """Run a server; gives the URL of its database, whose role needs a password.

    Parameters
    ----------
    settings
        Of ``postgresql.conf``, where they shall not be as PostgreSQL ships them.
    """
    programs = binaries()
    # PostgreSQL refuses to run as root.
    user = next((name for name in ("postgres", "nobody") if _exists(name)), None) if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="genesis-pg-"))
    password = secrets.token_urlsafe(12)
    process = None
    try:
        (folder / "password").write_text(password)
        if user is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        options = ["-D", folder / "data", "-U", ROLE, "-A", "scram-sha-256", "--pwfile", folder / "password"]
        _run([programs / "initdb", *options, "-E", "UTF8", "--locale=C", "--no-sync"], user, folder)
        given = {"listen_addresses": "", "unix_socket_directories": str(folder)} | settings
        arguments = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            command = [programs / "postgres", "-D", folder / "data", *arguments]
            process = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
        url = f"postgresql://{ROLE}:{password}@/postgres?host={folder}"
        _wait(url, process, folder / "log")
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # ends at once and cleanly, whoever is connected
            process.wait(timeout=PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _run(command: list, user: str | None, folder: Path) -> None:
    done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    import psycopg

    until = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start: {error}\n{log.read_text()}") from None
            time.sleep(0.05)
