from dataclasses import asdict

import pytest

from genesis_lib.config import Config, load
from genesis_lib.engine.header import changes, contract, describe
from genesis_lib.journal import Journal
from genesis_lib.types import Instrument

BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)


def header(**change):
    config = load(env={}, strategy={"preset": change.pop("preset", "default")})
    told = {"source": "a.gz", "provenance": "recorded", "data_hash": "1" * 64}
    return describe(BTC, config, change.pop("artifact", None), **{**told, **change})


def test_it_says_where_every_figure_comes_from(uniform):
    told = header(artifact=uniform)
    assert (told["venue"], told["symbol"], told["tick_size"], told["lot_size"]) == (
        "binance-usdm",
        "BTCUSDT",
        0.1,
        0.001,
    )
    assert told["model"] == {"name": "uniform", "version": "1"} and told["config"] == asdict(Config())
    assert header()["model"] is None


def test_only_what_changed_is_taken_down(uniform):
    with Journal.open("sqlite://", "s") as journal:
        journal.describe(header())
        assert list(changes(journal, header())) == []
        now = header(source="b.gz", artifact=uniform, preset="seed")
        assert list(changes(journal, now)) == ["now source b.gz", "now model uniform 1", "now preset seed"]
        journal.record("commands", 7, name="now source b.gz")
        journal.commit()
        assert list(changes(journal, header(source="b.gz"))) == []
        assert list(changes(journal, header())) == ["now source a.gz"]


@pytest.mark.parametrize(("venue", "word"), [("binance-usdm", "linear"), ("binance-coinm", "inverse")])
def test_an_inverse_contract_is_said_plainly(venue, word):
    assert word in contract(Instrument(venue, "X", 1.0, 1.0))


def test_addresses_of_sinks_are_told_to_nobody():
    config = load(env={"GENESIS_ALERTS_SINKS": "tgram://12345:s3cret/1 log"})
    told = describe(BTC, config, None, source="a", provenance="live", data_hash="")
    assert "s3cret" not in str(told) and len(told["config"]["alerts"]["sinks"]) == 2 and "s3cret" not in repr(config)
