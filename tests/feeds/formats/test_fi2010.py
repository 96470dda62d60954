"""FI-2010's text: the decimal-precision variant exactly, the scaled ones refused, stocks and nights never bridged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds import ingest, open_sessions, read_snapshots
from genesis_lib.feeds.formats import recognise


def table(samples: int, *centres: float) -> np.ndarray:
    """(samples, 149) a stock after the other, prices of 0.01 divided by 100, as the set has them."""
    random = np.random.default_rng(5)
    out = np.zeros((samples * len(centres), 149))
    for stock, centre in enumerate(centres):
        mid = np.rint(centre * 1e4).astype(int) + random.integers(-1, 2, samples).cumsum()
        part = out[stock * samples : (stock + 1) * samples]
        for level in range(10):
            part[:, 4 * level] = (mid + 1 + level) / 1e4
            part[:, 4 * level + 2] = (mid - level) / 1e4
            part[:, 4 * level + 1 : 4 * level + 4 : 2] = random.integers(1, 9000, (samples, 2)) / 1e5
    out[:, 40:144] = random.normal(size=(len(out), 104))
    out[:, 144:] = random.integers(1, 4, (len(out), 5))
    return out


def write(path: Path, rows: np.ndarray, across: bool = True) -> Path:
    np.savetxt(path, rows.T if across else rows, fmt="%.7e", delimiter="   ")
    return path


@pytest.mark.parametrize("across", [True, False])
def test_either_orientation(tmp_path: Path, across: bool) -> None:
    rows = table(200, 0.26)
    path = write(tmp_path / "Train_Dst_NoAuction_DecPre_CF_1.txt", rows, across)
    assert recognise(path) == "fi2010"
    found = read_snapshots(path)
    assert found.instrument.symbol == "Train_Dst_NoAuction_DecPre_CF_1-1" and found.instrument.tick_size == 1e-4
    assert np.allclose(found.levels[:, 0], rows[:, [2, 3, 0, 1]], rtol=1e-12) and found.valid.all()
    assert (np.diff(found.ts_exchange) == 10**9).all()


def test_stocks_are_sessions_apart_and_nights_are_not_bridged(tmp_path: Path) -> None:
    rows = table(150, 0.26, 0.13, 0.17)
    rows[60:150, :40:2] += 0.0050  # a night: no price is left of the evening before
    rows[100, 0] = rows[100, 2]
    stored = ingest(write(tmp_path / "set.txt", rows), tmp_path / "out", symbol="FI")
    assert stored["sessions"] == 3 and stored["quarantined"] == {"crossed": 1} and stored["rows"] == 449
    assert stored["instruments"] == ["fi2010:FI-1", "fi2010:FI-2", "fi2010:FI-3"]
    first = read_snapshots(list((tmp_path / "out").rglob("*FI-1/*/part-*")))
    assert np.flatnonzero(~first.valid).tolist() == [60, 100] and len(first) == 149
    assert '"line": 101' in (tmp_path / "out" / "quarantine.jsonl").read_text()


@pytest.mark.parametrize("scale", ["z-score", "min-max"])
def test_scaled_variants_have_no_prices(tmp_path: Path, scale: str) -> None:
    rows = table(200, 0.26)
    book = rows[:, :40]
    if scale == "z-score":
        book -= book.mean(axis=0)
        book /= book.std(axis=0)
    else:  # scaled together, the ladder may even hold
        book[:, ::2] = (book[:, ::2] - book[:, ::2].min() + 1e-3) / np.ptp(book[:, ::2])
    with pytest.raises(RecordingError, match=r"normalised variant .*take the decimal-precision one"):
        open_sessions(write(tmp_path / "x.txt", rows))


def test_what_is_not_the_set(tmp_path: Path) -> None:
    rows = table(120, 0.26)
    with pytest.raises(RecordingError, match="148 lines of 120 numbers; FI-2010 has 149 of either"):
        open_sessions(write(tmp_path / "a.txt", rows[:, 1:]))
    rows[7, 146] = 4
    with pytest.raises(RecordingError, match=r"b\.txt:8: the last five columns must be labels"):
        open_sessions(write(tmp_path / "b.txt", rows, across=False))
    text = write(tmp_path / "c.txt", table(120, 0.26)).read_text().splitlines()
    text[5] += " 1"
    (tmp_path / "c.txt").write_text("\n".join(text))
    with pytest.raises(RecordingError, match=r"c\.txt:6: 121 numbers, where the first line has 120"):
        open_sessions(tmp_path / "c.txt")
    (tmp_path / "d.txt").write_text(text[0] + "\n" + text[1].replace("e-0", "e-x", 1))
    with pytest.raises(RecordingError, match=r"d\.txt:2: a field is no number"):
        open_sessions(tmp_path / "d.txt")
