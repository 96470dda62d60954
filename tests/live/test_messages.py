import json
import struct
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genesis_lib.errors import InputError
from genesis_lib.live.messages import DTYPES, decode, encode

TEXT = st.text(max_size=12)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, width=32), TEXT)
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda kind: hnp.arrays(np.dtype(kind), hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))
)


class Fill(NamedTuple):
    id: int
    price: float


@given(st.dictionaries(TEXT.filter(lambda key: key != "arrays"), VALUES), st.dictionaries(TEXT, ARRAYS, max_size=4))
def test_what_goes_in_comes_out(header, arrays):
    message = encode(header, arrays)
    got, back = decode(message)
    described = got.pop("arrays")
    assert [item["name"] for item in described] == list(arrays)
    assert got == {key: None if value in (float("inf"), -float("inf")) else value for key, value in header.items()}
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype and back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()


def test_arrays_start_on_multiples_of_eight_as_a_browser_needs():
    for text in ("", "a", "abcdefg"):
        message = encode({"text": text}, {"a": np.arange(3, dtype="float32"), "b": np.arange(2.0)})
        (length,) = struct.unpack_from("<I", message)
        assert (4 + length) % 8 == 0 and len(message) == 4 + length + 16 + 16
        assert json.loads(message[4 : 4 + length])["text"] == text
        assert np.frombuffer(message, "<f8", 2, 4 + length + 16).tolist() == [0.0, 1.0]


def test_nan_is_null_in_the_header_and_nan_in_arrays():
    header, arrays = decode(encode({"mid": float("nan"), "trades": [Fill(1, float("inf"))]}, {"p": np.array([np.nan])}))
    assert header["mid"] is None and header["trades"] == [{"id": 1, "price": None}]
    assert np.isnan(arrays["p"]).all()


def test_numpy_scalars_are_plain_numbers():
    assert decode(encode({"n": np.int64(3), "x": np.float64("nan"), "b": np.bool_(True)}, {}))[0] == {
        "n": 3,
        "x": None,
        "b": True,
        "arrays": [],
    }


@pytest.mark.parametrize("cut", [0, 3, 10, -1, -9])
def test_a_message_cut_short_is_refused(cut):
    message = encode({"kind": "frame"}, {"points": np.ones((4, 6))})
    with pytest.raises(InputError, match="cut short"):
        decode(message[:cut])


def test_a_message_with_a_tail_or_a_foreign_header_is_refused():
    with pytest.raises(InputError, match="more than its header says"):
        decode(encode({}, {}) + b"12345678")
    with pytest.raises(InputError, match="not the JSON"):
        decode(struct.pack("<I", 4) + b"{no}")
    with pytest.raises(InputError, match="float64"):
        encode({}, {"names": np.array(["a"])})
    with pytest.raises(InputError, match="cannot hold"):
        encode({"socket": object()}, {})
