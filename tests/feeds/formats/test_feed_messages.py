"""What of a frame becomes a message, and what a broken one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.formats.feed_messages import BookMessage, exchange_time, number_of, parsed
from genesis_lib.feeds.formats.okx import Okx
from genesis_lib.feeds.formats.websocket_log import Frame


def frame(payload: bytes, whole: bool = True) -> Frame:
    return Frame(1_700_000_000 * 10**9, payload, False, Path("a"), 1, whole)


def test_a_line_that_was_cut_off_or_broken_is_refused() -> None:
    with pytest.raises(InputError, match="the log ends in the middle of this message"):
        list(parsed(Okx(), frame(b'{"arg":', whole=False)))
    with pytest.raises(InputError, match="not JSON"):
        list(parsed(Okx(), frame(b'{"arg":')))
    with pytest.raises(InputError, match="cannot be read: KeyError"):
        list(parsed(Okx(), frame(b'{"arg":{"channel":"books"},"data":[{"asks":[]}]}')))


@pytest.mark.parametrize("level", ['[5,"1"]', '["5",1]', "[null,null]"])
def test_a_number_that_did_not_come_as_it_is_sent(level: str) -> None:
    book = '{"arg":{"channel":"books","instId":"X"},"action":"snapshot","data":[{"asks":[%s],"ts":"1"}]}'
    with pytest.raises(InputError, match="cannot be read: TypeError"):
        list(parsed(Okx(), frame((book % level).encode())))
    assert next(parsed(Okx(), frame((book % '["5","1"]').encode()))).levels == [(1, "5", "1")]
    trade = '{"arg":{"channel":"trades","instId":"X"},"data":[%s]}'
    data = '{"instId":7,"side":"buy","px":"5","sz":"1","ts":"1","tradeId":"1"}'
    with pytest.raises(InputError, match="cannot be read: TypeError"):
        list(parsed(Okx(), frame((trade % data).encode())))


def test_exchange_time_far_ahead_is_damage() -> None:
    message = BookMessage("X", True, [], None)
    assert exchange_time(message, frame(b"")) == 1_700_000_000 * 10**9
    with pytest.raises(InputError, match="more than an hour"):
        exchange_time(message._replace(ts_exchange=1_700_003_601 * 10**9), frame(b""))


@pytest.mark.parametrize("text", ["-1", "nan", "inf"])
def test_quantities_are_finite_and_not_negative(text: str) -> None:
    assert number_of("0.50") == 0.5
    with pytest.raises(InputError, match="finite and not negative"):
        number_of(text)
    with pytest.raises(InputError, match=r"quantity '0\.0f' is no number"):
        number_of("0.0f")
