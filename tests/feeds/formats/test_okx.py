"""OKX: every checksum of the recording, sequence numbers, and what of the feed is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.feeds.formats import kraken, okx
from genesis_lib.feeds.formats.okx import Okx
from genesis_lib.feeds.formats.sent_levels import ASK, BID, SentLevels
from genesis_lib.types import Gap, Trade


@pytest.fixture(scope="module")
def real(recordings: Path) -> Path:
    path = recordings / "okx/OKX.ws.1.0"
    if not path.exists():
        pytest.skip("the OKX recording is not here")
    return path


def test_every_checksum_of_the_recording(real: Path) -> None:
    sessions = okx.open_files([real])
    assert [s.instrument.symbol for s in sessions] == ["BTC-USD-220527", "UNI-USD-SWAP", "BTC-USDT"]
    log = sessions[0].log
    events = list(log.read())
    counts = [state.counts for state in log.states.values()]
    assert sum(c["checksums"] for c in counts) == sum(c["checksums_ok"] for c in counts) == 290
    assert sum(type(event) is Trade for event in events) == 74 and log.counts["tickers"] == 28
    assert not [event for event in events if type(event) is Gap]
    assert okx.recognises(real, real.read_bytes()[:65536]) and not kraken.recognises(real, real.read_bytes()[:65536])


def test_uneven_sides() -> None:
    book = SentLevels()
    book.change([(BID, 3366, "3366.1", "7"), (BID, 3366 - 1, "3366", "6"), (ASK, 3367, "3366.8", "9")])
    import zlib

    crc = zlib.crc32(b"3366.1:7:3366.8:9:3366:6")
    assert Okx.checksum(book) == (crc - 2**32 if crc >= 2**31 else crc)


def test_a_break_of_the_sequence_is_a_gap_until_the_next_snapshot(okx_log, tmp_path: Path) -> None:
    log = okx_log("BTC-USDT").snapshot(seqId=5, prevSeqId=-1)
    log.update(seqId=7, prevSeqId=5).update(seqId=9, prevSeqId=8).update(seqId=10, prevSeqId=9)
    log.snapshot(seqId=20, prevSeqId=-1).update(seqId=21, prevSeqId=20)
    (session,) = okx.open_files([log.write(tmp_path / "O.ws.1.0")])
    kinds = [type(event).__name__ for event in session.events()]
    assert kinds == [
        "DepthSnapshot",
        "DepthUpdate",
        "Gap",
        "DepthUpdate",
        "DepthUpdate",
        "DepthSnapshot",
        "DepthUpdate",
    ]
    gap = next(event for event in session.events() if type(event) is Gap)
    assert gap.cause == "prevSeqId is 8 where 7 must follow"


def test_a_checksum_that_is_no_longer_sent_counts_for_nothing(okx_log, tmp_path: Path) -> None:
    log = okx_log("BTC-USDT").snapshot(seqId=5, prevSeqId=-1, checksum=0).update(seqId=6, prevSeqId=5, checksum=0)
    (session,) = okx.open_files([log.write(tmp_path / "O.ws.1.0")])
    assert len(list(session.events())) == 2 and session.counts["checksums"] == 0


def test_trades_told_twice_and_a_second_book_channel(okx_log, tmp_path: Path) -> None:
    log = okx_log("BTC-USDT").snapshot().trade(4).trade(4).trade(5).update()
    log.lines.append(log.lines[1].replace('"channel":"books"', '"channel":"books50-l2-tbt"'))
    log.lines.append(log.lines[1].replace('"channel":"books"', '"channel":"books5"'))
    (session,) = okx.open_files([log.write(tmp_path / "O.ws.1.0")])
    trades = [event for event in session.events() if type(event) is Trade]
    assert [t.trade_id for t in trades] == [4, 5] and trades[0].side == 1
    assert session.counts["trade repeated"] == 1
    assert session.counts["books50-l2-tbt beside books"] == 1 and session.log.counts["books5"] == 1
