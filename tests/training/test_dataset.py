from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.features import model_inputs
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.dataset import Rows, Samples
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


def test_rows_know_what_they_are(broken):
    assert broken.inputs.dtype == np.float32 and np.isnan(broken.inputs[400]).all() and broken.starts[400] == -1
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


def test_columns_in_pieces_are_those_of_the_whole(make_planted, monkeypatch):
    session = make_planted(700, 1)
    session.valid[333] = False
    whole = Rows.of([session], inputs="book+ofi")
    monkeypatch.setattr("genesis_lib.training.dataset.PIECE", 97)
    pieces = Rows.of([session], inputs="book+ofi")
    assert np.array_equal(whole.inputs, pieces.inputs, equal_nan=True)
    assert np.array_equal(whole.flow, pieces.flow, equal_nan=True)
    used = whole.starts >= 0
    assert np.allclose(pieces.fit_scaler(used).std, Scaler.fit(whole.inputs[used]).std, rtol=1e-9)


def test_the_scaler_knows_the_rows_that_are_used_alone(broken):
    used = np.zeros(len(broken), bool)
    used[150:300] = True
    expected = Scaler.fit(broken.inputs[150:300])
    assert np.array_equal(broken.fit_scaler(used).mean, expected.mean)
    assert np.array_equal(broken.fit_scaler(used, flow=True).mean, Scaler.fit(broken.flow[150:300]).mean)


def test_a_model_of_few_levels_does_not_read_the_others(make_planted):
    deep, shallow = make_planted(300, 1), make_planted(300, 1)
    shallow = replace(shallow, levels=shallow.levels[:, :3].copy())
    one, other = Rows.of([deep], 3, "ofi"), Rows.of([shallow], 3, "ofi")
    assert np.array_equal(one.inputs, other.inputs, equal_nan=True) and np.array_equal(
        one.flow, other.flow, equal_nan=True
    )


def test_rows_on_disk_are_the_same_and_not_in_memory(broken, tmp_path):
    there = broken.on_disk(tmp_path / "rows")
    assert isinstance(there.inputs, np.memmap) and there.mirrored is None
    assert np.array_equal(there.inputs, broken.inputs, equal_nan=True) and there.data_hash == broken.data_hash
