"""The order-level book: what each message means, what is refused, and that the compiled one equals its twin."""

from __future__ import annotations

import doctest
import threading

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from orderbook_ext import OrderAction, OrderBook, _orders_py

_orders = pytest.importorskip("orderbook_ext._orders", reason="the compiled book is not built")
BOTH = pytest.mark.parametrize("cls", [_orders.OrderLevelBook, _orders_py.OrderLevelBook], ids=["compiled", "twin"])


def of(cls, *orders: tuple[int, int, int, int], **options):
    book = cls(**options)
    for order in orders:
        book.add(*order)
    return book


def state(book) -> tuple:
    """Everything that is held: of each side its levels and their queues."""
    return tuple([(*row, book.queue(side, row[0])) for row in book.levels(side).tolist()] for side in (0, 1))


@pytest.mark.parametrize("module", [_orders, _orders_py], ids=["compiled", "twin"])
def test_examples(module):
    done = doctest.testmod(module)
    assert done.failed == 0 and done.attempted > 0


@BOTH
def test_who_keeps_a_place_and_who_loses_it(cls):
    def queue(change):
        book = of(cls, (1, 0, 50, 10), (2, 0, 50, 10), (3, 0, 50, 10))
        change(book)
        return [order for order, _ in book.queue(0, 50)]

    assert queue(lambda book: book.modify(1, 50, 4)) == [1, 2, 3]
    assert queue(lambda book: book.modify(1, 50, 10)) == [1, 2, 3]
    assert queue(lambda book: book.modify(1, 50, 11)) == [2, 3, 1]
    assert queue(lambda book: book.modify(1, 50, 11, keep_priority=True)) == [1, 2, 3]
    assert queue(lambda book: book.modify(1, 49, 10, keep_priority=True)) == [2, 3]
    assert queue(lambda book: (book.modify(1, 49, 5), book.modify(1, 50, 5))) == [2, 3, 1]
    assert queue(lambda book: book.reduce(1, 9)) == [1, 2, 3]
    assert queue(lambda book: book.execute(2, 9)) == [1, 2, 3]
    assert queue(lambda book: book.replace(1, 9, 50, 1)) == [2, 3, 9]
    assert queue(lambda book: book.replace(1, 1, 50, 10)) == [2, 3, 1]


@BOTH
def test_what_the_calls_give_back(cls):
    book = of(cls, (1, 0, 50, 10), (2, 0, 50, 5), (3, 0, 49, 5), (4, 1, 51, 8))
    assert book.reduce(1, 3) == 7 and book.execute(1, 3) == 4
    assert book.execute_at(0, 50, 6) == [(1, 4), (2, 2)]
    assert book.take(0, 100, 50) == [(2, 50, 3)]
    assert book.take(0, 2) == [(3, 49, 2)] and book.take(1, 9, 50) == []
    assert book.cancel(3) == 3 and book.reduce(4, 8) == 0
    assert state(book) == ([], [])
    book.execute_hidden(7)
    book.execute_hidden(2)
    assert (book.hidden_trades, book.hidden_quantity, len(book)) == (2, 9, 0)


@BOTH
def test_an_iceberg_shows_a_part_at_a_time(cls):
    book = of(cls, (2, 1, 80, 5))
    book.add_iceberg(1, 1, 80, 10, 4)
    book.add_iceberg(3, 1, 80, 3, 4)
    assert book.level(1, 80) == (12, 3) and [book.reserve(i) for i in (1, 2, 3)] == [6, 0, 0]
    assert book.reduce(1, 1) == 9 and book.order(1) == (1, 80, 4), "what is hidden goes first"
    assert book.execute(1, 4) == 4 and book.queue(1, 80) == [(2, 5), (3, 3), (1, 4)]
    assert book.take(1, 100) == [(2, 80, 5), (3, 80, 3), (1, 80, 4), (1, 80, 1)]
    book.add_iceberg(5, 0, 70, 9, 2)
    assert book.execute_at(0, 70, 9) == [(5, 2)] * 4 + [(5, 1)]
    book.add_iceberg(6, 0, 70, 9, 2)
    assert book.reduce(6, 8) == 1 and book.reserve(6) == 0 and book.queue(0, 70) == [(6, 1)]
    book.add_iceberg(7, 0, 70, 9, 2)
    assert book.cancel(7) == 9 and book.level(0, 70) == (1, 1)


REFUSED = [
    ("add", (1, 1, 60, 5), "add: order_id 1 is already in the book: quantity 10 at tick 50 of the bid side"),
    ("add_iceberg", (1, 0, 60, 5, 2), "add_iceberg: order_id 1 is already in the book"),
    ("modify", (9, 50, 5), "modify: order_id 9 is not in the book"),
    ("cancel", (9,), "cancel: order_id 9 is not in the book"),
    ("reduce", (9, 1), "reduce: order_id 9 is not in the book"),
    ("execute", (9, 1), "execute: order_id 9 is not in the book"),
    ("replace", (9, 10, 50, 1), "replace: order_id 9 is not in the book"),
    ("replace", (1, 2, 50, 1), "replace: order_id 2 is already in the book: quantity 5 at tick 55 of the ask side"),
    ("reduce", (1, 11), "reduce: quantity must be 1 to 10, what order_id 1 has open, got 11"),
    ("reduce", (3, 10), "reduce: quantity must be 1 to 9, what order_id 3 has open, got 10"),
    ("execute", (3, 4), "execute: quantity must be 1 to 3, what order_id 3 has open, got 4"),
    ("execute_at", (1, 55, 15), "execute_at: quantity must be 1 to 14, what rests at tick 55 of the ask side, got 15"),
    ("execute_at", (0, 51, 1), "execute_at: quantity must be 1 to 0, what rests at tick 51 of the bid side, got 1"),
]
IMPOSSIBLE = [
    ("add", (4, 2, 60, 5), r"side_code must be 0 \(bid\) or 1 \(ask\), got 2"),
    ("add", (4, 1, -1, 5), "tick must be 0 to 1125899906842624, got -1"),
    ("add", (4, 1, 60, 0), "quantity must be 1 to 1125899906842624, got 0"),
    ("add", (4, 1, 60, 2**80), f"quantity must be 1 to 1125899906842624, got {2**80}"),
    ("add", (-4, 1, 60, 1), "order_id must be 0 to 18446744073709551615, got -4"),
    ("add_iceberg", (4, 1, 60, 5, 0), "shown must be 1 to 1125899906842624, got 0"),
    ("modify", (1, 2**51, 5), "tick must be 0 to 1125899906842624"),
    ("reduce", (1, -2), "quantity must be 1 to 1125899906842624, got -2"),
    ("execute_hidden", (0,), "quantity must be 1 to 1125899906842624, got 0"),
    ("take", (1, 0), "quantity must be 1 to 1125899906842624, got 0"),
]


@BOTH
@pytest.mark.parametrize(("name", "arguments", "message"), REFUSED + IMPOSSIBLE)
def test_what_cannot_be_is_refused_and_changes_nothing(cls, name, arguments, message):
    book = of(cls, (1, 0, 50, 10), (2, 1, 55, 5))
    book.add_iceberg(3, 1, 55, 9, 3)
    before = state(book)
    book.changes()
    with pytest.raises(ValueError, match=message):
        getattr(book, name)(*arguments)
    assert state(book) == before and len(book.changes()[0]) == 0
    assert book.unknown_orders == book.duplicate_orders == book.excess_quantities == book.hidden_trades == 0


@BOTH
@pytest.mark.parametrize(("name", "arguments", "message"), IMPOSSIBLE)
def test_a_tolerant_book_still_refuses_values_that_no_book_can_hold(cls, name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(of(cls, (1, 0, 50, 10), strict=False), name)(*arguments)


@BOTH
def test_a_tolerant_book_counts_and_goes_on(cls):
    book = of(cls, (1, 0, 50, 10), (2, 1, 55, 5), (3, 1, 55, 9), strict=False)
    for name, arguments, _ in REFUSED[2:7]:
        assert not getattr(book, name)(*arguments)
    assert (book.unknown_orders, state(book)) == (5, state(of(cls, (1, 0, 50, 10), (2, 1, 55, 5), (3, 1, 55, 9))))
    book.add(1, 1, 60, 5)
    book.replace(1, 2, 50, 1)
    assert (book.duplicate_orders, book.order(1)) == (2, (0, 50, 10))
    assert book.reduce(1, 11) == book.execute(2, 6) == 0
    assert book.execute_at(1, 55, 10) == [(3, 9)] and book.execute_at(0, 1, 1) == []
    assert (book.excess_quantities, len(book)) == (4, 0)


@BOTH
def test_a_level_never_holds_more_than_a_sum_can_tell(cls):
    book = of(cls, *((i, 0, 9, 2**50) for i in range(4096)))
    assert book.level(0, 9) == (2**62, 4096)
    with pytest.raises(ValueError, match=rf"add: order_id 5000 of quantity 1 .* holds {2**62}, over {2**62}"):
        book.add(5000, 0, 9, 1)
    book.add(5000, 0, 8, 1)
    with pytest.raises(ValueError, match="modify: order_id 5000 of quantity 1 would bring its level"):
        book.modify(5000, 9, 1)
    with pytest.raises(ValueError, match="replace: order_id 5001 of quantity 1 would bring its level"):
        book.replace(5000, 5001, 9, 1)
    book.modify(17, 9, 2**50 - 1)
    book.modify(5000, 9, 1)
    assert book.level(0, 9) == (2**62, 4097)


def market(rng: np.random.Generator, n: int, known: float = 0.9) -> tuple[np.ndarray, ...]:
    """`n` messages of every kind; most name an order that was added before them, of which many are gone."""
    actions = rng.choice(9, n, p=[0.4, 0.06, 0.04, 0.1, 0.2, 0.14, 0.03, 0.029, 0.001]).astype(np.int8)
    ids = np.cumsum(actions == 0).astype(np.uint64)
    old = (actions != 0) & (rng.random(n) < known)
    ids[old] = (ids[old] * (1 - 0.5 * rng.random(old.sum()) ** 3)).astype(np.uint64)
    away = np.abs(rng.standard_t(1.5, n) * 4).clip(max=9_000).astype(np.int64)
    sides = rng.integers(0, 2, n).astype(np.int8)
    return actions, ids, sides, np.where(sides == 0, 9_999 - away, 10_000 + away), rng.integers(1, 30, n)


def by_calls(book, columns) -> None:
    """What a batch does, one call a message."""
    for action, order, side, tick, quantity in zip(*(column.tolist() for column in columns)):
        match OrderAction(action):
            case OrderAction.ADD:
                book.add(order, side, tick, quantity)
            case OrderAction.MODIFY | OrderAction.MODIFY_KEEP:
                book.modify(order, tick, quantity, action == OrderAction.MODIFY_KEEP)
            case OrderAction.REDUCE | OrderAction.EXECUTE:
                (book.reduce if action == OrderAction.REDUCE else book.execute)(order, quantity)
            case OrderAction.CANCEL:
                book.cancel(order)
            case OrderAction.EXECUTE_AT:
                book.execute_at(side, tick, quantity)
            case OrderAction.EXECUTE_HIDDEN:
                book.execute_hidden(quantity)
            case OrderAction.CLEAR:
                book.clear()


COUNTS = ("unknown_orders", "duplicate_orders", "excess_quantities", "hidden_trades", "hidden_quantity")


def counts(book) -> list[int]:
    return [getattr(book, name) for name in COUNTS]


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_does_what_the_calls_do(seed):
    columns = market(np.random.default_rng(seed), 4_000)
    batch, calls, twin = (
        c(strict=False) for c in (_orders.OrderLevelBook, _orders.OrderLevelBook, _orders_py.OrderLevelBook)
    )
    not_followed = batch.apply(*columns)
    by_calls(calls, columns)
    assert twin.apply(*columns) == not_followed == sum(counts(batch)[:3]) > 0
    assert state(batch) == state(calls) == state(twin)
    assert counts(batch) == counts(calls) == counts(twin)
    for one, other in zip(batch.changes(), twin.changes()):
        np.testing.assert_array_equal(one, other)


def test_tops_are_those_after_every_message():
    columns = market(np.random.default_rng(4), 1_500)
    compiled, twin = (cls(0.1, 0.01, 4, strict=False) for cls in (_orders.OrderLevelBook, _orders_py.OrderLevelBook))
    tops = compiled.apply_tops(*columns)
    np.testing.assert_array_equal(tops, twin.apply_tops(*columns))
    calls = _orders.OrderLevelBook(0.1, 0.01, 4, strict=False)
    for i in range(len(tops)):
        calls.apply(*(column[i : i + 1] for column in columns))
        np.testing.assert_array_equal(calls.top(4), tops[i])


@pytest.mark.parametrize("cls", [_orders.OrderLevelBook, _orders_py.OrderLevelBook], ids=["compiled", "twin"])
def test_changes_keep_a_level_book_equal_after_every_group(cls):
    rng = np.random.default_rng(8)
    columns = market(rng, 3_000)
    ends = np.append(np.sort(rng.integers(0, 3_000, 700)), 3_000)
    offsets, sides, ticks, quantities = cls(strict=False).apply_changes(*columns, ends)
    book, levels, start = _orders_py.OrderLevelBook(strict=False), OrderBook(1.0, 1.0), 0
    assert len(offsets) == len(ends) + 1 and offsets[-1] == len(sides) == len(ticks) == len(quantities)
    for group, end in enumerate(ends.tolist()):
        book.apply(*(column[start:end] for column in columns))
        part = slice(offsets[group], offsets[group + 1])
        levels.apply_ticks(sides[part], ticks[part], quantities[part].astype(float))
        for side, word in enumerate(("bid", "ask")):
            np.testing.assert_array_equal(levels.levels(word), book.levels(side)[:, :2])
        start = end


@BOTH
def test_a_refused_row_is_named_and_those_before_it_stay(cls):
    columns = [0, 0, 4, 0], [1, 2, 7, 3], [0, 0, 0, 0], [5, 6, 0, 7], [10, 10, 0, 10]
    book = cls()
    with pytest.raises(ValueError, match="row 2: cancel: order_id 7 is not in the book"):
        book.apply(*columns)
    assert state(book) == state(of(cls, (1, 0, 5, 10), (2, 0, 6, 10)))
    book = cls(strict=False)
    with pytest.raises(ValueError, match=r"quantities\[1\] must be 1 to 1125899906842624, got -10"):
        book.apply([0, 0, 0], [1, 2, 3], [0, 0, 0], [5, 6, 7], [10, -10, 10])
    assert len(book) == 1
    assert cls(strict=False).apply(*columns) == 1
    assert cls().apply([], [], [], [], []) == 0


def test_memory_does_not_grow_with_the_day():
    """A million orders through a book that holds a thousand at a time, and nobody asks for the changes."""
    book, n = _orders.OrderLevelBook(), 20_000
    rng = np.random.default_rng(1)
    sizes = []
    for day in range(50):
        ids = np.arange(n, dtype=np.uint64) + np.uint64(n * day)
        actions = np.zeros((n, 2), np.int8)
        actions[:, 1] = OrderAction.CANCEL
        named = np.stack([ids, ids - np.uint64(1_000)], 1)
        if day == 0:
            actions[:1_000, 1] = OrderAction.EXECUTE_HIDDEN  # nothing to cancel yet
        ticks = np.repeat(rng.integers(5_000, 5_200, n), 2)
        book.apply(actions.ravel(), named.ravel(), np.zeros(2 * n, np.int8), ticks, np.ones(2 * n, np.int64))
        sizes.append(book.nbytes)
    assert len(book) == 1_000 and book.size(0) <= 200
    assert sizes[-1] == sizes[1] < 300_000


def test_a_batch_lets_other_threads_run_but_not_on_its_book():
    n, refused = 400_000, 0
    columns = np.zeros(n, np.int8), np.arange(n), np.zeros(n, np.int8), np.full(n, 100), np.ones(n, np.int64)
    for _ in range(50):
        book = _orders.OrderLevelBook()
        batch = threading.Thread(target=book.apply, args=columns, daemon=True)
        batch.start()
        while batch.is_alive() and not refused:
            try:
                book.top(5)
            except RuntimeError as error:
                assert str(error) == "another thread is applying a batch to this order-level book"
                refused += 1
        batch.join()
        assert len(book) == n
        if refused:
            break
    assert refused


class Twins(RuleBasedStateMachine):
    """Both books through the same random life; a model of arrivals knows who was there first."""

    @initialize(strict=st.booleans())
    def begin(self, strict):
        self.compiled, self.twin = (
            c(0.5, 0.1, 3, strict=strict) for c in (_orders.OrderLevelBook, _orders_py.OrderLevelBook)
        )
        self.arrived: dict[int, int] = {}
        self.clock = 0

    def both(self, name, *arguments):
        results = []
        for book in (self.compiled, self.twin):
            try:
                results.append(getattr(book, name)(*arguments))
            except ValueError as error:
                results.append(str(error))
        assert results[0] == results[1], (name, arguments, results)
        return results[0]

    def comes(self, order):
        self.clock += 1
        self.arrived[order] = self.clock

    orders = st.integers(0, 12)
    sides = st.integers(0, 1)
    ticks = st.integers(100, 106) | st.integers(0, 10_000)
    quantities = st.integers(1, 9)

    @rule(order=orders, side=sides, tick=ticks, quantity=quantities)
    def add(self, order, side, tick, quantity):
        new = order not in self.twin
        self.both("add", order, side, tick, quantity)
        if new:
            self.comes(order)

    @rule(order=orders, side=sides, tick=ticks, quantity=st.integers(1, 30), shown=quantities)
    def add_iceberg(self, order, side, tick, quantity, shown):
        new = order not in self.twin
        self.both("add_iceberg", order, side, tick, quantity, shown)
        if new:
            self.comes(order)

    @rule(order=orders, tick=ticks | st.none(), quantity=quantities, keep=st.booleans())
    def modify(self, order, tick, quantity, keep):
        held = self.twin.order(order)
        tick = tick if tick is not None else held[1] if held else 100
        self.both("modify", order, tick, quantity, keep)
        if held and (held[1] != tick or (quantity > held[2] and not keep)):
            self.comes(order)

    @rule(order=orders, new=orders, tick=ticks, quantity=quantities)
    def replace(self, order, new, tick, quantity):
        good = order in self.twin and (new == order or new not in self.twin)
        self.both("replace", order, new, tick, quantity)
        if good:
            self.comes(new)

    @rule(order=orders, quantity=quantities)
    def reduce(self, order, quantity):
        self.both("reduce", order, quantity)

    @rule(order=orders)
    def cancel(self, order):
        self.both("cancel", order)

    @rule(order=orders, quantity=quantities)
    def execute(self, order, quantity):
        reserve = self.twin.reserve(order)
        self.both("execute", order, quantity)
        if self.twin.reserve(order) < reserve:
            self.comes(order)

    @rule(side=sides, tick=ticks, quantity=st.integers(1, 25))
    def execute_at(self, side, tick, quantity):
        self.filled(self.both("execute_at", side, tick, quantity))

    @rule(side=sides, quantity=st.integers(1, 40), worst=ticks | st.none())
    def take(self, side, quantity, worst):
        self.filled(self.both("take", side, quantity, worst))

    def filled(self, fills):
        """Who was filled and is still there as an iceberg stands behind all others now, the last refill last."""
        for order, *_ in fills if isinstance(fills, list) else ():
            if order in self.twin and self.twin.queue_position(order)[0] > 0:
                self.comes(order)

    @rule()
    def changes(self):
        for one, other in zip(self.compiled.changes(), self.twin.changes()):
            assert one.dtype == other.dtype and one.tolist() == other.tolist()

    @rule()
    def clear(self):
        self.both("clear")

    @invariant()
    def equal_and_sound(self):
        assert state(self.compiled) == state(self.twin) and repr(self.compiled) == repr(self.twin)
        assert counts(self.compiled) == counts(self.twin)
        np.testing.assert_array_equal(self.compiled.top(4), self.twin.top(4))
        assert self.compiled.is_crossed == self.twin.is_crossed
        orders = 0
        for side in (0, 1):
            levels = self.compiled.levels(side).tolist()
            assert [row[0] for row in levels] == sorted((row[0] for row in levels), reverse=side == 0)
            for tick, quantity, count in levels:
                queue = self.compiled.queue(side, tick)
                assert (quantity, count) == (sum(q for _, q in queue), len(queue)) and min(q for _, q in queue) > 0
                assert [self.compiled.queue_position(o)[0] for o, _ in queue] == list(range(count))
                assert [self.compiled.queue_position(o) for o, _ in queue] == [
                    self.twin.queue_position(o) for o, _ in queue
                ]
                plain = [self.arrived[o] for o, _ in queue if not self.twin.reserve(o)]
                assert plain == sorted(plain), "an order overtook one that was there before it"
                assert [self.compiled.reserve(o) for o, _ in queue] == [self.twin.reserve(o) for o, _ in queue]
                orders += count
        assert orders == len(self.compiled) == len(self.twin)


@pytest.mark.parametrize(("examples", "steps"), [(150, 50), pytest.param(1_500, 80, marks=pytest.mark.slow)])
def test_twins_through_random_lives(examples, steps):
    run_state_machine_as_test(Twins, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None))
