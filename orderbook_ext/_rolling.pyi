from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

OPS: tuple[str, ...]
KINDS: tuple[str, ...]
FLOW: int
VPIN_ROWS: int
VPIN_SCALE: float

class Rolling:
    kind: str
    @property
    def span(self) -> int: ...
    def __init__(self, kind: str, span: int) -> None: ...
    def reset(self) -> None: ...
    def push(self, x: float) -> float: ...
    def run(self, values: ArrayLike, valid: ArrayLike | None = None) -> NDArray[np.float64]: ...

class Program:
    levels: int
    columns: int
    def __init__(
        self,
        levels: int,
        constants: Sequence[float],
        code: Sequence[tuple[int, int, int, int]],
        outputs: Sequence[int],
    ) -> None: ...
    def fresh(self) -> Program: ...
    def reset(self) -> None: ...
    def push(
        self, levels: NDArray[np.float64], flow: NDArray[np.float64], ts: int, tick_size: float, valid: bool
    ) -> NDArray[np.float64]: ...
    def run(
        self,
        levels: NDArray[np.float64],
        flow: NDArray[np.float64],
        ts: NDArray[np.int64],
        tick_size: float,
        valid: NDArray[np.bool_],
    ) -> NDArray[np.float64]: ...
