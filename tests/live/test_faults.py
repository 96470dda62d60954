"""Faults of a source: a live one is survived for a while, finished data end with it."""

import types

import pytest

from genesis_lib.engine import Engine
from genesis_lib.errors import RecordingError
from genesis_lib.feeds import open_source
from genesis_lib.live.faults import MOST_IN_A_ROW, Faults
from genesis_lib.live.picture import Picture


@pytest.fixture
def made():
    source = open_source("simulator", seed=1, minutes=0.05)
    engine, picture, told = Engine.build(source.instrument), Picture(), []

    def make(is_finite):
        return Faults(source, engine, picture, is_finite, told.extend)

    yield types.SimpleNamespace(make=make, source=source, engine=engine, picture=picture, told=told)
    source.close()


def test_finished_data_end_with_their_fault(made):
    faults, error = made.make(True), RecordingError("not JSON", "a", 3)
    assert not faults.survive(error, made.picture.add)
    assert (faults.count, faults.error, faults.reason) == (1, error, "a:3: not JSON") and made.told == []


def test_a_live_source_leaves_a_gap_and_is_told(made):
    for event in made.source.events():
        if (step := made.engine.step(event)) is not None:
            made.picture.add(step)
    faults, shown = made.make(False), []
    assert faults.survive(RecordingError("not JSON", "a", 3), shown.append) and faults.error is None
    assert [notice.kind for notice in shown[0].alerts] == ["feed_gap"] and not shown[0].row.valid
    assert [(notice.kind, notice.message) for notice in made.told] == [("fault", "a:3: not JSON")]
    assert made.engine.gaps == 1


def test_nothing_but_faults_is_given_up(made):
    faults = made.make(False)
    for _ in range(MOST_IN_A_ROW):
        assert faults.survive(RecordingError("x"), made.picture.add)
    assert not faults.survive(RecordingError("x"), made.picture.add)
    assert "gave nothing but faults, the last one: x" in faults.reason


def test_data_without_a_row_have_failed(made):
    faults = made.make(True)
    faults.check_rows()
    assert "no book row" in faults.reason
    endless = made.make(False)
    endless.check_rows()
    assert endless.error is None
