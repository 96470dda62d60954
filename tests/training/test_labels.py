import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.training.labels import KINDS, Label, label_matrix, last_known, run_starts, shares

K, SPAN = 4, 5


def slow_move(kind, mid, valid, session, i, width=1.0):
    """The definition, one row at a time: (move, end) or None."""
    past = {"smoothed": 0, "smoothed-past": K - 1}.get(kind, SPAN)
    if i - past < 0 or i + K >= len(mid):
        return None
    touched = range(i - past, i + K + 1)
    if not all(valid[j] for j in touched) or len({session[j] for j in touched}) > 1:
        return None
    ahead = sum(mid[i + j] for j in range(1, K + 1)) / K
    if kind == "smoothed":
        return (ahead - mid[i]) / mid[i], i + K
    if kind == "smoothed-past":
        back = sum(mid[i - j] for j in range(K)) / K
        return (ahead - back) / back, i + K
    squares = [(mid[j] / mid[j - 1] - 1) ** 2 for j in range(i - SPAN + 1, i + 1)]
    scale = math.sqrt(sum(squares) / SPAN) * math.sqrt(K)
    if kind == "volatility":
        change = mid[i + K] / mid[i] - 1
        return (0.0 if change == 0 else change / scale if scale else math.copysign(math.inf, change)), i + K
    for j in range(1, K + 1):
        change = mid[i + j] / mid[i] - 1
        if abs(change) > width * scale:
            return math.copysign(1.0, change), i + j
    return 0.0, i + K


@st.composite
def markets(draw):
    n = draw(st.integers(12, 60))
    steps = draw(st.lists(st.integers(-2, 2), min_size=n, max_size=n))
    mid = (1000 + np.cumsum(steps)) / 2.0
    valid = np.ones(n, bool)
    valid[draw(st.lists(st.integers(0, n - 1), max_size=3))] = False
    session = np.zeros(n, np.int64)
    session[draw(st.integers(0, n)) :] = 1
    return mid, valid, session


@pytest.mark.parametrize("kind", KINDS)
@given(market=markets())
@settings(max_examples=60, deadline=None)
def test_moves_equal_the_slow_definition(kind, market):
    mid, valid, session = market
    label = Label(kind, K, span=SPAN)
    move, end = label.moves(mid, run_starts(valid, session))
    for i in range(len(mid)):
        expected = slow_move(kind, mid, valid, session, i)
        if expected is None:
            assert np.isnan(move[i]) and end[i] == -1
        else:
            assert end[i] == expected[1]
            assert move[i] == pytest.approx(expected[0], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_after_its_end_changes_a_label(kind):
    rng = np.random.default_rng(0)
    mid = 100 + np.cumsum(rng.normal(size=200)) * 0.1
    label, starts = Label(kind, K, span=SPAN), run_starts(np.ones(200, bool))
    move, end = label.moves(mid, starts)
    for i in (20, 77, 150):
        other = mid.copy()
        other[end[i] + 1 :] *= rng.uniform(0.5, 2.0, 199 - end[i])
        again, ends = label.moves(other, starts)
        assert again[i] == move[i] and ends[i] == end[i]
        other = mid.copy()
        other[end[i]] *= 1.5 if move[i] <= 0 else 0.5
        assert label.moves(other, starts)[0][i] != move[i], "the label must depend on the row at which it is known"


def test_a_quiet_market_is_neutral_exactly():
    mid = np.full(50, 28145.15)
    for kind in KINDS:
        label = Label(kind, K, span=SPAN)
        move, _ = label.moves(mid, run_starts(np.ones(50, bool)))
        assert (move[np.isfinite(move)] == 0).all()
        fitted = label.fit(move)
        assert shares(fitted.classes(move)) == {"DOWN": 0.0, "NEUTRAL": 1.0, "UP": 0.0}


def test_balanced_threshold_cuts_terciles_of_the_rows_it_is_given():
    moves = np.random.default_rng(2).normal(size=30_000)
    fitted = Label().fit(moves[:20_000])
    assert fitted.threshold == np.quantile(np.abs(moves[:20_000]), 1 / 3)
    assert all(abs(share - 1 / 3) < 0.02 for share in shares(fitted.classes(moves[20_000:])).values())


def test_last_known_never_looks_ahead():
    valid = np.ones(60, bool)
    valid[30] = False
    starts = run_starts(valid)
    mid = 100 + np.cumsum(np.random.default_rng(3).integers(-1, 2, 60)) * 0.5
    _, end = Label("triple-barrier", K, span=SPAN).moves(mid, starts)
    newest = last_known(end, starts)
    for i in range(60):
        known = [j for j in range(60) if 0 <= end[j] <= i and starts[i] >= 0 and starts[j] == starts[i]]
        assert newest[i] == (max(known) if known else -1)


@pytest.mark.parametrize(
    "label",
    [
        Label("smoothed-past", 7, 1e-4),
        Label(seconds=300),
        Label("triple-barrier", threshold="spread", width=2.0, seconds=0.5, fee_bps=4, width_down=1.0),
    ],
)
def test_round_trip(label):
    assert Label.of(label.as_dict()) == label
    assert Label.parse(label.ahead).ahead == label.ahead


def test_a_manifest_written_before_seconds_and_fees_reads_and_writes_the_same():
    old = {"kind": "smoothed", "horizon": 20, "threshold": 3.2e-05, "span": 100, "width": 1.0}
    assert Label.of(old).as_dict() == old
    with pytest.raises(InputError, match="'magic'"):
        Label.of(old | {"magic": 1})


@pytest.mark.parametrize(
    ("text", "horizon", "seconds", "ahead", "words"),
    [
        ("50", 50, None, "50", "50 rows"),
        ("1", 1, None, "1", "1 row"),
        ("500ms", 0, 0.5, "500ms", "0.5 seconds"),
        ("30s", 0, 30.0, "30s", "30 seconds"),
        ("5m", 0, 300.0, "5m", "5 minutes"),
        (" 90s ", 0, 90.0, "90s", "90 seconds"),
        ("1h", 0, 3600.0, "1h", "60 minutes"),
        ("1.5s", 0, 1.5, "1500ms", "1.5 seconds"),
    ],
)
def test_horizons_are_read_as_people_write_them(text, horizon, seconds, ahead, words):
    label = Label.parse(text, kind="smoothed-past")
    assert (label.kind, label.horizon, label.seconds) == ("smoothed-past", horizon, seconds)
    assert (label.ahead, label.ahead_in_words) == (ahead, words)


@pytest.mark.parametrize("text", ["", "0", "5 x", "m", "-5", "5d", "1e3", "1.5", "0s", "100h"])
def test_other_horizons_are_refused(text):
    with pytest.raises(InputError, match=r"horizon|seconds"):
        Label.parse(text)


def test_several_labels_are_columns_of_one_matrix():
    rng = np.random.default_rng(6)
    mid, time = 100 + rng.integers(-1, 2, 400).cumsum() * 0.5, np.cumsum(rng.integers(1, 10**9, 400))
    starts, spread = run_starts(np.arange(400) != 200), np.full(400, 0.5)
    labels = [Label.parse("10"), Label.parse("5s"), Label.parse("10", threshold="spread")]
    moves, ends = label_matrix(mid, time, starts, labels, spread)
    assert moves.shape == ends.shape == (400, 3)
    for head, label in enumerate(labels):
        move, end = label.moves(mid, starts, time, spread)
        assert np.array_equal(moves[:, head], move, equal_nan=True) and np.array_equal(ends[:, head], end)
    with pytest.raises(InputError, match="spread"):
        label_matrix(mid, time, starts, labels)
    with pytest.raises(InputError, match="time"):
        labels[1].moves(mid, starts)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"kind": "magic"}, "kind"),
        ({"horizon": 0}, "horizon"),
        ({"threshold": -1.0}, "threshold"),
        ({"threshold": "wide"}, "threshold"),
        ({"width": 0.0}, "width"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"kind": "volatility", "threshold": "spread"}, "spread"),
        ({"fee_bps": 1.0}, "fee_bps"),
        ({"threshold": "spread", "fee_bps": -1.0}, "fee_bps"),
        ({"width_down": 1.0}, "width_down"),
        ({"kind": "triple-barrier", "width_down": -1.0}, "width_down"),
    ],
)
def test_bad_definitions_are_named(given, word):
    with pytest.raises(InputError, match=word):
        Label(**given)


def test_an_unfitted_threshold_cannot_classify():
    with pytest.raises(InputError, match="fitted"):
        Label().classes(np.zeros(3))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"horizon": 1.5}, "horizon must be a whole number of at least 1 row, got 1.5"),
        ({"horizon": float("nan")}, "horizon must be a whole number"),
        ({"horizon": True}, "horizon must be a whole number"),
        ({"span": 2.5}, "span must be a whole number"),
        ({"kind": "triple-barrier", "width": float("inf")}, "width must be positive, got inf"),
        ({"kind": "triple-barrier", "width": "wide"}, "width must be positive, got 'wide'"),
        ({"kind": "triple-barrier", "width_down": float("nan")}, "width_down"),
    ],
)
def test_horizons_and_widths_that_are_none_are_refused(parts, said):
    with pytest.raises(InputError, match=said):
        Label(**parts)
