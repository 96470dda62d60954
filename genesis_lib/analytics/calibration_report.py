"""Measure recordings and simulated markets, and show them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from genesis_lib.analytics.calibration import COUNTERPARTS, STATISTICS, Calibration, pair, short
from genesis_lib.analytics.stylised import StylisedFacts, measure
from genesis_lib.clock import iso
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.snapshots import FinishedSession, open_sessions


@dataclass(frozen=True)
class CalibrationReport:
    """Each simulated market beside its recordings, and the recordings that belong to none (`context`)."""

    calibrations: tuple[Calibration, ...]
    context: Mapping[str, Mapping[str, float]]
    facts: Mapping[str, StylisedFacts]  # of every recording and simulated market, with their distributions
    seed: int
    minutes: float

    def as_dict(self) -> dict[str, object]:
        """What ``genesis calibrate --json`` prints."""
        return {
            "markets": {one.symbol: one.as_dict() for one in self.calibrations},
            "context": {name: {one.key: facts[one.key] for one in STATISTICS} for name, facts in self.context.items()},
            "off": {one.symbol: one.off() for one in self.calibrations},
            "seed": self.seed,
            "minutes": self.minutes,
        }


def calibrated(
    paths: Iterable[str | Path] = (),
    symbols: Iterable[str] = (),
    *,
    seed: int = 0,
    minutes: float = 30.0,
    tell: Callable[[str], None] = lambda text: None,
) -> CalibrationReport:
    """Measure the sessions in `paths` and the simulated markets they belong to.

    Parameters
    ----------
    paths
        As for `open_sessions`.
    symbols
        Simulated markets; by `calibration.COUNTERPARTS` when left out.
    seed, minutes
        Of the simulations.
    tell
        Takes progress.

    Raises
    ------
    InputError
        For an unknown market, or when no recording has a simulated counterpart and none is named.
    """
    paths, symbols = list(paths), list(symbols)
    simulators = {symbol: Simulator(seed, symbol, minutes) for symbol in symbols}  # a wrong name is told at once
    sessions = open_sessions(paths) if paths else []
    groups = pair([(one.instrument.venue, one.instrument.symbol) for one in sessions], symbols)
    facts: dict[str, StylisedFacts] = {}
    names = []
    for session in sessions:
        tell(f"measuring {session.name} ...")
        measured = measure(session)
        names.append(_name(session, measured, facts))
        facts[names[-1]] = measured
    found = []
    for symbol, positions in groups.items():
        tell(f"simulating {minutes:g} minutes of {symbol} ...")
        simulator = simulators.get(symbol) or Simulator(seed, symbol, minutes)
        facts[symbol] = StylisedFacts(simulator.instrument)
        simulated = facts[symbol].of(simulator)
        found.append(Calibration(symbol, simulated, {names[i]: facts[names[i]].facts() for i in positions}))
    used = {name for one in found for name in one.recorded}
    context = {name: facts[name].facts() for name in names if name not in used}
    return CalibrationReport(tuple(found), context, facts, seed, minutes)


def local_recordings(folder: str | Path) -> list[str]:
    """Name the recordings in a folder that simulated markets stand for; none where it is not there."""
    markets = sorted({(venue, symbol.lower()) for venue, symbol in COUNTERPARTS.values()})
    return [str(file) for venue, symbol in markets for file in sorted(Path(folder, venue).glob(f"{symbol}_*.gz"))]


def as_text(report: CalibrationReport, markdown: bool = False) -> str:
    """Tables and sentences, for a terminal or in Markdown."""
    draw = _markdown if markdown else _plain
    parts = []
    for one in report.calibrations:
        head = f"{one.symbol}, seed {report.seed}, {report.minutes:g} minutes (simulated)"
        parts += [f"### {head}" if markdown else head, draw(one.table()), one.summary()]
    if report.context:
        head = "For context: recordings that no simulated market stands for"
        lines = [["statistic", *report.context]]
        lines += [[one.text, *(short(facts[one.key]) for facts in report.context.values())] for one in STATISTICS]
        parts += [f"### {head}" if markdown else head, draw(lines)]
    return "\n\n".join(parts)


def _name(session: FinishedSession, measured: StylisedFacts, taken: Iterable[str]) -> str:
    """Instrument and day of a session, numbered where that is not enough."""
    day = iso(measured.first_ts)[:10] if measured.first_ts is not None else "no rows"
    base = f"{session.instrument.name} {day}"
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base} ({number})"
    return name


def _markdown(lines: list[list[str]]) -> str:
    rows = [f"| {' | '.join(cells)} |" for cells in lines]
    rows.insert(1, "|" + "---|" * len(lines[0]))
    return "\n".join(rows)


def _plain(lines: list[list[str]]) -> str:
    widths = [max(len(cells[i]) for cells in lines) for i in range(len(lines[0]))]
    numeric = [all(cells[i] == "-" or is_number(cells[i]) for cells in lines[1:]) for i in range(len(widths))]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if number else cell.ljust(w) for cell, w, number in zip(cells, widths, numeric)
        ).rstrip()
        for cells in lines
    )


def is_number(text: str) -> bool:
    """Whether a cell of a table holds a number."""
    return text.replace(",", "").replace(".", "", 1).replace("e", "", 1).lstrip("-+").replace("-", "").isdigit()
