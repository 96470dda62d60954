"""The compiled core: books, the simulated crowd, rolling kernels, scanner, trees; compiled where built, else in Python.

`COMPILED` tells which of them is in use. ``GENESIS_NO_EXTENSIONS=1`` chooses the twins.
"""

from __future__ import annotations

import os
import warnings

from orderbook_ext._json_py import ScanError
from orderbook_ext._order_checks import OrderAction
from orderbook_ext._stream_plan import Operation, Register

__all__ = [
    "COMPILED",
    "Crowd",
    "Operation",
    "OrderAction",
    "OrderBook",
    "OrderLevelBook",
    "Plan",
    "Program",
    "Register",
    "Rolling",
    "ScanError",
    "Scanner",
    "Stream",
    "Trees",
    "instruction_set",
    "instruction_sets",
]

COMPILED = False
if os.environ.get("GENESIS_NO_EXTENSIONS") == "1":
    from orderbook_ext._book_py import OrderBook
    from orderbook_ext._crowd_py import Crowd
    from orderbook_ext._orders_py import OrderLevelBook
    from orderbook_ext._program_py import Program
    from orderbook_ext._rolling_py import Rolling
    from orderbook_ext._scan_py import Scanner
    from orderbook_ext._stream_py import Plan, Stream, instruction_set, instruction_sets
    from orderbook_ext._trees_py import Trees
else:
    try:
        from orderbook_ext._book import OrderBook
        from orderbook_ext._crowd import Crowd
        from orderbook_ext._orders import OrderLevelBook
        from orderbook_ext._program import Program
        from orderbook_ext._rolling import Rolling
        from orderbook_ext._scan import Scanner
        from orderbook_ext._stream import Plan, Stream, instruction_set, instruction_sets
        from orderbook_ext._trees import Trees

        COMPILED = True
    except ImportError as error:
        warnings.warn(
            f"the compiled order book is missing ({error}); the Python twin runs instead, 100 times slower. "
            "Build it with: pip install -e .   or silence this with GENESIS_NO_EXTENSIONS=1",
            RuntimeWarning,
            stacklevel=2,
        )
        from orderbook_ext._book_py import OrderBook
        from orderbook_ext._crowd_py import Crowd
        from orderbook_ext._orders_py import OrderLevelBook
        from orderbook_ext._program_py import Program
        from orderbook_ext._rolling_py import Rolling
        from orderbook_ext._scan_py import Scanner
        from orderbook_ext._stream_py import Plan, Stream, instruction_set, instruction_sets
        from orderbook_ext._trees_py import Trees
