import math

import pytest

from genesis_lib.engine import Engine
from genesis_lib.errors import SessionError
from genesis_lib.feeds import open_source
from genesis_lib.journal import Journal
from genesis_lib.live.directory import SessionDirectory
from genesis_lib.live.resume import Repetition


@pytest.fixture
def ended(tmp_path):
    """A directory whose session has seen 400 events."""
    source = open_source("simulator", seed=1, minutes=0.2)
    with SessionDirectory(tmp_path / "s") as directory:
        with Journal.open(directory.path, directory.name) as journal:
            engine = Engine.build(source.instrument, journal=journal, data_hash=source.data_hash)
            engine.start()
            for event, _ in zip(source.events(), range(400)):
                engine.step(event)
            engine.commit()
        yield directory, engine


def test_the_same_data_pass_again_unpaced_and_leave_book_and_features_as_they_were(ended):
    directory, before = ended
    source = open_source("simulator", seed=1, minutes=0.2, speed=2.0)
    repetition = Repetition(source, directory)
    repetition.begin(400)
    assert source.speed == math.inf
    with Journal.open(directory.path, directory.name) as journal:
        recorded = journal.sha256
        engine = Engine.build(source.instrument, data_hash=source.data_hash)
        while repetition.left:
            repetition.repeat(engine, source.poll(0))
        assert journal.sha256 == recorded
    assert source.speed == 2.0 and engine.events == 0 and engine.rows == before.rows
    assert engine.builder.book.top(10).tolist() == before.builder.book.top(10).tolist()
    assert engine.row.ts_exchange == before.row.ts_exchange and engine.account.trades == []


def test_other_data_of_the_instrument_are_taken_up_where_they_start(ended):
    directory, _ = ended
    repetition = Repetition(open_source("simulator", seed=2, minutes=0.2), directory)
    repetition.begin(400)
    assert repetition.left == 0


def test_another_instrument_is_refused(ended):
    with pytest.raises(SessionError, match="session s trades simulator:SIMBTC, got a source of simulator:SIMETH"):
        Repetition(open_source("simulator:SIMETH", minutes=0.2), ended[0])
