"""The engine: the one synchronous step behind backtest, paper trading and live."""

from genesis_lib.engine.core import Engine, Step

__all__ = ["Engine", "Step"]
