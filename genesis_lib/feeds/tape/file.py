"""The tape: a file of events in blocks, each with the book at its beginning; written once, read while it grows.

A file is `HEAD`, then records: a fixed `_RECORD`, a checkpoint, the events. The last record says that the tape is
whole, or why it cannot be. Nothing in it is ever changed, so a reader never waits.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.tape.checkpoint import Checkpoint
from genesis_lib.feeds.tape.columns import from_bytes, pack_events, to_bytes, unpack_events
from genesis_lib.types import Event, Snapshot

LAYOUT = 2  # raised whenever a tape of before would be read otherwise
HEAD = b"genesis tape %d\n" % LAYOUT
BLOCK, WHOLE, FAILED = b"BLCK", b"WHOL", b"FAIL"
EVENTS, LEVELS = 2048, 32_768  # a block ends with the event that reaches either; what a seek passes at most
NO_TIME = -(1 << 63)
_RECORD = struct.Struct("<4sIIIQQQQqqQ")
_SEAL = struct.Struct("<I")  # crc of the record itself: a place or a time that is wrong would be played
_LENGTH = _RECORD.size + _SEAL.size
_HELD = 4  # blocks kept unpacked


class Block(NamedTuple):
    """What the index knows of a block."""

    kind: bytes
    crc: int
    checkpoint: int  # bytes
    events: int  # bytes
    first: int  # number of its first event
    count: int  # events
    rows_before: int
    rows: int
    time_before: int  # of the newest row before it, `NO_TIME` where there is none
    time: int  # of the newest row at its end
    after_row: int  # events up to and with the newest row before it


class TapeWriter:
    """Writes a pass over events to a file that is new (or holds its first line); `Tape` reads it meanwhile."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        fcntl.flock(self._file, fcntl.LOCK_SH)  # says that it is in use
        if not self._file.tell():
            self._file.write(HEAD)
            self._file.flush()
        self._checkpoint: Checkpoint | None = None
        self._first = self._rows_before = self._after_row = 0
        self._time = self._time_before = NO_TIME
        self._newest = 0  # events up to and with the newest row
        self._forget()

    def _forget(self) -> None:
        self._events: list[Event | Snapshot] = []
        self._offsets: list[int] = []
        self._times: list[int] = []
        self._levels = 0

    @property
    def is_full(self) -> bool:
        """A block is due: `begin` the next one before the next event."""
        return self._checkpoint is None or len(self._events) >= EVENTS or self._levels >= LEVELS

    def begin(self, checkpoint: Checkpoint) -> None:
        """End the block, and begin another where the builder stands now."""
        self.flush()
        self._checkpoint = checkpoint

    def add(self, event: Event | Snapshot, time: int | None) -> None:
        """Append an event, with the exchange time of the row it made, None where it made none."""
        if time is not None:
            self._offsets.append(len(self._events))
            self._times.append(time)
        self._events.append(event)
        self._levels += len(event.ticks) if hasattr(event, "ticks") else 0

    def flush(self) -> None:
        """Write the block that is open."""
        if not self._events:
            return
        facts, columns = pack_events(self._events)
        columns["row.offsets"] = np.array(self._offsets, np.int32)
        columns["row.times"] = np.array(self._times, np.int64)
        count, rows = len(self._events), len(self._times)
        if rows:
            self._time, self._newest = self._times[-1], self._first + self._offsets[-1] + 1
        place = (self._first, count, self._rows_before, rows, self._time_before, self._time, self._after_row)
        self._write(BLOCK, to_bytes(*self._checkpoint), to_bytes(facts, columns), place)
        self._first, self._rows_before = self._first + count, self._rows_before + rows
        self._time_before, self._after_row = self._time, self._newest
        self._forget()

    def finish(self, failure: str | None = None) -> None:
        """End the tape: it is whole, or could not be written further because of `failure`."""
        self.flush()
        place = (self._first, 0, self._rows_before, 0, self._time, self._time, self._newest)
        self._write(WHOLE if failure is None else FAILED, b"", (failure or "").encode(), place)
        os.fsync(self._file.fileno())

    def _write(self, kind: bytes, checkpoint: bytes, events: bytes, place: tuple[int, ...]) -> None:
        crc = zlib.crc32(events, zlib.crc32(checkpoint))
        record = _RECORD.pack(kind, crc, len(checkpoint), len(events), *place)
        self._file.write(record + _SEAL.pack(zlib.crc32(record)) + checkpoint + events)
        self._file.flush()

    def close(self) -> None:
        """Let go of the file, whole or not."""
        self._file.close()


class Tape:
    """Events by number and by time, out of a file that may still be growing.

    Attributes
    ----------
    events, rows : int
        Known so far.
    start, end : int or None
        Exchange time, ns, of the first row and of the newest one known.
    is_whole : bool
        Nothing will be added.
    failure : str or None
        Why the pass that wrote it did not reach the end.

    Raises
    ------
    InputError
        When it is no tape, of another layout, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        fcntl.flock(self._file, fcntl.LOCK_SH)
        self._next = len(HEAD)
        self._blocks: list[Block] = []
        self._places: list[int] = []
        self._firsts: list[int] = []
        self._rows: list[int] = []
        self._times: list[int] = []
        self.events = self.rows = 0
        self.start: int | None = None
        self.end: int | None = None
        self.is_whole, self.failure = False, None
        self._unpacked = lru_cache(maxsize=_HELD)(self._unpack)
        if self._file.read(len(HEAD)) != HEAD:
            self._file.close()
            raise InputError(f"{path}: not a tape of this version of Genesis")
        self.refresh()

    @property
    def can_grow(self) -> bool:
        """Whether more may be written to it."""
        return not self.is_whole and self.failure is None

    def refresh(self) -> None:
        """Take notice of what was written since."""
        if not self.can_grow:
            return
        size = os.fstat(self._file.fileno()).st_size
        while self._next + _LENGTH <= size:
            self._file.seek(self._next)
            record, (seal,) = self._file.read(_RECORD.size), _SEAL.unpack(self._file.read(_SEAL.size))
            block = Block(*_RECORD.unpack(record))
            ends = self._next + _LENGTH + block.checkpoint + block.events
            if block.kind not in (BLOCK, WHOLE, FAILED) or zlib.crc32(record) != seal:
                raise InputError(f"{self.path}: damaged at byte {self._next}")
            if ends > size:
                return
            if block.kind == BLOCK:
                self._add(block)
            elif block.kind == WHOLE:
                self.is_whole = True
            else:
                self.failure = self._file.read(block.events).decode()
            self._next = ends

    def _add(self, block: Block) -> None:
        self._blocks.append(block)
        self._places.append(self._next + _LENGTH)
        self._firsts.append(block.first)
        self._rows.append(block.rows_before)
        self._times.append(block.time_before)
        self.events, self.rows = block.first + block.count, block.rows_before + block.rows
        if block.rows:
            self.end = block.time
            if self.start is None:
                self.start = int(self._unpacked(len(self._blocks) - 1)[2][0])

    def position_at(self, time: int) -> int:
        """Events up to and with the last row whose exchange time is not after `time`; 0 before the first row."""
        number = max(0, bisect_right(self._times, time) - 1)
        if not self._blocks:
            return 0
        _, offsets, times = self._unpacked(number)
        inside = int(np.searchsorted(times, time, "right"))
        return self._firsts[number] + int(offsets[inside - 1]) + 1 if inside else self._blocks[number].after_row

    def time_at(self, position: int) -> int | None:
        """Exchange time of the newest row of the first `position` events; None before the first."""
        if not self._blocks or position <= 0:
            return None
        number = self._block_of(position)
        _, offsets, times = self._unpacked(number)
        inside = int(np.searchsorted(offsets, position - self._firsts[number]))
        time = int(times[inside - 1]) if inside else self._times[number]
        return None if time == NO_TIME else time

    def rows_at(self, position: int) -> int:
        """Rows that the first `position` events make."""
        if not self._blocks or position <= 0:
            return 0
        number = self._block_of(position)
        offsets = self._unpacked(number)[1]
        return self._rows[number] + int(np.searchsorted(offsets, position - self._firsts[number]))

    def position_after(self, rows: int) -> int:
        """Events that it takes to make so many rows."""
        if rows <= 0 or not self._blocks:
            return 0
        if rows > self.rows:
            raise InputError(f"rows must be at most {self.rows}, got {rows}")
        number = bisect_left(self._rows, rows) - 1
        return self._firsts[number] + int(self._unpacked(number)[1][rows - 1 - self._rows[number]]) + 1

    def checkpoint_before(self, position: int) -> tuple[Checkpoint, int]:
        """The last checkpoint at or before a position, and its own position."""
        number = self._block_of(position)
        block, place = self._blocks[number], self._places[number]
        self._unpacked(number)  # which verifies the checkpoint too; whoever goes on from it reads the events next
        self._file.seek(place)
        checkpoint = self._file.read(block.checkpoint)
        return Checkpoint(*from_bytes(checkpoint)), block.first

    def read(self, first: int, last: int | None = None) -> Iterator[Event | Snapshot]:
        """Events number `first` up to and without `last`; as far as the tape is known where `last` is left out."""
        while first < (self.events if last is None else min(last, self.events)):
            number = bisect_right(self._firsts, first) - 1
            begins = self._firsts[number]
            events = self._unpacked(number)[0][first - begins : None if last is None else last - begins]
            yield from events
            first += len(events)

    def _block_of(self, position: int) -> int:
        return max(0, bisect_left(self._firsts, position) - 1)

    def _unpack(self, number: int) -> tuple[list[Event | Snapshot], np.ndarray, np.ndarray]:
        block = self._blocks[number]
        self._file.seek(self._places[number])
        checkpoint, events = self._file.read(block.checkpoint), self._file.read(block.events)
        if zlib.crc32(events, zlib.crc32(checkpoint)) != block.crc:
            raise RecordingError(f"the tape is damaged in block {number}; remove it", self.path)
        facts, columns = from_bytes(events)
        return unpack_events(facts, columns), columns["row.offsets"], columns["row.times"]

    def close(self) -> None:
        """Let go of the file."""
        self._unpacked.cache_clear()
        self._file.close()
