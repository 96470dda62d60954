"""Market data at rest: bytes and ns an event against hftbacktest's npz, an hour of book rows against PostgreSQL."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.measure import Row, undisturbed
from benchmarks.postgres_server import NoServer, server
from benchmarks.streams import session
from genesis_lib.feeds import RowBuilder, read_recording
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.storage import parquet, postgres, updates
from genesis_lib.storage.event_block import EventBlock
from genesis_lib.storage.queries import select
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Instrument, Snapshots, Trade

SIMULATED_MINUTES = 8.0
HOUR_NS = 3_600_000_000_000
REPEATS = 9
TIMES = 4  # how often the level updates are repeated: a file's footer is read once, however long the file
# hftbacktest.event_dtype, and the flags of `ev`: kind in the low byte, side, seen by the exchange and by us.
_FIELDS = ["ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval"]
EVENT = np.dtype(list(zip(_FIELDS, ["<u8", "<i8", "<i8", "<f8", "<f8", "<u8", "<i8", "<f8"])))
DEPTH, TRADE, SNAPSHOT, BUY, SELL, BOTH = 1, 2, 4, 1 << 29, 1 << 28, 3 << 30
COLUMNS = ("ts_exchange", "ts_receive", "levels", "flow", "valid")


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure on a recording where there is one, else on simulated flow; the hour is its rows, again and again."""
    files = session(paths)
    if files:
        recording = read_recording(files)
        events, instrument, name = list(recording.events()), recording.instrument, "recorded"
    else:
        print("storage: no recording here (set GENESIS_RECORDINGS): simulated flow is stored", file=sys.stderr)
        simulator = Simulator(7, minutes=SIMULATED_MINUTES)
        events, instrument, name = list(simulator), simulator.instrument, "simulated"
    name = f"{name} {instrument.symbol}"
    with TemporaryDirectory(prefix="genesis-") as folder:
        rows = level_updates(name, repeated(events, TIMES), instrument, Path(folder))
        return rows + hour(name, events, instrument, Path(folder))


def level_updates(name: str, events: list[Event], instrument: Instrument, folder: Path) -> list[Row]:
    """Size and reading of diffs, snapshots and trades, which is what hftbacktest's format holds, back into arrays."""
    table = hftbacktest_events(events, instrument)
    np.savez_compressed(folder / "events.npz", data=table)
    written = updates.write_updates(events, instrument, folder, provenance="recorded", data_hash="0" * 64)
    (stored,) = updates.sessions(written.files)
    n, found = len(table), {}

    def npz() -> None:
        with np.load(folder / "events.npz") as archive:
            found["npz"] = archive["data"]

    def arrays() -> None:
        found["levels"] = sum(len(block.sides) for block in stored.blocks())

    what = f"{name}, {TIMES} times over"
    size = (folder / "events.npz").stat().st_size / n
    taken = f"{written.bytes / n:.2f} B an event ({written.book_bytes / written.updates:.2f} B a level update)"
    theirs, ours = taking_turns(npz, arrays, units=n)
    peer = Row("storage", f"{what}: hftbacktest npz, {size:.2f} B an event, read", theirs)
    rows = [peer, Row("storage", f"{what}: Parquet, {taken}, read to arrays, block by block", ours).against(peer)]
    assert_same(found["npz"], list(stored.blocks()), events, instrument)
    return rows


def taking_turns(*works: Callable[[], object], units: int = 1) -> list[float]:
    """Median ns of a unit of each work; they run in turns, so that a busy moment of the machine meets all of them."""
    spans: list[list[int]] = [[] for _ in works]
    for work in works:
        work()
    with undisturbed():
        for _ in range(REPEATS):
            for work, mine in zip(works, spans):
                start = time.perf_counter_ns()
                work()
                mine.append(time.perf_counter_ns() - start)
    return [statistics.median(mine) / units for mine in spans]


def repeated(events: list[Event], times: int) -> list[Event]:
    """Diffs, snapshots and trades, which is what hftbacktest's format holds; again and again, the times moved on."""
    kept = [event for event in events if isinstance(event, DepthUpdate | DepthSnapshot | Trade)]
    span = max(event.ts_exchange for event in kept) - kept[0].ts_exchange + 1
    return [
        event._replace(ts_exchange=event.ts_exchange + turn * span, ts_receive=event.ts_receive + turn * span)
        for turn in range(times)
        for event in kept
    ]


def hour(name: str, events: list[Event], instrument: Instrument, folder: Path) -> list[Row]:
    """An hour of rows of ten levels with their flow, by time, from PostgreSQL and from Parquet."""
    rows = an_hour(events, instrument)
    title = f"{name}: an hour, {len(rows):,} rows (the recording's, repeated)"
    origin = {"provenance": "recorded", "data_hash": "1" * 64}
    start, end = int(rows.ts_exchange[0]), int(rows.ts_exchange[0]) + HOUR_NS
    parquet.write_rows(rows, instrument, folder / "rows", **origin)
    found: dict[str, Snapshots] = {}

    def from_parquet() -> None:
        found["parquet"] = select(folder / "rows", instrument.symbol, start, end)

    times: list[float] = []
    try:
        if find_spec("psycopg") is None:
            raise NoServer("psycopg is not installed (pip install -e .[postgres])")
        with server() as url:
            postgres.write_rows(rows, instrument, url, **origin)
            (stored,) = postgres.sessions(url)

            def from_postgres() -> None:
                blocks = list(stored.blocks(start, end))
                arrays = (np.concatenate([getattr(block, column) for block in blocks]) for column in COLUMNS)
                found["postgres"] = Snapshots(instrument, *arrays)

            times = taking_turns(from_postgres, from_parquet)
    except NoServer as error:
        print(f"storage: no PostgreSQL to compare with: {error}", file=sys.stderr)
    *theirs, ours = times or taking_turns(from_parquet)
    for place, read in found.items():
        for column in COLUMNS:
            if getattr(read, column).tobytes() != getattr(rows, column).tobytes():
                raise AssertionError(f"{column} from {place} is not what was written, the times mean nothing")
    peers = [Row("storage", f"{title}, from PostgreSQL", ns) for ns in theirs]
    row = Row("storage", f"{title}, from Parquet", ours)
    return [*peers, row.against(peers[0]) if peers else row]


def an_hour(events: list[Event], instrument: Instrument) -> Snapshots:
    """The rows that events make, repeated with their times moved on until they fill an hour."""
    builder = RowBuilder(instrument)
    rows = Snapshots.of([row for row in map(builder.push, events) if row is not None], instrument)
    span = int(rows.ts_exchange[-1] - rows.ts_exchange[0]) + 1
    times = -(-HOUR_NS // span)
    moved = np.repeat(np.arange(times) * span, len(rows))
    exchange = np.tile(rows.ts_exchange, times) + moved
    keep = exchange < exchange[0] + HOUR_NS
    return Snapshots(
        instrument,
        exchange[keep],
        (np.tile(rows.ts_receive, times) + moved)[keep],
        np.tile(rows.levels, (times, 1, 1))[keep],
        np.tile(rows.flow, (times, 1))[keep],
        np.tile(rows.valid, times)[keep],
    )


def hftbacktest_events(events: list[Event], instrument: Instrument) -> np.ndarray:
    """Events as hftbacktest stores them: one row a level or trade."""
    if find_spec("hftbacktest") is not None:
        from hftbacktest import event_dtype

        if event_dtype != EVENT:
            raise AssertionError(f"hftbacktest's event_dtype has changed to {event_dtype}")
    parts = []
    for event in events:
        part = np.zeros(1 if isinstance(event, Trade) else len(event.sides), EVENT)
        part["exch_ts"], part["local_ts"] = event.ts_exchange, event.ts_receive
        if isinstance(event, Trade):
            part["ev"] = BOTH | TRADE | (BUY if event.side > 0 else SELL)
            part["px"], part["qty"] = instrument.price(event.tick), event.quantity
        else:
            kind = DEPTH if isinstance(event, DepthUpdate) else SNAPSHOT
            part["ev"] = BOTH | kind | np.where(event.sides == 0, BUY, SELL)
            part["px"], part["qty"] = instrument.price(event.ticks), event.quantities
        parts.append(part)
    return np.concatenate(parts)


def assert_same(table: np.ndarray, blocks: list[EventBlock], events: list[Event], instrument: Instrument) -> None:
    """Both files hold the same events, and ours the ones that were written."""
    for one, other in zip(events, chain.from_iterable(block.events() for block in blocks), strict=True):
        if type(one) is not type(other) or one[:3] != other[:3]:
            raise AssertionError("an event came back as another one, the times mean nothing")
    levels = table[(table["ev"] & 0xFF) != TRADE]
    for name, columns in (("px", [instrument.price(b.ticks) for b in blocks]), ("qty", [b.quantities for b in blocks])):
        if not np.array_equal(levels[name], np.concatenate(columns)):
            raise AssertionError(f"{name} differs between the two files, the times mean nothing")
