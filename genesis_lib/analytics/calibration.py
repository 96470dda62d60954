"""The simulator held against recordings, statistic by statistic, with a verdict on each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genesis_lib.errors import InputError

# simulated market -> the recorded one (venue, symbol) that it must look like
COUNTERPARTS = {"SIMBTC": ("binance-usdm", "BTCUSDT"), "SIMETH": ("binance-usdm", "ETHUSDT")}
INSIDE, NEAR, OFF, UNTOLD = "inside", "near", "OFF", "untold"

CONT, BFL, LF = "Cont 2001", "Bouchaud, Farmer & Lillo 2009", "Lillo & Farmer 2004"
CKS = "Cont, Kukanov & Stoikov 2014"


@dataclass(frozen=True, slots=True)
class Statistic:
    """A line of the table.

    Parameters
    ----------
    key, text, unit
        Name in `StylisedFacts.facts`, what it is, what it counts.
    times
        Farthest factor from the range of the recordings at which the simulator is still near it; or
    plus
        The farthest distance, for shares and correlations.
    source
        Who describes it.

    Notes
    -----
    The tolerances say how exactly eight minutes tell a statistic, and how much one market differs from day to day: the
    two BTC/USDT sessions differ by a factor of 1.7 in messages, 1.2 in volatility, 3 in the size of the touch. Rates,
    volatilities and spreads: a factor of 1.5; sizes and times: 2; tails (95th and 99th percentiles) and quantities
    beyond the touch: 3. An autocorrelation over 480 seconds has a standard error of 0.046: two of them, 0.1; of some
    3,700 order signs 0.016, but signs with a long memory are far from independent: 0.05. Shares: 0.05.
    """

    key: str
    text: str
    unit: str = ""
    times: float = 0.0
    plus: float = 0.0
    source: str = "standard"

    @property
    def tolerance(self) -> str:
        """In words."""
        return f"{self.times:g}x" if self.times else f"{self.plus:g}"


def _statistics() -> tuple[Statistic, ...]:
    s = Statistic
    return (
        s("spread_mean", "spread, mean of rows", "ticks", times=1.5, source=BFL),
        s("spread_one_tick", "rows with a spread of one tick", "share", plus=0.01, source=BFL),
        s("spread_p50", "spread, median", "ticks", times=1.5, source=BFL),
        s("spread_p95", "spread, 95th percentile", "ticks", times=1.5, source=BFL),
        s("spread_p99", "spread, 99th percentile", "ticks", times=1.5, source=BFL),
        s("recovery_p50", "spread back at one tick after, median", "ms", times=2, source=BFL),
        s("recovery_p95", "spread back at one tick after, 95th percentile", "ms", times=3, source=BFL),
        s("messages_per_second", "depth messages", "1/s", times=1.5),
        s("gap_cv", "time between messages, deviation over mean", "", times=1.5),
        s("gap_p50", "time between messages, median", "ms", times=1.5),
        s("gap_p95", "time between messages, 95th percentile", "ms", times=2),
        s("gap_p99", "time between messages, 99th percentile", "ms", times=2),
        s("updates_p50", "levels a message, median", "levels", times=2),
        s("updates_p95", "levels a message, 95th percentile", "levels", times=2),
        s("updates_near", "level updates within 20 ticks of the touch", "share", plus=0.1),
        s("updates_deleted", "level updates that delete", "share", plus=0.1),
        s("size_1", "quantity at level 1, median", "quantity", times=2, source=BFL),
        *(s(f"size_{i}", f"quantity at level {i}, median", "quantity", times=3, source=BFL) for i in range(2, 11)),
        s("last_level_ticks", "touch to the deepest level shown (the tenth), median", "ticks", times=1.5, source=BFL),
        s("trades_per_second", "trades", "1/s", times=1.5),
        s("orders_per_second", "market orders", "1/s", times=1.5),
        s("order_p50", "market order over the queue it meets, median", "", times=2, source=BFL),
        s("order_p95", "market order over the queue it meets, 95th percentile", "", times=3, source=BFL),
        s("order_p99", "market order over the queue it meets, 99th percentile", "", times=3, source=BFL),
        *(s(f"sign_acf_{k}", f"order signs, autocorrelation at {k}", "", plus=0.05, source=LF)
          for k in (1, 2, 5, 10, 20, 50, 100)),
        s("sign_decay", "order signs, exponent of the decay over 1 to 100", "", plus=0.25, source=LF),
        s("moves_per_second", "moves of the mid", "1/s", times=1.5),
        s("move_p50", "move of the mid, median", "ticks", times=2),
        s("move_p95", "move of the mid, 95th percentile", "ticks", times=2),
        s("row_return_acf", "mid moves from row to row, autocorrelation at 1", "", plus=0.1, source=CONT),
        s("return_acf_1s", "returns of 1 s, autocorrelation at 1", "", plus=0.1, source=CONT),
        s("return_acf_5s", "returns of 5 s, autocorrelation at 1", "", plus=0.2, source=CONT),
        s("volatility", "standard deviation of returns of 1 s", "bp", times=1.5, source=CONT),
        *(s(f"signature_{k}", f"volatility of {k} s, per root second", "bp", times=1.5 if k < 60 else 2, source=BFL)
          for k in (1, 5, 15, 60)),
        *(s(f"abs_acf_{k}", f"absolute returns of 1 s, autocorrelation at {k} s", "", plus=0.1, source=CONT)
          for k in (1, 5, 10, 30, 60)),
        s("minute_acf", "volatility of a minute, autocorrelation at 1 min", "", plus=0.2, source=CONT),
        s("kurtosis", "excess kurtosis of returns of 1 s", "", times=2, source=CONT),
        s("ofi_r2", "R2 of order flow imbalance and return, same second", "", plus=0.15, source=CKS),
        s("ofi_r2_ahead", "R2 of order flow imbalance and return, next second", "", plus=0.05, source=CKS),
        s("touch_after_move", "quantity at the touch when it moved, over usual", "", times=1.5, source=BFL),
        s("touch_second_later", "quantity at the touch a second later, over usual", "", times=1.5, source=BFL),
    )  # fmt: skip


STATISTICS = _statistics()

_QUEUES = "recorded orders more often meet a queue that is nearly gone; simulated makers leave such a queue at once"
_SIGNS = "both simulated markets cut orders alike; recorded signs of ETH persist longer than those of BTC"
_TREND = "the one recording trended through its eight minutes; simulated returns have no memory"
_QUIET = "some seeds are quieter than the one recording"
# Where the simulated market is off, in 30 minutes of some seed, and why; the table says so. A test holds the list: what
# is not named here is never off in the seeds it looks at, and what is named is off in one of them.
KNOWN_OFF: dict[str, dict[str, str]] = {
    "SIMBTC": {"order_p99": _QUEUES},
    "SIMETH": {
        "order_p99": _QUEUES,
        "sign_acf_5": _SIGNS,
        "sign_acf_10": _SIGNS,
        "sign_acf_50": _SIGNS,
        "trades_per_second": _QUIET,
        "move_p50": "the simulated price is corrected by small steps between its jumps",
        "return_acf_1s": _TREND,
        "return_acf_5s": _TREND,
        "signature_15": _TREND,
        "ofi_r2": "simulated makers also follow news that no order told before",
        "kurtosis": "a few jumps decide it, and their number differs from seed to seed",
    },
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one statistic: `kind` is ``inside``, ``near``, ``OFF`` or ``untold``; `words` say it."""

    kind: str
    words: str


def judge(statistic: Statistic, recorded: Sequence[float], simulated: float) -> Verdict:
    """Say how a simulated value lies to those of the recordings.

    >>> judge(Statistic("x", "x", times=2.0), [10.0, 20.0], 30.0).words
    'within 1.5x'
    >>> judge(Statistic("x", "x", plus=0.1), [0.1, 0.2], 0.5).words
    'OFF: 0.3 too high'
    """
    told = [value for value in recorded if math.isfinite(value)]
    if not told or not math.isfinite(simulated):
        return Verdict(UNTOLD, "cannot be told")
    low, high = min(told), max(told)
    if low <= simulated <= high:
        return Verdict(INSIDE, "inside")
    side, bound = ("low", low) if simulated < low else ("high", high)
    if statistic.times and simulated * bound > 0:
        factor = max(simulated / bound, bound / simulated)
        if factor <= statistic.times:
            return Verdict(NEAR, f"within {max(factor, 1.01):.3g}x")
        return Verdict(OFF, f"OFF: {factor:.3g}x too {side}")
    distance = abs(simulated - bound)
    if not statistic.times and distance <= statistic.plus:
        return Verdict(NEAR, f"within {short(distance)}")
    return Verdict(OFF, f"OFF: {short(distance)} too {side}")


@dataclass(frozen=True, slots=True)
class Calibration:
    """A simulated market beside recordings.

    `simulated` are its statistics; `recorded` those of each recording it must look like, by name; `context` those of
    others, which are shown and not judged.
    """

    symbol: str
    simulated: Mapping[str, float]
    recorded: Mapping[str, Mapping[str, float]]

    def verdicts(self) -> dict[str, Verdict]:
        """One for each of `STATISTICS`, by key."""
        return {
            one.key: judge(one, [facts[one.key] for facts in self.recorded.values()], self.simulated[one.key])
            for one in STATISTICS
        }

    def off(self) -> list[str]:
        """Keys of the statistics that are off."""
        return [key for key, verdict in self.verdicts().items() if verdict.kind == OFF]

    def table(self) -> list[list[str]]:
        """Header and a line a statistic, as text."""
        names = list(self.recorded)
        head = ["statistic", *names, self.symbol, *(["verdict", "tolerance"] if names else [])]
        known, verdicts = KNOWN_OFF.get(self.symbol, {}), self.verdicts()
        lines = [head]
        for one in STATISTICS:
            values = [facts[one.key] for facts in self.recorded.values()] + [self.simulated[one.key]]
            said = verdicts[one.key]
            words = said.words
            if said.kind == OFF and one.key in known:
                words += f" (known: {known[one.key]})"
            label = f"{one.text} ({one.unit})" if one.unit else one.text
            lines.append([label, *map(short, values), *([words, one.tolerance] if names else [])])
        return lines

    def summary(self) -> str:
        """In a sentence, where the simulator is off."""
        if not self.recorded:
            return f"{self.symbol} alone: no recording to compare it with."
        verdicts = self.verdicts()
        counts = {kind: sum(v.kind == kind for v in verdicts.values()) for kind in (INSIDE, NEAR, OFF, UNTOLD)}
        text = {one.key: one.text for one in STATISTICS}
        off = "; ".join(f"{text[key]}: {verdicts[key].words.removeprefix('OFF: ')}" for key in self.off())
        said = (
            f"{self.symbol}: of {len(verdicts)} statistics {counts[INSIDE]} lie inside the range of the recordings, "
            f"{counts[NEAR]} within their tolerance of it, {counts[OFF]} off"
        )
        return f"{said}{': ' + off if off else ''}." + (f" {counts[UNTOLD]} cannot be told." if counts[UNTOLD] else "")

    def as_dict(self) -> dict[str, object]:
        """What ``genesis calibrate --json`` prints of a market."""
        verdicts, known = self.verdicts(), KNOWN_OFF.get(self.symbol, {})
        lines = {
            one.key: {
                "text": one.text,
                "unit": one.unit,
                "recordings": {name: facts[one.key] for name, facts in self.recorded.items()},
                "simulator": self.simulated[one.key],
                "tolerance": one.tolerance,
                "verdict": verdicts[one.key].words,
                "known": known.get(one.key, ""),
                "source": one.source,
            }
            for one in STATISTICS
        }
        return {"statistics": lines, "off": self.off(), "summary": self.summary()}


def pair(names: Sequence[tuple[str, str]], symbols: Sequence[str] = ()) -> dict[str, list[int]]:
    """Say which recordings belong to which simulated market.

    Parameters
    ----------
    names
        Venue and symbol of each recording.
    symbols
        Simulated markets that are asked for; every recording is then held against each of them. By `COUNTERPARTS` when
        left out.

    Returns
    -------
    dict
        Simulated market -> positions of its recordings; SIMBTC alone where there is no recording.
    """
    if symbols:
        return {symbol: list(range(len(names))) for symbol in symbols}
    if not names:
        return {"SIMBTC": []}
    found = {symbol: [i for i, name in enumerate(names) if name == market] for symbol, market in COUNTERPARTS.items()}
    found = {symbol: at for symbol, at in found.items() if at}
    if not found:
        markets = ", ".join(f"{symbol} of {':'.join(market)}" for symbol, market in COUNTERPARTS.items())
        raise InputError(f"none of the recordings has a simulated counterpart ({markets}); --symbol names one")
    return found


def short(value: float) -> str:
    """Three significant digits; a dash for what is not known."""
    return "-" if not math.isfinite(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
