"""What a session says of itself: market, account and signal as they stand, the same to viewers and to the shell."""

from __future__ import annotations

import math
from typing import Any

from genesis_lib.engine import Engine
from genesis_lib.feeds.base import Source
from genesis_lib.live.picture import Picture, mid


def status(engine: Engine, source: Source, picture: Picture) -> dict[str, Any]:
    """Figures of the newest row and of the account; null (or NaN, which becomes null) where there is none yet."""
    account, row, instrument = engine.account, picture.row, source.instrument
    model = engine.header["model"]
    best = row.levels[0] if row is not None else (math.nan,) * 4
    spread = float(best[2] - best[0])
    return {
        "active": account.active,
        "source": source.name,
        "provenance": source.provenance,
        "instrument": instrument.name,
        "tick_size": instrument.tick_size,
        "lot_size": instrument.lot_size,
        "ts": row.ts_exchange / 1e6 if row is not None else None,
        "valid": bool(row.valid) if row is not None else False,
        "events": engine.events,
        "rows": picture.rows,
        "mid": mid(row) if row is not None else None,
        "spread": spread if math.isnan(spread) else instrument.price(round(spread / instrument.tick_size)),
        "position": account.position,
        "entry_price": account.entry_price,
        "realized": account.realized,
        "unrealized": account.unrealized,
        "fees": account.fees,
        "total": account.total,
        "equity": account.equity,
        "signal": picture.signal,
        "model": model and model | {"exposure": engine.exposure},
        "warmup": engine.forecast.remaining if engine.forecast is not None else 0,  # rows before the next prediction
        "preset": engine.config.strategy.preset,
        "gaps": engine.gaps,
        "feed": source.health() if hasattr(source, "health") else None,  # what a live market has, a recording has not
        "trade_count": len(account.trades),
    }
