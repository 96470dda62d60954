from collections.abc import Sequence

from numpy import float64
from numpy.typing import ArrayLike, NDArray

from orderbook_ext._stream_plan import Operation, Register

def instruction_sets() -> tuple[str, ...]: ...
def instruction_set() -> str: ...

class Plan:
    window: int
    heads: int
    width: int
    instructions: str
    @property
    def floats(self) -> int: ...
    def __init__(
        self,
        registers: Sequence[Register],
        operations: Sequence[Operation],
        output: tuple[int, int],
        window: int,
        heads: int = 1,
        instructions: str | None = None,
    ) -> None: ...

class Stream:
    plan: Plan
    head: int
    @property
    def remaining(self) -> int: ...
    @property
    def probabilities(self) -> NDArray[float64]: ...
    @property
    def logits(self) -> NDArray[float64]: ...
    def __init__(
        self,
        plan: Plan,
        mean: ArrayLike | None = None,
        std: ArrayLike | None = None,
        clip: float | None = None,
        temperature: ArrayLike | None = None,
        head: int = 0,
    ) -> None: ...
    def reset(self) -> None: ...
    def ahead(self) -> None: ...
    def step(self, row: ArrayLike) -> NDArray[float64]: ...
    def run(self, rows: ArrayLike, valid: ArrayLike | None = None, logits: bool = False) -> NDArray[float64]: ...
