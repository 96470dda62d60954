"""What a training run says of itself in words."""

from types import SimpleNamespace

import numpy as np

from genesis_lib.cli.train_words import fold_lines, warnings

EVEN = {"DOWN": 0.25, "NEUTRAL": 0.5, "UP": 0.25}
QUIET = {"DOWN": 0.02, "NEUTRAL": 0.96, "UP": 0.02}
CONSTANT = -(0.5 * np.log(0.5) + 0.5 * np.log(0.25))


def fold(number, validation, test, held=EVEN):
    own = {part: {"accuracy": 0.5, "log_loss": loss} for part, loss in (("validation", validation), ("test", test))}
    classes, even = np.array([0, 1, 1, 2]), np.tile(list(EVEN.values()), (4, 1))
    return SimpleNamespace(
        number=number,
        shares={"train": EVEN, "validation": held, "test": EVEN},
        first=SimpleNamespace(scores={**own, "train": own["test"]}, predictions=1_000_000),
        sizes={"test": 4},
        classes=classes,
        proba={"net": even, "majority": even, "logistic_ofi": np.eye(3)[classes] * 0.97 + 0.01},
    )


def result(*folds, model="net"):
    return SimpleNamespace(folds=folds, best=folds[-1], model=model)


def test_a_fold_that_learnt_nothing_is_told_of_and_one_that_did_is_not():
    good, bad = CONSTANT - 0.01, CONSTANT + 0.01
    assert warnings(result(fold(0, good, good))) == []
    assert warnings(result(fold(0, bad, bad), model="majority")) == []
    told = warnings(result(fold(0, bad, bad), fold(1, good, bad), fold(2, bad, bad)))
    assert len(told) == 2
    assert told[0].startswith("WARNING: folds 0, 2 learnt nothing") and "validation and test samples" in told[0]
    assert told[1].startswith("WARNING: fold 1 learnt nothing") and told[1].endswith("on the test samples.")


def test_a_registered_fold_of_another_market_names_the_class():
    (told,) = warnings(result(fold(0, 1, 1), fold(1, 0.01, 1, QUIET)))
    assert "fold 1 was chosen" in told and told.endswith("NEUTRAL 96 % against 50 %.")
    assert warnings(result(fold(1, 0.01, 1, QUIET), fold(0, 1, 1))) == [], "only the registered fold counts"


def test_the_table_of_folds_fits_a_terminal_and_names_the_least_baseline():
    *head, table = fold_lines(result(fold(0, 1, 1), fold(1, 1, 1)))
    assert max(map(len, [*head, *table.splitlines()])) <= 120 and "base_loss" in " ".join(head)
    first, second = table.splitlines()[1:]
    assert "*" not in first and "*" in second and second.split()[-2:] == ["0.0202", "logistic_ofi"]
