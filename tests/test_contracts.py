"""What all that is registered must keep: documented, causal, deterministic, bounded, blind to the machine's clock."""

from __future__ import annotations

import inspect
import resource
import sys
import time
from collections import deque

import numpy as np
import pytest

from genesis_lib.detectors import DETECTORS
from genesis_lib.detectors.watch import Watch
from genesis_lib.features import FEATURES, MODULES, FeatureSet
from genesis_lib.features.base import _compiled
from genesis_lib.features.references import REFERENCES
from genesis_lib.feeds import RowBuilder, read_snapshots
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import Snapshots

NAMES = tuple(FEATURES)
SESSIONS = ("usdm_2023", "usdm_2024", "eth_2024", "coinm_btc", "coinm_eth")
PLANT = {"layering": 1, "quote_stuffing": 1, "wash_trading": 1, "iceberg": 1, "spread_shock": 1, "momentum_ignition": 1}
each_feature = pytest.mark.parametrize("name", NAMES)
each_detector = pytest.mark.parametrize("kind", tuple(DETECTORS))


@pytest.fixture(scope="module")
def flow() -> Snapshots:
    """Simulated rows of a full book of ten levels, none of them invalid, long enough for every warm-up."""
    simulator = Simulator(seed=21, minutes=3)
    builder = RowBuilder(simulator.instrument)
    rows = [row for row in map(builder.push, simulator) if row is not None]
    rows = Snapshots.of([row for row in rows if row.valid], simulator.instrument, "simulated")
    assert np.isfinite(rows.levels).all() and rows.depth == 10
    return rows


@pytest.fixture(scope="module")
def columns(flow) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, FeatureSet(NAMES).batch(flow).T))


def mended(rows: Snapshots, **arrays) -> Snapshots:
    """The same rows with some arrays replaced."""
    fields = ("instrument", "ts_exchange", "ts_receive", "levels", "flow", "valid", "provenance")
    return Snapshots(*(arrays.get(name, getattr(rows, name)) for name in fields))


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b, equal_nan=True)


@each_feature
def test_a_feature_is_documented(name):
    item = FEATURES[name]
    assert item.name == name and name == name.lower() and name.replace("_", "").isalnum()
    words = item.summary.split()
    assert len(words) >= 4 and item.summary.endswith(".") and words[0][0].isupper()
    assert item.unit and item.formula and item.source
    if "ours" not in item.source and "standard" not in item.source and "venue" not in item.source:
        assert any(paper in item.source for paper in REFERENCES)
    if item.sparse:
        assert "NaN" in f"{item.summary} {item.formula}", "a sparse feature says when it is NaN"
    module = sys.modules[item.build.__module__]
    assert module.__name__.rsplit(".", 1)[1] in MODULES and len((module.__doc__ or "").split()) > 5


@each_feature
def test_a_feature_warms_up_exactly_as_long_as_it_says(name, flow, columns):
    item, column = FEATURES[name], columns[name]
    elapsed = np.concatenate([[0.0], np.diff(flow.ts_exchange) * 1e-9])
    ready = (np.arange(len(flow)) >= item.warmup) & (np.cumsum(elapsed) >= item.warmup_seconds)
    assert np.isnan(column[~ready]).all()
    if item.sparse:
        assert np.isfinite(column[ready]).any()
    else:
        assert np.isfinite(column[ready]).all() and ready.sum() > 50


@each_feature
def test_a_feature_gives_numbers_or_nan(name, columns):
    assert columns[name].dtype == np.float64 and not np.isinf(columns[name]).any()


@each_feature
def test_a_feature_changes(name, columns):
    known = columns[name][np.isfinite(columns[name])]
    assert len(np.unique(known)) > 1


def test_shapes(flow):
    features = FeatureSet(NAMES)
    row = features.step(flow[0])
    assert row.shape == (len(NAMES),) and row.dtype == np.float64
    for n in (0, 1, 7):
        values = FeatureSet(NAMES).batch(flow[:n])
        assert values.shape == (n, len(NAMES)) and values.dtype == np.float64


def test_the_same_rows_give_the_same_bits(flow, columns):
    again = FeatureSet(NAMES).batch(flow)
    assert same(again, np.stack(list(columns.values()), axis=1))
    turned = FeatureSet(NAMES[::-1]).batch(flow)
    assert same(turned[:, ::-1], again)


def test_nothing_sees_the_rows_to_come(flow, columns):
    cut = 900
    later = flow.levels.copy()
    later[cut:] = np.nan
    blind = mended(flow, levels=later, valid=np.arange(len(flow)) < cut)
    assert same(FeatureSet(NAMES).batch(blind)[:cut], np.stack(list(columns.values()), axis=1)[:cut])


def test_an_invalid_row_is_nan_and_ends_all_memory(flow):
    broken = mended(flow, valid=np.arange(len(flow)) != 700)
    values = FeatureSet(NAMES).batch(broken)
    assert np.isnan(values[700]).all()
    assert same(values[701:], FeatureSet(NAMES).batch(flow[701:]))


def test_what_an_invalid_row_holds_does_not_matter(flow):
    spoiled = flow.levels.copy()
    spoiled[700] = 1e300
    kept = np.arange(len(flow)) != 700
    plain = FeatureSet(NAMES).batch(mended(flow, valid=kept))
    assert same(FeatureSet(NAMES).batch(mended(flow, valid=kept, levels=spoiled)), plain)


def test_the_machines_clock_does_not_matter(flow, columns, monkeypatch):
    def forbidden(*args):
        raise AssertionError("a feature asked for the time")

    for clock in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"):
        monkeypatch.setattr(time, clock, forbidden)
    moved = mended(flow, ts_receive=flow.ts_receive + 10**15)
    features = FeatureSet(NAMES)
    head = np.stack([features.step(row) for row in moved[:200]])
    assert same(head, np.stack(list(columns.values()), axis=1)[:200])
    for module in MODULES:
        source = inspect.getsource(sys.modules[f"genesis_lib.features.{module}"])
        assert "import time" not in source and "datetime" not in source


def test_an_empty_side_of_a_valid_row_harms_no_row_for_ever(flow):
    holed = flow.levels.copy()
    holed[300, 1:, :2] = np.nan  # one level left on the bid
    values = FeatureSet(NAMES).batch(mended(flow, levels=holed))
    plain = FeatureSet(NAMES).batch(flow)
    learned = {"ofi_integrated", "nofi_integrated", "nofi_integrated_10", "nofi_integrated_50"}
    for name, got, want in zip(NAMES, values[600:].T, plain[600:].T):
        assert same(got, want) or (name in learned and np.isfinite(got).all()), name


def growth(rows: Snapshots, total: int) -> int:
    """KiB that the peak of resident memory grew by while one program ran on over so many rows, after a first part."""
    program, rows = _compiled(NAMES, rows.depth).fresh(), rows[:1_000]
    span, first = rows.ts_exchange[-1] - rows.ts_exchange[0] + 1_000_000, 0
    for i in range(total // len(rows)):
        program.run(rows.levels, rows.flow, rows.ts_exchange + i * span, rows.instrument.tick_size, rows.valid)
        if i == 9:
            first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first


def test_memory_does_not_grow(flow):
    assert growth(flow, 200_000) < 4_000


def test_a_stream_remembers_no_more_after_many_steps(flow):
    features, rows = FeatureSet(NAMES), list(flow[:2_000])
    for row in rows:
        features.step(row)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        for row in rows:
            features.step(row)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4_000


@pytest.mark.slow
def test_memory_does_not_grow_over_ten_million_rows(flow):
    assert growth(flow, 10_000_000) < 8_000


@pytest.mark.parametrize("session", SESSIONS)
def test_every_feature_says_something_on_the_recordings(session, request):
    rows = read_snapshots(request.getfixturevalue(session))
    values = FeatureSet(NAMES).batch(rows)
    for name, column in zip(NAMES, values.T):
        known = column[np.isfinite(column)]
        assert len(np.unique(known)) > 1 and not np.isinf(column).any(), name
        if not FEATURES[name].sparse:
            assert len(known) > 0.8 * len(column), name


@pytest.fixture(scope="module")
def tape() -> list:
    """Events of a simulated market in which much is going on."""
    return list(Simulator(12, minutes=2.5, plant=PLANT))


def watched(kinds, events, shift: int = 0, watch: Watch | None = None) -> list:
    """What detectors say of events that all come `shift` ns later."""
    watch = Watch(kinds) if watch is None else watch
    builder, alerts = RowBuilder(Simulator(12).instrument), []
    for event in events:
        moved = event._replace(ts_exchange=event.ts_exchange + shift, ts_receive=event.ts_receive + shift)
        watch.observe(moved)
        row = builder.push(moved)
        if row is not None:
            alerts += watch.step(row)
    return alerts


@each_detector
def test_a_detector_is_documented(kind):
    cls = DETECTORS[kind]
    words = inspect.getdoc(cls)
    assert cls.kind == kind and words.splitlines()[0].endswith(".") and len(words) > 60
    assert cls.summary and cls.summary[0].islower() and not cls.summary.endswith(".")


def test_detectors_ask_nobody_for_the_time_and_repeat_themselves(tape, monkeypatch):
    first = watched(None, tape)
    assert len({alert.kind for alert in first}) >= 3

    def forbidden(*args):
        raise AssertionError("a detector asked for the time")

    for clock in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"):
        monkeypatch.setattr(time, clock, forbidden)
    assert watched(None, tape) == first
    again = watched(None, tape, shift=86_400 * 10**9)
    told = [(alert.kind, alert.score, alert.timestamp, alert.message) for alert in first]
    assert [(a.kind, a.score, a.timestamp - 86_400 * 10**9, a.message) for a in again] == told


def test_a_detector_says_the_same_alone_as_among_others(tape):
    together = watched(None, tape)
    for kind in set(DETECTORS) - {"regime"}:  # the regime heeds what the others say
        assert watched([kind], tape) == [alert for alert in together if alert.kind == kind], kind


def held(thing, seen: set) -> int:
    """Bytes of an object and of all that it holds."""
    if id(thing) in seen or isinstance(thing, type):
        return 0
    seen.add(id(thing))
    parts: list = []
    if isinstance(thing, dict):
        parts = [*thing, *thing.values()]
    elif isinstance(thing, (list, tuple, set, deque)):
        parts = list(thing)
    else:
        slots = [name for cls in type(thing).__mro__ for name in getattr(cls, "__slots__", ())]
        parts = [getattr(thing, name) for name in slots if hasattr(thing, name)]
        parts.append(getattr(thing, "__dict__", None))
    return sys.getsizeof(thing) + sum(held(part, seen) for part in parts)


@pytest.mark.slow
def test_detectors_remember_no_more_after_ten_million_events(tape):
    # What they hold, not what the process has: the tests before this one leave memory of their own.
    watch, seen, sizes = Watch(), 0, []
    span = tape[-1].ts_receive - tape[0].ts_receive + 10**9
    while seen < 10_000_000:
        watched(None, tape, shift=span * (seen // len(tape)), watch=watch)
        seen += len(tape)
        if seen >= 500_000 * (1 + 9 * len(sizes)):
            sizes.append({item.kind: held(item, set()) for item in watch.detectors})
    assert len(sizes) == 3 and sum(sizes[0].values()) < 2 << 20
    for kind, first in sizes[0].items():
        assert sizes[-1][kind] < 1.5 * first + 4096, kind
