"""The simulated exchange, its costs and the paper account."""

from genesis_lib.execution.costs import Fees, Money
from genesis_lib.execution.exchange import Execution, Order, SimulatedExchange
from genesis_lib.execution.portfolio import Account, TradeEvent

__all__ = ["Account", "Execution", "Fees", "Money", "Order", "SimulatedExchange", "TradeEvent"]
