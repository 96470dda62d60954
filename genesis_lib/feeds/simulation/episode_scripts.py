"""The kinds of episodes that can be planted."""

from __future__ import annotations

from genesis_lib.feeds.simulation import liquidity_scripts, order_scripts, trade_scripts

# kind -> script, longest duration in ms that the plan keeps free for it
SCRIPTS = {
    "spoofing": (order_scripts.spoofing, 11_000),
    "layering": (order_scripts.layering, 11_000),
    "quote_stuffing": (order_scripts.quote_stuffing, 5_000),
    "momentum_ignition": (trade_scripts.momentum_ignition, 15_000),
    "wash_trading": (trade_scripts.wash_trading, 15_000),
    "iceberg": (trade_scripts.iceberg, 22_000),
    "liquidity_gap": (liquidity_scripts.liquidity_gap, 5_000),
    "depth_shock": (liquidity_scripts.depth_shock, 4_000),
    "spread_shock": (liquidity_scripts.spread_shock, 6_000),
    "flash_crash": (liquidity_scripts.flash_crash, 40_000),
}
