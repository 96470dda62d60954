"""The compiled book against its twin and against a model that keeps no order at all: millions of random updates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook_ext import _book_py

_book = pytest.importorskip("orderbook_ext._book", reason="the compiled book is not built")
BOOKS = pytest.mark.parametrize("cls", [_book.OrderBook, _book_py.OrderBook], ids=["compiled", "twin"])
WINDOW = 65_536  # of the compiled book; the tests jump around its edges


class LastWrites:
    """What a book must hold, found without a book: of each level the last quantity written, by sorting."""

    def __init__(self) -> None:
        self.keys = np.empty(0, np.int64)  # 2 * tick + side
        self.quantities = np.empty(0)
        self.unknown_deletes = 0

    def apply(self, sides, ticks, quantities) -> None:
        keys = np.concatenate([self.keys, 2 * ticks + sides])
        written = np.concatenate([self.quantities, quantities])
        order = np.argsort(keys, kind="stable")
        keys, written = keys[order], written[order]
        first = np.r_[True, keys[1:] != keys[:-1]]
        held_before = np.r_[False, written[:-1] > 0] & ~first
        self.unknown_deletes += int(((written == 0) & ~held_before).sum())
        last = np.r_[first[1:], True] & (written > 0)
        self.keys, self.quantities = keys[last], written[last]

    def ladder(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        mine = self.keys % 2 == side
        ticks, quantities = self.keys[mine] // 2, self.quantities[mine]
        return (ticks, quantities) if side else (ticks[::-1], quantities[::-1])


def price(ticks, tick_size: float):
    return ticks / round(1 / tick_size) if tick_size < 1 and (1 / tick_size).is_integer() else ticks * tick_size


def assert_holds(book, model: LastWrites, tick_size: float) -> None:
    """`book` is exactly what the model says: levels, top, best, sizes, counts."""
    assert book.unknown_deletes == model.unknown_deletes
    top = np.full((40, 4), np.nan)
    best = []
    for side, word in enumerate(("bid", "ask")):
        ticks, quantities = model.ladder(side)
        prices = price(ticks, tick_size)
        np.testing.assert_array_equal(book.levels(word), np.column_stack([prices, quantities]))
        assert book.size(word) == len(ticks)
        n = min(40, len(ticks))
        top[:n, 2 * side], top[:n, 2 * side + 1] = prices[:n], quantities[:n]
        best.append(int(ticks[0]) if len(ticks) else None)
    for n in (1, book.depth, 10, 40):
        np.testing.assert_array_equal(book.top(min(n, 40)), top[:n])
    assert [book.best_bid_tick, book.best_ask_tick] == best
    assert book.is_crossed == (None not in best and best[0] >= best[1])
    np.testing.assert_array_equal([book.best_bid, book.best_ask], top[0, [0, 2]])
    np.testing.assert_array_equal(book.mid, (top[0, 0] + top[0, 2]) / 2)
    np.testing.assert_array_equal(book.spread, np.nan if None in best else price(best[1] - best[0], tick_size))


def assert_twins(compiled, twin) -> None:
    for word in ("bid", "ask"):
        np.testing.assert_array_equal(compiled.levels(word), twin.levels(word))
        assert compiled.size(word) == twin.size(word)
    for n in (1, compiled.depth, 17):
        np.testing.assert_array_equal(compiled.top(n), twin.top(n))
    for name in ("best_bid", "best_ask", "mid", "spread", "best_bid_tick", "best_ask_tick", "is_crossed", "depth"):
        np.testing.assert_equal(getattr(compiled, name), getattr(twin, name))
    assert (len(compiled), compiled.unknown_deletes, repr(compiled)) == (len(twin), twin.unknown_deletes, repr(twin))


def market(rng: np.random.Generator, n: int, mid: int, span: int, crossed: bool, deletes: float):
    """`n` updates around `mid`: mostly near, some far, many deletes of levels that nobody holds."""
    sides = rng.integers(0, 2, n).astype(np.int8)
    away = np.abs(rng.standard_t(1.2, n) * span).clip(max=mid - 1).astype(np.int64)
    ticks = np.where(sides == 0, mid - 1 - away, mid + away)
    if crossed:
        ticks = np.where(rng.random(n) < 0.2, 2 * mid - ticks, ticks).clip(0)
    quantities = np.where(rng.random(n) < deletes, 0.0, rng.exponential(3.0, n) + 1e-9)
    return sides, ticks, quantities


MARKETS = {
    "seed": st.integers(0, 2**32),
    "span": st.sampled_from([1, 3, 30, 1_000, 20_000, 300_000]),
    "jump": st.sampled_from([0, 50, 5_000, 40_000, 600_000]),
    "crossed": st.booleans(),
    "deletes": st.sampled_from([0.05, 0.45, 0.7, 0.95]),
    "depth": st.sampled_from([1, 2, 10, 20]),
    "tick_size": st.sampled_from([0.1, 0.01, 0.25, 0.5, 1.0, 5.0, 1e-8, 0.3]),
}


@settings(max_examples=60, deadline=None)
@given(**MARKETS)
def test_millions_of_updates(seed, span, jump, crossed, deletes, depth, tick_size):
    """60 examples of 4 batches, up to 60,000 updates each, against the model of last writes."""
    rng = np.random.default_rng(seed)
    book, model, mid = _book.OrderBook(tick_size, 0.001, depth), LastWrites(), 5_000_000
    for _ in range(4):
        batch = market(rng, int(rng.integers(1, 60_000)), mid, span, crossed, deletes)
        before = model.unknown_deletes
        model.apply(*batch)
        assert book.apply_ticks(*batch) == model.unknown_deletes - before
        assert_holds(book, model, tick_size)
        mid += int(rng.integers(-jump, jump + 1))


@settings(max_examples=60, deadline=None)
@given(**MARKETS)
def test_top_after_every_update(seed, span, jump, crossed, deletes, depth, tick_size):
    rng = np.random.default_rng(seed)
    batches = [market(rng, 4_000, 5_000_000 + k * jump, span, crossed, deletes) for k in range(3)]
    columns = tuple(np.concatenate(column) for column in zip(*batches))
    book = _book.OrderBook(tick_size, 0.001, depth)
    tops = book.apply_tops(*columns)
    for stop in (*rng.integers(1, len(tops), 8).tolist(), len(tops)):
        model = LastWrites()
        model.apply(*(column[:stop] for column in columns))
        for side in range(2):
            ticks, quantities = model.ladder(side)
            n = min(depth, len(ticks))
            expected = np.full((depth, 2), np.nan)
            expected[:n, 0], expected[:n, 1] = price(ticks, tick_size)[:n], quantities[:n]
            np.testing.assert_array_equal(tops[stop - 1, :, 2 * side : 2 * side + 2], expected)
    assert_holds(book, model, tick_size)


@settings(max_examples=120, deadline=None)
@given(**MARKETS)
def test_twins_agree(seed, span, jump, crossed, deletes, depth, tick_size):
    """Every way of changing a book, in turn: batches in ticks and in prices, single levels, snapshots, clear."""
    rng = np.random.default_rng(seed)
    compiled, twin = (cls(tick_size, 0.001, depth) for cls in (_book.OrderBook, _book_py.OrderBook))
    mid = 5_000_000
    for _ in range(6):
        sides, ticks, quantities = market(rng, int(rng.integers(1, 400)), mid, span, crossed, deletes)
        prices = price(ticks, tick_size)
        way = int(rng.integers(0, 6))
        if way == 0:
            np.testing.assert_array_equal(
                compiled.apply_tops(sides, ticks, quantities), twin.apply_tops(sides, ticks, quantities)
            )
        elif way == 1:
            assert compiled.apply(sides, prices, quantities) == twin.apply(sides, prices, quantities)
        elif way == 2:
            ladders = [np.column_stack([prices, quantities])[sides == side] for side in (0, 1)]
            assert compiled.snapshot(*ladders) is twin.snapshot(*ladders)
        elif way == 3:
            assert compiled.snapshot_ticks(sides, ticks, quantities) is twin.snapshot_ticks(sides, ticks, quantities)
        else:
            for side, tick, at, quantity in zip(sides.tolist(), ticks.tolist(), prices.tolist(), quantities.tolist()):
                word = ("bid", "ask")[side]
                for book in (compiled, twin):
                    book.update(word, at, quantity) if way == 4 else book.update_tick(side, tick, quantity)
                assert compiled.level(word, at) == twin.level(word, at) == quantity
                np.testing.assert_array_equal(compiled.top(depth), twin.top(depth))
        assert_twins(compiled, twin)
        if rng.random() < 0.1:
            compiled.clear(), twin.clear()
            assert_twins(compiled, twin)
        mid += int(rng.integers(-jump, jump + 1))


EDGES = sorted({0, 1, 63, 64, 65, 4_095, 4_096, 16_384, 32_767, 32_768, 32_769, 49_152, WINDOW - 1, WINDOW, WINDOW + 1})
edge_ticks = st.builds(
    lambda windows, edge, step: max(0, 10 * WINDOW + windows * WINDOW + edge + step),
    st.sampled_from([-9, -2, -1, 0, 1, 2, 30]),
    st.sampled_from(EDGES),
    st.integers(-1, 1),
)


@settings(max_examples=600, deadline=None)
@given(
    depth=st.integers(1, 4),
    levels=st.lists(st.tuples(st.integers(0, 1), edge_ticks, st.sampled_from([0.0, 0.0, 1.0, 2.5])), max_size=80),
)
def test_around_the_edges_of_the_window(depth, levels):
    """Few levels, tens of thousands of ticks apart: the window moves all the time."""
    compiled, twin = (cls(1.0, 1.0, depth) for cls in (_book.OrderBook, _book_py.OrderBook))
    for level in levels:
        compiled.update_tick(*level)
        twin.update_tick(*level)
        np.testing.assert_array_equal(compiled.top(depth), twin.top(depth))
    assert_twins(compiled, twin)


@BOOKS
def test_words_of_the_surface(cls):
    book = cls(tick_size=0.1, lot_size=0.001)
    assert math.isnan(book.mid) and math.isnan(book.spread) and math.isnan(book.best_bid) and not book.is_crossed
    assert book.best_bid_tick is None and np.isnan(book.top()).all() and book.top().shape == (10, 4)
    book.snapshot(np.array([[28145.1, 2.0], [28145.0, 5.0]]), np.array([[28145.2, 1.5]]))
    assert (book.best_bid, book.best_ask, book.spread) == (28145.1, 28145.2, 0.1)
    assert book.mid == (28145.1 + 28145.2) / 2
    sides, prices = np.array([0, 1, 1], np.int8), np.array([28145.1, 28145.3, 99999.9])
    assert book.apply(sides, prices, np.array([0.0, 7.0, 0.0])) == 1 == book.unknown_deletes
    np.testing.assert_array_equal(
        book.top(3),
        [[28145.0, 5.0, 28145.2, 1.5], [np.nan, np.nan, 28145.3, 7.0], [np.nan, np.nan, np.nan, np.nan]],
    )
    assert (book.level("ask", 28145.3), book.level("bid", 28145.1)) == (7.0, 0.0)
    assert (book.tick_size, book.lot_size, book.depth) == (0.1, 0.001, 10)
    book.update("bid", 28145.2, 1.0)
    assert book.is_crossed and book.spread == 0.0 and book.size("bid") == 2, "told, not repaired"
    book.snapshot([], [])
    assert len(book) == 0 and book.unknown_deletes == 1


@BOOKS
def test_prices_are_the_nearest_floats(cls):
    from genesis_lib.types import Instrument

    for tick_size in (0.1, 0.01, 1e-5, 1e-8, 0.25, 1 / 3, 0.05, 1.0, 2.5, 5.0):
        ticks = np.arange(281_451, 283_451)
        book = cls(tick_size, 1.0)
        book.apply_ticks(np.ones(len(ticks), np.int8), ticks, np.ones(len(ticks)))
        expected = Instrument("v", "s", tick_size, 1.0).price(ticks)
        np.testing.assert_array_equal(book.levels("ask")[:, 0], expected)
        np.testing.assert_array_equal(book.top(10)[:, 2], expected[:10])
        book.apply(np.ones(len(ticks), np.int8), expected, np.zeros(len(ticks)))
        assert len(book) == 0 and book.unknown_deletes == 0


@BOOKS
def test_top_reuses_the_array(cls):
    book = cls(0.5, 1.0)
    book.update("bid", 10.0, 1.0)
    out = np.zeros((4, 4))
    assert book.top(4, out) is out and book.top(4, out=out) is out
    np.testing.assert_array_equal(out, book.top(4))
    wrong = [np.zeros((3, 4)), np.zeros((4, 4), np.float32), np.zeros((4, 8))[:, ::2], np.zeros(16), np.zeros((4, 4)).T]
    frozen = np.zeros((4, 4))
    frozen.flags.writeable = False
    for bad in (*wrong, frozen, np.zeros((4, 4), ">f8")):
        with pytest.raises(ValueError, match=r"out must be a writeable C-contiguous float64 array of shape \(4, 4\)"):
            book.top(4, bad)
        assert not bad.any()
    with pytest.raises(TypeError, match="out must be a numpy array, got list"):
        book.top(4, [[0.0] * 4] * 4)
    with pytest.raises(ValueError, match="n must be 1 or more, got 0"):
        book.top(0)
    with pytest.raises(ValueError, match=r"shape \(2, 10, 4\)"):
        book.apply_tops([0, 1], [1, 2], [1.0, 1.0], out=np.zeros((1, 10, 4)))


@BOOKS
def test_columns_of_any_width_and_layout(cls):
    """Numbers are widened, strided arrays copied; what comes out is the same."""
    table = np.array([[0, 100.0, 1.5], [1, 101.0, 2.0], [0, 99.0, 3.0]])
    expected = cls(1.0, 1.0)
    expected.apply(table[:, 0].astype(np.int8), table[:, 1].copy(), table[:, 2].copy())
    for sides, prices, quantities in (
        (table[:, 0].astype(np.int64), table[:, 1], table[:, 2]),
        ([0, 1, 0], [100, 101, 99], [1.5, 2, 3]),
        (np.array([0, 1, 0], np.uint8), table[:, 1].astype(np.float32), table[:, 2].astype(">f8")),
        (np.array([0, 9, 1, 9, 0, 9], np.int8)[::2], table[:, 1].astype(np.int32), memoryview(table[:, 2].copy())),
    ):
        book = cls(1.0, 1.0)
        book.apply(sides, prices, quantities)
        np.testing.assert_array_equal(book.top(), expected.top())
    assert book.apply_ticks(np.array([], np.int8), np.array([], np.int64), np.array([])) == 0


BAD = [
    (lambda b: b.update("buy", 10.0, 1.0), ValueError, r'side must be "bid" or "ask", got \'buy\''),
    (lambda b: b.update(0, 10.0, 1.0), ValueError, 'side must be "bid" or "ask", got 0'),
    (lambda b: b.update("bid", math.nan, 1.0), ValueError, "price must be a finite price of 0 or more, got nan"),
    (lambda b: b.update("bid", math.inf, 1.0), ValueError, "price must be .*, got inf"),
    (lambda b: b.update("bid", -10.0, 1.0), ValueError, r"price must be .*, got -10\.0"),
    (lambda b: b.update("bid", 1e300, 1.0), ValueError, "price must be .*, got 1e"),
    (lambda b: b.update("bid", 10.05, 1.0), ValueError, r"price must be a multiple of the tick size 0\.1, got 10\.05"),
    (lambda b: b.update("bid", 10.0002, 1.0), ValueError, "price must be a multiple"),
    (lambda b: b.update("bid", "10", 1.0), TypeError, "<U2|real number"),
    (lambda b: b.update("ask", 10.0, -1.0), ValueError, r"quantity must be a finite number of 0 or more, got -1\.0"),
    (lambda b: b.update("ask", 10.0, math.nan), ValueError, "quantity must be .* got nan"),
    (lambda b: b.update("ask", 10.0, math.inf), ValueError, "quantity must be .* got inf"),
    (lambda b: b.update_tick(2, 10, 1.0), ValueError, r"side_code must be 0 \(bid\) or 1 \(ask\), got 2"),
    (lambda b: b.update_tick(0, -1, 1.0), ValueError, "tick must be 0 to 1125899906842624, got -1"),
    (lambda b: b.update_tick(0, 2**70, 1.0), ValueError, "tick must be 0 to .*, got 1180591620717411303424"),
    (lambda b: b.update_tick(2**70, 1, 1.0), ValueError, "side_code must be 0 .*, got 1180591620717411303424"),
    (lambda b: b.update_tick(0, 1.5, 1.0), TypeError, "float"),
    (lambda b: b.level("mid", 10.0), ValueError, "side must be"),
    (lambda b: b.level("bid", 10.05), ValueError, "price must be a multiple"),
    (lambda b: b.levels(1), ValueError, "side must be"),
    (lambda b: b.size(None), ValueError, "side must be"),
    (lambda b: b.apply([0, 1, 2], [9.0, 11.0, 9.0], [1.0] * 3), ValueError, r"sides\[2\] must be 0 .*, got 2"),
    (lambda b: b.apply(np.int8([0, -1]), [9.0, 11.0], [1.0] * 2), ValueError, r"sides\[1\] must be 0 .*, got -1"),
    (lambda b: b.apply([0, 1], [9.0, 11.05], [1.0] * 2), ValueError, r"prices\[1\] must be a multiple"),
    (lambda b: b.apply([0, 1], [9.0, math.nan], [1.0] * 2), ValueError, r"prices\[1\] must be .* got nan"),
    (lambda b: b.apply([0, 1], [9.0, 11.0], [1.0, -2.0]), ValueError, r"quantities\[1\] must be .* got -2\.0"),
    (lambda b: b.apply([0, 1], [9.0, 11.0], [math.nan, 1.0]), ValueError, r"quantities\[0\] must be .* got nan"),
    (lambda b: b.apply([0, 1], [9.0], [1.0, 1.0]), ValueError, "must be equally long, got 2, 1 and 2"),
    (lambda b: b.apply([0], [9.0], [1.0, 1.0]), ValueError, "must be equally long, got 1, 1 and 2"),
    (lambda b: b.apply([0], [[9.0]], [1.0]), ValueError, r"prices must be one-dimensional, got shape \(1, 1\)"),
    (lambda b: b.apply(["bid"], [9.0], [1.0]), TypeError, "sides must be an array of int8, got <U3"),
    (lambda b: b.apply([0.0], [9.0], [1.0]), TypeError, "sides must be an array of int8, got float64"),
    (lambda b: b.apply([0], ["9"], [1.0]), TypeError, "prices must be an array of float64, got <U1"),
    (lambda b: b.apply_ticks([0], [9.0], [1.0]), TypeError, "ticks must be an array of int64, got float64"),
    (lambda b: b.apply_ticks([0, 0], [9, -9], [1.0] * 2), ValueError, r"ticks\[1\] must be 0 to .*, got -9"),
    (lambda b: b.apply_ticks([0], np.uint64([2**63]), [1.0]), ValueError, r"ticks\[0\] must be 0 to"),
    (lambda b: b.snapshot_ticks([0, 0], [9, 2**60], [1.0] * 2), ValueError, r"ticks\[1\] must be 0 to"),
    (lambda b: b.snapshot([[9.0, 1.0]], [[11.0, math.nan]]), ValueError, r"asks\[:, 1\]\[0\] must be .* got nan"),
    (lambda b: b.snapshot([[9.0, 1.0], [8.03, 1.0]], []), ValueError, r"bids\[:, 0\]\[1\] must be a multiple"),
    (lambda b: b.snapshot([9.0, 1.0], []), ValueError, r"bids must have shape \(n, 2\)"),
    (lambda b: b.snapshot([["9.0", "1.0"]], []), TypeError, "bids.* must be an array of float64, got <U3"),
    (lambda b: b.apply_tops([0, 1], [1, 2], [1.0, math.inf]), ValueError, r"quantities\[1\] must be"),
]


@BOOKS
@pytest.mark.parametrize(("call", "error", "words"), BAD)
def test_bad_input_leaves_the_book_unchanged(cls, call, error, words):
    book = cls(0.1, 0.001)
    book.snapshot([[9.9, 1.0], [9.8, 2.0]], [[10.1, 3.0]])
    before = (book.top(), book.levels("bid"), book.levels("ask"), book.unknown_deletes)
    with pytest.raises(error, match=words):
        call(book)
    for now, then in zip((book.top(), book.levels("bid"), book.levels("ask"), book.unknown_deletes), before):
        np.testing.assert_array_equal(now, then)


@BOOKS
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ((0.0, 1.0), r"tick_size must be a finite number greater than 0, got 0\.0"),
        ((math.nan, 1.0), "tick_size must be"),
        ((1e-320, 1.0), "tick_size must be"),
        ((0.1, -1.0), r"lot_size must be .* got -1\.0"),
        ((0.1, 1.0, 0), "depth must be 1 to 1000, got 0"),
        ((0.1, 1.0, 1001), "depth must be 1 to 1000, got 1001"),
    ],
)
def test_bad_parameters(cls, parameters, words):
    with pytest.raises(ValueError, match=words):
        cls(*parameters)


def test_memory_stays_small():
    book = _book.OrderBook(0.1, 0.001)
    rng = np.random.default_rng(7)
    for _ in range(5):
        book.apply_ticks(*market(rng, 60_000, 300_000, 20_000, False, 0.3))
    assert len(book) > 40_000
    assert book.nbytes < 4 * 2**20
    book.clear()
    assert book.nbytes < 1.2 * 2**20


def test_the_window_follows_a_falling_market():
    """Levels that come near the touch leave the map of far levels: its memory tells."""
    book, empty = _book.OrderBook(1.0, 1.0), _book.OrderBook(1.0, 1.0).nbytes
    near, far = np.arange(500_000, 510_000), np.arange(300_000, 310_000)
    for ticks in (near, far):
        book.apply_ticks(np.zeros(10_000, np.int8), ticks, np.ones(10_000))
    assert book.nbytes > empty + 16 * len(far)
    book.apply_ticks(np.zeros(10_000, np.int8), near[::-1].copy(), np.zeros(10_000))
    assert book.best_bid_tick == 309_999 and book.size("bid") == 10_000
    assert book.nbytes < empty + 16 * 1_000  # only the index of the map is kept
