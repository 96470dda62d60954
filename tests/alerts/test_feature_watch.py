import numpy as np
import pytest

from genesis_lib.alerts import FeatureRule
from genesis_lib.alerts.feature_watch import FeatureWatch
from genesis_lib.errors import ConfigError
from genesis_lib.features import FeatureSet

WIDE = FeatureRule(feature="spread", above=5.0, for_s=1.0, name="wide", severity="critical")
THIN = FeatureRule(feature="obi_1", below=-0.5)
SLOW = FeatureRule(feature="return_10", above=1e9)


def test_one_set_of_columns_for_all_rules(row):
    watch = FeatureWatch([WIDE, THIN, FeatureRule(feature="spread", above=8.0, name="wider")])
    assert watch.columns.names == ("spread", "obi_1")
    spreads = [1, 7, 7, 9, 9, 1]
    found = [(k, alarm.kind) for k, width in enumerate(spreads) for alarm in watch.step(row(k, spread=width))]
    assert found == [(2, "wide"), (3, "wider")]


def test_an_alarm_says_what_and_how_much(row):
    watch = FeatureWatch([WIDE])
    (alarm,) = [alarm for k in range(3) for alarm in watch.step(row(k, spread=7))]
    assert alarm.message == "Feature spread is 7: above 5 for 1 s." and alarm.severity == "critical"
    assert alarm.evidence == {"feature": "spread", "value": 7.0, "threshold": 5.0, "for_s": 1.0}
    assert alarm.timestamp == row(1).ts_exchange


def test_it_sees_what_the_batch_sees(usdm_2024):
    from genesis_lib.feeds import read_snapshots

    rows = read_snapshots(usdm_2024)[:3000]
    rule = FeatureRule(feature="obi_1", above=0.9, clear=0.0)
    values = FeatureSet(["obi_1"]).batch(rows)[:, 0]
    watch, times = FeatureWatch([rule]), []
    for snapshot in rows:
        times += [alarm.timestamp for alarm in watch.step(snapshot)]
    expected, armed = [], True
    for ts, value in zip(rows.ts_exchange, values):
        if armed and value > 0.9:
            expected.append(ts)
            armed = False
        armed = armed or value <= 0.0
    assert times == expected and len(times) > 3


def test_an_invalid_row_breaks_the_time_it_must_last(row):
    watch = FeatureWatch([WIDE])
    rows = [row(0, spread=7), row(0.9, spread=7, valid=False), row(1.1, spread=7), row(2.2, spread=7)]
    assert [len(watch.step(item)) for item in rows] == [0, 0, 0, 1]


def test_rows_of_another_depth_may_follow_an_invalid_one(row):
    """A gap between two files of rows has as many levels as a book, not as the files."""
    watch = FeatureWatch([FeatureRule(feature="spread", above=5.0)])
    few = [item._replace(levels=item.levels[:2].copy()) for item in (row(0), row(2, spread=7))]
    assert [len(watch.step(item)) for item in (few[0], row(1, valid=False), few[1])] == [0, 0, 1]


def test_forgetting_begins_anew(row):
    watch = FeatureWatch([FeatureRule(feature="spread", above=5.0)])
    assert [len(watch.step(row(k, spread=7))) for k in range(2)] == [1, 0]
    watch.forget()
    assert len(watch.step(row(2, spread=7))) == 1


def test_levels_that_are_not_there():
    deep = next(item for item in FeatureSet(["ask_price_10"]).features)
    with pytest.raises(ConfigError, match=r"needs feature 'ask_price_10' of 10 levels a side, the rows have 5"):
        FeatureWatch([FeatureRule(feature=deep.name, above=0.0)], 5)
    assert np.isfinite(FeatureWatch([SLOW], 5).columns.warmup)
