from numpy import float64
from numpy.typing import ArrayLike, NDArray

class Trees:
    width: int
    groups: int
    count: int
    def __init__(
        self,
        feature: ArrayLike,
        threshold: ArrayLike,
        right: ArrayLike,
        missing_left: ArrayLike,
        value: ArrayLike,
        starts: ArrayLike,
        group: ArrayLike,
        groups: int,
    ) -> None: ...
    def add(self, rows: NDArray[float64], out: NDArray[float64]) -> None: ...
