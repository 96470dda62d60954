"""Sessions that detectors are tried on: finished data, and simulated ones of which it is known what was planted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from genesis_lib.detectors.base import Alert
from genesis_lib.detectors.evaluation import Watched, read_labels
from genesis_lib.detectors.watch import Watch
from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.binance_sync import synchronize
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.recording import Recording, unbuildable
from genesis_lib.feeds.simulation import overlay_episodes
from genesis_lib.feeds.simulation.episode_scripts import SCRIPTS
from genesis_lib.feeds.simulation.overlay import Overlay
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.snapshots import FinishedSession
from genesis_lib.types import Event, Instrument, Snapshot

HOUR_NS = 3_600_000_000_000
MINUTES = 30.0
EACH = 5  # episodes of a kind in a standard session; half an hour holds no more than two crashes
RARE = {"flash_crash": 2}
LAID_OVER = 3  # episodes of a kind over a recording of some minutes
MOST_SEEDS = 1000


def standard_plant() -> dict[str, int]:
    """Kind -> episodes of a standard session.

    >>> standard_plant()["spoofing"], standard_plant()["flash_crash"]
    (5, 2)
    """
    return {kind: RARE.get(kind, EACH) for kind in SCRIPTS}


def watch_session(
    session: FinishedSession,
    kinds: Iterable[str] = (),
    *,
    depth: int = 10,
    tell: Callable[[Alert], None] | None = None,
    progress: bool = False,
) -> Watched:
    """Run detectors over a session once; labels are read from beside its files.

    Parameters
    ----------
    session
        Of events or of rows.
    kinds
        Detectors to run, all of them when empty.
    depth
        Levels a side that they see.
    tell
        Called with each alarm as it comes.
    progress
        Show on standard error how far it is, where that is a terminal.

    Returns
    -------
    Watched
        ``rows`` and ``hours`` are those of the rows, first to last.

    Raises
    ------
    RecordingError
        When no book can be built of it: nothing was watched then, which is not the same as no alarm.
    """
    from tqdm import tqdm

    told = [found for path in session.paths if (found := read_labels(Path(path))) is not None]
    labels = [label for found in told for label in found] if told else None
    with tqdm(
        session.events(), session.name, unit=" events", mininterval=0.5, disable=None if progress else True
    ) as bar:
        watched = _watch(session.name, session.instrument, bar, kinds, depth, tell)
    if not watched.rows:
        raise RecordingError(unbuildable(getattr(session, "counts", {})), session.name)
    return watched._replace(labels=labels, provenance=session.provenance)


def watch_seed(
    seed: int,
    kinds: Iterable[str] = (),
    *,
    symbol: str = "SIMBTC",
    minutes: float = MINUTES,
    plant: Mapping[str, int] | None = None,
) -> Watched:
    """Run detectors over the simulated session of a seed, with `plant` (the standard one) in it; nothing is written."""
    simulator = Simulator(seed, symbol, minutes, plant=standard_plant() if plant is None else dict(plant))
    watched = _watch(f"{simulator.name} seed {seed}", simulator.instrument, simulator, kinds)
    return watched._replace(labels=simulator.labels, provenance=simulator.provenance)


def watch_overlay(
    recording: Recording, seed: int, kinds: Iterable[str] = (), *, plant: Mapping[str, int] | None = None
) -> Watched:
    """Run detectors over a recording with planted episodes laid over it; nothing is written.

    Parameters
    ----------
    recording
        Whose diffs are numbered and start from a snapshot.
    seed
        Decides times, sides and sizes of the episodes.
    kinds
        Detectors to run, all of them when empty.
    plant
        Kind -> episodes, of the kinds that can be laid over; three of each when left out.

    Raises
    ------
    InputError
        For a recording or a kind that allows no overlay, or more episodes than fit.
    """
    plant = dict.fromkeys(overlay_episodes.SCRIPTS, LAID_OVER) if plant is None else dict(plant)
    overlay = Overlay(recording, plant, seed)
    watched = _watch(f"{recording.name} seed {seed}", overlay.instrument, synchronize(overlay), kinds)
    return watched._replace(labels=overlay.labels, provenance=overlay.provenance)


def _watch(
    name: str,
    instrument: Instrument,
    events: Iterable[Event | Snapshot],
    kinds: Iterable[str],
    depth: int = 10,
    tell: Callable[[Alert], None] | None = None,
) -> Watched:
    watch, builder = Watch(tuple(kinds) or None), RowBuilder(instrument, depth)
    alerts: list[Alert] = []
    rows, first, last = 0, None, None
    for event in events:
        watch.observe(event)
        row = builder.push(event)
        if row is None:
            continue
        rows, last = rows + 1, row.ts_exchange
        first = last if first is None else first
        if row.levels.shape[0] > depth:
            row = row._replace(levels=row.levels[:depth])
        for alert in watch.step(row):
            alerts.append(alert)
            if tell is not None:
                tell(alert)
    return Watched(alerts, None, (last - first) / HOUR_NS if rows else 0.0, name, rows, instrument.name)


def watch_seeds(seeds: Sequence[int], *, jobs: int = 1, progress: bool = False, **options) -> list[Watched]:
    """`watch_seed` of each seed, `jobs` at a time; the same result whatever `jobs` is."""
    from joblib import delayed

    return _side_by_side([delayed(watch_seed)(seed, **options) for seed in seeds], jobs, progress)


def watch_overlays(
    recordings: Sequence[Recording], seeds: Sequence[int], *, jobs: int = 1, progress: bool = False, **options
) -> list[Watched]:
    """`watch_overlay` of each recording with each seed, `jobs` at a time; the same result whatever `jobs` is."""
    from joblib import delayed

    work = [delayed(watch_overlay)(recording, seed, **options) for recording in recordings for seed in seeds]
    return _side_by_side(work, jobs, progress)


def _side_by_side(work: list, jobs: int, progress: bool) -> list[Watched]:
    from joblib import Parallel
    from tqdm import tqdm

    done = Parallel(n_jobs=jobs, return_as="generator")(work)
    return list(tqdm(done, "sessions", len(work), unit="session", disable=None if progress else True))


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read ``100-119`` or ``1,5,7-9``.

    >>> parse_seeds("1,5,7-9")
    (1, 5, 7, 8, 9)

    Raises
    ------
    InputError
        For anything else, a range that runs backwards, or too many seeds.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        if match is None:
            raise InputError(f"seeds must be like 100-119 or 1,5,7-9, got {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or len(seeds) + last - first >= MOST_SEEDS:
            raise InputError(f"seeds must run upwards and be at most {MOST_SEEDS}, got {text!r}")
        seeds += range(first, last + 1)
    return tuple(dict.fromkeys(seeds))
