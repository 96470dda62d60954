"""Learning on: it helps where the market changed, hurts nowhere beyond noise, and never sees a label early."""

import numpy as np
import pytest

from genesis_lib.errors import InputError, ModelError
from genesis_lib.models import registry
from genesis_lib.training import Label, PurgedKFold, Rows, cross_validate, evaluate, gather_sessions
from genesis_lib.training.card import register_trial
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.online import learn
from genesis_lib.training.scores import scores


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def logistic(planted_sessions, root):
    rows = Rows.of(planted_sessions, 3, inputs="ofi")
    result = cross_validate(rows, Label(horizon=5), model="logistic", splitter=PurgedKFold(2), stride=4)
    return register_trial(result, rows, "line", root)


def test_a_market_that_turned_round_is_learned(logistic, make_planted, root):
    learned = learn(logistic, [make_planted(5000, 12, signal=-1.0, day=3)], every=200, root=root)
    assert learned.verdict.promote and learned.verdict.gain > 0.05
    pieces = learned.progress(5)
    gains = [piece["champion"] - piece["challenger"] for piece in pieces]
    assert gains[-1] > gains[0]


@pytest.mark.parametrize("seed", [11, 13])
def test_a_market_that_stayed_the_same_is_not_unlearned(logistic, make_planted, root, seed):
    learned = learn(logistic, [make_planted(5000, seed, day=3)], every=200, root=root)
    assert learned.updates > 20 and learned.verdict.gain > -0.005 and learned.verdict.high > 0


def test_noise_teaches_nothing_false(logistic, make_planted, root):
    learned = learn(logistic, [make_planted(5000, 14, signal=0.0, day=3)], every=200, root=root)
    assert learned.verdict.gain > -0.005


def test_the_challenger_is_a_version_of_its_own(logistic, make_planted, root):
    session = make_planted(1500, 15, day=4)
    before = {file: file.read_bytes() for file in logistic.path.iterdir()}
    learned = learn(logistic, [session], every=100, root=root)
    again = registry.load(f"{learned.challenger.name}/{learned.challenger.version}", root)
    assert again.version != logistic.version and again.lineage["parents"] == [logistic.version]
    assert {file: file.read_bytes() for file in logistic.path.iterdir()} == before
    assert registry.champion(root) is None
    assert evaluate(again, [session]).seen and not evaluate(logistic, [session]).seen
    assert again.metrics["prequential"]["challenger"] == scores(learned.classes, learned.after)
    assert "as it was" in again.card and again.version in again.card
    further = learn(again, [make_planted(1500, 16, day=5)], every=100, name="further", root=root).challenger
    assert further.lineage["parents"] == [again.version] and further.name == "further"
    assert len(further.manifest["data"]) == len(again.manifest["data"]) + 1


def test_the_champion_is_answered_as_it_is_served(logistic, make_planted, root):
    session = make_planted(1200, 17, day=4)
    learned = learn(logistic, [session], every=10_000, root=root)
    assert learned.updates == 0
    served = evaluate(logistic, [session]).probabilities
    assert np.allclose(learned.before, served, atol=1e-9) and np.array_equal(learned.before, learned.after)


def test_what_comes_later_changes_nothing_before(logistic, make_planted, root):
    whole = make_planted(2000, 18, signal=-1.0, day=6)
    short = learn(logistic, [whole[:1200]], every=100, root=root)
    long = learn(logistic, [whole], every=100, root=root)
    n = len(short.classes)
    assert np.array_equal(short.after, long.after[:n]) and np.array_equal(short.time, long.time[:n])
    # A label is learned from only when its end has passed: the first answers are the champion's.
    first = np.flatnonzero((long.before != long.after).any(axis=1))[0]
    horizon, row = 5, 50_000_000
    known = long.time[99] + horizon * row
    assert long.time[first] > known >= long.time[first - 1]


def test_a_gap_drops_the_labels_that_wait(logistic, make_planted, root):
    session = make_planted(1600, 19, day=7)
    session.valid[800] = False
    learned = learn(logistic, [session], every=50, root=root)
    row = (learned.time - session.ts_exchange[0]) // 50_000_000
    assert not np.isin(row, np.arange(795, 801)).any()
    assert learned.updates == len(learned.classes) // 50


def test_sessions_recorded_at_once_do_not_tell_each_other_the_future(logistic, make_planted, root):
    one, other = make_planted(1500, 20, signal=-1.0, day=8), make_planted(1500, 21, signal=-1.0, day=8)
    together = learn(logistic, [one, other], every=100, root=root)
    turned = learn(logistic, [other, one], every=100, root=root)
    assert (np.diff(together.time) >= 0).all() and together.updates == turned.updates
    changed = (together.before != together.after).any(axis=1)
    alone = learn(logistic, [one], every=100, root=root)
    # With two markets a hundred labels are known sooner, in the middle of both, and never before both began.
    assert together.time[changed][0] < alone.time[(alone.before != alone.after).any(axis=1)][0]


def test_what_learning_made_worse_is_not_registered(logistic, make_planted, root):
    session = make_planted(5000, 11, day=9)
    before = registry.entries(root)
    spoiled = learn(logistic, [session], every=20, rate=100.0, root=root)
    assert spoiled.worse and spoiled.challenger is None and spoiled.as_dict()["version"] is None
    assert registry.entries(root) == before
    kept = learn(logistic, [session], every=20, rate=100.0, keep=True, root=root)
    assert kept.worse and kept.challenger.name == "line-learned"
    assert "95 % interval" in kept.challenger.card


def test_a_name_means_what_it_meant_however_much_was_learned(logistic, make_planted, root):
    first = learn(logistic, [make_planted(1500, 22, day=10)], every=100, root=root).challenger
    again = learn(first, [make_planted(1500, 23, day=11)], every=100, root=root).challenger
    assert first.name == again.name == "line-learned" and again.lineage["parents"] == [first.version]
    assert registry.meant("line", root) == logistic.version


def test_arguments_are_checked(logistic, make_planted, root):
    session = make_planted(400, 1)
    with pytest.raises(InputError, match="every must be at least 1 label, got 0"):
        learn(logistic, [session], every=0, root=root)
    with pytest.raises(InputError, match="rate must be positive"):
        learn(logistic, [session], rate=-1.0, root=root)


def test_trees_cannot_learn_on(planted_sessions, make_planted, root):
    rows = Rows.of(planted_sessions, 3, inputs="ofi")
    result = cross_validate(rows, Label(horizon=5), model="majority", splitter=PurgedKFold(2), stride=8)
    majority = register_trial(result, rows, "shares", root)
    with pytest.raises(ModelError, match="majority cannot learn online"):
        learn(majority, [make_planted(400, 1)], root=root)


@pytest.mark.slow
def test_a_network_learns_a_market_that_turned_round(planted_sessions, make_planted, root):
    rows = Rows.of(planted_sessions, 3, inputs="book+ofi")
    training = TrainingConfig(epochs=4, threads=1, quiet=True, augment=False)
    result = cross_validate(
        rows, Label(horizon=5), model="causal-16", training=training, splitter=PurgedKFold(2), stride=4
    )
    net = register_trial(result, rows, "net", root)
    learned = learn(net, [make_planted(6000, 12, signal=-1.0, day=3)], every=200, root=root)
    assert learned.verdict.promote
    same = learn(net, [make_planted(6000, 11, day=3)], every=200, root=root)
    assert same.verdict.gain > -0.005


@pytest.mark.slow
def test_on_a_recording_and_the_simulator(usdm_2023, root):
    simulated = gather_sessions(["simulator"], 10, minutes=3)
    rows = Rows.of(simulated, 10, inputs="ofi")
    result = cross_validate(rows, Label(horizon=20), model="logistic", splitter=PurgedKFold(2))
    simple = register_trial(result, rows, "simulated", root)
    recorded = gather_sessions(usdm_2023, 10)
    learned = learn(simple, recorded, root=root)  # from the simulator to a real market: there is much to learn
    assert learned.verdict.gain > 0 and learned.challenger.provenance == "recorded+simulated"
