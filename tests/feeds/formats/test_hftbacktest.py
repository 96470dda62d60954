"""hftbacktest's event format: messages by exchange time, both file types, bad rows named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds import read_recording, read_snapshots
from genesis_lib.feeds.formats import hft_blocks
from genesis_lib.feeds.formats.hftbacktest import open_files
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Instrument, Trade

BOTH = (1 << 31) | (1 << 30)
BUY, SELL = BOTH | (1 << 29), BOTH | (1 << 28)
TEN = 1_775_608_270_000_000_000 // 86_400_000_000_000 * 86_400_000_000_000 + 2 * 3_600_000_000_000  # 10:00 in Taipei
ROWS = [
    (BOTH | 3, 0, 0.0, 0.0),
    (BUY | 1, 0, 100.0, 5.0),
    (BUY | 1, 0, 99.0, 6.0),
    (SELL | 1, 0, 101.0, 7.0),
    (SELL | 1, 10, 101.0, 4.0),
    (BUY | 2, 10, 101.0, 3.0),
    (SELL | 2, 20, 100.0, 1.0),
    (BUY | 1, 30, 100.0, 0.0),
]


def write(path: Path, rows=ROWS, **more) -> Path:
    ev, ts, px, qty = zip(*rows)
    columns = {"ev": np.array(ev, np.uint64), "exch_ts": np.array(ts, np.int64) + TEN, "px": px, "qty": qty}
    pq.write_table(pa.table(columns | more), path)
    return path


def test_a_broken_or_foreign_file_says_so_before_its_name_is_asked_for(tmp_path: Path) -> None:
    whole = write(tmp_path / "rows.parquet").read_bytes()
    (tmp_path / "half.parquet").write_bytes(whole[: len(whole) // 2])
    pq.write_table(pa.table({"price": [1.0]}), tmp_path / "other.parquet")
    for name, cause in (
        ("half.parquet", "cannot be read"),
        ("other.parquet", "no column ev, exch_ts, px, qty: not hftbacktest's event format"),
        ("rows.parquet", "unknown symbol"),
    ):
        with pytest.raises(RecordingError, match=f"{name}: {cause}"):
            read_recording(tmp_path / name)


def test_rows_of_one_time_are_one_message_trades_first(tmp_path: Path) -> None:
    recording = read_recording(write(tmp_path / "TXFD6_x.parquet"))
    assert recording.kind == "hftbacktest" and recording.instrument == Instrument("taifex", "TXFD6", 1.0, 1.0)
    events = list(recording)
    assert [type(event) for event in events] == [DepthSnapshot, Trade, DepthUpdate, Trade, DepthUpdate]
    assert events[0].sides.tolist() == [0, 0, 1] and events[0].ticks.tolist() == [100, 99, 101]
    assert events[1][1:] == (TEN + 10, TEN + 10, 1, 101, 3.0, 1, True)
    assert events[3].side == -1 and events[4].quantities.tolist() == [0.0]
    assert recording.counts == {"snapshot": 1, "trade": 2, "depth": 2} and recording.lines == 8
    rows = read_snapshots(tmp_path / "TXFD6_x.parquet")
    assert rows.depth == 5 and len(rows) == 3 and rows.valid.all()
    assert rows.flow[:, 0].tolist() == [0, 1, 1] and rows.levels[2, 0].tolist() == [99.0, 6.0, 101.0, 4.0]


def test_npz_with_a_local_clock(tmp_path: Path) -> None:
    fields = [("ev", "u8"), ("exch_ts", "i8"), ("local_ts", "i8"), ("px", "f8"), ("qty", "f8"), ("order_id", "u8")]
    data = np.zeros(len(ROWS) + 1, np.dtype(fields))
    only_local = (BUY ^ (1 << 31) | 1, 30, 98.0, 1.0)
    for row, (ev, ts, px, qty) in zip(data, [*ROWS, only_local]):
        row["ev"], row["exch_ts"], row["local_ts"], row["px"], row["qty"] = ev, TEN + ts, TEN + ts + 500, px, qty
    np.savez_compressed(tmp_path / "TMFD6.npz", data=data)
    events = list(read_recording(tmp_path / "TMFD6.npz"))
    assert len(events) == 5 and events[0].symbol == "TMFD6"
    assert all(event.ts_receive - event.ts_exchange == 500 for event in events)


def test_indications_before_the_open_are_no_trades(tmp_path: Path) -> None:
    early = [(ev, ts - 80 * 60 * 10**9, px, qty) for ev, ts, px, qty in ROWS]  # 08:40
    path = write(tmp_path / "TXFD6_x.parquet", early)
    assert not any(event.market for event in read_recording(path) if type(event) is Trade)
    rows = read_snapshots(path)
    assert not rows.valid.any() and not rows.flow.any()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((BUY | 1, 20, float("nan"), 1.0), "non-finite"),
        ((BUY | 2, 20, 5.0, float("inf")), "non-finite"),
        ((BUY | 1, 20, -5.0, 1.0), "negative"),
        ((BUY | 1, 20, 5.0, -1.0), "negative"),
        ((BUY | 1, 20, 99.5, 1.0), "off grid"),
        ((BUY | 1, 20, 1e17, 1.0), "off grid"),
        ((BOTH | 1, 20, 99.0, 1.0), "unreadable"),
        ((BUY | 1, 9, 99.0, 1.0), "time going back"),
    ],
)
def test_bad_rows_are_named_or_set_aside(tmp_path: Path, row, reason: str) -> None:
    path = write(
        tmp_path / "TXFD6_x.parquet", [*ROWS[:7], row, ROWS[7], (BUY | 1, 40, 99.0, 2.0), (SELL | 1, 50, 103.0, 1.0)]
    )
    with pytest.raises(RecordingError, match=rf"TXFD6_x\.parquet:8: {reason}: ev \d+, exch_ts "):
        list(read_recording(path))
    quarantine = Quarantine()
    (session,) = open_files([path], quarantine=quarantine)
    events = list(session.events())
    assert quarantine.counts == {reason: 1} and sum(type(event) is Gap for event in events) == 1
    assert sum(type(event) in (DepthSnapshot, DepthUpdate) for event in events) == 5


def test_a_clear_of_one_side_takes_its_levels_up_to_a_price(tmp_path: Path) -> None:
    """As hftbacktest's converters write a snapshot: clear the bids, state them, clear the asks, state them."""
    rows = [
        *ROWS[:4],
        (SELL | 1, 0, 103.0, 1.0),
        (BUY | 3, 10, 100.0, 0.0),
        (BUY | 4, 10, 98.0, 2.0),
        (SELL | 3, 10, float("nan"), 0.0),
        (SELL | 4, 10, 102.0, 3.0),
    ]
    last = read_snapshots(write(tmp_path / "TXFD6_x.parquet", rows))[-1]
    assert last.valid and last.levels[:3].tolist()[0] == [99.0, 6.0, 102.0, 3.0]
    assert last.levels[1, :2].tolist() == [98.0, 2.0] and np.isnan(last.levels[1, 2:]).all()


def test_the_size_of_blocks_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    rows = [*ROWS, *((BUY | random.integers(1, 3), 31 + n // 3, 90.0 + random.integers(9), 1.0 + n) for n in range(60))]
    path = write(tmp_path / "TXFD6_x.parquet", rows)
    whole = [tuple(map(str, event)) for event in read_recording(path)]
    for size in (1, 4, 7):
        monkeypatch.setattr(hft_blocks.blocks, "__defaults__", (size,))
        assert [tuple(map(str, event)) for event in read_recording(path)] == whole


def test_an_instrument_may_be_given(tmp_path: Path) -> None:
    path = write(tmp_path / "btc.parquet", [(ev, ts, px / 8, qty / 4) for ev, ts, px, qty in ROWS])
    (session,) = open_files([path], symbol="BTCUSDT", venue="bybit")
    assert session.instrument == Instrument("bybit", "BTCUSDT", 0.125, 0.25)
    assert len(read_snapshots(path, symbol="BTCUSDT")) == 3
    (session,) = open_files([path], symbol="BTCUSDT", tick_size=0.0625)
    assert session.instrument == Instrument("hftbacktest", "BTCUSDT", 0.0625, 0.25)


def test_files_that_are_something_else(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="unknown symbol"):
        read_recording(write(tmp_path / "FOO.parquet"))
    pq.write_table(pa.table({"a": [1]}), tmp_path / "TXFD6_a.parquet")
    with pytest.raises(RecordingError, match="no column ev, exch_ts"):
        list(read_recording(tmp_path / "TXFD6_a.parquet"))
    whole = write(tmp_path / "TXFD6_b.parquet").read_bytes()
    (tmp_path / "TXFD6_b.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match="cannot be read"):
        list(read_recording(tmp_path / "TXFD6_b.parquet"))


def test_unknown_kinds_are_counted(tmp_path: Path) -> None:
    recording = read_recording(write(tmp_path / "TXFD6_x.parquet", [*ROWS, (BUY | 9, 40, 1.0, 1.0)]))
    assert len(list(recording)) == 5 and recording.counts["ev 9"] == 1


def test_a_real_day(taifex) -> None:
    rows = read_snapshots(taifex / "TXFD6_2026-04-08.parquet")
    assert rows.depth == 5 and len(rows) == 169_356
    valid = rows[np.flatnonzero(rows.valid)[0] :].valid
    assert rows.valid.sum() == 169_132 and valid.sum() == 169_132
    good = rows.levels[rows.valid]
    assert (good[:, 0, 0] < good[:, 0, 2]).all()  # 0 crossed, 0 locked
    # NaN stands only behind the last level, and prices leave the touch in order.
    assert not (np.diff(good[:, :, 0], axis=1) >= 0).any() and not (np.diff(good[:, :, 2], axis=1) <= 0).any()
    assert (~np.isfinite(rows.levels).all(axis=(1, 2))).sum() <= 30
    hours = (rows.ts_exchange // 3_600_000_000_000 + 8) % 24
    assert set(hours[rows.valid].tolist()) == {8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21}
    assert rows.flow[:, 0].sum() > 64_000 and (np.diff(rows.ts_exchange) >= 0).all()
