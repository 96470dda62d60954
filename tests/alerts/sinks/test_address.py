import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.alerts.sinks import Address, masked, read_addresses
from genesis_lib.config import load
from genesis_lib.errors import ConfigError


def settings(*sinks, **more):
    return load(env={}, alerts={"sinks": sinks, **more}).alerts


def test_addresses_and_tables():
    first, second = read_addresses(
        settings("log", {"url": "file", "least_severity": "critical", "per_minute": 6}, sink_severity="warning")
    )
    assert first == Address("log", "warning", 60_000.0) and second == Address("file", "critical", 6)
    (third,) = read_addresses(settings("https://example.org/x", sink_per_minute=30.0))
    assert third.per_minute == 30.0 and third.least_severity == "info"


SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "url",
    [
        f"https://hooks.slack.com/services/T0/B0/{SECRET}",
        f"https://example.org/x?token={SECRET}#{SECRET}",
        f"https://me:{SECRET}@example.org/",
        f"https://{SECRET}@example.org",
        f"https://me:{SECRET}/x@example.org",
        f"https://me:1?{SECRET}@example.org",
        f"https://me:#{SECRET}@example.org",
        f"tgram://{SECRET}/12345",
        f"slack://{SECRET}/b/c/#general",
        f"mailtos://me:{SECRET}@example.org?to=x@example.org&pass={SECRET}",
        f"json://me:{SECRET}@127.0.0.1:9/{SECRET}",
        f"https://[{SECRET}",
        f"{SECRET}",
        f"{SECRET}:hello",
        f"we ird{SECRET}://x",
        f"log://me:{SECRET}@x",
    ],
)
def test_no_secret_is_ever_told(url):
    address = Address(url)
    assert SECRET not in masked(url) + str(address) + repr(address)
    with pytest.raises(ConfigError) as told:
        read_addresses(settings("log", {"url": url, "least_severity": "loud"}))
    assert SECRET not in str(told.value) and told.value.__cause__ is None


@given(st.text(min_size=1, max_size=30))
def test_what_stands_behind_the_scheme_is_not_told(text):
    assert masked(f"tgram://{text}") == "tgram://***"
    told = masked(f"https://me:{text}@example.org/{text}")
    assert told in ("https://***", "https://example.org/***")


@pytest.mark.parametrize(
    ("sink", "message"),
    [
        ({"url": ""}, "number 1: url of a sink must be text and not empty"),
        ({"least_severity": "info"}, "number 1: a sink needs url"),
        ({"url": "log", "severity": "info"}, "unknown key of a sink 'severity'; did you mean 'least_severity'"),
        ({"url": "log", "per_minute": 0}, "per_minute must be a number greater than 0, got 0"),
        ({"url": "log", "per_minute": "x"}, "per_minute must be a number greater than 0"),
    ],
)
def test_mistakes_are_named(sink, message):
    with pytest.raises(ConfigError, match=message):
        read_addresses(settings(sink))
