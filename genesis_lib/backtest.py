"""Backtesting: the engine over finished data, as fast as it goes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from genesis_lib.config import Config
from genesis_lib.engine import COMMANDS, Engine
from genesis_lib.errors import InputError
from genesis_lib.feeds.base import EndOfSource, Source
from genesis_lib.journal import Journal
from genesis_lib.journal.commands import acknowledged, sought

TURN_S = 0.02


def run(
    source: Source,
    *,
    config: Config | None = None,
    artifact: Any = None,
    journal: Journal | None = None,
    commands: Iterable[tuple[int, str]] = ((0, "start"),),
    detect: bool = True,
    progress: bool = False,
) -> dict[str, Any]:
    """Run the engine over a source until it ends, and return the summary.

    Parameters
    ----------
    source
        A recording, Parquet, CSV, or a simulator with an end; closed when done.
    config, artifact, journal
        As for `Engine`.
    commands
        ``(event index, name)``: what to tell the engine before which event; a live session's `commands` replay it,
        seeks (``seek 4711``: go on with that event of the source) and what was acknowledged (``acknowledge 3 by anna``)
        among them (not one that was taken up again: its rules had forgotten what they learnt from the market). Those
        that lie behind the end are carried out at the end.
    detect
        Run the detectors too. Their alerts are part of the journal's hash.
    progress
        Show a bar on standard error when it is a terminal.

    Returns
    -------
    dict
        See `genesis_lib.analytics.summary.summarize`; a journal of the caller's stays open.

    Raises
    ------
    InputError
        For a live source, which has no end, and an unknown command.
    """
    if source.provenance == "live":
        source.close()
        raise InputError(f"a backtest needs finished data, got the live source {source.name}")
    try:
        engine = Engine.build(
            source.instrument,
            artifact=artifact,
            config=config,
            journal=journal,
            data_hash=source.data_hash,
            provenance=source.provenance,
            source=source.name,
            detect=detect,
        )
        due = sorted(commands, key=lambda item: item[0])
        if unknown := [
            name for _, name in due if not (name in COMMANDS or sought(name) is not None or acknowledged(name))
        ]:
            allowed = ", ".join((*COMMANDS, "seek POSITION", "acknowledge ID by WHO"))
            raise InputError(f"commands must be {allowed}, got {unknown[0]!r}: was the session taken up again?")
        step = engine.step
        events = _events(source, engine, due)
        with tqdm(events, desc=source.name, unit=" events", mininterval=0.5, disable=None if progress else True) as bar:
            for event in bar:
                step(event)
        return engine.finish()
    finally:
        source.close()


def _events(source: Source, engine: Engine, due: list[tuple[int, str]]) -> Iterator[Any]:
    """Events in order, each command carried out before the event it is due at, or at the end."""
    while True:
        while due and due[0][0] <= engine.events:
            _tell(engine, source, due.pop(0)[1])
        try:
            event = source.poll(0.1)
        except EndOfSource:
            if not due:
                return
            _tell(engine, source, due.pop(0)[1])
            continue
        if event is not None:
            yield event


def _tell(engine: Engine, source: Source, name: str) -> None:
    position = sought(name)
    if (seen := acknowledged(name)) is not None:
        if engine.alarms is not None:  # without detectors nothing was told that could be seen
            engine.acknowledge(*seen)
        return
    if position is None:
        getattr(engine, name)()
        return
    source.track(Path(engine.config.paths.data) / "cache")
    while source.refresh().can_grow and source.tape.events < position:
        time.sleep(TURN_S)
    engine.seek(source, position)
