import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.training import Label, PurgedKFold, Rows, cross_validate
from genesis_lib.training.estimators import configure_estimator
from genesis_lib.training.sweep import FIGURES, run_cell, sweep, symbol_days

LINE = {"model": ["logistic"], "penalty": [1e-3], "balanced": [False], "levels": [3], "folds": [2]}


@pytest.fixture(scope="module")
def days(make_planted):
    """Two days, of which the first was recorded in two sessions."""
    whole = make_planted(3000, 1, depth=3)
    return [whole[:1400], whole[1400:], make_planted(1500, 2, depth=3, day=1), whole[:0]]


@pytest.fixture(scope="module")
def swept(days):
    return sweep(days, {**LINE, "horizon": ["5", "250ms", "100000"], "threshold": [0.0]})


def test_a_row_for_each_day_and_setting_in_order(swept, days):
    assert swept.day.tolist() == ["1970-01-01"] * 3 + ["1970-01-02"] * 3
    assert swept.horizon.tolist() == ["5", "250ms", "100000"] * 2
    assert swept.rows.tolist() == [3000] * 3 + [1500] * 3 and (swept.model == "logistic").all()
    assert [len(own) for own in symbol_days(days).values()] == [2, 1]


def test_cells_are_scored_by_the_cross_validation_that_their_settings_name(swept, days):
    done = swept[swept.horizon != "100000"]
    assert (done.error == "").all() and np.isfinite(done.boosted_ofi_log_loss).all()
    rows = Rows.of(days[2:3], 3, "ofi")
    shape = configure_estimator("logistic", rows.columns, 1, {"penalty": 1e-3, "balanced": False})
    label = Label(seconds=0.25, threshold=0.0)
    alone = cross_validate(rows, label, model="logistic", config=shape, splitter=PurgedKFold(2))
    cell = swept.iloc[4]
    assert {name: cell[name] for name in FIGURES} == {name: alone.scores()[name] for name in FIGURES}
    assert cell.majority_log_loss == alone.scores("majority")["log_loss"]


def test_a_cell_that_fails_says_why_and_stops_no_other(swept):
    failed = swept[swept.horizon == "100000"]
    assert failed.error.str.startswith("InputError: ").all() and failed.accuracy.isna().all()
    found = run_cell([], {"model": "logistic"})
    assert found["error"] != "" and np.isnan(found["mcc"])


@pytest.mark.parametrize(
    ("grid", "word"),
    [
        ({}, "names no setting"),
        ({"horizon": "50"}, "'horizon' must be a list"),
        ({"horizon": []}, "'horizon' must be a list"),
        ({"horizons": [50]}, "no setting 'horizons'"),
        ({"model": ["logistic"], "dropout": [0.1]}, "no setting 'dropout'"),
        ({"model": ["ensemble"]}, "ensemble is no kind"),
    ],
)
def test_a_grid_that_no_model_understands_is_refused_at_once(grid, word, days):
    with pytest.raises(InputError, match=word):
        sweep(days, grid)
    with pytest.raises(InputError, match="no session has any rows"):
        sweep(days[3:], {"horizon": ["5"]})


def test_an_unknown_setting_names_the_nearest_and_no_inner_ones():
    with pytest.raises(InputError, match="did you mean 'horizon'") as told:
        sweep([], {"horizn": ["5"]})
    listed = str(told.value).partition("It has ")[2].split(", ")
    assert {"model", "epochs", "folds"} <= set(listed) and not {"clip", "check", "quiet", "together"} & set(listed)
    with pytest.raises(InputError, match="got '5q'"):
        sweep([], {"horizon": ["5q"]})
