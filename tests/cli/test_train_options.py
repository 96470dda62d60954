import pytest
from click.testing import CliRunner

from genesis_lib.cli import main

CASES = {
    ("--model", "causal-16", "--window", "10"): "window",
    ("--model", "deeplob", "--skip"): "skip",
    ("--model", "deeplob", "--inputs", "ofi"): "deeplob reads the raw book alone",
    ("--model", "nobody"): "model must be one of",
    ("--model", "logistic", "--model", "majority", "--ensemble", "none"): "one by one",
    ("--model", "logistic", "--model", "logistic"): "--model must name different kinds, got logistic, logistic",
    ("--inputs", "nothing_such"): "nothing_such",
    ("--horizon", "0"): "horizon",
    ("--horizon", "soon"): "horizon",
    ("--jobs", "0"): "--jobs must be at least 1, or -1 for one a processor, got 0",
    ("--batch-size", "512", "--windows", "100"): "windows must be 0 (all) or at least batch_size 512, got 100",
    ("--unseen", "missing.gz"): "missing.gz: no such file or folder",
    ("missing.gz",): "missing.gz: no such file or folder",
}


@pytest.mark.parametrize("options", CASES, ids=" ".join)
def test_what_cannot_be_is_told_in_one_line_before_anything_is_read(options, tmp_path):
    out = ["--out", str(tmp_path / "models")]
    done = CliRunner().invoke(main, ["train", "simulator", "--minutes", "600", *options, *out])
    lines = done.stderr.splitlines()
    assert done.exit_code == 1 and done.stdout == "", done.output
    assert len(lines) == 1 and lines[0].startswith("genesis: ") and CASES[options] in lines[0], done.stderr
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
