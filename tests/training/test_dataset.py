from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.features import model_inputs
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.dataset import Rows, Samples, epoch, gather, mirror
from genesis_lib.training.labels import Label


@pytest.fixture(scope="module")
def broken(make_planted):
    """Two sessions, the first with an invalid row."""
    first, second = make_planted(700, 1), make_planted(500, 2, day=1)
    first.valid[400] = False
    return Rows.of([first, second])


def test_no_window_and_no_label_crosses_a_session_or_an_invalid_row(broken):
    samples = Samples.of(broken, Label(horizon=20), window=100)
    for start, end in zip(samples.start, samples.end):
        assert broken.session[start] == broken.session[end]
        assert not start <= 400 <= end
    assert np.array_equal(samples.row - samples.start, np.full(len(samples), 99))
    assert np.array_equal(samples.end - samples.row, np.full(len(samples), 20))
    # 100 rows of window and of order-flow warm-up at each beginning, 20 of horizon at each end
    assert len(samples) == (400 - 100 - 20) + (299 - 100 - 20) + (500 - 100 - 20)


def test_stride_counts_within_a_session(broken):
    samples = Samples.of(broken, Label(horizon=20), stride=7)
    opening = np.where(samples.row < 700, 0, 700)
    assert ((samples.row - opening) % 7 == 0).all()


def test_known_is_the_move_whose_label_has_just_ended(broken):
    samples = Samples.of(broken, Label(horizon=20))
    moves, _ = Label(horizon=20).moves(broken.mid, broken.starts)
    inner = samples.row - broken.starts[samples.row] >= 120
    assert np.array_equal(samples.known[inner], moves[samples.row[inner] - 20])


def test_rows_used_are_those_of_the_windows(broken):
    samples = Samples.of(broken, Label(horizon=20), stride=3)
    positions = np.array([0, 5, 60])
    used = np.zeros(len(broken), bool)
    for p in positions:
        used[samples.start[p] : samples.row[p] + 1] = True
    assert np.array_equal(samples.rows_used(positions, len(broken)), used)


def test_gather_finds_each_window_and_holds_each_row_once():
    rows, index = gather(np.array([120, 125, 500]), 100)
    assert len(np.unique(rows)) == len(rows) == 105 + 100
    for end, window in zip((120, 125, 500), rows[index]):
        assert np.array_equal(window, np.arange(end - 99, end + 1))


def test_an_epoch_takes_each_sample_once_and_a_limited_one_none_twice():
    rng = np.random.default_rng(0)
    positions = np.arange(1000)
    assert np.array_equal(np.sort(np.concatenate(list(epoch(positions, 64, rng)))), positions)
    some = np.concatenate(list(epoch(positions, 64, rng, limit=200)))
    assert len(some) == len(np.unique(some)) and 190 <= len(some) <= 200
    alone = list(epoch(positions, 64, rng, together=1))
    assert {len(batch) for batch in alone} == {64, 1000 % 64}


def test_scaled_rows_and_provenance(broken):
    scaler = Scaler.fit(broken.inputs[broken.starts >= 0])
    scaled = broken.scaled(scaler)
    assert scaled.dtype == np.float32 and (scaled[400] == 0).all()
    assert np.array_equal(scaled[10], scaler.transform(broken.inputs[10]))
    assert broken.provenance == "simulated" and broken.columns == model_inputs(10)
    assert [s["rows"] for s in broken.sessions] == [700, 500] and len(broken.data_hash) == 64
    assert broken.session_slices() == [slice(0, 700), slice(700, 1200)]


def test_the_hash_follows_the_data(make_planted):
    one, other = make_planted(300, 1), make_planted(300, 1)
    assert Rows.of([one]).data_hash == Rows.of([other]).data_hash
    other.levels[5, 3, 1] += 1
    assert Rows.of([one]).data_hash != Rows.of([other]).data_hash


def test_refusals(make_planted):
    for nothing in ([], [make_planted(200, 1)[:0]]):
        with pytest.raises(InputError, match="no sessions"):
            Rows.of(nothing)
    with pytest.raises(InputError, match="5 levels"):
        Rows.of([make_planted(200, 1, depth=5)], levels=10)
    with pytest.raises(InputError, match="longest unbroken streak has 110"):
        Samples.of(Rows.of([make_planted(110, 1)]), Label(horizon=20))
    with pytest.raises(InputError, match="stride"):
        Samples.of(Rows.of([make_planted(300, 1)]), Label(horizon=20), stride=0)


def test_a_mirrored_row_is_the_row_of_the_mirrored_book(make_planted):
    session = make_planted(200, 4)
    upside_down = make_planted(200, 4)
    levels = session.levels
    upside_down.levels[:, :, 0], upside_down.levels[:, :, 1] = 30_000 - levels[:, :, 2], levels[:, :, 3]
    upside_down.levels[:, :, 2], upside_down.levels[:, :, 3] = 30_000 - levels[:, :, 0], levels[:, :, 1]
    rows, other = Rows.of([session]), Rows.of([upside_down])
    order, sign = mirror(rows.columns)
    assert np.array_equal(rows.inputs[:, order] * sign, other.inputs)
    scaler = Scaler.fit(rows.inputs)
    assert np.array_equal(rows.scaled(scaler, mirrored=True), other.scaled(scaler))
    assert np.allclose(rows.mid + other.mid, 30_000), "what rises in one falls in the other"


def test_rows_of_a_deeper_book_are_those_of_one_as_deep_as_asked_for(make_planted):
    deep = make_planted(400, 4)
    cut = replace(deep, levels=deep.levels[:, :3])
    for inputs in ("book", "ofi", ("obi_total",)):
        from_deep, from_cut = Rows.of([deep], 3, inputs), Rows.of([cut], 3, inputs)
        assert np.array_equal(from_deep.inputs, from_cut.inputs, equal_nan=True)
        assert np.array_equal(from_deep.flow, from_cut.flow, equal_nan=True)
    assert not np.array_equal(Rows.of([deep], 10, ("obi_total",)).inputs, from_deep.inputs, equal_nan=True)
