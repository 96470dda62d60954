from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.training.scoreboard import Scoreboard, in_short, verdict
from genesis_lib.training.scores import scores

TOLD = {"instrument": "made-up:A", "first": "2025-01-01T00:00:00Z", "last": "2025-01-02T00:00:00Z"}


def proba(said: np.ndarray, sure: float = 0.9) -> np.ndarray:
    """Probabilities whose most probable class is what was said."""
    result = np.full((len(said), 3), (1 - sure) / 2)
    result[np.arange(len(said)), said] = sure
    return result


@pytest.fixture(scope="module")
def board():
    """Two sessions of 400 rows; the net is right four times in five, the coin never knows."""
    rng = np.random.default_rng(3)
    mid = np.concatenate([100.0 + 0.5 * np.cumsum(rng.integers(-1, 2, 400)) for _ in range(2)])
    row = np.concatenate([np.arange(20, 390), np.arange(420, 790)])
    end = row + 10
    classes = (np.sign(mid[end] - mid[row]) + 1).astype(int)
    said = np.where(rng.random(len(row)) < 0.8, classes, rng.integers(0, 3, len(row)))
    coin = rng.integers(0, 3, len(row))
    answers = {"net": (said, proba(said)), "coin": (coin, proba(coin, 0.34))}
    sessions = [TOLD | {"provenance": "recorded"}, TOLD | {"provenance": "simulated"}]
    session = np.repeat([0, 1], 400)
    return Scoreboard(
        answers, classes, row, end, row - 19, session[row], mid, np.full(800, 0.5), session, sessions, fee_bps=1.0
    )


def test_every_figure_is_there_and_plain(board):
    table = board.as_dict()
    assert table["main"] == "net" and table["samples"] == 740 and table["simulated"] is True
    assert table["scores"]["net"]["ece"]["value"] == board.scores["net"]["ece"]
    assert table["bootstrap"]["block"] == 30, "from the window's first row to the label's end"
    assert sum(map(sum, table["confusion"])) == sum(table["reliability"]["count"]) == 740
    assert [each["samples"] for each in table["sessions"]] == [370, 370]
    second = slice(370, 740)
    own = scores(board.classes[second], board.answers["coin"][1][second])
    assert table["sessions"][1]["scores"]["coin"] == own
    assert "net beats coin, all beyond the 95 % interval" in table["verdict"][0]


def by_hand(board: Scoreboard, name: str, threshold: float) -> list[tuple[float, float, float]]:
    """The plain rule, one row after the other."""
    said, chances = board.answers[name]
    free, part, trades = 0, -1, []
    for i, row in enumerate(board.row):
        if board.part[i] != part:
            part, free = board.part[i], 0
        if row < free or said[i] == 1 or not chances[i, said[i]] > threshold:
            continue
        side, free = said[i] - 1, board.end[i]
        gross = side * (board.mid[free] - board.mid[row])
        touch = gross - board.spread[row] / 2 - board.spread[free] / 2
        paid = board.mid[row] + side * board.spread[row] / 2 + board.mid[free] - side * board.spread[free] / 2
        fees = board.fee_bps * 1e-4 * paid
        trades.append(tuple(1e4 * each / board.mid[row] for each in (gross, touch, touch - fees)))
    return trades


def test_the_plain_rule_pays_spread_and_fees(board):
    for name, threshold in (("net", 0.5), ("coin", 0.2)):
        want = np.array(by_hand(board, name, threshold))
        got = board.profits([threshold])[name][0]
        assert got["trades"] == len(want) > 30
        for at, key in enumerate(("gross", "after_spread", "after_fees")):
            assert got[key] == pytest.approx(want[:, at].mean()) and got[f"total_{key}"] == pytest.approx(
                want[:, at].sum()
            )
        assert got["won"] == pytest.approx((want[:, 2] > 0).mean())
        assert got["gross"] > got["after_spread"] > got["after_fees"]
    none = board.profits([0.95])["net"][0]
    assert none["trades"] == 0 and none["gross"] is None and none["total_after_fees"] == 0.0


def test_rows_that_were_tested_twice_are_two_parts(board):
    twice = replace(
        board,
        answers={name: tuple(np.concatenate([v, v]) for v in pair) for name, pair in board.answers.items()},
        part=np.concatenate([board.part, board.part + 2]),
        **{name: np.tile(getattr(board, name), 2) for name in ("classes", "row", "end", "start")},
    )
    assert twice.scores["net"] == pytest.approx(board.scores["net"])
    assert twice.profits([0.5])["net"][0]["trades"] == 2 * board.profits([0.5])["net"][0]["trades"]
    assert (board.tests, twice.tests) == (1, 2)


def test_the_same_answers_again_make_nobody_surer(board):
    """Folds that test the same samples are no new witnesses: the intervals stay, to the last draw."""
    order = np.random.default_rng(0).permutation(3)
    parts = [board.part + 2 * int(fold) for fold in order]
    again = replace(
        board,
        answers={name: tuple(np.concatenate([v] * 3) for v in pair) for name, pair in board.answers.items()},
        part=np.concatenate(parts),
        **{name: np.tile(getattr(board, name), 3) for name in ("classes", "row", "end", "start")},
    )
    assert again.blocks.block == board.blocks.block and again.blocks.count == board.blocks.count
    for table in ("scores", "differences"):
        one, other = (getattr(each.intervals, table) for each in (board, again))
        for name, row in one.items():
            for key, mine in row.items():
                theirs = other[name][key]
                assert (theirs.value, theirs.low, theirs.high) == pytest.approx((mine.value, mine.low, mine.high))


def test_every_test_of_a_sample_counts_in_its_interval(board):
    """Right in one fold and guessing in the next is neither the one nor the other."""
    pairs = zip(board.answers["net"], board.answers["coin"])
    mixed = replace(
        board,
        answers={"net": tuple(np.concatenate(pair) for pair in pairs)},
        part=np.concatenate([board.part, board.part + 2]),
        **{name: np.tile(getattr(board, name), 2) for name in ("classes", "row", "end", "start")},
    )
    for key in ("log_loss", "accuracy"):
        alone, both = (each.intervals.scores["net"][key] for each in (board, mixed))
        assert both.low < both.value < both.high and not both.low < alone.value < both.high


def difference(value: float, half: float) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def told(**values) -> str:
    table = {"scores": {"net": {}}, "differences": {"logistic": values}, "confidence": 0.95}
    return verdict(table)[0]


def test_a_verdict_says_who_is_ahead_in_what_and_whether_that_is_chance():
    better = {key: difference(0.1, 0.01) for key in ("accuracy", "macro_f1", "mcc")} | {
        "log_loss": difference(-0.1, 0.01)
    }
    worse = {key: difference(-each["value"], 0.01) for key, each in better.items()}
    unsure = {key: difference(each["value"], 0.2) for key, each in better.items()}
    assert told(**better).startswith("net beats logistic, all beyond the 95 % interval (log_loss -0.1000 [-0.1100")
    assert told(**worse).startswith("net **loses to** logistic, all beyond")
    assert told(**unsure).startswith("net cannot be told from logistic; log-loss, MCC, macro-F1 and accuracy: within")
    mixed = told(**(worse | {"mcc": better["mcc"], "accuracy": unsure["accuracy"]}))
    assert mixed.startswith("net beats logistic in MCC and **loses to** it in log-loss and macro-F1; accuracy: within")
    few = {key: {"value": 1.0, "low": None, "high": None} for key in better}
    assert "too few blocks for an interval" in told(**few)


def test_the_very_same_fit_is_said_to_be_the_same():
    same = dict.fromkeys(("log_loss", "mcc", "macro_f1", "accuracy"), difference(0.0, 0.0))
    assert told(**same) == "net is the same as logistic: no score differs in four digits."
    assert in_short({"scores": {"net": {}}, "differences": {"logistic": same}, "confidence": 0.95}) == []
    assert "cannot be told" in told(**same | {"mcc": difference(0.0, 0.01)}), "equal by chance is not the same"


def test_refusals(board):
    with pytest.raises(InputError, match="at least one model"):
        replace(board, answers={})
    with pytest.raises(InputError, match="fee_bps must be between 0 and 1000 basis points, got -1"):
        replace(board, fee_bps=-1)


def test_in_short_says_the_worst_first():
    def row(low, high, other=(-1.0, 1.0)):
        pair = {"value": low + 0.1, "low": low, "high": high}
        rest = {"value": sum(other) / 2, "low": other[0], "high": other[1]}
        return {"log_loss": pair} | dict.fromkeys(("mcc", "macro_f1", "accuracy"), rest)

    told = in_short(
        {
            "scores": {"net": {}},
            "confidence": 0.95,
            "differences": {
                "majority": row(-0.3, -0.1, (0.1, 0.2)),
                "persistence": row(-1.0, 1.0),
                "logistic_ofi": row(0.1, 0.3),
                "boosted_ofi": row(0.1, 0.3, (-0.2, -0.1)),
            },
        }
    )
    assert told == [
        "net LOSES to logistic_ofi (in log-loss) and boosted_ofi beyond the 95 % interval.",
        "net cannot be told from persistence.",
        "net beats majority beyond the 95 % interval.",
    ]
