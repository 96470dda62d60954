"""The compiled book on real recordings: equal to its twin, and to what the venue itself says is best."""

from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.feeds import read_recording, synchronize
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate
from orderbook_ext import _book_py

_book = pytest.importorskip("orderbook_ext._book", reason="the compiled book is not built")


def feed(book, event) -> None:
    replace = isinstance(event, DepthSnapshot)
    (book.snapshot_ticks if replace else book.apply_ticks)(event.sides, event.ticks, event.quantities)


def new(cls, recording):
    return cls(recording.instrument.tick_size, recording.instrument.lot_size)


def depth_events(recording):
    return [e for e in synchronize(recording) if isinstance(e, DepthSnapshot | DepthUpdate)]


@pytest.mark.parametrize("session", ["usdm_2024", "coinm_eth"])
def test_twins_agree_after_every_message(session, request):
    recording = read_recording(request.getfixturevalue(session))
    compiled, twin = new(_book.OrderBook, recording), new(_book_py.OrderBook, recording)
    out, expected = np.empty((10, 4)), np.empty((10, 4))
    events = depth_events(recording)
    for event in events:
        feed(compiled, event)
        feed(twin, event)
        assert compiled.top(10, out).tobytes() == twin.top(10, expected).tobytes()
    for word in ("bid", "ask"):
        np.testing.assert_array_equal(compiled.levels(word), twin.levels(word))
    assert compiled.unknown_deletes == twin.unknown_deletes > 0
    assert len(events) > 8_000 and compiled.nbytes < 16 * 2**20 and not compiled.is_crossed


def test_the_venue_says_the_same(usdm_2024):
    """The bookTicker stream knows nothing of the diffs; after each of them best price and size must agree."""
    recording = read_recording(usdm_2024)
    tickers = sorted((e for e in recording if isinstance(e, BookTicker)), key=lambda e: e.update_id)
    ids = np.array([e.update_id for e in tickers])
    book, equal, applied = new(_book.OrderBook, recording), 0, 0
    for event in depth_events(recording):
        feed(book, event)
        if isinstance(event, DepthUpdate):
            at = int(np.searchsorted(ids, event.last_id, side="right")) - 1
            said = tickers[at][4:] if at >= 0 else None
            bid, ask = book.top(1)[0, [1, 3]].tolist()
            equal += said == (book.best_bid_tick, bid, book.best_ask_tick, ask)
            applied += 1
    assert (applied, equal) == (9_017, 9_017)
    assert book.unknown_deletes == 8_497
