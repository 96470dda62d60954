"""A step of the crowd: time, a Hawkes process of orders at the touch, those who flee, and everyone behind the touch."""

from libc.math cimport exp, fabs, log
from libc.stdint cimport int64_t, uint64_t

from orderbook_ext._crowd_orders cimport (
    ASK, BID, KINDS, Meta, State, allowed, cancel, clear_level, close_spread, excite, lean_of, market, mine, off, pick,
    read_touch, receive, refresh_far, refresh_near, rest_order, tell, tell_touch,
)
from orderbook_ext._factors cimport bell, draw, factor_advance, waiting
from orderbook_ext._ladder cimport Ladder, ladder_level
from orderbook_ext._order_messages cimport Changes, orders_changes
from orderbook_ext._queues cimport find_level

cdef enum:
    UPDATE = 0
    WIDEST = 300  # ticks that makers give up at once
    CELL = 100


cdef inline void look(State* s) noexcept nogil:
    """Learn what the hidden factors have become."""
    cdef int64_t cells = (s.now - s.start) // CELL, day = s.now % 86_400_000
    cdef int64_t minute = day // 60_000, rest = day % 60_000
    cdef double value
    factor_advance(&s.own, &s.climate, cells)
    factor_advance(&s.common, &s.climate, cells)
    value = s.p.shared * s.common.value + s.p.particular * s.own.value
    s.fair += s.p.volatility * (value - s.value)
    s.value = value
    s.activity = s.p.shared * s.common.activity + s.p.particular * s.own.activity
    s.busy = s.day[minute] + (s.day[minute + 1] - s.day[minute]) * (<double>rest / 60_000.0)


cdef inline int64_t begin(State* s, double pace) noexcept nogil:
    """Let time pass until the next depth message; gives a time before it."""
    cdef double usual = s.p.interval_ms * exp(-0.5 * s.p.hurry * s.activity), u, wait
    cdef int64_t before = s.now
    s.row += 1
    u = draw(&s.random)
    if u < 0.10:
        wait = usual * draw(&s.random)
    elif u < 0.15:
        wait = usual * (1.0 - 0.8 * waiting(&s.random))
    else:
        wait = usual * (1.0 + 0.24 * bell(&s.random))
    wait *= pace
    s.elapsed = 1 + <int64_t>(wait if wait < 1500.0 else 1500.0)
    s.now = before + s.elapsed
    look(s)
    return before + 1 + <int64_t>(<double>(s.elapsed - 1) * draw(&s.random))


cdef inline void open_(State* s, int64_t ms) noexcept nogil:
    """A spread just opened: often somebody is there at once."""
    if s.ask - s.bid > 1 and draw(&s.random) < s.p.quick:
        if ms:
            tell_touch(s, ms)
        close_spread(s)


cdef inline int side_of(State* s, double lean) noexcept nogil:
    """Which way a new taker goes."""
    cdef double bids = <double>s.bids, asks = <double>s.asks
    lean = s.p.lean_takers * lean + 2.0 * s.p.lean_imbalance * (bids - asks) / (bids + asks)
    return BID if draw(&s.random) < 1.0 / (1.0 + exp(-2.0 * lean)) else ASK


cdef inline int take(State* s, int side, double lean, int64_t ms) noexcept nogil:
    """A market order; one of its own accord is often a part of a long one. Gives its side (0 buys)."""
    cdef Meta* meta
    cdef double length
    cdef int64_t reach, lots, before
    if side < 0:
        if draw(&s.random) < s.p.split:
            meta = &s.metas[<Py_ssize_t>(draw(&s.random) * <double>s.n_metas)]
            if meta.left == 0:
                meta.side = side_of(s, lean)
                length = exp(-waiting(&s.random) / s.p.tail)
                meta.left = <int64_t>(length if length < 2000.0 else 2000.0)
            side = <int>meta.side
            meta.left -= 1
        else:
            side = side_of(s, lean)
    reach = <int64_t>(-s.p.reach * waiting(&s.random))
    lots = pick(s.trade_size, &s.random)
    before = s.bid + s.ask
    market(s, side, lots, s.ask + reach if side == BID else s.bid - reach, ms)
    if read_touch(s) and s.bid + s.ask != before:
        s.fair += 0.5 * s.p.impact * <double>(s.bid + s.ask - before)
        open_(s, ms)
    return side


cdef inline void leave(State* s, int side) noexcept nogil:
    cdef int at = find_level(&s.book.held, side, s.ask if side else s.bid)
    cdef uint64_t youngest = s.book.held.orders[s.book.held.levels[at].last].id
    if mine(youngest):
        cancel(s, youngest)
        if read_touch(s):
            open_(s, 0)


cdef inline void arrivals(State* s, int64_t early) noexcept nogil:
    """Orders at and through the touch until the message: a Hawkes process, thinned."""
    cdef double fast_decay = s.p.fast_decay / 1000.0, slow_decay = s.p.slow_decay / 1000.0
    cdef double at = 0.0, length = <double>s.elapsed, takers = 0.0, lean = 0.0
    cdef double pace, held, willing, quiet, excited, bound, wait, fade, fade_slow, u, rate
    cdef double rates[KINDS]
    cdef int64_t start = s.now - s.elapsed, ms
    cdef bint changed = True
    cdef int side, kind, other
    for kind in range(KINDS):
        rates[kind] = 0.0
    while True:
        if changed:
            if not read_touch(s):
                break
            lean = lean_of(s)
            pace = s.busy * exp(s.p.hurry * s.activity)
            takers = s.p.takers * pace * (1.0 + s.p.pick_off * fabs(lean)) / 1000.0
            for side in range(2):
                held = <double>(s.asks if side else s.bids)
                willing = (
                    0.5 + s.p.lean_makers * (-lean if side else lean) - s.p.patience * log(held / (s.target * s.busy))
                )
                willing = 0.05 if willing < 0.05 else 0.95 if willing > 0.95 else willing
                rates[2 + side] = 2.0 * s.p.makers * pace * willing / 1000.0
                rates[4 + side] = 2.0 * s.p.makers * pace * (1.0 - willing) / 1000.0
            changed = False
        quiet = takers + rates[2] + rates[3] + rates[4] + rates[5]
        excited = s.fast[0] + s.fast[1] + s.fast[2] + s.fast[3] + s.fast[4] + s.fast[5] + s.slow[0] + s.slow[1]
        bound = quiet + excited
        wait = -waiting(&s.random) / bound
        wait = wait if at + wait < length else length - at
        fade, fade_slow = exp(-fast_decay * wait), exp(-slow_decay * wait)
        for kind in range(KINDS):
            s.fast[kind] *= fade
        s.slow[0] *= fade_slow
        s.slow[1] *= fade_slow
        at += wait
        if at >= length or s.book.held.failed or s.failed:
            break
        u = draw(&s.random) * bound
        kind = -1
        if u >= takers:
            u -= takers
            kind = KINDS
            for other in range(KINDS):
                rate = rates[other] + s.fast[other] + (s.slow[other] if other < 2 else 0.0)
                if u < rate:
                    kind = other
                    break
                u -= rate
            if kind == KINDS:
                continue
        ms = start + 1 + <int64_t>at
        ms = early if ms < early else ms
        if kind < 2:
            kind = take(s, kind, lean, ms)
        elif kind < 4:
            side = kind - 2
            if allowed(s, side, s.ask if side else s.bid):
                rest_order(s, side, s.ask if side else s.bid, pick(s.touch_size, &s.random))
        else:
            leave(s, kind - 4)
        excite(s, kind)
        tell_touch(s, ms)
        changed = True


cdef inline void flee(State* s, int side) noexcept nogil:
    """Makers who stand in the way of the price give up every level up to where they think it goes."""
    cdef double lean
    cdef int64_t best, width, lots, tick
    cdef int64_t ticks[WIDEST + 1]
    cdef const Ladder* ladder = &s.book.held.sides[side]
    cdef Py_ssize_t i, n
    if not read_touch(s):
        return
    lean = (off(s) + s.push) * (1.0 if side else -1.0) - s.p.calm
    lean = lean if lean < 10.0 else 10.0
    if lean <= 0.0 or draw(&s.random) >= 1.0 - exp(-s.p.fear * lean * lean * <double>s.elapsed / 1000.0):
        return
    best = s.ask if side else s.bid
    width = <int64_t>fabs(s.fair - <double>best)
    width = width if width < WIDEST else WIDEST
    if draw(&s.random) < s.p.late:
        clear_level(s, side, best, 1)
        lots = 8 * pick(s.trade_size, &s.random)
        market(s, 1 - side, lots, best + width if side else best - width, s.now)
        excite(s, 1 - side)
    n = ladder.n if ladder.n < width + 1 else width + 1
    for i in range(n):
        ticks[i] = s.book.held.levels[ladder_level(ladder, i)].tick
    for i in range(n):
        tick = ticks[i]
        if tick - best > width or best - tick > width:
            break
        clear_level(s, side, tick, 0)


cdef inline void others(State* s) noexcept nogil:
    """Orders behind the touch come and go, in bursts."""
    cdef double span = <double>s.elapsed / s.p.interval_ms, pace, many, noise
    cdef int64_t i, n
    read_touch(s)
    span = span if span < 4.0 else 4.0
    noise = bell(&s.random)
    s.burst += -s.p.calming * s.burst + noise * 2.0 * s.p.unrest
    pace = span * s.busy
    n = <int64_t>(s.p.near_rate * pace + draw(&s.random))
    for i in range(n):
        refresh_near(s, <Py_ssize_t>(draw(&s.random) * <double>s.near.n))
    many = s.p.far_rate * pace * exp(s.burst)
    n = <int64_t>((many if many < 400.0 else 400.0) + draw(&s.random))
    for i in range(n):
        refresh_far(s, <Py_ssize_t>(draw(&s.random) * <double>s.far.n))


cdef inline void finish(State* s, int64_t early) noexcept nogil:
    """Let everyone act until the message."""
    if read_touch(s):
        s.fair += s.p.permanent * (0.5 * <double>(s.bid + s.ask) - s.mid)
    s.fair += s.push * s.p.drive * <double>s.elapsed / 1000.0
    arrivals(s, early)
    others(s)
    flee(s, BID)
    flee(s, ASK)
    if draw(&s.random) >= s.p.slowness * s.busy:
        close_spread(s)
    tell_touch(s, s.now)
    if read_touch(s):
        s.mid = 0.5 * <double>(s.bid + s.ask)
        s.fair += (s.mid - s.fair) * s.p.forget * <double>s.elapsed / 1000.0


cdef inline int run(State* s, Py_ssize_t messages, Changes* changes) noexcept nogil:
    """Step so often, telling each message's levels too; 0 without memory."""
    cdef Py_ssize_t i, before
    cdef int64_t previous
    for i in range(messages):
        begin(s, 1.0)
        finish(s, 0)
        before, previous = changes.n, s.depth_id
        orders_changes(s.book, changes)
        s.update_id += 1
        s.depth_id = s.update_id
        tell(s, UPDATE, s.now, receive(s, s.now * 1_000_000), s.update_id, previous, changes.n - before, 0, 0)
        if s.failed or s.book.held.failed:
            return 0
    return 1
