"""A wrong level is found at the next checksum, wherever it is, and the rows from there on are not valid."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.formats import kraken, okx
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap
from orderbook_ext import OrderBook

UPDATES = 40


def make(maker, path: Path, seed: int = 3):
    log = maker("BTC-USDT", seed=seed).snapshot()
    for _ in range(UPDATES):
        log.update()
    log.write(path)
    return log


def rows(session) -> list[tuple[bool, str]]:
    builder, found = RowBuilder(session.instrument), []
    for event in session.events():
        row = builder.push(event)
        if row is not None:
            found.append((row.valid, type(event).__name__))
    return found


@pytest.mark.parametrize("venue", ["kraken", "okx"])
def test_sound_logs_are_proven_and_the_events_make_the_same_book(venue, kraken_log, okx_log, tmp_path: Path) -> None:
    module, maker = (kraken, kraken_log) if venue == "kraken" else (okx, okx_log)
    log = make(maker, tmp_path / "X.ws.1.0")
    (session,) = module.open_files([tmp_path / "X.ws.1.0"])
    assert all(valid for valid, _ in rows(session))
    assert session.counts["checksums"] == session.counts["checksums_ok"] == UPDATES + (venue == "okx")
    book = OrderBook(session.instrument.tick_size, session.instrument.lot_size)
    for event in session.events():
        if type(event) is DepthSnapshot:
            book.snapshot_ticks(event.sides, event.ticks, event.quantities)
        else:
            book.apply_ticks(event.sides, event.ticks, event.quantities)
    best = sorted(log.bids.items(), reverse=True)[:10]
    assert np.array_equal(book.top(10)[:, :2], [[float(p), float(q)] for p, q in best])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("venue", ["kraken", "okx"])
def test_one_flipped_digit_is_found_at_the_next_checksum(venue, seed, kraken_log, okx_log, tmp_path: Path) -> None:
    module, maker = (kraken, kraken_log) if venue == "kraken" else (okx, okx_log)
    path = tmp_path / "X.ws.1.0"
    make(maker, path, seed)
    lines = path.read_text().splitlines()
    chance = random.Random(seed)
    checked = 10 if venue == "kraken" else 25
    while True:  # a digit of a quantity that stands in the checked part of the book after its message
        number = chance.randrange(2, len(lines))
        stamp, _, text = lines[number].partition(": ")
        message = json.loads(text)
        parts = [p for p in message[1:-2]] if venue == "kraken" else [message["data"][0]]
        levels = [lv for part in parts for key in ("a", "b", "asks", "bids") for lv in part.get(key, ())]
        level = chance.choice(levels)
        if float(level[1]) == 0 or not _near(lines, number, level[0], checked, venue):
            continue
        place = chance.choice([i for i, c in enumerate(level[1]) if c.isdigit()])
        level[1] = level[1][:place] + chance.choice("123456789".replace(level[1][place], "")) + level[1][place + 1 :]
        break
    lines[number] = f"{stamp}: {json.dumps(message, separators=(',', ':'))}"
    path.write_text("\n".join(lines) + "\n")
    (session,) = module.open_files([path])
    found = rows(session)
    first = next(n for n, (valid, _) in enumerate(found) if not valid)
    # Line 0 is the connection, line 1 the snapshot and row 0: the message of line n makes row n - 1, a gap comes first.
    assert first == number - 1 and found[first][1] == "Gap"
    assert not any(valid for valid, _ in found[first:]), "no snapshot came, so nothing may be valid again"
    assert session.counts["checksums_ok"] < session.counts["checksums"]
    gap = next(event for event in session.events() if type(event) is Gap)
    assert gap.cause.startswith("checksum ") and "where the book gives" in gap.cause


def _near(lines: list[str], number: int, price: str, checked: int, venue: str) -> bool:
    """Whether a price is among the best levels after the message of a line."""
    book: dict[str, dict[float, str]] = {"a": {}, "b": {}}
    for line in lines[1 : number + 1]:
        message = json.loads(line.partition(": ")[2])
        parts = message[1:-2] if venue == "kraken" else message["data"]
        for part in parts:
            for key, levels in part.items():
                if key[0] in "ab" and isinstance(levels, list):
                    for level in levels:
                        book[key[0]].pop(float(level[0]), None)
                        if float(level[1]):
                            book[key[0]][float(level[0])] = level[1]
    best = sorted(book["a"])[:checked], sorted(book["b"], reverse=True)[:checked]
    return any(float(price) in side for side in best)


@pytest.mark.parametrize("venue", ["kraken", "okx"])
def test_a_lost_message_is_found_and_a_snapshot_heals(venue, kraken_log, okx_log, tmp_path: Path) -> None:
    module, maker = (kraken, kraken_log) if venue == "kraken" else (okx, okx_log)
    log = maker("BTC-USDT", seed=1).snapshot().update()
    log.update()
    del log.lines[-1]
    log.update().update().snapshot().update().update()
    (session,) = module.open_files([log.write(tmp_path / "X.ws.1.0")])
    kinds = [kind for _, kind in rows(session)]
    assert kinds == [
        "DepthSnapshot",
        "DepthUpdate",
        "Gap",
        "DepthUpdate",
        "DepthUpdate",
        "DepthSnapshot",
        "DepthUpdate",
        "DepthUpdate",
    ]
    # Behind the snapshot one more row is not valid: what was traded meanwhile is unknown.
    assert [valid for valid, _ in rows(session)] == [True, True, False, False, False, False, False, True]


def test_a_snapshot_that_its_checksum_denies_heals_nothing(okx_log, tmp_path: Path) -> None:
    log = okx_log("BTC-USDT").snapshot().update().snapshot(checksum=5).update().snapshot()
    (session,) = okx.open_files([log.write(tmp_path / "X.ws.1.0")])
    events = list(session.events())
    assert [type(e).__name__ for e in events] == [
        "DepthSnapshot",
        "DepthUpdate",
        "Gap",
        "DepthUpdate",
        "DepthUpdate",
        "DepthSnapshot",
    ]
    book = OrderBook(0.01, 1e-8)
    for event in events[:5]:
        if type(event) is DepthSnapshot:
            book.snapshot_ticks(event.sides, event.ticks, event.quantities)
        elif type(event) is DepthUpdate:
            book.apply_ticks(event.sides, event.ticks, event.quantities)
    assert float(max(log.bids)) == book.best_bid


def test_a_connection_made_anew_and_updates_without_a_snapshot(kraken_log, tmp_path: Path) -> None:
    log = kraken_log("A/B").update().snapshot().update()
    log.lines.append(log.lines[0].replace(str(1_700_000_000), "1700000001"))
    log.time += 2_000_000
    log.update().snapshot().update().update()
    (session,) = kraken.open_files([log.write(tmp_path / "X.ws.1.0")])
    gaps = [event.cause for event in session.events() if type(event) is Gap]
    assert gaps == ["update before any snapshot", "the connection was made anew"]
    assert [valid for valid, _ in rows(session)][-1]


def test_a_message_that_cannot_be_read_is_refused_or_set_aside(kraken_log, tmp_path: Path) -> None:
    log = kraken_log("A/B").snapshot().update()
    log.lines.append(f"{log.clock}: [7,{{")
    path = log.update().write(tmp_path / "X.ws.1.0")
    with pytest.raises(RecordingError, match=r"X.ws.1.0:4: not JSON"):
        kraken.open_files([path])
    ledger = Ledger()
    quarantine = Quarantine(None, ledger)
    (session,) = kraken.open_files([path], quarantine=quarantine)
    events = list(session.events())
    assert [type(e).__name__ for e in events] == ["DepthSnapshot", "DepthUpdate", "Gap", "DepthUpdate"]
    assert quarantine.counts == {"bad message": 1} and ledger.counts["quarantined"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(("venue", "symbol"), [("kraken", "XMR/USD"), ("okx", "BTC-USDT"), ("okx", "UNI-USD-SWAP")])
def test_flipped_digits_of_the_real_feeds_are_found(venue: str, symbol: str, recordings: Path, tmp_path: Path) -> None:
    module, source = (
        (kraken, recordings / "kraken/KRAKEN.ws.50.0") if venue == "kraken" else (okx, recordings / "okx/OKX.ws.1.0")
    )
    if not source.exists():
        pytest.skip(f"{source.name} is not here")
    mine = [line for line in source.read_text().splitlines() if json.dumps(symbol) in line and line[:1].isdigit()]
    mine = [line for line in mine if ": [" in line[:30] or '"checksum":' in line]
    chance, flipped = random.Random(7), 0
    while flipped < 40:
        number = chance.randrange(1, len(mine))
        stamp, _, text = mine[number].partition(": ")
        message = json.loads(text)
        parts = message[1:-2] if venue == "kraken" else message["data"]
        levels = [level for part in parts for key in ("a", "b", "asks", "bids") for level in part.get(key, ())]
        level = chance.choice(levels)
        if not float(level[1]) or not _near(["", *mine], number + 1, level[0], 10 if venue == "kraken" else 25, venue):
            continue
        place = chance.choice([i for i, c in enumerate(level[1]) if c.isdigit()])
        old = level[1]
        level[1] = old[:place] + chance.choice("123456789".replace(old[place], "")) + old[place + 1 :]
        lines = [*mine[:number], f"{stamp}: {json.dumps(message, separators=(',', ':'))}", *mine[number + 1 :]]
        path = tmp_path / "X.ws.1.0"
        path.write_text("\n".join(lines) + "\n")
        flipped += 1
        (session,) = module.open_files([path])
        events = iter(session.events())
        seen = [type(event).__name__ for _, event in zip(range(number + 1), events)]
        assert seen[-1] == "Gap" and "Gap" not in seen[:-1], (number, old, level)
