"""The contract every feature of the table keeps, and the sets that compute them."""

import copy
import inspect
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.features import FEATURES, OFI_INPUTS, FeatureSet, columns_hash, model_inputs
from genesis_lib.features.base import feature, lookup
from orderbook_ext import COMPILED

ALL = tuple(FEATURES)
each = pytest.mark.parametrize("name", ALL)


@pytest.fixture(scope="module")
def table(rows):
    return dict(zip(ALL, FeatureSet(ALL).batch(rows).T))


@each
def test_says_what_it_is(name):
    item = FEATURES[name]
    assert item.name == name and item.unit and item.formula and item.source
    assert item.summary.endswith((".", "them.")) and len(item.summary) > 20
    assert 1 <= item.levels <= 10 and 0 <= item.warmup <= 300 and 0.0 <= item.warmup_seconds <= 300.0


@each
def test_is_nan_while_warming_up_and_finite_after(name, rows, table):
    column, item = table[name], FEATURES[name]
    early = (rows.ts_exchange - rows.ts_exchange[0]) * 1e-9 < item.warmup_seconds
    assert np.isnan(column[: item.warmup]).all() and np.isnan(column[early]).all()
    late = column[item.warmup :][~early[item.warmup :]]
    if item.sparse:
        assert np.isfinite(late).any()
    else:
        assert np.isfinite(late).all()
    assert len(np.unique(column[np.isfinite(column)])) > 1, "a column that never changes tells nothing"


@each
def test_is_the_same_alone_as_among_others(name, rows, table):
    assert np.array_equal(FeatureSet([name]).batch(rows)[:, 0], table[name], equal_nan=True)


@given(
    seed=st.integers(0, 2**16),
    levels=st.sampled_from([10, 12]),
    invalid=st.sampled_from([0.0, 0.01, 0.2]),
    empty=st.sampled_from([0.0, 0.05]),
)
@settings(max_examples=8, deadline=None)
def test_batch_is_stream_to_the_bit(make, seed, levels, invalid, empty):
    rows = make(260, levels, seed, invalid, empty)
    columns = FeatureSet(ALL)
    batch = columns.batch(rows)
    assert np.array_equal(batch, np.stack([columns.step(row) for row in rows]), equal_nan=True)
    assert np.isnan(batch[~rows.valid]).all()


def test_single_rows_are_a_batch_too(rows):
    columns = FeatureSet(["mid", "ofi_1", "return_10"])
    columns.step(rows[0])
    expected = columns.batch(rows[:40])
    assert np.array_equal(columns.batch(list(rows[:40])), expected, equal_nan=True)
    assert np.array_equal(columns.batch(row for row in rows[:40]), expected, equal_nan=True)
    assert columns.batch([]).shape == columns.batch(rows[:0]).shape == (0, 3)


@given(seed=st.integers(0, 2**16), cut=st.integers(1, 399))
@settings(max_examples=8, deadline=None)
def test_the_future_changes_nothing(make, seed, cut):
    rows = make(400, 10, seed, 0.005)
    columns = FeatureSet(ALL)
    assert np.array_equal(columns.batch(rows)[:cut], columns.batch(rows[:cut]), equal_nan=True)


def test_after_an_invalid_row_it_is_as_if_nothing_came_before(make):
    rows = make(700, 10, 3)
    rows.valid[300] = False
    columns = FeatureSet(ALL)
    assert np.array_equal(columns.batch(rows)[301:], columns.batch(rows[301:]), equal_nan=True)


def test_batch_leaves_the_stream_alone_and_reset_forgets(rows):
    columns = FeatureSet(["return_1"])
    columns.step(rows[0])
    columns.batch(rows)
    assert np.isfinite(columns.step(rows[1])).all()
    columns.reset()
    assert np.isnan(columns.step(rows[2])).all()


def test_works_at_every_depth_it_claims(make):
    for levels in (1, 5, 10):
        names = [name for name in ALL if FEATURES[name].levels <= levels]
        values = FeatureSet(names).batch(make(300, levels, 1))
        assert values.shape == (300, len(names))
    deep = FeatureSet(model_inputs(20)).batch(make(5, 20, 1))
    assert deep.shape == (5, 80) and np.isfinite(deep).all()


def test_strided_and_foreign_arrays_are_read_right(rows):
    columns = FeatureSet(["mid", "obi_total"])
    wide = np.asfortranarray(rows.levels[0])
    assert np.array_equal(columns.step(rows[0]._replace(levels=wide)), columns.batch(rows[:1])[0])
    assert np.array_equal(columns.batch(rows[::2]), columns.batch(rows)[::2])


@pytest.mark.skipif(not COMPILED, reason="the twin's numbers are objects")
def test_batch_takes_no_more_memory_than_its_values(make):
    columns = FeatureSet(ALL)
    extra = []
    for count in (2_000, 12_000):
        rows = make(count, 10, 1)
        columns.batch(rows[:10])
        tracemalloc.start()
        values = columns.batch(rows)
        extra.append(tracemalloc.get_traced_memory()[1] - values.nbytes)
        tracemalloc.stop()
    assert max(extra) < 4_000_000 and extra[1] - extra[0] < 100_000


def test_batch_leaves_other_threads_alone(make):
    rows = make(300, 10, 2)
    sets = [FeatureSet(ALL) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        values = list(pool.map(lambda columns: columns.batch(rows), sets))
    assert all(np.array_equal(values[0], other, equal_nan=True) for other in values[1:])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_shares_no_memory(rows, copied):
    columns = FeatureSet(["return_1", "ofi_3"])
    columns.step(rows[0])
    twin = copied(columns)
    assert twin.names == columns.names and np.isnan(twin.step(rows[700])).all()
    assert np.array_equal(columns.step(rows[1]), columns.batch(rows[:2])[1])


def test_sets_and_features_go_to_other_processes(rows):
    columns = FeatureSet(["mid", "ofi_2", "return_1"])
    columns.step(rows[0])
    there, item = ForkingPickler.loads(ForkingPickler.dumps((columns, FEATURES["ofi_2"])))
    assert item is FEATURES["ofi_2"] and there.names == columns.names
    assert np.isnan(there.step(rows[700])[2]) and np.isfinite(columns.step(rows[1])).all()


def test_warmup_and_hash_and_order():
    columns = FeatureSet(["return_10", "mid"])
    assert (columns.warmup, columns.levels, len(columns)) == (10, 1, 2)
    assert columns.columns_hash == columns_hash(["return_10", "mid"]) != columns_hash(["mid", "return_10"])
    assert FeatureSet(OFI_INPUTS()).warmup == 100 and FeatureSet(model_inputs()).warmup == 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["micro_price"], "did you mean 'microprice'"),
        (["mid", "mid"], "must not repeat, got mid"),
        ([], "at least one"),
        ("mid", "single string 'mid'"),
    ],
)
def test_bad_names_are_explained(names, message):
    with pytest.raises(InputError, match=message):
        FeatureSet(names)


def test_too_few_levels_and_changing_depth_are_explained(make):
    with pytest.raises(InputError, match="'ofi_7' needs 7 levels a side, the rows have 5"):
        FeatureSet(["ofi_7"]).batch(make(3, 5))
    columns = FeatureSet(["mid"])
    columns.step(make(1, 5)[0])
    with pytest.raises(InputError, match=r"got \(10, 4\).*reset"):
        columns.step(make(1, 10)[0])


def test_a_feature_is_defined_once():
    with pytest.raises(InputError, match="'mid' is defined twice"):
        feature("mid", unit="", formula="", source="")(lambda row: row.mid)


def test_lookup_knows_the_deeper_inputs():
    assert lookup("bid_size_20").levels == 20 and "bid_size_20" not in FEATURES


@pytest.mark.parametrize("levels", [0, 21])
def test_levels_of_the_lists_are_checked(levels):
    for names in (model_inputs, OFI_INPUTS):
        with pytest.raises(InputError, match="between 1 and 20"):
            names(levels)


@pytest.mark.parametrize("levels", [1, 5, 10])
def test_ofi_inputs_are_free_of_scale(make, levels):
    names = OFI_INPUTS(levels)
    assert len(set(names)) == len(names)
    rows = make(400, levels, 5)
    values = FeatureSet(names).batch(rows)
    assert np.isfinite(values[100:]).all() and np.abs(values[100:]).max() < 50
    rows.levels[:, :, 1::2] *= 4.0  # powers of two: exact
    rows.flow[:, 1:] *= 4.0
    again = FeatureSet(names).batch(rows)
    scaled = [n for n, a, b in zip(names, values.T, again.T) if not np.allclose(a, b, equal_nan=True, atol=1e-9)]
    assert scaled == []


def test_model_inputs_are_in_the_papers_order():
    assert model_inputs(2)[4:] == ("ask_price_2", "ask_size_2", "bid_price_2", "bid_size_2")
    assert len(model_inputs()) == 40 and len(ALL) - 40 >= 40


def test_builds_take_a_row_and_nothing_else():
    for item in FEATURES.values():
        needed = [p for p in inspect.signature(item.build).parameters.values() if p.default is p.empty]
        assert [p.name for p in needed] == ["row"]


def test_inputs_are_told_by_name():
    from genesis_lib.features import OFI_INPUTS, input_columns, model_inputs

    assert input_columns("book", 5) == model_inputs(5) and input_columns("ofi", 5) == OFI_INPUTS(5)
    assert input_columns("book+ofi", 5) == (*model_inputs(5), *OFI_INPUTS(5))
    assert input_columns(" obi_1 , book", 1) == ("obi_1", *model_inputs(1))
    for levels in (1, 2, 5, 10):
        every = FeatureSet(input_columns("book+ofi+flow", levels), levels)  # none twice, none deeper than the book
        assert every.warmup == 100 and every.warmup_seconds == 0 and not any(item.sparse for item in every.features)
    for wrong, said in (("obi_1,,spread", "joined by commas"), ("obi_1,ofi", "more than once"), ("obi1", "obi_1")):
        with pytest.raises(InputError, match=said):
            input_columns(wrong, 10)
