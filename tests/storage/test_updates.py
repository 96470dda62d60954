"""Level updates in Parquet: small, whole or not at all, and the same events back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds import RowBuilder, read_recording
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.storage import updates
from genesis_lib.storage.parquet import is_rows, ledger_path
from genesis_lib.storage.updates import sessions, stage_updates, write_updates
from genesis_lib.storage.updates_schema import is_updates
from genesis_lib.types import Instrument

DAY = 86_400_000_000_000
BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)
HASH = "ab" * 32


def write(events, out: Path, data_hash: str = HASH, **more):
    return write_updates(events, BTC, out, provenance="recorded", data_hash=data_hash, **more)


def test_events_come_back_across_blocks_and_midnight(market, same_events, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(updates, "BLOCK_EVENTS", 64)
    monkeypatch.setattr(updates, "BLOCK_LEVELS", 900)
    events = market(600, 19_001 * DAY - 250 * 10**9)
    written = write(iter(events), tmp_path)
    assert [str(file.relative_to(tmp_path)) for file in written.files] == [
        f"venue=binance-usdm/symbol=BTCUSDT/date={date}/updates-{HASH[:16]}.parquet"
        for date in ("2022-01-08", "2022-01-09")
    ]
    (session,) = sessions(reversed(written.files))
    assert same_events(events, session.events())
    assert session.instrument == BTC and session.provenance == "recorded" and session.origin.data_hash == HASH
    blocks = list(session.blocks())
    assert max(len(block.kind) for block in blocks) <= 64 and max(len(block.sides) for block in blocks) < 900 + 40
    assert written.events == 600 and written.updates == sum(len(block.sides) for block in blocks)
    assert written.bytes == sum(file.stat().st_size for file in written.files) > written.book_bytes
    assert is_updates(written.files[0]) and not is_rows(written.files[0])


def test_a_span_reads_no_more_than_its_blocks(market, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(updates, "BLOCK_EVENTS", 50)
    events = market(500)
    (session,) = sessions(write(events, tmp_path).files)
    read = []
    real = updates.read_group
    monkeypatch.setattr(updates, "read_group", lambda *args: (read.append(args[2]), real(*args))[1])
    start, end = events[120].ts_exchange, events[200].ts_exchange
    found = [event for block in session.blocks(start, end) for event in block.events()]
    assert read == [2, 3] and found[0].ts_exchange <= start and found[-1].ts_exchange == events[199].ts_exchange
    assert not list(session.blocks(end=events[0].ts_exchange)) and not list(session.blocks(start=2**62))


def test_the_same_data_replaces_itself_and_other_data_does_not(market, tmp_path: Path) -> None:
    first, again = write(market(100), tmp_path), write(market(100), tmp_path)
    assert first.sha256 == again.sha256 and first.files == again.files
    with pytest.raises(InputError, match="holds other data of the same time"):
        write(market(100, seed=1), tmp_path, "cd" * 32)
    write(market(100, 19_000 * DAY + 100 * 10**9), tmp_path, "cd" * 32)
    assert [s.origin.data_hash[:2] for s in sessions(tmp_path.rglob("updates-*.parquet"))] == ["ab", "cd"]


def test_nothing_is_left_when_it_fails(market, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(updates, "BLOCK_EVENTS", 8)

    def breaks():
        yield from market(30)
        raise InputError("the recording ends in the middle of a line")

    path = ledger_path(tmp_path / "out", BTC, HASH)
    with pytest.raises(InputError, match="middle of a line"), Ledger.staged(path) as ledger:
        write(breaks(), tmp_path / "out", ledger=ledger)
    with pytest.raises(InputError, match="no events to store"):
        write([], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with Ledger.staged(path) as ledger:
        ledger.note(1, "gap", "lost")
        (file,) = write(market(30), tmp_path / "out", ledger=ledger).files
    assert path.exists() and pq.read_metadata(file).metadata[b"genesis.incidents"] == b'{"gap": 1}'


def test_several_are_stored_or_none(market, tmp_path: Path) -> None:
    parts = [market(30), market(30, 19_002 * DAY)]
    origin = {"provenance": "recorded"}
    staged = [stage_updates(part, BTC, tmp_path, **origin, data_hash=f"{n}" * 64) for n, part in enumerate(parts)]
    for one in staged:
        one.prepare()
    assert not list(tmp_path.rglob("updates-*.parquet"))
    staged[0].commit(prepared=True)
    staged[1].discard()
    assert len(list(tmp_path.rglob("*.parquet"))) == 1 and not list(tmp_path.rglob("*.tmp"))


def check(paths: list[Path], out: Path, same_events) -> updates.WrittenUpdates:
    recording = read_recording(paths)
    origin = {"provenance": "recorded", "data_hash": recording.data_hash}
    written = write_updates(recording.events(), recording.instrument, out, **origin)
    (session,) = sessions(written.files)
    assert same_events(recording.events(), session.events())
    assert written.book_bytes <= 4 * written.updates
    return written


def test_a_real_session_takes_four_bytes_an_update_and_replays_to_the_same_rows(
    usdm_2024, same_events, tmp_path
) -> None:
    written = check(usdm_2024, tmp_path, same_events)
    assert written.updates == 402_668 and written.bytes <= 4 * written.updates  # with trades and best prices
    (session,) = sessions(written.files)
    ours, theirs = RowBuilder(session.instrument), RowBuilder(session.instrument)
    for stored, recorded in zip(session.events(), read_recording(usdm_2024).events(), strict=True):
        row, other = ours.push(stored), theirs.push(recorded)
        assert (row is None) == (other is None)
        if row is not None and theirs.counts["rows"] % 50 == 0:
            assert row[:2] == other[:2] and np.array_equal(row.levels, other.levels) and row.valid == other.valid


@pytest.mark.slow
@pytest.mark.parametrize("name", ["usdm_2023", "eth_2024", "coinm_btc", "coinm_eth"])
def test_every_recording_takes_four_bytes_an_update(name: str, request, same_events, tmp_path: Path) -> None:
    check(request.getfixturevalue(name), tmp_path, same_events)
