import math

import pytest

from genesis_lib.engine import Engine
from genesis_lib.feeds import open_source
from genesis_lib.journal import Journal
from genesis_lib.live.resume import Repetition


@pytest.fixture
def ended(tmp_path):
    """The journal and the engine of a session that has seen 400 events."""
    source = open_source("simulator", seed=1, minutes=0.2)
    with Journal.open(tmp_path, "s") as journal:
        engine = Engine.build(source.instrument, journal=journal, data_hash=source.data_hash)
        engine.start()
        for event, _ in zip(source.events(), range(400)):
            engine.step(event)
        engine.commit()
        yield journal, engine


def test_the_same_data_pass_again_unpaced_and_leave_book_and_features_as_they_were(ended):
    journal, before = ended
    source = open_source("simulator", seed=1, minutes=0.2, speed=2.0)
    repetition = Repetition(source, journal.header)
    repetition.begin(400)
    assert source.speed == math.inf
    engine = Engine.build(source.instrument, data_hash=source.data_hash)
    recorded = engine.journal.sha256
    while repetition.left:
        repetition.repeat(engine, source.poll(0))
    assert engine.journal.sha256 == recorded
    assert source.speed == 2.0 and engine.events == 0 and engine.rows == before.rows
    assert engine.builder.book.top(10).tolist() == before.builder.book.top(10).tolist()
    assert engine.row.ts_exchange == before.row.ts_exchange and engine.account.trades == []


def test_other_data_of_the_instrument_are_taken_up_where_they_start(ended):
    journal, _ = ended
    repetition = Repetition(open_source("simulator", seed=2, minutes=0.2), journal.header)
    repetition.begin(400)
    assert repetition.left == 0


def test_it_begins_at_the_last_place_it_was_sent_to(ended):
    journal, _ = ended
    commands = [{"name": name, "event_index": at} for name, at in (("seek 900", 100), ("stop", 150), ("seek 50", 300))]
    source = open_source("simulator", seed=1, minutes=0.2)
    repetition = Repetition(source, journal.header, commands)
    repetition.begin(400)
    assert (repetition.position, repetition.left) == (50, 100)
    repetition = Repetition(source, journal.header, commands)
    repetition.begin(300)  # nothing was seen since
    assert (repetition.position, repetition.left, source.speed) == (50, 0, math.inf)
    other = Repetition(open_source("simulator", seed=2, minutes=0.2), journal.header, commands)
    assert other.position is None
