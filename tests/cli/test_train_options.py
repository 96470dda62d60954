import subprocess
import sys

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.cli.train_options import TRAINABLE, seeds_of
from genesis_lib.models.kinds import kind

CASES = {
    ("--model", "causal-16", "--window", "10"): "window",
    ("--model", "deeplob", "--skip"): "skip",
    ("--model", "deeplob", "--inputs", "ofi"): "deeplob reads the raw book alone",
    ("--model", "nobody"): "--model: must be one of deeplob, causal-16",
    ("--model", "tnc-32"): "did you mean 'tcn-32'?",
    ("--model", "logistic", "--model", "majority", "--ensemble", "none"): "one by one",
    ("--model", "logistic", "--model", "logistic"): "--model: must name different kinds, got logistic, logistic",
    ("--inputs", "nothing_such"): "nothing_such",
    ("--inputs", "bok"): "--inputs: unknown 'bok'; did you mean 'book'? book, ofi, flow, or what genesis features",
    ("--inputs", "book+obbi_1"): "unknown 'obbi_1'; did you mean 'obi_1'?",
    ("--top-folds", "9"): "--top-folds: must be 0 or between 2 and the 5 folds, got 9",
    ("--top-folds", "1"): "--top-folds: must be 0 or between 2 and the 5 folds, got 1",
    ("--horizon", "5q"): "horizon must be rows (50) or a time (500ms, 30s, 5m, 1h), got '5q'",
    ("--horizon", "0"): "horizon",
    ("--horizon", "soon"): "horizon",
    ("--jobs", "0"): "--jobs: must be at least 1, or -1 for one a processor, got 0",
    ("--batch-size", "512", "--windows", "100"): "windows must be 0 (all) or at least batch_size 512, got 100",
    ("--unseen", "missing.gz"): "missing.gz: no such file or folder",
    ("missing.gz",): "missing.gz: no such file or folder",
}


@pytest.mark.parametrize("options", CASES, ids=" ".join)
def test_what_cannot_be_is_wrong_usage_told_in_one_line_before_anything_is_read(options, tmp_path):
    out = ["--out", str(tmp_path / "models")]
    done = CliRunner().invoke(main, ["train", "simulator", "--minutes", "600", *options, *out])
    lines = done.stderr.splitlines()
    assert done.exit_code == 2 and done.stdout == "", done.output
    assert lines[-1].startswith("Error: ") and CASES[options] in lines[-1], done.stderr
    assert "reading" not in done.stderr
    assert not (tmp_path / "models").exists()


def test_a_gpu_that_is_not_there_is_told_of_before_anything_is_read(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    options = ["--accelerator", "gpu", "--model", "causal-16", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, ["train", "simulator", "--minutes", "600", *options])
    assert done.exit_code == 1 and done.stderr == "genesis: accelerator: torch sees no GPU here; take cpu or auto\n"


def test_counts_that_cannot_be_are_wrong_usage():
    for options in (["--folds", "1"], ["--seeds", "0"], ["--epochs", "0"], ["--threads", "0"], ["--stride", "0"]):
        done = CliRunner().invoke(main, ["train", "simulator", *options])
        assert done.exit_code == 2 and options[0] in done.stderr, options


def test_minutes_are_the_simulators():
    done = CliRunner().invoke(main, ["train", __file__, "--minutes", "3"])
    told = done.stderr.splitlines()[-1]
    assert done.exit_code == 2 and "--minutes" in told and "seed" not in told, done.stderr


def test_words_are_refused_without_torch():
    program = """
import sys
from click.testing import CliRunner
from genesis_lib.cli import main
for options in ["--model", "tnc-32"], ["--horizon", "5q"], ["--inputs", "bok"], ["--top-folds", "9"], ["missing.gz"]:
    assert CliRunner().invoke(main, ["train", "simulator", *options]).exit_code == 2, options
assert not {"torch", "sklearn", "pandas"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_lists_every_kind_that_can_be_trained():
    words = CliRunner().invoke(main, ["train", "--help"]).stdout.split()
    assert all(f"{name}," in words or f"{name};" in words for name in TRAINABLE)


def test_seeds_that_make_no_difference_are_said_and_fitted_once(capsys):
    assert seeds_of(kind("boosted"), range(7, 9)) == range(7, 8)
    assert "boosted: no seed makes a difference" in capsys.readouterr().err
    assert seeds_of(kind("tcn-32"), range(7, 9)) == range(7, 9) and seeds_of(kind("logistic"), range(7, 8)) == range(
        7, 8
    )
    assert capsys.readouterr().err == ""
