from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.training.scores import scores


def test_a_second_seed_is_told_of_and_decides_nothing(small_cv):
    _, result = small_cv
    folds = []
    for fold in result.folds:
        spoiled = {part: dict.fromkeys(table, 99.0 * fold.number) for part, table in fold.first.scores.items()}
        other = replace(fold.first, seed=8, scores=spoiled, proba=fold.first.proba[:, ::-1].copy())
        mean = (fold.first.proba + other.proba) / 2
        folds.append(
            replace(
                fold,
                members=(fold.first, other),
                proba=fold.proba | {"ensemble": mean},
                predicted=fold.predicted | {"ensemble": mean.argmax(1).astype(np.int8)},
            )
        )
    two = replace(result, folds=tuple(folds), seeds=(7, 8))
    assert two.best.number == result.best.number and two.scores() == result.scores()
    assert two.models[:2] == ("deeplob", "ensemble") and "ensemble" in two.fold_table().columns
    assert list(two.seed_table().index) == [7, 8]
    assert two.seed_table().loc[7].to_dict() == pytest.approx(result.scores())
    classes = np.concatenate([fold.classes for fold in folds])
    mean = np.concatenate([fold.proba["ensemble"] for fold in folds])
    assert two.scores("ensemble") == pytest.approx(scores(classes, mean))


def test_the_gain_is_what_a_constant_answer_does_not_tell(small_cv):
    _, result = small_cv
    fold = result.folds[0]
    own = np.bincount(fold.validation_classes, minlength=3) / len(fold.validation_classes)
    constant = -np.log(own[fold.validation_classes]).mean()
    assert fold.validation_gain == pytest.approx(constant - fold.first.scores["validation"]["log_loss"])
    quiet = replace(fold.first, scores=fold.first.scores | {"validation": {"log_loss": constant}})
    assert replace(fold, members=(quiet,)).validation_gain == pytest.approx(0.0, abs=1e-9)


def test_a_stretch_of_one_class_is_not_chosen_for_its_shares(small_cv):
    _, result = small_cv
    told, other = result.folds[0], result.folds[-1]
    names = list(told.shares["train"])

    def made(fold, shares, loss):
        first = replace(fold.first, scores=fold.first.scores | {"validation": {"log_loss": loss}})
        every = {"train": dict.fromkeys(names, 1 / 3), "validation": dict(zip(names, shares))}
        return replace(fold, shares=fold.shares | every, members=(first,))

    telling, quiet = made(told, (0.3, 0.4, 0.3), 1.0), made(other, (0.0, 1.0, 0.0), 0.05)
    assert quiet.validation_gain == pytest.approx(-0.05) and telling.validation_gain > 0.05
    assert replace(result, folds=(quiet, telling)).best is telling


def test_an_unknown_model_is_refused_with_the_known_ones(small_cv):
    _, result = small_cv
    with pytest.raises(InputError, match="deeplob, majority"):
        result.scores("oracle")


def test_the_table_of_heads_counts_what_has_a_label(small_cv):
    _, result = small_cv
    table = result.head_table()
    assert list(table.index) == [0] and table.loc[0, "rows"] == sum(len(fold.classes) for fold in result.folds)
    assert table.loc[0, "log_loss"] == pytest.approx(result.scores()["log_loss"], abs=1e-6)
