"""The one wire format between a session and its viewers: a JSON header and raw arrays in one binary message.

A message is the ``uint32`` length of the header (little endian), the header as UTF-8 JSON padded with spaces until the
arrays start on a multiple of 8, then the arrays back to back, little endian, each padded to 8 bytes. The header's
``arrays`` lists name, dtype and shape in that order, so that a browser wraps each in a typed array without copying.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from genesis_lib.errors import InputError

DTYPES = ("float64", "float32", "int64", "int32", "uint8")
_LENGTH = struct.Struct("<I")


def encode(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Pack a header and its arrays into one message.

    Parameters
    ----------
    header
        Anything JSON holds; a NaN or an infinity becomes null. The key ``arrays`` is written here.
    arrays
        Arrays by name, of a dtype in `DTYPES`; NaN stays NaN.

    Examples
    --------
    >>> header, arrays = decode(encode({"kind": "frame", "mid": float("nan")}, {"ladder": np.ones((12, 4))}))
    >>> header["mid"] is None, arrays["ladder"].shape
    (True, (12, 4))
    """
    listed, parts = [], []
    for name, array in arrays.items():
        array = np.ascontiguousarray(array)
        if array.dtype.name not in DTYPES:
            raise InputError(f"array {name!r} must be one of {', '.join(DTYPES)}, got {array.dtype.name}")
        listed.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape)})
        parts.append(_pad(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(), b"\0"))
    text = json.dumps(plain({**header, "arrays": listed}), separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(_LENGTH.size + len(text)) % 8)
    return b"".join([_LENGTH.pack(len(text)), text, *parts])


def decode(message: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Unpack a message into its header and read-only arrays that share its memory.

    Raises
    ------
    InputError
        When the message is cut short, holds more than it says, or its header is not JSON.
    """
    if len(message) < _LENGTH.size:
        raise InputError(f"message of {len(message)} bytes is cut short: a header length needs {_LENGTH.size}")
    start = _LENGTH.size + _LENGTH.unpack_from(message)[0]
    if start > len(message):
        raise InputError(f"message of {len(message)} bytes is cut short: its header ends at {start}")
    try:
        header = json.loads(bytes(message[_LENGTH.size : start]))
        described = [(item["name"], item["dtype"], tuple(item["shape"])) for item in header["arrays"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"header of a message is not the JSON it must be: {error!r}") from error
    arrays = {}
    for name, dtype, shape in described:
        if dtype not in DTYPES or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise InputError(f"array {name!r} of a message must be one of {', '.join(DTYPES)}, got {dtype!r} {shape}")
        kind, count = np.dtype(dtype).newbyteorder("<"), math.prod(shape)
        if start + count * kind.itemsize > len(message):
            raise InputError(f"message of {len(message)} bytes is cut short in array {name!r} {shape}")
        arrays[name] = np.frombuffer(message, kind, count, start).reshape(shape)
        start += -(-count * kind.itemsize // 8) * 8
    if start != len(message):
        raise InputError(f"message of {len(message)} bytes holds more than its header says ({start})")
    return header, arrays


def plain(value: Any) -> Any:
    """The JSON of a value: tuples, named tuples, slotted records and numpy as their plain parts, NaN as None."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    raise InputError(f"a message cannot hold {type(value).__name__} {value!r}")


def _pad(raw: bytes, fill: bytes) -> bytes:
    return raw + fill * (-len(raw) % 8)
