"""URLs of databases: taken apart, and shown without their secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.storage.database_url import is_url, masked, parse_url


def test_what_is_ours_goes_and_the_rest_is_the_servers() -> None:
    url = parse_url("postgres://me:pw@db.example:5433/market?symbol=BTC%2FUSDT&sslmode=require&venue=kraken")
    assert (url.symbol, url.venue) == ("BTC/USDT", "kraken")
    assert url.server == "postgresql://me:pw@db.example:5433/market?sslmode=require"
    assert "pw" not in url.label and "pw" not in repr(url)
    socket = parse_url("postgresql+psycopg:///market?host=/run/postgresql&symbol=X")
    assert socket.server == "postgresql:///market?host=%2Frun%2Fpostgresql" and socket.venue is None
    assert parse_url("postgresql://localhost").server == "postgresql://localhost"


def test_the_driver_understands_what_is_left() -> None:
    conninfo = pytest.importorskip("psycopg.conninfo")
    url = parse_url("postgresql://me:p%40w@/market?host=/run/my%20sockets&venue=v&connect_timeout=3")
    assert conninfo.conninfo_to_dict(url.server) == {
        "user": "me", "password": "p@w", "dbname": "market", "host": "/run/my sockets", "connect_timeout": "3"
    }  # fmt: skip
    assert url.clean("role me, password p@w or p%40w") == "role me, password *** or ***"


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("mysql://me:hush@x/y", "the scheme of a database must be one of postgresql, postgres"),
        ("postgresql://me:hush@x/y?symbol=", "symbol must not be empty"),
        ("postgresql://me:hush@[x/y", "not a URL"),
    ],
)
def test_other_urls_are_refused_without_their_password(url: str, cause: str) -> None:
    with pytest.raises(InputError, match=cause) as told:
        parse_url(url)
    assert "hush" not in str(told.value)


WORD = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@given(st.text(st.sampled_from("abcXYZ019-._~!$*:@/%+"), min_size=1).map(lambda text: f"s3cr{text}3t"), WORD, WORD)
def test_no_password_is_shown(secret: str, user: str, host: str) -> None:
    for url in (f"postgresql://{user}:{secret}@{host}/db", f"postgresql://{host}/db?a=b&password={secret}&c=d"):
        assert secret not in masked(url)
    assert masked(f"postgresql://{user}@{host}/db") == f"postgresql://{user}@{host}/db"


def test_what_is_a_url() -> None:
    assert is_url("postgresql://x/y") and is_url("sqlite://")
    assert not is_url("a/b.gz") and not is_url("binance-usdm:BTCUSDT") and not is_url(5)
