"""One pass over finished data onto a tape; run as a process, told what and how far on its standard input."""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from genesis_lib.errors import GenesisError, StateError
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.tape.checkpoint import Checkpoint
from genesis_lib.feeds.tape.file import NO_TIME, TapeWriter
from genesis_lib.types import Event, Instrument, Snapshot


def make_tape(
    events: Iterable[Event | Snapshot], instrument: Instrument, writer: TapeWriter, go_on: Callable[[int], bool]
) -> bool:
    """Write one pass over synchronized events (or rows).

    Parameters
    ----------
    go_on
        Asked before each block, with the exchange time reached; may wait; False abandons the tape.

    Returns
    -------
    bool
        Whether the tape is whole. It ends with the reason where the data are broken.
    """
    builder, row, given, time = RowBuilder(instrument, 1), None, False, NO_TIME
    try:
        for event in events:
            if writer.is_full:
                writer.begin(Checkpoint.of(builder, row, given))
                if not go_on(time):
                    return False
            made = builder.push(event)
            if made is not None:
                row, given, time = made, type(event) is Snapshot, made.ts_exchange
            writer.add(event, None if made is None else time)
    except GenesisError as error:
        writer.finish(str(error))
        return False
    writer.finish()
    return True


class Orders:
    """Lines that are read as they come: the order, then how far to write; their end is the writer's.

    Parameters
    ----------
    descriptor
        File descriptor of a pipe.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor, self._rest = descriptor, b""
        self.until, self.is_over = NO_TIME, False

    def first(self) -> dict:
        """The order itself."""
        while b"\n" not in self._rest and not self.is_over:
            self._read()
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def go_on(self, time: int) -> bool:
        """Whether to write beyond `time`, waiting until that is wanted; False once nobody is there any more."""
        while True:
            *lines, self._rest = self._rest.split(b"\n")
            self.until = max([self.until, *map(int, lines)])
            waiting = select.select([self._descriptor], [], [], 0)[0]
            if self.is_over or (time <= self.until and not waiting):
                return not self.is_over
            self._read()

    def _read(self) -> None:
        data = os.read(self._descriptor, 4096)
        self.is_over = not data
        self._rest += data


def main() -> int:
    """Write the tape that standard input orders; under its final name once it is whole, else it is removed."""
    from genesis_lib.feeds.sources import open_source

    os.nice(5)  # whoever plays meanwhile comes first
    orders = Orders()
    order = orders.first()
    part, final = Path(order["part"]), order["final"]
    writer = TapeWriter(part)
    whole = False
    try:
        source = open_source(**order["recipe"])
        if order.get("data_hash") not in (None, source.data_hash):
            raise StateError(f"{source.name} is not what it was when it was opened; open it again")
        whole = make_tape(source.events(), source.instrument, writer, orders.go_on)
    except GenesisError as error:
        writer.finish(str(error))
    finally:
        writer.close()
        if whole and final:
            part.replace(final)
        else:  # whoever reads it has it open
            part.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
