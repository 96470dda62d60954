import subprocess
import sys

from genesis_lib import __version__


def test_python_dash_m_is_the_command():
    result = subprocess.run([sys.executable, "-m", "genesis_lib", "--version"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, f"genesis, version {__version__}\n"), result.stderr
