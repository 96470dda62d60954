"""The matching engine, ns an order: `MatchingEngine` against a package that does nothing else, on the same orders."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, per_unit
from genesis_lib.feeds.simulation.matching import MatchingEngine

ORDERS = 60_000
SYMBOL = "X"


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure on made-up orders (`paths` are not used)."""
    orders = made_orders(ORDERS)
    trades: list[tuple[int, int, int]] = []

    def ours() -> None:
        engine = MatchingEngine()
        submit, cancel = engine.submit, engine.cancel
        trades.clear()
        for side, tick, lots, gone in orders:
            trades.extend(submit(side, lots, tick).fills)
            if gone:
                cancel(gone)

    row = Row("matching", "limit orders and cancellations", per_unit(ours, len(orders), 7))
    try:
        module = import_module("lightmatchingengine.lightmatchingengine")
    except ImportError as error:
        print(f"matching: lightmatchingengine is left out: {error}", file=sys.stderr)
        return [row]
    told: list = []

    def theirs() -> None:
        engine = module.LightMatchingEngine()
        add, cancel = engine.add_order, engine.cancel_order
        told.clear()
        for side, tick, lots, gone in orders:
            told.extend(add(SYMBOL, tick, lots, side + 1)[1])
            if gone:
                cancel(gone, SYMBOL)

    peer = Row("matching", "lightmatchingengine: limit orders and cancellations", per_unit(theirs, len(orders), 3))
    # It tells a trade of the order that came, once for each price, and one of each order that was there.
    if [(t.order_id, t.trade_price, t.trade_qty) for t in makers(told)] != trades:
        raise AssertionError("matching: the trades differ, the times mean nothing")
    return [peer, row.against(peer)]


def makers(trades: list) -> list:
    """The trades of the orders that rested: each price's run of them follows the one trade of the order that came."""
    found, left = [], 0
    for trade in trades:
        if left == 0:
            left = trade.trade_qty
        else:
            found.append(trade)
            left -= trade.trade_qty
    return found


def made_orders(n: int, seed: int = 3) -> list[tuple[int, int, int, int]]:
    """Side, tick, lots, and the id of an order that rests and is cancelled then (0: none); a third of them cross."""
    rng = np.random.default_rng(seed)
    mid = 50_000 + np.cumsum(rng.integers(-1, 2, n) * (rng.random(n) < 0.05))
    sides = rng.integers(0, 2, n)
    away = rng.integers(-4, 12, n)
    ticks = np.where(sides == 0, mid - away, mid + away)
    gone = np.where(rng.random(n) < 0.6, np.arange(n) + 1 - rng.integers(1, 400, n), 0).clip(min=0)
    engine, orders = MatchingEngine(), []
    for side, tick, lots, old in zip(sides.tolist(), ticks.tolist(), rng.integers(1, 100, n).tolist(), gone.tolist()):
        engine.submit(side, lots, tick)
        orders.append((side, tick, lots, old if old and engine.cancel(old) else 0))
    return orders
