import json

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main

DATA = ["simulator", "--minutes", "1"]


def run(*arguments):
    return CliRunner().invoke(main, ["labels", *map(str, arguments)])


def test_one_object_a_label():
    done = run(*DATA, "--horizon", "20", "--horizon", "5s", "--fee-bps", "0.5", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["fee_bps"] == 0.5 and told["sessions"][0]["provenance"] == "simulated"
    made = told["labels"]
    assert [label["horizon"] for label in made] == ["20 rows", "20 rows", "5 seconds", "5 seconds"]
    assert [label["threshold"] == "spread" for label in made] == [False, True, False, True]
    for label in made:
        assert label["rows"] > 100 and label["DOWN"] + label["NEUTRAL"] + label["UP"] == pytest.approx(1)
        if label["trades"]:
            assert label["gross"] > label["after_spread"] > label["after_fees"]
            assert label["total_gross"] == pytest.approx(label["gross"] * label["trades"])


def test_a_table_for_people_with_all_horizons():
    done = run(*DATA)
    assert done.exit_code == 0, done.stderr
    assert "SIM" in done.stdout.upper() and "after_fees" in done.stdout and "5 bps a side" in done.stdout
    for words in ("10 rows", "100 rows", "1 minute", "5 minutes", "15 minutes"):
        assert done.stdout.count(f" {words} ") == 2


def test_a_combination_without_meaning_is_left_out_but_never_alone():
    kinds = "--label", "volatility", "--label", "triple-barrier", "--horizon", "10"
    done = run(*DATA, *kinds, "--json")
    assert [(each["kind"], each["threshold"]) for each in json.loads(done.stdout)["labels"]][1:] == [
        ("triple-barrier", 0.5),
        ("triple-barrier", "spread"),
    ]
    alone = run(*DATA, "--label", "volatility", "--threshold", "spread")
    assert alone.exit_code == 1 and "counts in deviations" in alone.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--horizon", "5 fortnights"], 2, "horizon"),
        (["--horizon", "30x"], 2, "30x"),
        (["--threshold", "wide"], 2, "threshold"),
        (["--fee-bps", "-1"], 2, "fee-bps"),
        (["--label", "magic"], 2, "magic"),
    ],
)
def test_wrong_usage_is_one_line(arguments, code, word):
    done = run(*DATA, *arguments)
    assert done.exit_code == code and word in done.stderr


def test_the_table_fits_and_says_what_it_holds_and_why_a_row_is_empty():
    kinds = [word for kind in ("smoothed", "volatility", "triple-barrier") for word in ("--label", kind)]
    done = run(*DATA, *kinds, "--horizon", "20", "--horizon", "15m")
    assert done.exit_code == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 110, done.stdout
    assert "15 minutes: no sample; the session lasts 60 seconds" in done.stdout
    for words in (" bp", " sd", " x ", "shares in %", "best_trades, best_total of --json", "won: of the trades"):
        assert words in done.stdout, words
