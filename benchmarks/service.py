"""What the benchmarks of predictor and pipeline are held against: the way the original service did it.

It kept the last 100 feature rows in a deque and ran the whole network in torch, eagerly, for every row; the book was a
sorted dictionary a side, the messages went through the standard library's JSON.
"""

from __future__ import annotations

import json
import math
from collections import deque
from itertools import islice

import numpy as np
import torch
from sortedcontainers import SortedDict

from genesis_lib.models.artifact import Artifact
from genesis_lib.models.kinds import build, restore
from genesis_lib.models.network import Network
from genesis_lib.models.paper import PaperDeepLOBConfig
from genesis_lib.models.scaler import Scaler

LEVELS = 10


class EagerPredictor:
    """The network on a window of rows, all of it again at every row."""

    def __init__(self, net: Network, scaler: Scaler, temperature: float = 1.0, head: int = 0) -> None:
        torch.set_num_threads(1)
        self._net = net.eval()
        self._scaler, self._temperature, self._head = scaler, temperature, head
        self.warmup = net.config.window
        self._rows: deque[np.ndarray] = deque(maxlen=self.warmup)

    @classmethod
    def of(cls, artifact: Artifact) -> EagerPredictor:
        """The same weights as a registered network's."""
        temperature = 1.0 if artifact.temperature is None else artifact.temperature[artifact.head]
        net = restore(artifact.architecture, artifact.weights)
        return cls(net, artifact.scaler, temperature, artifact.head)

    @classmethod
    def original(cls, levels: int = LEVELS) -> EagerPredictor:
        """The original service's size of network: the paper's at half its width, 61,555 trained values, untrained."""
        torch.set_num_threads(1)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = build(PaperDeepLOBConfig(levels=levels, channels=16, branch=32))
        return cls(net, Scaler(np.zeros(4 * levels), np.ones(4 * levels)))

    def step(self, row: np.ndarray) -> np.ndarray | None:
        """Probabilities (3,) once the window is full."""
        self._rows.append(row)
        if len(self._rows) < self._rows.maxlen:
            return None
        window = self._scaler.transform(np.array(self._rows))
        with torch.no_grad():
            logits = self._net(torch.from_numpy(window)[None])[0, self._head]
            return torch.softmax(logits / self._temperature, dim=0).numpy()


class EagerService:
    """Raw depth message in, probabilities out, the plain way; snapshot and diffs are joined by Binance's rule."""

    def __init__(self, predictor: EagerPredictor, tick_size: float) -> None:
        self._predictor, self._tick_size = predictor, tick_size
        self._bids, self._asks = SortedDict(), SortedDict()
        self._joined = -1  # lastUpdateId of the snapshot
        self._waiting: list[dict] = []

    def message(self, payload: bytes) -> np.ndarray | None:
        """Take one message; answer with probabilities when the window is full."""
        message = json.loads(payload)
        data = message.get("data", message)
        if "bids" in data:
            self._joined = data["lastUpdateId"]
            answer = self._update(data["bids"], data["asks"])
            for diff in self._waiting:
                answer = self._diff(diff)
            return answer
        if self._joined < 0:
            self._waiting.append(data)
            return None
        return self._diff(data)

    def _diff(self, data: dict) -> np.ndarray | None:
        return self._update(data["b"], data["a"]) if data["u"] >= self._joined else None

    def _update(self, bids: list, asks: list) -> np.ndarray | None:
        for side, sign, levels in ((self._bids, -1.0, bids), (self._asks, 1.0, asks)):
            for price, quantity in levels:
                key, amount = sign * float(price), float(quantity)
                if amount:
                    side[key] = amount
                else:
                    side.pop(key, None)
        return self._predictor.step(self._row())

    def _row(self) -> np.ndarray:
        bids, asks = (list(islice(side.items(), LEVELS)) for side in (self._bids, self._asks))
        mid = (asks[0][0] - bids[0][0]) / 2.0
        row = []
        for (bid, bid_size), (ask, ask_size) in zip(bids, asks):
            row += ((ask - mid) / self._tick_size, math.log1p(ask_size))
            row += ((-bid - mid) / self._tick_size, math.log1p(bid_size))
        return np.array(row)
