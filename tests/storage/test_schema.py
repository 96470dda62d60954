"""The schema: versioned, self-describing, foreign files refused."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from genesis_lib.errors import InputError
from genesis_lib.storage.schema import KEY, Description, describe, level_columns, schema_of, seal, unseal
from genesis_lib.types import Instrument

BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)
DESCRIPTION = Description.of(BTC, "recorded", "ab" * 32, 3)


def test_a_file_describes_itself() -> None:
    schema = schema_of(DESCRIPTION)
    assert describe(schema, "f") == DESCRIPTION and DESCRIPTION.instrument == BTC
    assert schema.names[:3] == ["ts_exchange", "ts_receive", "valid"] and len(schema) == 3 + 7 + 12
    assert level_columns(1) == ["bid_price_1", "bid_quantity_1", "ask_price_1", "ask_quantity_1"]


@pytest.mark.parametrize(
    ("change", "cause"),
    [({"version": 2}, "schema version 2; this Genesis reads version 1"), ({"colour": 1}, "damaged description")],
)
def test_other_descriptions_are_refused(change, cause: str) -> None:
    schema = schema_of(DESCRIPTION)
    values = unseal(schema.metadata[KEY]) | change
    with pytest.raises(InputError, match=f"f: {cause}"):
        describe(schema.with_metadata({KEY: json.dumps(values)}), "f")


@pytest.mark.parametrize("text", ["{", "7", "{}"])
def test_a_damaged_description_is_one_error(text: str) -> None:
    with pytest.raises(InputError, match="f: damaged description"):
        describe(schema_of(DESCRIPTION).with_metadata({KEY: text}), "f")


def test_other_files_are_refused() -> None:
    with pytest.raises(InputError, match="f: not a file of book rows"):
        describe(pa.schema([("a", pa.int64())]), "f")
    schema = schema_of(DESCRIPTION)
    with pytest.raises(InputError, match="its columns are not those"):
        describe(schema.remove(3), "f")


def test_a_description_says_whether_it_is_whole() -> None:
    values = {"symbol": "BTCUSDT", "tick_size": 0.1, "version": 1}
    sealed = seal(values)
    assert unseal(sealed) == values == unseal(b'{"symbol": "BTCUSDT", "tick_size": 0.1, "version": 1}')
    for damaged in (sealed.replace(b"BTC", b"BTB"), sealed.replace(b"0.1", b"0.3"), b"7", sealed[:-4]):
        with pytest.raises(ValueError, match=r"checksum|no object|delimiter"):
            unseal(damaged)
