import sys

import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.features import OFI_INPUTS, model_inputs
from genesis_lib.models import onnx_export
from genesis_lib.models.ensemble import Member, assemble
from genesis_lib.models.kinds import KINDS
from genesis_lib.models.linear import unscaled
from genesis_lib.models.onnx_export import export
from genesis_lib.models.onnx_predictor import OnnxPredictor
from genesis_lib.models.scaler import Scaler

LABEL = {"kind": "smoothed", "horizon": 5, "threshold": 1e-4, "span": 100, "width": 1.0}


@pytest.fixture
def small(make_registered, tmp_path):
    return make_registered(tmp_path / "models")[1]


@pytest.mark.parametrize("name", [name for name, item in KINDS.items() if item.torch])
def test_every_network_with_all_its_heads_and_temperatures(name, make_tiny, make_lived_in, make_registered, tmp_path):
    config = make_tiny(name)
    net, columns = make_lived_in(config), (model_inputs(2) + OFI_INPUTS(2)[:3])[: config.inputs]
    _, artifact = make_registered(
        tmp_path / "models",
        name=name,
        weights=net.arrays(),
        architecture=config.as_dict(),
        columns=columns,
        scaler=Scaler(np.linspace(-5, 5, len(columns)), np.linspace(0.1, 7, len(columns)), 3.0),
        levels=2,
        labels=[LABEL | {"horizon": 3}, LABEL],
        label=LABEL,
        head=1,
        temperature=[0.7, 2.5],
    )
    difference = export(artifact, tmp_path / "graph.onnx")
    assert 0.0 <= difference <= 1e-6
    ours, theirs = artifact.predictor(), OnnxPredictor(tmp_path / "graph.onnx")
    noise = np.random.default_rng(3).normal(size=(config.window + 5, len(columns)))
    rows = artifact.scaler.mean + artifact.scaler.std * noise
    for row in rows:
        expected, got = ours.step(row), theirs.step(row)
        assert np.allclose(got, expected, rtol=0, atol=2e-6, equal_nan=True)
    assert np.allclose(theirs.heads, ours.heads, rtol=0, atol=2e-6) and not np.allclose(*theirs.heads, atol=1e-3)
    assert np.allclose(theirs.heads.sum(axis=1), 1.0)


@pytest.mark.parametrize("mean", ["probability", "logit"])
def test_an_ensemble_of_networks_and_a_regression(mean, make_tiny, make_lived_in, make_registered, tmp_path):
    rng = np.random.default_rng(1)
    columns = model_inputs(2) + OFI_INPUTS(2)[:3]
    linear = (
        {"kind": "logistic", "inputs": 2, "window": 5, "heads": 2},
        {
            "coefficients": rng.normal(size=(2, 3, 2)),
            "intercepts": rng.normal(size=(2, 3)),
        },
    )
    nets = [make_lived_in(make_tiny(name)) for name in ("causal-16", "deeplob")]
    parts = [linear, *((net.config.as_dict(), net.arrays()) for net in nets)]
    members = [
        Member(shape, weights, Scaler(rng.normal(size=len(at)), np.full(len(at), 1.7), 4.0), (0.5, 1.5), at, weight)
        for (shape, weights), at, weight in zip(parts, ((10, 3), tuple(range(11)), tuple(range(8))), (0.5, 0.2, 0.3))
    ]
    architecture, weights = assemble(members, len(columns), mean)
    _, artifact = make_registered(
        tmp_path / "models", weights=weights, architecture=architecture, columns=columns, scaler=unscaled(len(columns)),
        levels=2, labels=[LABEL, LABEL | {"horizon": 9}], label=LABEL, temperature=[1.0, 1.3],
    )  # fmt: skip
    assert export(artifact, tmp_path / "graph.onnx") <= 1e-6
    rows = rng.normal(size=(60, len(columns)))
    ours, theirs = artifact.predictor(), OnnxPredictor(tmp_path / "graph.onnx")
    for row in rows:
        assert np.allclose(theirs.step(row), ours.step(row), rtol=0, atol=2e-6, equal_nan=True)
    assert np.allclose(theirs.heads, ours.heads, rtol=0, atol=2e-6) and np.isfinite(theirs.heads).all()


def test_members_are_checked_where_they_are_not_clipped(make_registered, monkeypatch, tmp_path):
    """Columns far smaller than 1, as returns are: rows of size 1 would leave every member at its limits."""
    rng = np.random.default_rng(2)
    scaler = Scaler(np.linspace(-5e-4, 5e-4, 8), np.full(8, 1e-5), 4.0)
    shape = {"kind": "logistic", "inputs": 8, "window": 5, "heads": 1}
    weights = {"coefficients": rng.normal(size=(1, 3, 8)) / 4, "intercepts": rng.normal(size=(1, 3))}
    architecture, tensors = assemble([Member(shape, weights, scaler, (1.0,), tuple(range(8)), 1.0)], 8)
    _, artifact = make_registered(
        tmp_path / "models", weights=tensors, architecture=architecture, scaler=unscaled(8), levels=2
    )
    path = tmp_path / "graph.onnx"
    assert export(artifact, path) <= 1e-6
    seen, exact = [], onnx_export.OnnxPredictor.predict
    monkeypatch.setattr(onnx_export.OnnxPredictor, "predict", lambda self, x: (seen.append(x), exact(self, x))[1])
    export(artifact, path)
    assert np.mean(np.abs((seen[0] - scaler.mean) / scaler.std) < scaler.clip) > 0.9
    assert artifact.predict(seen[0][:, -1])[4:].std(axis=0).min() > 0.01


def test_what_has_no_graph_is_refused(make_registered, tmp_path):
    prior = np.full((1, 3), 1 / 3)
    shape = {"kind": "majority", "inputs": 8, "window": 5, "heads": 1}
    _, artifact = make_registered(tmp_path / "models", weights={"prior": prior}, architecture=shape, levels=2)
    with pytest.raises(ModelError, match="a model of kind 'majority' has no ONNX graph; networks, logistic and"):
        export(artifact, tmp_path / "graph.onnx")


def test_a_graph_that_differs_is_never_written(small, monkeypatch, tmp_path):
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"as before")
    exact = onnx_export.restore

    def other(*given):
        net = exact(*given)
        net.head.bias.data[1] += 1e-4
        return net

    monkeypatch.setattr(onnx_export, "restore", other)
    with pytest.raises(
        ModelError, match=r"small .*: the exported graph differs from the model by .*nothing was written"
    ):
        export(small, path)
    assert path.read_bytes() == b"as before" and [f.name for f in tmp_path.glob("*graph*")] == ["graph.onnx"]


def test_the_same_model_gives_the_same_file(small, tmp_path):
    export(small, tmp_path / "a.onnx")
    export(small, tmp_path / "deeper" / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "deeper" / "b.onnx").read_bytes()


def test_a_place_that_cannot_be_written_is_named(small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"file/graph\.onnx: cannot be written"):
        export(small, tmp_path / "file" / "graph.onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_extra_it_says_what_to_install(package, small, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModelError, match=r"pip install 'genesis-workbench\[onnx\]'"):
        export(small, tmp_path / "graph.onnx")
    assert not (tmp_path / "graph.onnx").exists()
