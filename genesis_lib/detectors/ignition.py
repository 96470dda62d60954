"""One-sided bursts of trades that push the price and are given back: momentum ignition and flash crashes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Alert, Detector, Episode, Habit, detector
from genesis_lib.detectors.view import View

MS = NS // 1000
SAMPLE_NS = 50 * MS
CRASH = 0.0014  # part of the price: a push of more is a crash


@dataclass(frozen=True, slots=True)
class Sample:
    """The mid (ticks) and all that buyers and sellers took until then."""

    ts: int
    mid: float
    bought: float
    sold: float


@dataclass(slots=True)
class Push:
    """A burst under way, and what came of it."""

    up: bool
    start: Sample
    peak: Sample
    limit: float  # ticks it has to move
    usual: float  # volume a second until then

    def ticks(self) -> float:
        """How far it went."""
        return abs(self.peak.mid - self.start.mid)

    def share(self, first: Sample, last: Sample) -> float:
        """Volume with the push less that against it, over all of it, between two samples."""
        bought, sold = last.bought - first.bought, last.sold - first.sold
        return (bought - sold) * (1 if self.up else -1) / max(bought + sold, 1e-12)

    def times(self, first: Sample, last: Sample) -> float:
        """Volume a second over the usual, between two samples."""
        seconds = max((last.ts - first.ts) / NS, 0.05)
        return (last.bought - first.bought + last.sold - first.sold) / seconds / max(self.usual, 1e-12)


class Pushes:
    """Finds bursts of one-sided trades with a move beyond all habit, and follows each until it is given back.

    A burst: within one, two or four seconds at least `ONE_SIDED` of many times the usual volume went one way, and the
    mid went with it, farther than it is used to. The push is the whole move from the last turn before it to its peak:
    `FAR` times the usual move of four seconds, and one-sided, of more volume than usual. It is given back when `BACK`
    of it is gone again, traded the other way, and at no lesser pace than the market's own.

    Parameters
    ----------
    before_ns
        How far back a push may have begun.
    return_ns
        After its peak a push that was not given back within this time is a move like others.
    """

    SPANS = NS, 2 * NS, 4 * NS
    LEARN_NS = 200 * MS
    ONE_SIDED, TIMES, DEVIATIONS, SPREADS = 0.9, 4.0, 3.0, 5.0
    FAR, WHOLE, PACE, BACK, AGAINST, RETURNED = 5.0, 0.8, 3.0, 0.4, 0.6, 1.5

    def __init__(self, before_ns: int, return_ns: int) -> None:
        self.before_ns, self.return_ns = before_ns, return_ns
        self._samples: deque[Sample] = deque(maxlen=1024)
        self._spans: list[deque[Sample]] = [deque(maxlen=512) for _ in self.SPANS]
        self._volumes = [Habit() for _ in self.SPANS]
        self._moves = [Habit() for _ in self.SPANS]
        self._bought = self._sold = 0.0
        self._learnt = 0
        self._push: Push | None = None

    def forget(self) -> None:
        """Drop what is under way."""
        for samples in (self._samples, *self._spans):
            samples.clear()
        self._push = None

    def step(self, view: View) -> tuple[Push, Sample] | None:
        """Take a row; the push that was given back with it, and the sample at which it was."""
        self._bought += view.flow[1]
        self._sold += view.flow[2]
        if self._samples and view.ts - self._samples[-1].ts < SAMPLE_NS:
            return None
        now = Sample(view.ts, view.mid, self._bought, self._sold)
        self._samples.append(now)
        while self._samples[0].ts < now.ts - self.before_ns:
            self._samples.popleft()
        learn = now.ts - self._learnt >= self.LEARN_NS
        if learn:
            self._learnt = now.ts
        for k, span in enumerate(self.SPANS):
            self._look(now, k, span, view.spread, learn)
        return None if self._push is None else self._follow(now)

    def _look(self, now: Sample, k: int, span: int, spread: float, learn: bool) -> None:
        samples, volumes, moves = self._spans[k], self._volumes[k], self._moves[k]
        samples.append(now)
        while samples[0].ts < now.ts - span:
            samples.popleft()
        then = samples[0]
        move, volume = now.mid - then.mid, now.bought - then.bought + now.sold - then.sold
        if self._push is None and moves.ready and volume >= self.TIMES * volumes.mean:
            way = now.bought - then.bought - now.sold + then.sold
            limit = max(self.SPREADS * spread, moves.mean + self.DEVIATIONS * moves.deviation)
            if abs(move) >= limit and (way if move > 0 else -way) >= self.ONE_SIDED * volume:
                self._begin(now, move > 0, limit)
        if learn:
            volumes.learn(now.ts, volume)
            moves.learn(now.ts, abs(move))

    def _begin(self, now: Sample, up: bool, limit: float) -> None:
        sign = 1 if up else -1
        start = min(reversed(self._samples), key=lambda sample: sample.mid * sign)
        usual = self._volumes[-1].mean * NS / self.SPANS[-1]
        self._push = Push(up, start, now, max(limit, self.FAR * self._moves[-1].mean), usual)

    def _follow(self, now: Sample) -> tuple[Push, Sample] | None:
        push = self._push
        peak, sign = push.peak, 1 if push.up else -1
        if (now.mid - peak.mid) * sign > 0:
            push.peak = now
            return None
        if now.ts - peak.ts > self.return_ns:
            self._push = None
            return None
        if abs(peak.mid - now.mid) < self.BACK * push.ticks() or -push.share(peak, now) < self.AGAINST:
            return None
        self._push = None
        pushed = push.share(push.start, peak) >= self.WHOLE and push.times(push.start, peak) >= self.PACE
        returned = push.times(peak, now) >= self.RETURNED
        return (push, now) if pushed and returned and push.ticks() >= push.limit else None


class GivenBack(Detector):
    """What momentum ignition and flash crashes share."""

    BEFORE_NS: int  # how far back a push may have begun
    LONGEST_NS: int  # from its start to its peak
    RETURN_NS: int
    SHORTEST_NS = NS // 2  # less is one large order
    REARM_NS = 5 * NS

    def __init__(self) -> None:
        self._pushes = Pushes(self.BEFORE_NS, self.RETURN_NS)
        self._episode = Episode(0, self.REARM_NS)

    def forget(self) -> None:
        self._pushes.forget()
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        found = self._pushes.step(view)
        over = False
        if found is not None:
            push = found[0]
            over = self.SHORTEST_NS <= push.peak.ts - push.start.ts <= self.LONGEST_NS and self._mine(push, view.mid)
        return self._tell(view, *found) if self._episode.step(view.ts, over) else None

    def _mine(self, push: Push, mid: float) -> bool:
        """Whether a push is of this detector's kind, by its size."""
        raise TypeError(f"{type(self).__name__} must define _mine(push, mid)")

    def _excess(self, push: Push) -> float:
        """How many times the threshold the push reached."""
        return push.ticks() / push.limit

    def _tell(self, view: View, push: Push, now: Sample) -> Alert:
        ticks, back = push.ticks(), abs(push.peak.mid - now.mid)
        seconds, side = (push.peak.ts - push.start.ts) / NS, "buy" if push.up else "sell"
        volume = push.peak.bought - push.start.bought if push.up else push.peak.sold - push.start.sold
        times = push.times(push.start, push.peak)
        message = (
            f"A burst of {side} trades, {times:.0f} times the usual volume, moved the mid {ticks:g} ticks "
            f"({ticks / push.start.mid:.2%}) in {seconds:.1f} s, and {back / ticks:.0%} of it came back."
        )
        return self.alert(
            view,
            self._excess(push),
            message,
            side="ask" if push.up else "bid",
            trades=side,
            push_ticks=ticks,
            push_share=ticks / push.start.mid,
            back_ticks=back,
            limit_ticks=push.limit,
            volume=volume,
            volume_times=times,
            return_times=push.times(push.peak, now),
            start=push.start.ts,
            peak=push.peak.ts,
            start_tick=push.start.mid,
            peak_tick=push.peak.mid,
        )


@detector
class MomentumIgnition(GivenBack):
    """A burst of one-sided trades moves the mid far beyond its habit, and two fifths and more come back, traded back.

    Without the return it is a price move like others; one of more than `CRASH` of the price is a flash crash.

    References
    ----------
    Tse, Lin and Vincent (2012), High frequency trading: measurement, detection and response (Credit Suisse).
    """

    kind = "momentum_ignition"
    summary = "a burst of trades pushed the price, and it came back"
    BEFORE_NS, LONGEST_NS, RETURN_NS = 7 * NS, 9 * NS, 7 * NS

    def _mine(self, push: Push, mid: float) -> bool:
        return push.ticks() < CRASH * mid


@detector
class FlashCrash(GivenBack):
    """The mid falls (or rises) by a seventh of a percent and more within seconds, and two fifths of it come back.

    References
    ----------
    Kirilenko, Kyle, Samadi and Tuzun (2017), The flash crash: high-frequency trading in an electronic market.
    """

    kind = "flash_crash"
    summary = "the price fell far within seconds, and came back"
    BEFORE_NS, LONGEST_NS, RETURN_NS = 12 * NS, 60 * NS, 25 * NS

    def _mine(self, push: Push, mid: float) -> bool:
        return push.ticks() >= CRASH * mid

    def _excess(self, push: Push) -> float:
        return push.ticks() / (CRASH * push.start.mid)
