from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

class Program:
    levels: int
    columns: int
    def __init__(
        self,
        levels: int,
        constants: Sequence[float],
        code: Sequence[tuple[int, tuple[int, ...], int, float]],
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
