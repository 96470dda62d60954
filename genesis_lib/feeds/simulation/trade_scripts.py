"""What planted agents do who trade: momentum ignition, wash trading, icebergs.

One generator a kind: each ``yield`` waits for the next depth message.

References
----------
Cumming, Johan and Li (2011), Exchange trading rules and stock market liquidity (the catalogue of manipulations).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from genesis_lib.types import BID

if TYPE_CHECKING:
    from genesis_lib.feeds.simulation.episodes import Episode

PUSHED = 3e-4, 1e-3  # parts of the market's usual price that an ignition pushes it; what goes farther is a crash
LEAST_WASHED = 8
LEAST_REFILLS = 5
ICEBERG_MS = 20_000  # after this it ends as soon as it has been refilled often enough


def momentum_ignition(e: Episode) -> Iterator[None]:
    """A burst of takers one way until the crowd follows, an overshoot, then the unwinding against it."""
    flow, hit = e.flow, e.side
    taker, start = 1 - hit, e.touch()
    up = 1 if taker == BID else -1
    usual = flow.p.price / flow.instrument.tick_size
    ticks, back = e.whole("ticks", *(round(part * usual) for part in PUSHED)), e.draw("returns", 0.5, 1.0)
    whole = e.draw("seconds", 3.0, 12.0, log=True) * 1000
    first, rest = e.draw("burst_share", 0.25, 0.55), e.draw("hold_share", 0.05, 0.2)
    lean = e.draw("push", 0.2, 1.0)
    e.note(start)
    flow.push = up * lean
    yield from drive(e, taker, start, start + up * ticks, whole * first)
    e.label["peak"] = flow.instrument.price(e.touch(hit))
    yield from e.hold(whole * rest)
    peak, flow.push = e.touch(taker), -up * lean
    goal = min(start + up * round(ticks * (1.0 - back)), peak - up, key=lambda tick: tick * up)
    yield from drive(e, hit, peak, goal, whole * (1.0 - first - rest))


def drive(e: Episode, taker: int, start: int, goal: int, milliseconds: float) -> Iterator[None]:
    """Trade the price from one tick to another on a straight line over time: sweep, rest the remainder, again."""
    flow, begin = e.flow, e.flow.now
    size, gap = e.draw("rest_queues", 0.1, 0.8, log=True), e.draw("order_gap_ms", 20.0, 150.0, log=True)
    standing = next_at = 0
    share = 0.0
    while share < 1.0:
        share = min(1.0, (flow.now - begin) / milliseconds)
        if flow.now >= next_at or share == 1.0:
            if standing:
                e.cancel(standing)
            aim = start + round((goal - start) * share)
            _, standing = e.sweep(taker, aim, e.lots(size * e.random.uniform(0.5, 1.5)))
            next_at = flow.now + e.random.expovariate(1.0 / gap)
        yield
    e.cancel(standing)


def wash_trading(e: Episode) -> Iterator[None]:
    """Eight to forty (nearly) equal trades of an agent with himself, over 2 to 12 s, that move no price and no depth.

    They meet by arrangement, not in the queue, and only while their price is the market's; when it has left, they wait,
    and take the new one in the end.
    """
    flow, rest = e.flow, e.side
    wanted, span = e.whole("trades", LEAST_WASHED, 40), e.draw("seconds", 2.0, 12.0) * 1000
    lots, jitter = e.lots(e.draw("touch_queues", 0.01, 0.3, log=True)), e.random.choice((0.0, 0.0, 0.01, 0.03))
    patience, e.parameters["jitter"] = e.draw("patience_ms", 200.0, 600.0), jitter
    gap = span / wanted
    tick, left_at, prices = e.touch(), None, Counter()
    next_at = flow.now
    while prices.total() < wanted:
        if e.touch() == tick:
            left_at = None
            if flow.now >= next_at:
                size = max(1, round(lots * e.random.uniform(1.0 - jitter, 1.0 + jitter)))
                e.cross(1 - rest, tick, size)
                prices[tick] += 1
                next_at = max(next_at + gap * e.random.uniform(0.6, 1.4), flow.now)
        elif left_at is None:
            left_at = flow.now
        elif flow.now - left_at >= patience:
            tick, left_at = e.touch(), None
            continue
        yield
    e.note(prices.most_common(1)[0][0], quantity=flow.quantity(lots), trades=wanted)


def iceberg(e: Episode) -> Iterator[None]:
    """A resting order of many times what it shows, that takers run into.

    Either the venue's own, which shows the same again at once, or one that an agent works: when what he shows is taken,
    he shows a little more or less at the next message.
    """
    flow, engine = e.flow, e.flow.engine
    tick, refills = e.touch(), e.whole("refills", LEAST_REFILLS, 20)
    shown, jitter = e.lots(e.draw("touch_queues", 0.08, 0.5, log=True)), e.random.choice((0.0, 0.0, 0.15, 0.3))
    pace, lean = e.draw("refills_per_second", 0.8, 4.0, log=True), e.draw("push", 0.2, 1.0)
    e.parameters["jitter"] = jitter
    flow.push = -lean if e.side == BID else lean
    sizes = [max(1, round(shown * e.random.uniform(1.0 - jitter, 1.0 + jitter))) for _ in range(refills + 1)]
    total = sum(sizes)
    e.note(tick, quantity=flow.quantity(total), shown=flow.quantity(shown))
    order = e.rest(e.side, tick, sizes[0]) if jitter else e.rest(e.side, tick, total, shown)
    filled, parts, owed = 0, 1, 0.0
    before = begin = flow.now

    def taken(order: int, tick: int, lots: int, trade_id: int, ts: int) -> None:
        nonlocal filled
        filled += lots
        e.label["end"] = e.shown  # it is the crowd that takes the rest of him

    flow.watchers[order] = taken
    while True:
        if not e.rests(order):
            flow.watchers.pop(order, None)
            if not jitter or parts == len(sizes):
                break
            _, order = e.sweep(e.side, tick, sizes[parts])  # where the market has passed: takes it back
            parts += 1
            flow.watchers[order] = taken
        if flow.now - begin > ICEBERG_MS and filled >= (LEAST_REFILLS + 1) * shown:
            break
        # Who sells into it: beside the crowd's takers one who works an order of his own.
        owed += pace * shown * (flow.now - before) / 1000.0 * e.random.uniform(0.0, 2.0)
        before = flow.now
        if owed >= 1.0 and e.random.random() < 0.5:
            ahead = engine.book.available(e.side, tick)
            e.trade(1 - e.side, int(owed) + min(ahead, int(3 * owed) + 1), tick)
            owed = 0.0
        yield
    flow.watchers.pop(order, None)
    e.cancel(order)
    e.label |= {"filled": flow.quantity(filled), "refilled": parts - 1 if jitter else filled // shown}
