"""Models are whole, hashed and frozen; a broken one is refused."""

import dataclasses

import pytest

from genesis_lib.detectors.regime_model import STATES, RegimeModel, default_model
from genesis_lib.errors import InputError


def test_a_model_survives_json_and_its_hash_tells_it():
    model = default_model()
    assert set(model.states) == set(STATES) and model == RegimeModel.from_dict(model.as_dict())
    other = dataclasses.replace(model, weights=tuple(reversed(model.weights)))
    assert other.hash != model.hash and len(model.hash) == 12
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.version = 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"columns": ("a",)}, "columns must be volatility"),
        ({"states": ("Calm", "Wild")}, "states must be of Calm"),
        ({"weights": (1.0,)}, "weights must have"),
        ({"weights": (0.0,) * 5}, "must be positive"),
        ({"centres": ((0.0,),) * 5}, "numbers a row"),
        ({"colour": 1}, "not a regime model"),
    ],
)
def test_a_broken_model_is_refused(change, text):
    with pytest.raises(InputError, match=text):
        RegimeModel.from_dict(default_model().as_dict() | change)
