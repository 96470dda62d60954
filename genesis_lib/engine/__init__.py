"""The engine: the one synchronous step behind backtest, paper trading and live."""

from genesis_lib.engine.core import Engine, Step
from genesis_lib.engine.trader import COMMANDS

__all__ = ["COMMANDS", "Engine", "Step"]
