import shutil
import subprocess
import sys

import pytest

from genesis_lib import __version__
from genesis_lib.features.definitions import Definitions
from genesis_lib.models import lineage


def git(root, *words) -> str:
    return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True).stdout.strip()


def test_code_is_told_by_version_commit_and_whether_it_was_touched(root) -> None:
    said = lineage.code_identity()
    assert said["code_version"] == __version__
    if not (root / ".git").exists() or shutil.which("git") is None:
        assert said["commit"] is None and said["dirty"] is None
    else:
        assert len(said["commit"]) == 40 and isinstance(said["dirty"], bool)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("inside", ["checkout", "foreign"])
def test_a_checkout_is_told_from_a_repository_around_it(root, tmp_path, inside) -> None:
    home = tmp_path / "repository"
    package = home / "genesis_lib" if inside == "checkout" else home / "site-packages" / "genesis_lib"
    (package / "models").mkdir(parents=True)
    (home / "orderbook_ext").mkdir()
    (package / "code.py").write_text("x = 1\n")
    git(home, "init", "-q")
    git(home, "add", ".")
    git(home, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")
    code = (
        "import sys; from pathlib import Path; from genesis_lib.models import lineage;"
        "lineage.PACKAGE = Path(sys.argv[1]); print(lineage.code_identity())"
    )

    def told() -> dict:
        done = subprocess.run(
            [sys.executable, "-c", code, str(package)], cwd=root, capture_output=True, text=True, check=True
        )
        return eval(done.stdout)

    if inside == "foreign":
        assert told() == {"code_version": __version__, "commit": None, "dirty": None}
        return
    assert told() == {"code_version": __version__, "commit": git(home, "rev-parse", "HEAD"), "dirty": False}
    (package / "code.py").write_text("x = 2\n")
    assert told()["dirty"] is True


def test_lineage_holds_what_the_columns_are(tmp_path) -> None:
    definitions, flow = Definitions.of(("obi_1", "mid"), 5), Definitions.of(("nofi_1",), 5)
    said = lineage.lineage_of(definitions, flow, ["0123456789ab"], [7, 8])
    assert said["baseline_hash"] == flow.hash and len(said["baseline_witness"]) == 1
    assert lineage.lineage_of(definitions, None, [], [7])["baseline_hash"] is None
    assert said["parents"] == ["0123456789ab"] and said["seeds"] == [7, 8]
    assert said["feature_hash"] == definitions.hash and len(said["witness"]) == 2
    assert definitions.computed_otherwise(said["witness"]) == ()
