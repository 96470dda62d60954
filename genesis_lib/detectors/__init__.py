"""Detectors: each watches book rows for one thing and says so with a score, a sentence and its evidence."""

from genesis_lib.detectors import liquidity, manipulation, trades
from genesis_lib.detectors.base import DETECTORS, SEVERITIES, Alert, Detector, make_detectors

__all__ = ["DETECTORS", "SEVERITIES", "Alert", "Detector", "liquidity", "make_detectors", "manipulation", "trades"]
