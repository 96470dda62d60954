"""Where episodes may be laid over a recording: spans in which its book is whole, and places apart from each other."""

from __future__ import annotations

import random

from genesis_lib.errors import InputError
from genesis_lib.feeds.binance_sync import BinanceSync
from genesis_lib.feeds.recording import Recording, unbuildable
from genesis_lib.feeds.simulation.episodes import PAUSE_MS, WARM_UP_MS
from genesis_lib.feeds.simulation.overlay_episodes import MEMORY, SCRIPTS, OverlayEpisode
from genesis_lib.feeds.simulation.planted import MS
from genesis_lib.types import DepthSnapshot, DepthUpdate

Span = tuple[int, int]  # exchange times, ns
HOLE = 5_000 * MS  # without a diff for so long the book is not taken for whole


def spans_of(recording: Recording) -> list[Span]:
    """Exchange times (ns) between which every diff continues the book; a further snapshot begins another span.

    Raises
    ------
    InputError
        When the diffs have no numbers, or none continues a snapshot.
    """
    sync, spans = BinanceSync(), []
    first = last = None
    for event in recording:
        if type(event) not in (DepthUpdate, DepthSnapshot):
            continue
        if event.last_id < 0:
            raise InputError(f"{recording.name}: an overlay needs diffs that the venue numbers (U, u), as Binance does")
        given = sync.push(event)
        ts = event.ts_exchange
        if first is not None and (type(event) is DepthSnapshot or not sync.joined or not last <= ts < last + HOLE):
            spans.append((first, last))
            first = None
        if sync.joined and given and type(event) is DepthUpdate:
            first, last = ts if first is None else first, ts
    if first is not None:
        spans.append((first, last))
    if not spans:
        raise InputError(f"{recording.name}: {unbuildable(recording.counts)}")
    return spans


def spread(plant: dict[str, int], spans: list[Span], seed: int) -> list[OverlayEpisode]:
    """Spread episodes over the spans of a recording, in random order, apart from each other.

    Raises
    ------
    InputError
        For a kind that cannot be laid over a recording, a negative count, or more episodes than fit.
    """
    kinds: list[str] = []
    for kind, count in plant.items():
        if kind not in SCRIPTS:
            raise InputError(f"an overlay knows no kind {kind!r}; allowed: {', '.join(SCRIPTS)}")
        if count < 0:
            raise InputError(f"plant: the count of {kind} must not be negative, got {count}")
        kinds += [kind] * count
    rng = random.Random(f"overlay/{seed}")
    rng.shuffle(kinds)
    room = [end - start - WARM_UP_MS * MS for start, end in spans]
    chosen: list[list[str]] = [[] for _ in spans]
    for kind in kinds:
        needed = (SCRIPTS[kind][1] + PAUSE_MS) * MS
        fit = [i for i, left in enumerate(room) if left >= needed]
        if not fit:
            whole = sum(end - start for start, end in spans) / 60e9
            raise InputError(f"plant: {len(kinds)} episodes do not fit into {whole:.1f} minutes of whole book")
        i = rng.choices(fit, [room[i] for i in fit])[0]
        chosen[i].append(kind)
        room[i] -= needed
    episodes = []
    for (start, _), mine, slack in zip(spans, chosen, room):
        # What is usual, by which agents size their orders, takes a while to learn.
        calm = min(slack, MEMORY - WARM_UP_MS * MS)
        time, slack = start + WARM_UP_MS * MS + calm, slack - calm
        for kind, cut in zip(mine, sorted(rng.random() for _ in mine)):
            episodes.append(OverlayEpisode(kind, time + int(cut * slack), random.Random(rng.random())))
            time += (SCRIPTS[kind][1] + PAUSE_MS) * MS
    return episodes
