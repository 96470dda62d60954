"""The portable fallback: an exported model on ONNX Runtime, row in, probabilities out, on one thread.

Needs neither torch nor the registry, only the file that `onnx_export.export` wrote and the optional extra ``onnx``.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from genesis_lib.errors import ModelError

KEY = "genesis"  # of the graph's metadata: JSON of name, version, columns, window, heads, head
INPUT, OUTPUT = "rows", "probabilities"


def runtime() -> ModuleType:
    """Import ONNX Runtime.

    Raises
    ------
    ModelError
        When the extra ``onnx`` is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(f"ONNX needs the extra packages: pip install 'genesis-workbench[onnx]' ({error})") from error
    return onnxruntime


class OnnxPredictor:
    """Probabilities of DOWN, NEUTRAL, UP after each raw row, from an exported graph.

    Parameters
    ----------
    path
        File that `onnx_export.export` wrote; or the bytes of one.

    Notes
    -----
    The whole window runs through the graph at each step, so it is many times slower than the artifact's own predictor
    and only as exact as the runtime's float32. A row that is not finite (a gap, a warm-up) forgets all rows before it.

    Raises
    ------
    ModelError
        When ONNX Runtime is not installed, or the file is no graph of ours.
    """

    def __init__(self, path: str | Path | bytes) -> None:
        engine = runtime()
        options = engine.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what is wrong comes as an exception
        name = "the graph" if isinstance(path, bytes) else str(path)
        try:
            source = path if isinstance(path, bytes) else Path(path).read_bytes()
            self._session = engine.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise ModelError(f"{name}: cannot be read: {error.strerror or error}") from error
        except Exception as error:  # the runtime's own kinds share no base but this
            raise ModelError(f"{name}: no ONNX graph: {' '.join(str(error).split())[:200]}") from error
        told = self._session.get_modelmeta().custom_metadata_map.get(KEY)
        if told is None:
            raise ModelError(f"{name}: an ONNX graph, but none that `genesis models export` wrote")
        try:
            about: dict[str, Any] = json.loads(told)
            self.name, self.version = about["name"], about["version"]
            self.columns: tuple[str, ...] = tuple(about["columns"])
            self.width, self._head = len(self.columns), about["head"]
            self.warmup: int = about["window"]
            shapes = [each.shape[1:] for each in (self._session.get_inputs()[0], self._session.get_outputs()[0])]
            if shapes != [[self.warmup, self.width], [about["heads"], 3]] or not 0 <= self._head < about["heads"]:
                raise ValueError(f"the graph's shapes are {shapes}")
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ModelError(f"{name}: what the graph tells of itself is damaged: {error}") from error
        # Rows are written twice, a window apart, so that the newest window always lies side by side.
        self._rows = np.zeros((2 * self.warmup, self.width))
        self._unknown = np.full((about["heads"], 3), np.nan)
        self.reset()

    def reset(self) -> None:
        """Forget every row."""
        self._seen = 0
        self.heads = self._unknown

    def ahead(self) -> None:
        """Nothing can be computed before the next row comes."""

    @property
    def remaining(self) -> int:
        """Rows still to come before there is an answer."""
        return max(self.warmup - self._seen, 0)

    def step(self, row: np.ndarray) -> np.ndarray:
        """Take one raw row (F,) in the order of `columns`, give (3,) float64; NaN while warming up.

        Raises
        ------
        ModelError
            When the row has another number of columns.
        """
        if row.shape != (self.width,):
            raise ModelError(f"row must have shape ({self.width},), got {row.shape}")
        if not np.isfinite(row).all():
            self.reset()
            return self.heads[self._head].copy()
        at = self._seen % self.warmup
        self._rows[at] = self._rows[at + self.warmup] = row
        self._seen += 1
        if self._seen >= self.warmup:
            self.heads = self.predict(self._rows[None, at + 1 : at + 1 + self.warmup])[0]
        return self.heads[self._head].copy()

    def predict(self, windows: np.ndarray) -> np.ndarray:
        """Probabilities of whole windows of raw, finite rows: (B, window, F) float64 -> (B, heads, 3)."""
        if windows.ndim != 3 or windows.shape[1:] != (self.warmup, self.width):
            raise ModelError(f"windows must have shape (B, {self.warmup}, {self.width}), got {windows.shape}")
        return self._session.run([OUTPUT], {INPUT: np.ascontiguousarray(windows, np.float64)})[0]
