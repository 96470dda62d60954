"""The tape as a file: by number, by time, while it grows, and damaged."""

from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds import open_source
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.tape import file as tapes
from genesis_lib.feeds.tape.file import Tape, TapeWriter
from genesis_lib.feeds.tape.making import make_tape


def written(path, monkeypatch, events=64, minutes=0.2):
    monkeypatch.setattr(tapes, "EVENTS", events)
    source = open_source("simulator", seed=3, minutes=minutes)
    writer = TapeWriter(path)
    assert make_tape(source.events(), source.instrument, writer, lambda _: True)
    writer.close()
    return source


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A tape of small blocks, its events, and number and time of the row after each event."""
    source = written(tmp_path / "t", monkeypatch)
    builder, events, rows = RowBuilder(source.instrument), list(source.events()), [(0, None)]
    for event in events:
        row = builder.push(event)
        rows.append(rows[-1] if row is None else (rows[-1][0] + 1, row.ts_exchange))
    tape = Tape(tmp_path / "t")
    yield tape, events, rows
    tape.close()


def test_every_number_and_every_time_leads_to_its_place(told):
    tape, events, rows = told
    assert tape.is_whole and tape.events == len(events) and tape.rows == rows[-1][0] and len(tape._blocks) > 10
    assert (tape.start, tape.end) == (rows[1][1], rows[-1][1])
    ends = {}  # the last event of each row's time
    for position, (number, time) in enumerate(rows):
        assert (tape.rows_at(position), tape.time_at(position)) == (number, time)
        if time is not None and (number, time) != rows[position - 1]:
            ends[time] = position
            assert tape.position_after(number) == position
    times = sorted(ends)
    for time, after in zip(times, [*times[1:], times[-1] + 10]):
        assert tape.position_at(time) == tape.position_at(after - 1) == ends[time]
    assert tape.position_at(tape.start - 1) == 0


def test_events_are_read_from_anywhere_to_anywhere(told):
    tape, events, _ = told
    for first, last in ((0, 10), (63, 65), (64, 128), (100, 777), (len(events) - 3, None), (5, 5)):
        read = list(tape.read(first, last))
        assert [(type(e), e.ts_receive) for e in read] == [(type(e), e.ts_receive) for e in events[first:last]]


def test_the_checkpoint_before_a_place_leads_to_it(told):
    tape, events, _ = told
    instrument = open_source("simulator", seed=3, minutes=0.2).instrument
    for position in (0, 1, 64, 65, 500, len(events)):
        saved, first = tape.checkpoint_before(position)
        assert position - 64 - 40 < first <= position
        builder, straight = RowBuilder(instrument), RowBuilder(instrument)
        saved.restore(builder)
        for event in tape.read(first, position):
            builder.push(event)
        for event in events[:position]:
            straight.push(event)
        for side in ("bid", "ask"):
            assert np.array_equal(builder.book.levels(side), straight.book.levels(side))


def test_a_reader_sees_it_grow(tmp_path, monkeypatch):
    monkeypatch.setattr(tapes, "EVENTS", 32)
    source, seen = open_source("simulator", seed=3, minutes=0.5), []
    writer = TapeWriter(tmp_path / "t")
    tape = Tape(tmp_path / "t")
    assert (tape.events, tape.start, tape.can_grow) == (0, None, True)

    def look(_):
        tape.refresh()
        seen.append((tape.events, len(list(tape.read(0)))))
        return len(seen) < 20

    assert not make_tape(source.events(), source.instrument, writer, look)  # abandoned: it never gets whole
    tape.refresh()
    assert tape.can_grow and seen == [(count, count) for count, _ in seen] and seen[-1][0] > seen[1][0] > 0
    tape.close()


def test_broken_data_are_told_at_their_place(tmp_path):
    source = open_source("simulator", seed=3, minutes=0.1)

    def events():
        yield from list(source.events())[:50]
        raise RecordingError("truncated", "a.gz", 51)

    writer = TapeWriter(tmp_path / "t")
    assert not make_tape(events(), source.instrument, writer, lambda _: True)
    tape = Tape(tmp_path / "t")
    assert (tape.events, tape.failure, tape.is_whole) == (50, "a.gz:51: truncated", False)
    tape.close()


def test_damage_is_found_and_never_played(tmp_path, monkeypatch):
    path = tmp_path / "t"
    written(path, monkeypatch)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        list(Tape(path).read(0))
    data[len(data) // 2] ^= 1
    for offset in range(tapes._LENGTH):  # of the second block: whatever it says of itself, none of it is believed
        broken = bytearray(data)
        broken[data.index(tapes.BLOCK, data.index(tapes.BLOCK) + 1) + offset] ^= 64
        path.write_bytes(broken)
        try:
            tape = Tape(path)
        except InputError:
            continue
        assert not tape.is_whole  # it seems to go on beyond the file: whoever opens it makes it anew
    path.write_bytes(b"something else, and long enough to be a head")
    with pytest.raises(InputError, match="not a tape of this version"):
        Tape(path)


def test_a_damaged_checkpoint_is_not_restored(tmp_path, monkeypatch):
    path = tmp_path / "t"
    written(path, monkeypatch)
    data = bytearray(path.read_bytes())
    place = Tape(path)._places[3]
    data[place + 40] ^= 1
    path.write_bytes(data)
    tape = Tape(path)
    with pytest.raises(RecordingError, match="damaged in block 3; remove it"):
        tape.checkpoint_before(tape._firsts[3] + 1)


def test_cut_short_it_is_not_whole(tmp_path, monkeypatch):
    path = tmp_path / "t"
    written(path, monkeypatch)
    whole = Tape(path)
    path.write_bytes(path.read_bytes()[:-200])
    tape = Tape(path)
    assert not tape.is_whole and 0 < tape.events <= whole.events
    assert len(list(tape.read(0))) == tape.events
