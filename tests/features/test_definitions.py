import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.features import FEATURES, OFI_INPUTS, FeatureSet, base, model_inputs
from genesis_lib.features.definitions import Definitions, FrozenFeatureSet, made_up_stream
from genesis_lib.types import Snapshots

NAMES = (*model_inputs(3), "obi_total", "nofi_sum_10", "hawkes_buy_10s", "return_10")


@pytest.fixture(autouse=True)
def the_table_keeps_its_order():
    before = dict(base.FEATURES)
    yield
    base.FEATURES.clear()  # what was taken out and put back would stand at the end
    base.FEATURES.update(before)


def test_what_is_written_down_computes_the_same_bits_in_batch_and_stream() -> None:
    written = Definitions.read(json.loads(json.dumps(Definitions.of(NAMES, 5).as_dict())))
    stream = made_up_stream(10, 300)
    told, today = written.features(), FeatureSet(NAMES, 5)
    expected = today.batch(stream)
    assert np.isfinite(expected[-1]).all()
    assert np.array_equal(told.batch(stream), expected, equal_nan=True)
    assert np.array_equal(told.batch(list(stream)), expected, equal_nan=True)
    assert np.array_equal([told.step(row) for row in stream], expected, equal_nan=True)
    assert (told.warmup, told.warmup_seconds, told.levels) == (today.warmup, today.warmup_seconds, 5)
    assert (told.columns_hash, told.features) == (today.columns_hash, today.features)


def test_a_deeper_book_is_read_as_deep_as_was_asked_for() -> None:
    deep, names = made_up_stream(10, 200), ("obi_total", "obi_1")
    cut = Snapshots(deep.instrument, deep.ts_exchange, deep.ts_receive, deep.levels[:, :5], deep.flow, deep.valid)
    plain = FeatureSet(names).batch(cut)
    assert np.array_equal(FeatureSet(names, 5).batch(deep), plain, equal_nan=True)
    assert not np.array_equal(FeatureSet(names).batch(deep), plain, equal_nan=True), "10 levels add up to another total"
    stream = FeatureSet(names, 5)
    assert np.array_equal([stream.step(row) for row in deep], plain, equal_nan=True)
    shallow = Snapshots(deep.instrument, deep.ts_exchange, deep.ts_receive, deep.levels[:, :4], deep.flow, deep.valid)
    for made in (FeatureSet(names, 5), Definitions.of(names, 5).features()):
        with pytest.raises(InputError, match="5 levels a side or more, got 4"):
            made.batch(shallow)
        with pytest.raises(InputError, match="5 levels a side or more, got 4"):
            made.step(shallow[0])
    with pytest.raises(InputError, match="'ask_price_7' needs 7 levels a side, depth is 5"):
        FeatureSet(("ask_price_7",), 5)


def test_it_survives_pickling_and_copies_have_seen_nothing() -> None:
    stream, told = made_up_stream(5, 50), Definitions.of(NAMES, 5).features()
    first = told.step(stream[0])
    again = pickle.loads(pickle.dumps(told))
    assert isinstance(again, FrozenFeatureSet) and np.array_equal(again.step(stream[0]), first, equal_nan=True)
    assert pickle.loads(pickle.dumps(FeatureSet(NAMES, 5))).depth == 5


def test_a_column_redefined_or_gone_goes_on_as_it_was(monkeypatch) -> None:
    names, stream = ("obi_1", "spread", "mid"), made_up_stream(5, 100)
    written = Definitions.of(names, 5)
    expected = FeatureSet(names).batch(stream)
    assert written.changed() == ()
    other = base.FEATURES["obi_1"]
    monkeypatch.setitem(
        base.FEATURES, "obi_1", base.Feature("obi_1", "1", "", "", "", lambda row: other.build(row) * 2.0)
    )
    monkeypatch.delitem(base.FEATURES, "mid")
    base._built.cache_clear()
    base._compiled.cache_clear()
    try:
        assert written.changed() == ("obi_1", "mid")
        assert Definitions.of(("obi_1", "spread"), 5).hash != Definitions.of(("spread",), 5).hash
        assert not np.array_equal(FeatureSet(("obi_1",)).batch(stream)[:, 0], expected[:, 0], equal_nan=True)
        assert np.array_equal(written.features().batch(stream), expected, equal_nan=True)
    finally:
        base._built.cache_clear()
        base._compiled.cache_clear()


def test_a_hash_is_of_the_formulas_and_not_of_the_order_of_their_instructions() -> None:
    together, alone = Definitions.of(("mid", "obi_1"), 5), Definitions.of(("obi_1",), 5)
    assert together.hashes[1] == alone.hashes[0] != together.hashes[0]
    assert Definitions.of(("obi_1", "mid"), 5).hash != together.hash
    assert Definitions.of(("obi_total",), 5).hash != Definitions.of(("obi_total",), 10).hash


def test_every_feature_has_a_witness_and_another_computation_is_found() -> None:
    every = Definitions.of(tuple(FEATURES), 10)
    witness = every.witness()
    assert not [name for name, (_, size, _) in zip(every.names, witness) if size == 0.0]
    assert every.computed_otherwise(json.loads(json.dumps(witness))) == ()
    position = every.names.index("obi_1")
    for k, change in ((0, 1e-6), (2, 1)):
        other = [list(sums) for sums in witness]
        other[position][k] += change
        assert every.computed_otherwise(other) == ("obi_1",)
    with pytest.raises(InputError, match="a witness of 0"):
        every.computed_otherwise(())


def test_order_flow_columns_are_cheap_to_write_down() -> None:
    assert len(json.dumps(Definitions.of(model_inputs(10) + OFI_INPUTS(10), 10).as_dict())) < 40_000


DAMAGE = {
    "damaged: KeyError": lambda t: t.pop("outputs"),
    "no operation melt": lambda t: t["code"][0].__setitem__(0, "melt"),
    "2 names for 1 columns": lambda t: t["outputs"].pop(),
    "0 names": lambda t: (t["names"].clear(), t["outputs"].clear()),
    "together may hold": lambda t: t["code"][0].__setitem__(2, 10**9),
    "absurd: 0 levels": lambda t: t.update(levels=0),
    "earlier registers": lambda t: t["code"][0].__setitem__(1, [10**6, 1]),
    "outputs must be registers": lambda t: t.update(outputs=[10**6, 0]),
}


@pytest.mark.parametrize("cause", DAMAGE)
def test_damaged_definitions_are_refused(cause) -> None:
    table = json.loads(json.dumps(Definitions.of(("mid", "nofi_sum_10"), 5).as_dict()))
    DAMAGE[cause](table)
    with pytest.raises(InputError, match=cause):
        Definitions.read(table)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(st.data())
def test_whatever_a_file_holds_it_is_refused_or_runs(data) -> None:
    table = Definitions.of(("mid", "nofi_sum_10"), 2).as_dict()
    key = data.draw(st.sampled_from(sorted(table)))
    if key == "code" and data.draw(st.booleans()):
        table["code"][data.draw(st.integers(0, len(table["code"]) - 1))][data.draw(st.integers(0, 3))] = data.draw(
            anything
        )
    else:
        table[key] = data.draw(anything)
    try:
        written = Definitions.read(table)
    except InputError:
        return
    if written.levels <= 100:
        assert written.features().batch(made_up_stream(written.levels, 30)).shape == (30, len(written.names))


def test_every_part_of_an_instruction_is_part_of_the_hash() -> None:
    made = Definitions.of(("return_10",), 5)
    (at,) = [i for i, (_, _, span, _) in enumerate(made.code) if span > 1][:1]
    op, args, span, value = made.code[at]
    for other in ((op, args, span + 1, value), (op, args, span, value + 1.0)):
        assert replace(made, code=(*made.code[:at], other, *made.code[at + 1 :])).hashes != made.hashes
