from dataclasses import asdict

import pytest

from genesis_lib.errors import InputError
from genesis_lib.models.kinds import KINDS
from genesis_lib.training.config import CHECK, RECIPES, WINDOWS, TrainingConfig, recipe


@pytest.mark.parametrize(
    "given",
    [
        {"epochs": 0}, {"patience": 0}, {"batch_size": 1}, {"windows": 10}, {"learning_rate": 0.0}, {"threads": 0},
        {"stretch": 0}, {"sequences": 0}, {"average": 1.0}, {"clip": 0.0}, {"check": 0}, {"weight_decay": -1.0},
        {"schedule": "cosine"}, {"class_weights": "heavy"}, {"accelerator": "tpu"},
    ],
)  # fmt: skip
def test_bad_settings_are_named(given):
    (name, value), *_ = given.items()
    with pytest.raises(InputError, match=name) as error:
        TrainingConfig(**given)
    assert repr(value) in str(error.value)


def test_a_pass_and_a_check_are_counted_in_predictions():
    config = TrainingConfig()
    assert config.a_pass(900_000, dense=True) == 900_000 and config.a_pass(900_000, dense=False) == WINDOWS
    assert TrainingConfig(windows=0).a_pass(900_000, dense=False) == 900_000
    assert TrainingConfig(windows=1000).a_pass(900_000, dense=True) == 1000
    assert config.a_check(900_000) == CHECK and config.a_check(700) == 700
    assert TrainingConfig(check=50).a_check(900_000) == 50


def test_dense_is_what_the_network_allows_unless_told():
    assert TrainingConfig().is_dense(True) and not TrainingConfig().is_dense(False)
    assert not TrainingConfig(dense=False).is_dense(True)
    with pytest.raises(InputError, match="tabl computes each window by itself"):
        TrainingConfig(dense=True).is_dense(False, "tabl")


def test_recipes_are_of_kinds_that_there_are_and_give_way():
    assert set(RECIPES) <= set(KINDS)
    for model in KINDS:
        told = recipe(model, seed=11, epochs=3, patience=None)
        assert (told.seed, told.epochs) == (11, 3)
        assert told.patience == RECIPES.get(model, {}).get("patience", TrainingConfig().patience)
    assert asdict(recipe("deeplob")) | RECIPES.get("deeplob", {}) == asdict(recipe("deeplob"))
