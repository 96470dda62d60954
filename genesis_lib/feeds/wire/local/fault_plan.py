"""What can go wrong between a venue and its clients, how often, and by how much: the plan, and the log of what did."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from genesis_lib.errors import InputError

# Kind -> its value when none is given. Kinds of streams first, kinds of REST answers last.
VALUES: Mapping[str, float] = MappingProxyType(
    {
        "drop": 1.0,  # messages of the stream in a row
        "duplicate": 0.0,  # messages of the stream that come between the two copies
        "reorder": 2.0,  # later messages of the stream that overtake this one
        "delay": 0.2,  # s that the connection stands still; then everything comes, in order
        "disconnect": 1.0,  # connections that are cut, without a closing handshake; infinity is all of them
        "halfopen": 1.0,  # connections that stay open while nothing goes through them any more
        "malformed": 0.0,  # 0 any of `MALFORMED`, else the number of one
        "outage": 0.5,  # s in which the stream (when ordered: every stream of the pattern) says nothing
        "clock_skew": 3.0,  # s that E and T of every message are off, for a third of a second; below 0 too
        "stale_snapshot": 16.0,  # kept books that the depth answer lags behind
        "http429": 1.0,  # s of Retry-After
        "http418": 2.0,  # s of Retry-After
    }
)
STREAM_KINDS = tuple(kind for kind in VALUES if not kind.startswith(("http", "stale")))
REST_KINDS = ("stale_snapshot", "http429", "http418")
MALFORMED = ("truncated", "wrong type", "garbage", "bit flip")


@dataclass(frozen=True)
class FaultPlan:
    """How likely each fault is: per message of a stream, or (`REST_KINDS`) per depth request.

    Parameters
    ----------
    rates
        Probability by kind, 0 to 1.
    values
        What is particular to a kind, see `VALUES`; its default when left out.
    streams
        Only streams whose key matches this pattern, for example ``*@depth*``.
    seed
        Decides which messages are hit.

    Examples
    --------
    >>> plan = FaultPlan.parse("drop=0.01,delay=0.001:0.5", seed=3)
    >>> plan.rates["drop"], plan.value("delay"), plan.value("reorder")
    (0.01, 0.5, 2.0)
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    streams: str = "*"
    seed: int = 0

    def __post_init__(self) -> None:
        for kind, rate in self.rates.items():
            if not 0 <= rate <= 1:
                raise InputError(f"the rate of {known_kind(kind)} must be 0 to 1, got {rate!r}")
        if sum(rate for kind, rate in self.rates.items() if kind in STREAM_KINDS) > 1:
            raise InputError(f"the rates of faults of streams may not add up to more than 1, got {dict(self.rates)}")
        for kind in self.values:
            known_kind(kind)

    def value(self, kind: str) -> float:
        """The value of a kind."""
        return self.values.get(kind, VALUES[kind])

    @classmethod
    def parse(cls, text: str, seed: int = 0, streams: str = "*") -> FaultPlan:
        """Read ``KIND=RATE[:VALUE],...``."""
        rates: dict[str, float] = {}
        values: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            kind, _, numbers = part.partition("=")
            rate, colon, value = numbers.partition(":")
            try:
                rate, value = float(rate), float(value) if colon else VALUES.get(kind, 0.0)
            except ValueError:
                raise InputError(f"faults must be KIND=RATE[:VALUE],..., got {part!r}") from None
            rates[known_kind(kind)], values[kind] = rate, value
        return cls(rates, values, streams, seed)


class Injected(NamedTuple):
    """One fault as it happened."""

    time: int  # ns since 1970, by the clock of the machine
    kind: str
    stream: str  # key of the stream that it hit, or the REST request
    detail: str
    first_id: int  # of the message: of a diff U, of a trade its id; -1 for others
    last_id: int
    value: float


def known_kind(kind: str) -> str:
    """Give a kind back, or say which there are."""
    if kind not in VALUES:
        near = difflib.get_close_matches(kind, VALUES, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise InputError(f"no fault is called {kind!r}{hint}; there are {', '.join(VALUES)}")
    return kind
