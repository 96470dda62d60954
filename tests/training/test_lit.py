import numpy as np
import pytest
import torch

from genesis_lib.errors import InputError
from genesis_lib.models.deeplob import DeepLOB
from genesis_lib.training.lit import Augmentation, TrainingConfig, WindowBatches, class_weights, fit, probabilities

QUIET = {"threads": 1, "quiet": True, "batch_size": 64}


@pytest.fixture
def problem(small_config):
    """Rows whose sixth column, summed over the window's last rows, tells the class."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(900, 12)).astype(np.float32)
    ends = np.arange(19, 900)
    sums = np.array([rows[end - 3 : end + 1, 5].sum() for end in ends])
    classes = np.digitize(sums, [-0.9, 0.9])
    torch.manual_seed(0)
    return DeepLOB(small_config), lambda at, order=None: WindowBatches(rows, ends[at], classes[at], 20, 64, order)


def test_it_can_learn_a_few_windows_by_heart(problem):
    net, batches = problem
    few = np.arange(0, 640, 10)
    net.drop.p = 0.0  # by heart means by heart
    order = (np.random.default_rng(1), None, 1)
    before = probabilities(net.eval(), batches(few), 1)
    fit(net, batches(few, order), batches(few), TrainingConfig(epochs=150, patience=150, **QUIET))
    after, classes = probabilities(net, batches(few), 1), batches(few).classes
    assert np.mean(before.argmax(1) == classes) < 0.7
    assert np.mean(after.argmax(1) == classes) > 0.97


def test_the_best_pass_is_kept_and_patience_stops(problem):
    net, batches = problem
    train, held = np.arange(0, 500, 5), np.arange(560, 880, 2)
    order = (np.random.default_rng(1), None, 8)
    passes = fit(net, batches(train, order), batches(held), TrainingConfig(epochs=60, patience=2, **QUIET))
    assert 3 <= passes < 60, "so few windows are soon learnt by heart"
    kept = probabilities(net, batches(held), 1)
    classes = batches(held).classes
    loss = -np.log(kept[np.arange(len(held)), classes]).mean()
    order = (np.random.default_rng(1), None, 8)
    fit(net, batches(train, order), batches(held), TrainingConfig(epochs=1, patience=1, learning_rate=0.05, **QUIET))
    other = probabilities(net, batches(held), 1)
    assert loss < -np.log(other[np.arange(len(held)), classes]).mean()


def test_the_same_seed_trains_the_same_net_and_leaves_nothing_behind(small_config, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows, ends = rng.normal(size=(300, 12)).astype(np.float32), np.arange(19, 300)
    classes = rng.integers(0, 3, len(ends))
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    answers = []
    for seed in (3, 3, 4):
        torch.manual_seed(11)
        net = DeepLOB(small_config)
        torch.random.set_rng_state(state)
        batches = WindowBatches(rows, ends, classes, 20, 64, (np.random.default_rng(seed), 128, 8))
        fit(net, batches, WindowBatches(rows, ends, classes, 20, 64), TrainingConfig(epochs=2, seed=seed, **QUIET))
        answers.append(probabilities(net, WindowBatches(rows, ends, classes, 20, 64), 1))
    assert np.array_equal(answers[0], answers[1]) and not np.array_equal(answers[0], answers[2])
    assert torch.equal(torch.random.get_rng_state(), state) and torch.get_num_threads() == threads
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out == ""


def test_progress_goes_to_standard_error(small_config, capfd):
    rng = np.random.default_rng(0)
    rows, ends = rng.normal(size=(100, 12)).astype(np.float32), np.arange(19, 100)
    batches = WindowBatches(rows, ends, rng.integers(0, 3, len(ends)), 20, 64)
    fit(DeepLOB(small_config), batches, batches, TrainingConfig(epochs=1, threads=1, batch_size=64), "fold 3")
    said = capfd.readouterr()
    assert said.out == "" and "fold 3" in said.err


def test_rare_classes_weigh_more():
    weights = class_weights(np.array([0] * 8 + [1] * 2 + [2] * 2))
    assert weights[1] == weights[2] == 4 * weights[0]
    assert class_weights(np.array([0, 2])).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    "given",
    [{"epochs": 0}, {"patience": 0}, {"batch_size": 1}, {"windows": 10}, {"learning_rate": 0.0}, {"threads": 0}],
)
def test_bad_settings_are_named(given):
    with pytest.raises(InputError, match=next(iter(given))):
        TrainingConfig(**given)


def test_augmentation_flips_and_shifts_whole_stretches_and_only_in_training():
    rng = np.random.default_rng(0)
    scaled = rng.normal(size=(300, 4)).astype(np.float32)
    sizes = np.array([False, True, False, True])
    augmentation = Augmentation(-scaled, sizes, 0.5)
    rows = np.concatenate([np.arange(20, 60), np.arange(100, 130)])
    classes, seen = np.array([0, 1, 2]), set()
    for _ in range(20):
        values, turned = augmentation.apply(scaled, rows, classes, rng)
        flip = turned.tolist() == [2, 1, 0]
        assert flip or turned.tolist() == [0, 1, 2]
        seen.add(flip)
        base = -scaled[rows] if flip else scaled[rows]
        assert np.array_equal(values[:, ~sizes], base[:, ~sizes])
        shift = values[:, sizes] - base[:, sizes]
        assert np.ptp(shift[:40]) < 1e-5 and np.ptp(shift[40:]) < 1e-5, "one shift for a stretch"
        assert abs(shift[0, 0] - shift[-1, 0]) > 1e-4, "another for the next"
    assert seen == {True, False}
    ends, quiet = np.arange(99, 300), np.zeros(201, np.int8)
    held = next(iter(WindowBatches(scaled, ends, quiet, 100, 64, None, augmentation)))
    assert np.array_equal(held[0].numpy(), scaled[: 99 + 64])
