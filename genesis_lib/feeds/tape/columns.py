"""Market events as a few compressed columns, and back to the same events, bit for bit."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from genesis_lib.errors import InputError
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Event, Gap, MarkPrice, Snapshot, Trade

KINDS: tuple[type, ...] = (DepthUpdate, DepthSnapshot, Trade, BookTicker, MarkPrice, Gap, Snapshot)
_CODES = {kind: code for code, kind in enumerate(KINDS)}
_TYPES = {kind: {name: one.__forward_arg__ for name, one in kind.__annotations__.items()} for kind in KINDS}
_RAGGED = {"sides": np.int8, "ticks": np.int64, "quantities": np.float64, "levels": np.float64, "flow": np.float64}
_SCALES = (1.0, 1e3, 1e8)  # quantities are mostly whole numbers of these parts
_FIXED = {"levels": (-1, 4)}  # shapes of what is not flat
_LENGTHS = struct.Struct("<II")
_CODEC = "zstd"

Columns = dict[str, np.ndarray]


def pack_events(events: Sequence[Event | Snapshot]) -> tuple[dict[str, Any], Columns]:
    """Turn events into plain facts (what JSON holds) and arrays by name; `unpack_events` turns them back.

    Raises
    ------
    InputError
        For something that is no market event.
    """
    try:
        codes = np.array([_CODES[type(event)] for event in events], np.uint8)
    except KeyError as error:
        raise InputError(f"events must be of {', '.join(kind.__name__ for kind in KINDS)}, got {error}") from None
    facts: dict[str, Any] = {}
    columns: Columns = {"kind": codes}
    for code, kind in enumerate(KINDS):
        chosen = [event for event in events if type(event) is kind]
        if chosen:
            for name, values in zip(kind._fields, zip(*chosen)):
                _pack(f"{code}.{name}", _TYPES[kind][name], values, facts, columns)
    return facts, columns


def unpack_events(facts: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> list[Event | Snapshot]:
    """Give the events of which `pack_events` made these facts and columns."""
    codes = columns["kind"]
    events: list[Any] = [None] * len(codes)
    for code, kind in enumerate(KINDS):
        places = np.flatnonzero(codes == code).tolist()
        if not places:
            continue
        fields = [_unpack(f"{code}.{name}", _TYPES[kind][name], len(places), facts, columns) for name in kind._fields]
        for place, made in zip(places, map(kind._make, zip(*fields))):
            events[place] = made
    return events


def _pack(key: str, type_: str, values: tuple, facts: dict[str, Any], columns: Columns) -> None:
    if type_ == "str":
        facts[key] = values[0] if len(set(values)) == 1 else list(values)
    elif type_ in ("int", "bool"):
        columns[key] = _deltas(np.array(values, np.int64))
    elif type_ == "float":
        columns[key] = np.array(values, np.float64)
    else:
        name = key.partition(".")[2]
        arrays = [np.asarray(value, _RAGGED[name]).ravel() for value in values]
        lengths = np.array([len(array) for array in arrays], np.int64)
        flat = np.concatenate(arrays)
        columns[f"{key}.lengths"] = _narrow(lengths)
        if name == "ticks":
            columns[key] = _deltas(flat)
        elif name == "quantities":
            facts[key], columns[key] = _whole(flat)
        else:
            columns[key] = flat


def _unpack(key: str, type_: str, count: int, facts: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> list:
    if type_ == "str":
        told = facts[key]
        return [told] * count if isinstance(told, str) else told
    column = columns[key]
    if type_ == "int":
        return np.cumsum(column, dtype=np.int64).tolist()
    if type_ == "bool":
        return (np.cumsum(column, dtype=np.int64) != 0).tolist()
    if type_ == "float":
        return column.tolist()
    name = key.partition(".")[2]
    if name == "ticks":
        column = np.cumsum(column, dtype=np.int64)
    elif name == "quantities" and (scale := facts[key]):
        column = column / scale
    ends = np.cumsum(columns[f"{key}.lengths"], dtype=np.int64).tolist()
    parts = [column[first:last] for first, last in zip([0, *ends], ends)]
    return [part.reshape(_FIXED[name]) for part in parts] if name in _FIXED else parts


def _narrow(values: np.ndarray) -> np.ndarray:
    """The same whole numbers in the fewest bytes that hold them all."""
    if not len(values):
        return values.astype(np.int8)
    low, high = int(values.min()), int(values.max())
    return values.astype(next(t for t in (np.int8, np.int16, np.int32, np.int64) if _holds(t, low, high)))


def _holds(dtype: type, low: int, high: int) -> bool:
    limits = np.iinfo(dtype)
    return limits.min <= low and high <= limits.max


def _deltas(values: np.ndarray) -> np.ndarray:
    # int64 wraps around on the way there and on the way back alike.
    return _narrow(np.diff(values, prepend=np.int64(0)))


def _whole(values: np.ndarray) -> tuple[float, np.ndarray]:
    """Quantities as whole numbers of a decimal part, where that gives every one of them back; else as they are."""
    for scale in _SCALES:
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.rint(values * scale)
            usable = bool((np.abs(scaled) < 2**53).all())
        if usable:
            whole = scaled.astype(np.int64)
            if np.array_equal((whole / scale).view(np.int64), values.view(np.int64)):
                return scale, _narrow(whole)
    return 0.0, values


def to_bytes(facts: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> bytes:
    """Facts and arrays as one compressed string of bytes."""
    shapes = [[name, array.dtype.str, list(array.shape)] for name, array in columns.items()]
    text = json.dumps({"facts": facts, "columns": shapes}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    parts = [np.ascontiguousarray(array).tobytes() for array in columns.values()]
    body = b"".join([text, *(part + bytes(-len(part) % 8) for part in parts)])
    return _LENGTHS.pack(len(text), len(body)) + pa.compress(body, codec=_CODEC, asbytes=True)


def from_bytes(data: bytes) -> tuple[dict[str, Any], Columns]:
    """What `to_bytes` was given.

    Raises
    ------
    InputError
        For bytes that it did not make.
    """
    try:
        text, size = _LENGTHS.unpack_from(data)
        # A bytearray, because the book takes no arrays that cannot be written to.
        body = bytearray(pa.decompress(memoryview(data)[_LENGTHS.size :], size, codec=_CODEC, asbytes=True))
        head = json.loads(body[:text])
        columns, at = {}, text
        for name, dtype, shape in head["columns"]:
            count = int(np.prod(shape, dtype=np.int64))
            columns[name] = np.frombuffer(body, dtype, count, at).reshape(shape)
            at += -(-columns[name].nbytes // 8) * 8
    except (struct.error, pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"columns cannot be read: {error}") from None
    if at != size:
        raise InputError(f"columns of {size} bytes hold {at}")
    return head["facts"], columns
