"""Rows of whole books from files: what is bad is set aside with its line, and nothing looks across it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds import ingest
from genesis_lib.feeds.formats.row_files import RowFiles, Rows
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import Instrument


class Made(RowFiles):
    """Rows given as arrays, in blocks of a size."""

    kind = "made"

    def __init__(self, ts, levels, ragged=(), size=7, **more) -> None:
        super().__init__([Path("made.csv")], **more)
        self.given, self.size = (np.array(ts), np.array(levels, float), sorted(ragged)), size

    @property
    def instrument(self) -> Instrument:
        return Instrument("made", "X", *self._grid())

    def _rows(self, path):
        ts, levels, ragged = self.given
        lines = np.setdiff1d(np.arange(1, 1 + len(ts) + len(ragged)), ragged)
        for start in range(0, len(ts), self.size):
            part = slice(start, start + self.size)
            begins, ends = lines[part][0], lines[part][-1] if start + self.size < len(ts) else 10**9
            own = [line for line in ragged if (begins <= line or not start) and line <= ends]
            own += [line for line in ragged if start and lines[start - 1] < line < begins and line not in own]
            unreadable = np.zeros(len(lines[part]), bool)
            yield Rows(lines[part], ts[part], ts[part], levels[part], unreadable, sorted(own), self.texts)

    @staticmethod
    def texts(lines) -> list[str]:
        return [f"line {line}" for line in lines]


def books(rows: int) -> np.ndarray:
    bid = 1000 + np.arange(rows) % 5
    out = np.empty((rows, 2, 4))
    out[:, :, 0], out[:, :, 2] = bid[:, None] - [0, 1], bid[:, None] + [1, 2]
    out[:, :, 1::2] = 1 + np.arange(rows)[:, None, None] % 3
    return out


@settings(max_examples=60, deadline=None)
@given(
    bad=st.dictionaries(
        st.integers(0, 59), st.sampled_from(["crossed", "negative", "non-finite", "ragged"]), max_size=20
    ),
    size=st.integers(1, 61),
)
def test_good_rows_come_back_and_the_rest_is_in_quarantine(bad: dict[int, str], size: int) -> None:
    """Line by line, whatever the size of the blocks; the first good row behind a bad one is invalid."""
    levels = books(60)
    for row, reason in bad.items():
        if reason == "crossed":
            levels[row, 0, 0] = levels[row, 0, 2]
        elif reason != "ragged":
            levels[row, 1, 1] = -1 if reason == "negative" else np.inf
    whole = [row for row in range(60) if bad.get(row) != "ragged"]
    quarantine, told = Quarantine(), []
    quarantine.reject = lambda file, line, reason, text, **_: told.append((line, reason, text))
    ragged = [row + 1 for row, reason in bad.items() if reason == "ragged"]
    session = Made(10**18 + 10**9 * np.array(whole), levels[whole], ragged, size, quarantine=quarantine)
    rows = session.snapshots()
    good = [row for row in range(60) if row not in bad]
    assert np.array_equal(rows.levels, levels[good])
    assert rows.valid.tolist() == [row - 1 not in bad for row in good]
    expected = [(row + 1, "unreadable" if why == "ragged" else why, f"line {row + 1}") for row, why in bad.items()]
    assert sorted(told) == sorted(expected)


def test_a_session_that_is_mostly_bad_is_refused() -> None:
    levels = books(10)
    levels[3:, 0, 0] = 5000
    with pytest.raises(RecordingError, match=r"7 of 10 rows are bad \(7 crossed\)"):
        Made(np.arange(10), levels, quarantine=Quarantine()).snapshots()
    levels[:, 0, 0] = 5000
    with pytest.raises(RecordingError, match=r"no good row in it \(10 crossed\)"):
        Made(np.arange(10), levels).snapshots()
    with pytest.raises(RecordingError, match=r"made\.csv:4: crossed: line 4"):
        Made(np.arange(10), np.concatenate([books(3), levels[3:]])).snapshots()


def test_repeated_rows_and_time_that_goes_back() -> None:
    levels, ts = books(30), np.arange(30) * 10
    levels[8], ts[8] = levels[7], ts[7]  # the row before once more, over the seam of two blocks
    ts[20] = 0
    levels[25] = levels[24]  # the same book later is news
    quarantine = Quarantine()
    assert len(Made(ts, levels, size=8, quarantine=quarantine).snapshots()) == 28
    assert quarantine.counts == {"duplicate": 1, "time going back": 1}


def test_a_tick_size_that_is_given_is_held_to() -> None:
    quarantine = Quarantine()
    levels = books(30)
    levels[3, 0, 0] -= 0.5
    assert len(Made(np.arange(30), levels, tick_size=1.0, quarantine=quarantine).snapshots()) == 29
    assert quarantine.counts == {"off grid": 1}
    with pytest.raises(InputError, match="tick_size must be a positive number"):
        Made(np.arange(30), levels, tick_size=float("nan"))


def test_nothing_offered_at_the_best_price(tmp_path: Path) -> None:
    names = [f"{side}[{n}].{what}" for n in range(2) for side in ("asks", "bids") for what in ("price", "amount")]
    rows = ("100.5,3,100.0,5,101.0,9,99.5,7", "100.5,0,100.0,5,101.0,9,99.5,7", "100.5,3,100.0,6,101.0,0,99.5,7")
    lines = [
        f"bitmex,XBTUSD,{1_700_000_000_000_000 + n},{1_700_000_000_000_000 + n},{row}" for n, row in enumerate(rows)
    ]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([",".join(["exchange,symbol,timestamp,local_timestamp", *names]), *lines]) + "\n")
    found = ingest(path, tmp_path / "out")
    assert found["quarantined"] == {"no size at the best": 1} and found["rows"] == 2  # deeper, a level may be empty
