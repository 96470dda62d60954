"""Export of a registered model to ONNX, raw rows in and calibrated probabilities out, checked before it is there."""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genesis_lib.errors import ModelError
from genesis_lib.models.artifact import Artifact
from genesis_lib.models.ensemble import FLOOR
from genesis_lib.models.kinds import KINDS, restore
from genesis_lib.models.onnx_predictor import INPUT, KEY, OUTPUT, OnnxPredictor, runtime
from genesis_lib.models.scaler import Scaler

OPSET = 17
TOLERANCE = 1e-6  # largest difference of a probability
CHECKED = 64  # windows


class Scaling(nn.Module):
    """`Scaler.transform` as a layer: (..., F) float64 -> float32."""

    def __init__(self, scaler: Scaler) -> None:
        super().__init__()
        self.clip = scaler.clip
        self.register_buffer("mean", torch.from_numpy(scaler.mean))
        self.register_buffer("std", torch.from_numpy(scaler.std))

    def forward(self, rows: Tensor) -> Tensor:
        return ((rows - self.mean) / self.std).clamp(-self.clip, self.clip).float()


class Newest(nn.Module):
    """A logistic regression on the newest row of a window: (B, window, F) -> (B, heads, 3)."""

    def __init__(self, coefficients: np.ndarray, intercepts: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.from_numpy(coefficients.reshape(-1, coefficients.shape[-1]).T.copy()))
        self.register_buffer("shift", torch.from_numpy(intercepts.copy()))

    def forward(self, x: Tensor) -> Tensor:
        return (x[:, -1].to(self.matrix.dtype) @ self.matrix).unflatten(1, self.shift.shape) + self.shift


class Mixture(nn.Module):
    """An ensemble as `genesis_lib.models.ensemble.EnsembleNet` answers: (B, window, F) -> (B, heads, 3)."""

    def __init__(self, architecture: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.members, self.scalings = nn.ModuleList(), nn.ModuleList()
        self.logit = architecture["mean"] == "logit"
        self.tables = architecture["members"]
        for number, table in enumerate(self.tables):
            mark = f"member{number}."
            own = {name.removeprefix(mark): array for name, array in weights.items() if name.startswith(mark)}
            self.members.append(_module(table["architecture"], own))
            self.scalings.append(Scaling(Scaler.of(table["scaler"])))

    def forward(self, x: Tensor) -> Tensor:
        total = 0.0
        for table, member, scaling in zip(self.tables, self.members, self.scalings):
            seen = scaling(x[:, -table["architecture"]["window"] :, table["columns"]].double())
            logits = member(seen).double() / torch.tensor(table["temperature"], dtype=torch.float64)[:, None]
            told = torch.log_softmax(logits, dim=2)
            total = total + table["weight"] * (told if self.logit else told.exp())
        return total if self.logit else total.clamp_min(FLOOR).log()


class Answer(nn.Module):
    """Scaling, model, temperature and softmax in one: raw rows (B, window, F) float64 -> (B, heads, 3) float64."""

    def __init__(self, model: nn.Module, scaler: Scaler, temperature: Sequence[float]) -> None:
        super().__init__()
        self.model, self.scaling = model, Scaling(scaler)
        self.register_buffer("temperature", torch.tensor(temperature, dtype=torch.float64)[:, None])

    def forward(self, rows: Tensor) -> Tensor:
        return torch.softmax(self.model(self.scaling(rows)).double() / self.temperature, dim=2)


def _module(architecture: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> nn.Module:
    """What gives the logits of windows of scaled rows."""
    kind = architecture["kind"]
    if kind == "ensemble":
        return Mixture(architecture, weights)
    if kind == "logistic":
        return Newest(weights["coefficients"], weights["intercepts"])
    if kind in {item.architecture for item in KINDS.values() if not item.torch}:
        raise ModelError(f"a model of kind {kind!r} has no ONNX graph; networks, logistic and ensembles of them have")
    return restore(architecture, weights)


def export(artifact: Artifact, path: str | Path) -> float:
    """Write a registered model as an ONNX graph with scaling and temperature inside.

    Parameters
    ----------
    artifact
        A network, a logistic regression, or an ensemble of such.
    path
        Where to; the file appears complete and checked, or not at all.

    Returns
    -------
    float
        Largest difference between a probability of the graph and one of the artifact, over `CHECKED` windows.

    Raises
    ------
    ModelError
        When the extra ``onnx`` is not installed, the model has no graph, or graph and artifact differ by more than
        `TOLERANCE`.
    """
    runtime()
    graph = _graph(artifact)
    difference = _difference(artifact, OnnxPredictor(graph))
    if not difference <= TOLERANCE:
        raise ModelError(
            f"{artifact.name} {artifact.version}: the exported graph differs from the model by {difference:.2g} "
            f"in probability, at most {TOLERANCE:g} is allowed; nothing was written"
        )
    _write(Path(path), graph)
    return difference


def _graph(artifact: Artifact) -> bytes:
    try:
        import onnx
    except ImportError as error:
        raise ModelError(f"ONNX needs the extra packages: pip install 'genesis-workbench[onnx]' ({error})") from error
    heads, width = artifact.net.heads, artifact.net.width
    model = _module(artifact.architecture, artifact.weights)
    answer = Answer(model, artifact.scaler, artifact.temperature or (1.0,) * heads).eval()
    stream = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter that needs no further package calls itself old, and warns of shapes that are fixed here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            answer,
            (torch.zeros(1, artifact.window, width, dtype=torch.float64),),
            stream,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
        )
    model = onnx.load_model_from_string(stream.getvalue())
    about = {
        "name": artifact.name,
        "version": artifact.version,
        "columns": list(artifact.columns),
        "window": artifact.window,
        "heads": heads,
        "head": artifact.head,
        "labels": list(artifact.labels),
    }
    onnx.helper.set_model_props(model, {KEY: json.dumps(about)})
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _difference(artifact: Artifact, predictor: OnnxPredictor) -> float:
    """Of probabilities on rows that wander as the training rows did; some columns leave the range that is clipped."""
    rng, window = np.random.default_rng(0), artifact.window
    scaler, n = _typical(artifact), window + CHECKED - 1
    noise = rng.normal(size=(n + 20, predictor.width))
    smooth = np.cumsum(noise, axis=0)
    scaled = noise[20:] + (smooth[20:] - smooth[:-20]) / np.sqrt(20)
    scaled[rng.random(scaled.shape) < 0.002] *= min(scaler.clip, 20.0)
    rows = scaler.mean + scaler.std * scaled
    windows = np.stack([rows[first : first + window] for first in range(CHECKED)])
    return float(np.abs(predictor.predict(windows) - artifact.predict_heads(rows)[window - 1 :]).max())


def _typical(artifact: Artifact) -> Scaler:
    """What scales the model's columns; of an ensemble, whose own scaler leaves them, the first member's that reads it.

    Rows of another size would be clipped by every member, and all graphs look alike there.
    """
    scaler = artifact.scaler
    if artifact.architecture["kind"] != "ensemble":
        return scaler
    mean, std, clips = scaler.mean.copy(), scaler.std.copy(), []
    for table in artifact.architecture["members"][::-1]:
        own = Scaler.of(table["scaler"])
        mean[table["columns"]], std[table["columns"]] = own.mean, own.std
        clips.append(own.clip)
    return Scaler(mean, std, min(clips))


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
