"""Formulas over a book row, written once with ordinary operators and compiled into a column program.

A `Formula` is a node of a graph: an input of the row, a constant, or an operation on other nodes. Equal formulas are
one node, so features share what they have in common (the mid is computed once a row).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from genesis_lib.types import FLOW_FIELDS
from orderbook_ext._kernels_py import VPIN_ROWS
from orderbook_ext._layout import FLOW

INPUTS = {"input", "elapsed"}
COMPONENT_ROWS = 100  # rows before a principal component is trusted


class Graph:
    """The nodes made so far for books of one depth."""

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self._nodes: dict[tuple, Formula] = {}

    @property
    def elapsed(self) -> Formula:
        """Seconds since the previous row."""
        return self.node("elapsed", span=4 * self.levels + FLOW + 1)

    def node(self, op: str, *args: Formula, value: float = 0.0, span: int = 0) -> Formula:
        """The one node of this kind, made when it is new."""
        key = (op, *map(id, args), value, span)
        if key not in self._nodes:
            self._nodes[key] = Formula(self, op, args, value, span)
        return self._nodes[key]

    def lift(self, value: Formula | float) -> Formula:
        """A number as a node; a node as it is."""
        return value if isinstance(value, Formula) else self.node("constant", value=float(value))


class Formula:
    """A value of a book row, or of the rows before it. NaN stands for unknown and spreads, as in numpy.

    Division by zero gives NaN; `ratio` gives 0. Comparisons give 1.0 and 0.0.
    """

    __slots__ = ("__dict__", "args", "graph", "op", "span", "value")
    __hash__ = object.__hash__

    def __init__(self, graph: Graph, op: str, args: tuple[Formula, ...], value: float, span: int) -> None:
        self.graph, self.op, self.args, self.value, self.span = graph, op, args, value, span

    def _with(self, op: str, other: Formula | float) -> Formula:
        return self.graph.node(op, self, self.graph.lift(other))

    def __add__(self, other):
        return self._with("add", other)

    def __radd__(self, other):
        return self.graph.lift(other)._with("add", self)

    def __sub__(self, other):
        return self._with("sub", other)

    def __rsub__(self, other):
        return self.graph.lift(other)._with("sub", self)

    def __mul__(self, other):
        return self._with("mul", other)

    def __rmul__(self, other):
        return self.graph.lift(other)._with("mul", self)

    def __truediv__(self, other):
        return self._with("div", other)

    def __rtruediv__(self, other):
        return self.graph.lift(other)._with("div", self)

    def __neg__(self):
        return 0.0 - self

    def __abs__(self):
        return self.graph.node("abs", self)

    def __ge__(self, other):
        return self._with("ge", other)

    def __le__(self, other):
        return self._with("le", other)

    def ratio(self, other: Formula | float) -> Formula:
        """Division that gives 0 where the divisor is 0."""
        return self._with("ratio", other)

    def least(self, other: Formula | float) -> Formula:
        """The smaller of the two."""
        return self._with("min2", other)

    def greatest(self, other: Formula | float) -> Formula:
        """The greater of the two."""
        return self._with("max2", other)

    def sqrt(self) -> Formula:
        """Square root."""
        return self.graph.node("sqrt", self)

    def log(self) -> Formula:
        """Natural logarithm."""
        return self.graph.node("log", self)

    def log1p(self) -> Formula:
        """Natural logarithm of 1 + x, exact for small x."""
        return self.graph.node("log1p", self)

    def signed_log(self) -> Formula:
        """sign(x) * log(1 + |x|): tames heavy tails, keeps the sign and 0."""
        return self.graph.node("slog", self)

    def sin(self) -> Formula:
        """Sine of radians."""
        return self.graph.node("sin", self)

    def cos(self) -> Formula:
        """Cosine of radians."""
        return self.graph.node("cos", self)

    def exp(self) -> Formula:
        """e to the power of the value."""
        return self.graph.node("exp", self)

    def rint(self) -> Formula:
        """Nearest whole number."""
        return self.graph.node("rint", self)

    def or_zero(self) -> Formula:
        """The value, or 0 where it is NaN: for the sizes of levels that are empty."""
        return self.graph.node("or_zero", self)

    def select(self, then: Formula | float, otherwise: Formula | float) -> Formula:
        """The first where this is not 0, else the second; NaN where this is NaN."""
        return self.graph.node("select", self, self.graph.lift(then), self.graph.lift(otherwise))

    def lag(self, rows: int) -> Formula:
        """The value so many rows ago."""
        return self.graph.node("lag", self, span=rows)

    def sum(self, rows: int) -> Formula:
        """Sum over the last rows, this one included."""
        return self if rows == 1 else self.graph.node("sum", self, span=rows)

    def mean(self, rows: int) -> Formula:
        """Mean over the last rows."""
        return self.sum(rows) / float(rows)

    def min(self, rows: int) -> Formula:
        """Smallest of the last rows."""
        return self.graph.node("min", self, span=rows)

    def max(self, rows: int) -> Formula:
        """Greatest of the last rows."""
        return self.graph.node("max", self, span=rows)

    def var(self, rows: int) -> Formula:
        """Population variance of the last rows."""
        return self.graph.node("var", self, span=rows)

    def std(self, rows: int) -> Formula:
        """Population standard deviation of the last rows."""
        return self.var(rows).sqrt()

    def ema(self, rows: int) -> Formula:
        """Exponential mean, alpha = 2 / (rows + 1), begun with the first value; a NaN is passed over."""
        return self.graph.node("ema", self, span=rows)

    def decayed(self, seconds: float) -> Formula:
        """Sum of the values so far, each halved every `seconds` of the exchange's clock; a NaN adds nothing.

        NaN for the first `seconds` after a reset, and where the value is. `x.decayed(h) / row.elapsed.decayed(h)` is x
        a second, free of the bias of the beginning.
        """
        return self.graph.node("decay", self, self.graph.elapsed, value=float(seconds))

    def sum_seconds(self, seconds: float) -> Formula:
        """Sum over the last `seconds` of the exchange's clock, in 32 parts of which the oldest leaves whole."""
        return self.graph.node("seconds", self, self.graph.elapsed, value=float(seconds))

    def hold(self) -> Formula:
        """The last value that was not NaN."""
        return self.graph.node("hold", self)

    def rows_since(self) -> Formula:
        """Rows since this was last neither 0 nor NaN; NaN before the first time."""
        return self.graph.node("since", self, self.graph.lift(1.0))

    def seconds_since(self) -> Formula:
        """Seconds since this was last neither 0 nor NaN; NaN before the first time."""
        return self.graph.node("since", self, self.graph.elapsed)

    @cached_property
    def warmup(self) -> int:
        """Rows after a reset that are NaN for want of history."""
        if self.op == "or_zero":
            return 0
        # Without an elapsed time yet, a clock stands still; no row is lost by it.
        args = self.args[:1] if self.op in {"decay", "seconds", "since"} else self.args
        before = max((arg.warmup for arg in args), default=int(self.op == "elapsed"))
        own = {"lag": self.span, "component": min(self.span, COMPONENT_ROWS), "vpin": max(self.span, VPIN_ROWS) - 1}
        return before + (own[self.op] if self.op in own else max(self.span - 1, 0) if self.op not in INPUTS else 0)

    @cached_property
    def warmup_seconds(self) -> float:
        """Seconds after a reset that are NaN for want of history; counts beside `warmup`."""
        before = max((arg.warmup_seconds for arg in self.args), default=0.0)
        # the sums of seconds begin together with what they add up, at the reset
        if self.op == "decay":
            return max(before, self.value)
        return before + self.value if self.op == "seconds" else before


class Row:
    """The inputs a formula can be made of, for books with `levels` levels a side.

    `bid_price[i]`, `bid_size[i]`, `ask_price[i]`, `ask_size[i]` count from 0, the best; the trades since the previous
    row have the names of `FLOW_FIELDS`; `elapsed` is the seconds since that row, `seconds_of_day` those since 0:00 UTC.
    """

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self.total = min(levels, 10)  # levels that a "total" adds up
        graph = Graph(levels)

        def column(k: int) -> list[Formula]:
            return [graph.node("input", span=4 * i + k) for i in range(levels)]

        self.bid_price, self.bid_size, self.ask_price, self.ask_size = (column(k) for k in range(4))
        for k, name in enumerate(FLOW_FIELDS):
            setattr(self, name, graph.node("input", span=4 * levels + k))
        self.tick_size = graph.node("input", span=4 * levels + FLOW)
        self.elapsed = graph.elapsed
        self.seconds_of_day = graph.node("input", span=4 * levels + FLOW + 2)
        self.vpin = lambda buckets: graph.node("vpin", self.buy_volume, self.sell_volume, span=buckets)

    # A price is a whole number of ticks; rounding to it makes differences of prices exact.
    @property
    def bid_tick(self) -> list[Formula]:
        """Bid prices in ticks."""
        return [(price / self.tick_size).rint() for price in self.bid_price]

    @property
    def ask_tick(self) -> list[Formula]:
        """Ask prices in ticks."""
        return [(price / self.tick_size).rint() for price in self.ask_price]

    @property
    def mid(self) -> Formula:
        """Mid in price."""
        return (self.bid_price[0] + self.ask_price[0]) / 2.0

    @property
    def mid_tick(self) -> Formula:
        """Mid in ticks, a multiple of one half."""
        return (self.bid_tick[0] + self.ask_tick[0]) / 2.0

    @property
    def volume(self) -> Formula:
        """Quantity traded since the previous row."""
        return self.buy_volume + self.sell_volume


def total(values: Sequence[Formula]) -> Formula:
    """Sum from the first to the last."""
    result = values[0]
    for value in values[1:]:
        result = result + value
    return result


def first_component(values: Sequence[Formula], rows: int) -> Formula:
    """Sum of w x over sum of |w|, w the first principal component of the values over about the last `rows` rows.

    The covariance forgets with alpha = 2 / (rows + 1), the weights take one step of the power method a row, and a row
    is projected with the weights of the rows before. A NaN counts as 0, but where the first value is NaN so is the
    result. NaN for the first min(rows, 100) rows.
    """
    return values[0].graph.node("component", *values, span=rows)


def expected_move(lean: Formula, spread_ticks: Formula, mid_tick: Formula, rows: int = 100) -> Formula:
    """Stoikov's (2018) adjustment of the mid to the microprice, in ticks, learned from the rows so far.

    States are eleven buckets of `lean` = q^b / (q^b + q^a), the nearest tenths from 0 to 1, times a spread of one, two
    or more ticks. The adjustment is the fixed point of g(s) = E[next move of the mid + g(the state after it) | s],
    where each row since the previous move counts once, also mirrored (bid for ask, the move negative). It is shrunk to
    0 as if 300 more rows in the state had seen no move, and forgets nothing but by a reset. NaN for `rows` - 1 rows.
    """
    return lean.graph.node("move", lean, spread_ticks, mid_tick, span=rows)
