"""What waits for a sink: bounded, and the least severe and oldest is what gives way."""

from __future__ import annotations

from dataclasses import dataclass

from genesis_lib.alerts.sinks.letter import Letter
from genesis_lib.errors import InputError


@dataclass(slots=True)
class Parcel:
    """A letter, and how often it was tried to send it."""

    letter: Letter
    attempts: int = 0


class Pending:
    """Letters for one sink in the order they came, at most `most` of them; not for several threads at once.

    Attributes
    ----------
    dropped : int
        Letters that gave way to others, or found no room among worse ones.
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise InputError(f"most must be at least 1, got {most!r}")
        self._most = most
        self._parcels: list[Parcel] = []
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._parcels)

    def add(self, letter: Letter) -> bool:
        """Take a letter in; False when one had to go: the oldest of the least severe, itself among them."""
        self._parcels.append(Parcel(letter))
        return self._fits()

    def take(self) -> Parcel:
        """The one that waits longest."""
        return self._parcels.pop(0)

    def put_back(self, parcel: Parcel) -> bool:
        """Have one that could not be sent be the next again; False when one had to go."""
        self._parcels.insert(0, parcel)
        return self._fits()

    def _fits(self) -> bool:
        if len(self._parcels) <= self._most:
            return True
        ranks = [parcel.letter.rank for parcel in self._parcels]
        del self._parcels[ranks.index(min(ranks))]
        self.dropped += 1
        return False
