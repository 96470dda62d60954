import numpy as np
import pytest

from genesis_lib.engine import Engine
from genesis_lib.engine.forecast import Forecast
from genesis_lib.errors import ModelError
from genesis_lib.features import FeatureSet
from genesis_lib.features.definitions import Definitions


class Waiting:
    """A predictor that waits for four unbroken rows, as networks do."""

    def __init__(self) -> None:
        self.remaining, self.rows = 4, []

    def step(self, row: np.ndarray) -> np.ndarray:
        self.rows.append(row)
        self.remaining = 4 if np.isnan(row).any() else max(self.remaining - 1, 0)
        return np.array([0.2, 0.3, 0.5]) if self.remaining == 0 else np.full(3, np.nan)


class Model:
    name, version, levels, window, columns = "waiting", "1", 2, 4, ("return_10", "obi_total")

    def predictor(self) -> Waiting:
        return Waiting()


class Defined(Model):
    def features(self) -> FeatureSet:
        return Definitions.of(self.columns, 2).features()


@pytest.mark.parametrize("model", [Model, Defined])
def test_it_tells_how_many_rows_are_still_to_come(market, model) -> None:
    forecast = Forecast(model(), 2, 2, market.instrument)
    assert forecast.remaining == forecast.warmup == 10 + 4
    told = []
    for number in range(60):
        row = market.row(1000 + number % 3, valid=number not in (5, 30))
        before = forecast.remaining
        probabilities, signal, confidence = forecast.of(row)
        told.append((before, signal))
        assert forecast.remaining == (14 if not row.valid else max(before - 1, 0))
        assert (signal, confidence) == (("NONE", 0.0) if np.isnan(probabilities[0]) else ("UP", 0.5))
        assert (signal == "UP") == (forecast.remaining == 0)
    assert [signal for _, signal in told].index("UP") == 5 + 14, "fourteen unbroken rows, the last of them answered"
    forecast.reset()
    assert forecast.remaining == 14


def test_a_model_reads_as_many_levels_as_it_was_trained_on(market) -> None:
    forecast, shallow = Forecast(Defined(), 3, 3, market.instrument), FeatureSet(Model.columns)
    for _ in range(15):
        row = market.row(1000)
        extra = np.vstack([row.levels, [490.0, 77.0, 510.0, 5.0]])
        forecast.of(row._replace(levels=extra))
        expected = shallow.step(row)
    assert np.array_equal(forecast._predictor.rows[-1], expected) and np.isfinite(expected).all()


def test_too_few_levels_are_named(market) -> None:
    with pytest.raises(ModelError, match=r"model waiting 1 needs 2 levels a side, market\.depth is 1"):
        Forecast(Model(), 1, 1, market.instrument)
    with pytest.raises(ModelError, match="needs 2 levels a side, test:X has 1"):
        Forecast(Model(), 1, 10, market.instrument)


def test_the_engine_holds_one_where_it_has_a_model(market, scripted) -> None:
    assert Engine(market.instrument).forecast is None
    assert Engine(market.instrument, artifact=scripted()).forecast.remaining == 0


def test_work_ahead_is_the_predictors_where_it_has_some(market, scripted) -> None:
    class Eager(Waiting):
        done = 0

        def ahead(self) -> None:
            self.done += 1

    class Model(Defined):
        predictor = staticmethod(Eager)

    engine = Engine(market.instrument, artifact=Model())
    engine.ahead()
    assert engine.forecast._predictor.done == 1
    Engine(market.instrument).ahead()
    Engine(market.instrument, artifact=scripted()).ahead()
