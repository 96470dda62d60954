from __future__ import annotations

import gzip
import json

import pytest

from genesis_lib.errors import SessionError
from genesis_lib.feeds.integrity import Incident, Ledger
from genesis_lib.feeds.raw_lines import raw_lines
from genesis_lib.feeds.sidecar import read_sidecar
from genesis_lib.feeds.wire.live.rotation import DAY, RotatingRecording
from genesis_lib.types import Instrument

INSTRUMENT = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)
NOON = 1_700_000_000_000_000_000 // DAY * DAY + DAY // 2


def recording(out, most_bytes: int = 10**9, now: int = NOON) -> RotatingRecording:
    return RotatingRecording(out, INSTRUMENT, "recorded", most_bytes, now)


def test_a_file_has_its_sidecar_and_its_ledger_from_the_start(tmp_path):
    file = recording(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "btcusdt_20231114_120000.gz.part",
        "btcusdt_20231114_120000.ledger.jsonl",
        "btcusdt_20231114_120000.meta.json",
    ]
    file.write(NOON, b"{}")
    file.note(Incident(NOON, "gap", "lost", "BTCUSDT"))
    file.close()
    (path,) = file.paths
    assert gzip.decompress(path.read_bytes()) == b"%d {}\n" % NOON
    assert read_sidecar(path).instrument == INSTRUMENT
    assert Ledger.read(tmp_path / "new" / "btcusdt_20231114_120000.ledger.jsonl").counts == {"gap": 1}


def test_midnight_utc_begins_another_file(tmp_path):
    file = recording(tmp_path)
    midnight = (NOON // DAY + 1) * DAY
    times = [NOON, midnight - 1, midnight, midnight + 1, midnight + DAY]
    assert [file.write(ts, b"{}") for ts in times] == [False, False, True, False, True]
    file.close()
    names = ["btcusdt_20231114_120000.gz", "btcusdt_20231115_000000.gz", "btcusdt_20231116_000000.gz"]
    assert [path.name for path in file.paths] == names == sorted(names)
    assert [line.ts_receive for line in raw_lines(file.paths)] == times
    assert file.lines == 5
    told = [json.loads(path.with_suffix(".meta.json").read_text()) for path in file.paths]
    assert [one["file"] for one in told] == [1, 2, 3]
    assert len({one["session"] for one in told}) == 1


def test_size_begins_another_file_and_names_keep_their_order(tmp_path):
    file = recording(tmp_path, most_bytes=50)
    for number in range(30):
        file.write(NOON + number, b"{}")
        file.flush()
    file.close()
    assert len(file.paths) > 10
    assert sorted(file.paths) == file.paths
    assert [line.ts_receive for line in raw_lines(file.paths)] == [NOON + number for number in range(30)]


def test_what_is_there_is_left_alone(tmp_path):
    (tmp_path / "btcusdt_20231114_120000.gz.part").write_bytes(b"of a killed recorder")
    file = recording(tmp_path)
    file.close()
    assert [path.name for path in file.paths] == ["btcusdt_20231114_120000_001.gz"]
    assert (tmp_path / "btcusdt_20231114_120000.gz.part").read_bytes() == b"of a killed recorder"


def test_two_recorders_that_begin_at_the_same_moment_take_different_names(tmp_path, monkeypatch):
    other = recording(tmp_path)
    monkeypatch.setattr(type(tmp_path), "glob", lambda *_: iter(()))  # it looked before the other one wrote
    file = recording(tmp_path)
    for one in (other, file):
        one.write(NOON, b"{}")
        one.close()
    names = [path.name for one in (other, file) for path in one.paths]
    assert names == ["btcusdt_20231114_120000.gz", "btcusdt_20231114_120000_001.gz"]
    assert len(list(raw_lines([*other.paths, *file.paths]))) == 2


def test_what_is_abandoned_stays_a_part(tmp_path):
    file = recording(tmp_path)
    file.write(NOON, b"{}")
    file.flush()
    file.write(NOON, b"lost")
    file.abandon()
    assert [line.payload for line in raw_lines([tmp_path / "btcusdt_20231114_120000.gz.part"])] == [b"{}"]


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match=r"cannot write .*btcusdt_20231114_120000\.gz"):
        recording(tmp_path / "file" / "sub")
