"""Detectors: each watches book rows for one thing and says so with a score, a sentence and its evidence."""

from genesis_lib.detectors import hidden, ignition, imbalance, liquidity, manipulation, regime, stuffing, trades, wash
from genesis_lib.detectors.base import DETECTORS, SEVERITIES, Alert, Detector, make_detectors

__all__ = [
    "DETECTORS",
    "SEVERITIES",
    "Alert",
    "Detector",
    "hidden",
    "ignition",
    "imbalance",
    "liquidity",
    "make_detectors",
    "manipulation",
    "regime",
    "stuffing",
    "trades",
    "wash",
]
