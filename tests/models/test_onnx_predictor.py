import json
import subprocess
import sys

import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.onnx_export import export
from genesis_lib.models.onnx_predictor import OnnxPredictor


@pytest.fixture(scope="module")
def exported(make_registered, tmp_path_factory):
    """A registered model, and its graph."""
    folder = tmp_path_factory.mktemp("onnx")
    _, artifact = make_registered(folder / "models")
    export(artifact, folder / "small.onnx")
    return artifact, folder / "small.onnx"


def test_it_answers_as_the_artifacts_own_predictor(exported):
    artifact, path = exported
    ours, theirs = artifact.predictor(), OnnxPredictor(path)
    assert (theirs.name, theirs.version, theirs.columns) == (artifact.name, artifact.version, artifact.columns)
    assert theirs.warmup == artifact.window == theirs.remaining
    rows = np.random.default_rng(0).normal(size=(120, 8))
    rows[50, 3], rows[90, 1] = np.nan, np.inf
    for number, row in enumerate(rows):
        got, expected = theirs.step(row), ours.step(row)
        if number == 90:  # the graph cannot scale it, and clipping it would be a guess
            assert np.isnan(got).all()
            ours.reset()
            continue
        assert got.shape == (3,) and np.allclose(got, expected, rtol=0, atol=1e-6, equal_nan=True), number
        since = number - max(at for at in (-1, 50, 90) if at <= number)
        assert theirs.remaining == max(artifact.window - since, 0) and np.isnan(got).all() == (theirs.remaining > 0)
        assert theirs.heads.shape == (1, 3) and np.array_equal(theirs.heads[0], got, equal_nan=True)
        theirs.ahead()


def test_what_was_given_out_does_not_change_later(exported):
    predictor = OnnxPredictor(exported[1])
    rows = np.random.default_rng(1).normal(size=(22, 8))
    for row in rows[:20]:
        first = predictor.step(row)
    kept = first.copy()
    first[:] = 7.0
    assert np.array_equal(predictor.heads[0], kept)
    second = predictor.step(rows[20])
    assert not np.array_equal(second, kept)
    predictor.reset()
    assert predictor.remaining == 20 and np.isnan(predictor.heads).all() and np.isnan(predictor.step(rows[21])).all()


def test_whole_windows_at_once(exported):
    artifact, path = exported
    rows = np.random.default_rng(2).normal(size=(60, 8))
    windows = np.stack([rows[first : first + 20] for first in range(41)])
    assert np.abs(OnnxPredictor(path).predict(windows)[:, 0] - artifact.predict(rows)[19:]).max() < 1e-6
    with pytest.raises(ModelError, match=r"windows must have shape \(B, 20, 8\), got \(41, 19, 8\)"):
        OnnxPredictor(path).predict(windows[:, 1:])


def test_rows_of_other_columns_are_refused(exported):
    with pytest.raises(ModelError, match=r"row must have shape \(8,\), got \(7,\)"):
        OnnxPredictor(exported[1]).step(np.zeros(7))


def test_files_that_are_no_graph_of_ours_are_refused(exported, tmp_path):
    onnx = pytest.importorskip("onnx")
    with pytest.raises(ModelError, match=r"none\.onnx: cannot be read: No such file"):
        OnnxPredictor(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("not a graph")
    with pytest.raises(ModelError, match=r"text\.onnx: no ONNX graph: "):
        OnnxPredictor(tmp_path / "text.onnx")
    model = onnx.load(exported[1])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(ModelError, match=r"foreign\.onnx: an ONNX graph, but none that"):
        OnnxPredictor(tmp_path / "foreign.onnx")
    whole = {"name": "n", "version": "v", "columns": [*"abcdefgh"], "window": 20, "heads": 1, "head": 0}
    for told in ("{", "[]", "{}", *(json.dumps(whole | {key: 3}) for key in ("columns", "window", "heads", "head"))):
        onnx.helper.set_model_props(model, {"genesis": told})
        onnx.save(model, tmp_path / "damaged.onnx")
        with pytest.raises(ModelError, match=r"damaged\.onnx: what the graph tells of itself is damaged: "):
            OnnxPredictor(tmp_path / "damaged.onnx")
    onnx.helper.set_model_props(model, {"genesis": json.dumps(whole)})
    assert OnnxPredictor(model.SerializeToString()).columns == tuple("abcdefgh")


def test_it_runs_without_torch(exported):
    code = (
        "import sys, numpy as np; from genesis_lib.models.onnx_predictor import OnnxPredictor as P;"
        f"p = P({str(exported[1])!r}); [p.step(np.zeros(8)) for _ in range(20)];"
        "print(np.isfinite(p.heads).all(), [m for m in ('torch', 'onnx', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"


def test_without_the_extra_it_says_what_to_install(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"pip install 'genesis-workbench\[onnx\]'"):
        OnnxPredictor(exported[1])
