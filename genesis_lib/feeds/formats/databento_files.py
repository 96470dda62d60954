"""Databento's files, DBN or CSV, as numpy records; of schemas MBO and MBP-10."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.decompression import head_of, open_bytes
from genesis_lib.feeds.formats.delimited import blocks, parse

UNDEF_PRICE = 2**63 - 1
UNDEF_TIME = 2**64 - 1
PRICE_UNIT = 1_000_000_000
F_LAST, F_TOB, F_SNAPSHOT, F_MBP, F_MAYBE_BAD_BOOK = 128, 64, 32, 16, 4
LEVELS = 10
PUBLISHERS = {1: "glbx-mdp3", 2: "xnas-itch"}  # of those whose CSV files, which do not name the dataset, are usual
CHUNK = 8 << 20

_HEADER = [("length", "u1"), ("rtype", "u1"), ("publisher_id", "<u2"), ("instrument_id", "<u4"), ("ts_event", "<u8")]
_LEVEL = [("bid_px", "<i8"), ("ask_px", "<i8"), *((f"{s}_{w}", "<u4") for w in ("sz", "ct") for s in ("bid", "ask"))]
# The layouts that the format documents; they have been the same in its versions 1 to 3.
MBO = np.dtype(
    [
        *_HEADER,
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("size", "<u4"),
        ("flags", "u1"),
        ("channel_id", "u1"),
        ("action", "S1"),
        ("side", "S1"),
        ("ts_recv", "<u8"),
        ("ts_in_delta", "<i4"),
        ("sequence", "<u4"),
    ]
)
MBP10 = np.dtype(
    [
        *_HEADER,
        ("price", "<i8"),
        ("size", "<u4"),
        ("action", "S1"),
        ("side", "S1"),
        ("flags", "u1"),
        ("depth", "u1"),
        ("ts_recv", "<u8"),
        ("ts_in_delta", "<i4"),
        ("sequence", "<u4"),
        ("levels", _LEVEL, (LEVELS,)),
    ]
)
SCHEMAS = {"mbo": (MBO, 160), "mbp-10": (MBP10, 10)}  # layout, rtype
_WHOLE = ("publisher_id", "instrument_id", "flags", "sequence")
_TEXT = ("ts_recv", "ts_event", "action", "side", "price")


@dataclass(slots=True)
class Described:
    """What the head of a file tells: schema, dataset ("" when it does not say) and symbols by instrument."""

    schema: str
    dataset: str = ""
    symbols: dict[int, str] = field(default_factory=dict)
    is_text: bool = False
    columns: tuple[str, ...] = ()


def schema_of(head: bytes) -> str | None:
    """``"mbo"`` or ``"mbp-10"`` by the first bytes of a file (decompressed), None for any other file."""
    if head[:3] == b"DBN" and len(head) > 26:
        # Magic, version, length of the metadata, dataset (16 bytes), schema.
        code = int.from_bytes(head[24:26], "little")
        return {0: "mbo", 2: "mbp-10"}.get(code)
    names = set(_names(head))
    if not names.issuperset({"ts_event", "publisher_id", "instrument_id", "action", "side", "price", "size"}):
        return None
    return "mbp-10" if "bid_px_09" in names else "mbo" if "order_id" in names and "bid_px_00" not in names else None


def describe(path: Path) -> Described:
    """Read the head of a file.

    Raises
    ------
    RecordingError
        When it is neither MBO nor MBP-10.
    InputError
        When a DBN file is to be read and the package databento-dbn is missing.
    """
    head = head_of(path)
    schema = schema_of(head)
    if schema is None:
        raise RecordingError("neither MBO nor MBP-10 of Databento", path)
    if head[:3] != b"DBN":
        return Described(schema, is_text=True, columns=_names(head))
    metadata = _metadata(path)
    symbols: dict[int, str] = {}
    for asked, intervals in metadata.mappings.items():
        for interval in intervals:
            got = interval["symbol"]
            number, symbol = (got, asked) if got.isdigit() else (asked, got)
            if number.isdigit():
                symbols.setdefault(int(number), symbol)
    return Described(schema, metadata.dataset, symbols)


def records(path: Path, described: Described) -> Iterator[np.ndarray]:
    """Read a file's records (of dtype `MBO` or `MBP10`) a chunk at a time, in the order of the file.

    Raises
    ------
    RecordingError
        When the file is cut short, a CSV line cannot be read (names the line), or a record has no time.
    """
    layout, rtype = SCHEMAS[described.schema]
    done = 0
    for part in _from_text(path, described, layout, rtype) if described.is_text else _from_dbn(path, layout, rtype):
        event, received = part["ts_event"], part["ts_recv"]
        wrong = ((event >= 2**63) & (event != UNDEF_TIME)) | ((received >= 2**63) & (received != UNDEF_TIME))
        wrong |= (event == UNDEF_TIME) & (received == UNDEF_TIME)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise RecordingError(f"of {described.schema} record {done + row + 1} the times are none: {part[row]}", path)
        done += len(part)
        yield part


def _metadata(path: Path):
    try:
        from databento_dbn import DBNError, Metadata
    except ImportError:
        raise InputError(
            f"{path}: to read DBN files, install the package databento-dbn (pip install 'genesis-workbench[databento]')"
        ) from None
    with open_bytes(path) as stream:
        prelude = _exactly(stream, 8, path)
        body = _exactly(stream, int.from_bytes(prelude[4:8], "little"), path)
    try:
        return Metadata.decode(prelude + body)
    except (DBNError, ValueError) as error:
        raise RecordingError(f"the metadata cannot be read: {error}", path) from None


def _exactly(stream, size: int, path: Path) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise RecordingError("the file ends inside its metadata", path)
    return data


def _from_dbn(path: Path, layout: np.dtype, rtype: int) -> Iterator[np.ndarray]:
    with open_bytes(path) as stream:
        prelude = _exactly(stream, 8, path)
        _exactly(stream, int.from_bytes(prelude[4:8], "little"), path)
        rest, done = b"", 0
        while True:
            data = stream.read(CHUNK)
            if not data and rest:
                raise RecordingError(f"the file ends inside record {done + 1}", path)
            if not data:
                return
            found, rest, count = _split(rest + data, layout, rtype, path, done)
            done += count
            if len(found):
                yield found


def _split(data: bytes, layout: np.dtype, rtype: int, path: Path, done: int) -> tuple[np.ndarray, bytes, int]:
    """Whole records of a chunk, what is left behind them, and how many records of any kind there were."""
    size = data[0] * 4  # larger than the layout where a live session has appended its time of sending
    if size >= layout.itemsize and len(data) >= size:
        whole = len(data) // size
        table = np.frombuffer(data, np.uint8, whole * size).reshape(whole, size)
        if (table[:, 0] == data[0]).all() and (table[:, 1] == rtype).all():
            found = np.ascontiguousarray(table[:, : layout.itemsize]).view(layout).reshape(whole)
            return found, data[whole * size :], whole
    at, count, parts = 0, 0, []
    while at < len(data) and at + (size := data[at] * 4) <= len(data):
        if size < 16:
            raise RecordingError(f"record {done + count + 1} has a length of {size} bytes, the file is damaged", path)
        if data[at + 1] == rtype:
            if size < layout.itemsize:
                raise RecordingError(f"record {done + count + 1} is {size} bytes long, not {layout.itemsize}", path)
            parts.append(data[at : at + layout.itemsize])
        at, count = at + size, count + 1
    return np.frombuffer(b"".join(parts), layout), data[at:], count


def _names(head: bytes) -> tuple[str, ...]:
    first = head.split(b"\n", 1)[0].removeprefix(b"\xef\xbb\xbf").strip().decode(errors="replace")
    return tuple(name.strip('"') or f"column {n}" for n, name in enumerate(first.split(",")))


def _from_text(path: Path, described: Described, layout: np.dtype, rtype: int) -> Iterator[np.ndarray]:
    names = described.columns
    deep = described.schema == "mbp-10"
    levels = [f"{side}_{what}_{n:02}" for n in range(LEVELS) for what in ("px", "sz", "ct") for side in ("bid", "ask")]
    wanted = dict.fromkeys(_TEXT, "text") | dict.fromkeys(_WHOLE, "int")
    wanted |= dict.fromkeys((n for n in levels if "_px_" in n), "text") if deep else {"order_id": "int"}
    # Sizes may have been written by a table library, as 242.0.
    wanted |= dict.fromkeys(("size", *(n for n in levels if deep and "_px_" not in n)), "float")
    missing = [name for name in wanted if name not in names and name not in ("ts_recv", "sequence", "flags")]
    if missing:
        raise RecordingError(f"no column {', '.join(missing)}", path, 1)
    kinds = {name: kind for name, kind in wanted.items() if name in names}
    if "symbol" in names:
        kinds["symbol"] = "text"
    raw: bool | None = None
    for block in blocks(path, skip_lines=1):
        table = parse(block, names, kinds)
        if table.ragged:
            raise RecordingError(f"a line must have {len(names)} fields", path, table.ragged[0])
        if table.unreadable.any():
            line = int(table.lines[np.argmax(table.unreadable)])
            raise RecordingError(f"a field that is no number: {block.text(line)[:200]}", path, line)
        c, found = table.columns, np.zeros(len(table), layout)
        found["rtype"] = rtype
        for name in _WHOLE + (() if deep else ("order_id",)):
            if name in c:
                found[name] = c[name]
        try:
            found["ts_event"] = _times(c["ts_event"])
            found["ts_recv"] = _times(c["ts_recv"]) if "ts_recv" in c else found["ts_event"]
            if raw is None:  # of the whole file: in a column of a block all prices may happen to be whole
                raw = not any("." in text for name in c if "px_" in name or name == "price" for text in c[name] if text)
            found["price"], found["size"] = _prices(c["price"], raw), _sizes(c["size"])
            for n in range(LEVELS if deep else 0):
                for side in ("bid", "ask"):
                    found["levels"][f"{side}_px"][:, n] = _prices(c[f"{side}_px_{n:02}"], raw)
                    for what in ("sz", "ct"):
                        found["levels"][f"{side}_{what}"][:, n] = _sizes(c[f"{side}_{what}_{n:02}"])
            found["action"], found["side"] = c["action"].astype("S1"), c["side"].astype("S1")
        except ValueError as error:
            raise RecordingError(f"in lines {table.lines[0]} to {table.lines[-1]}: {error}", path) from None
        if "symbol" in c:
            for number, symbol in dict(zip(c["instrument_id"].tolist(), c["symbol"])).items():
                if symbol:
                    described.symbols.setdefault(int(number), str(symbol))
        yield found


def _times(texts: np.ndarray) -> np.ndarray:
    """Nanoseconds of whole numbers or ISO 8601 times in UTC."""
    if len(texts) and re.fullmatch(r"\d+", str(texts[0])):
        return texts.astype(np.uint64)
    plain = [str(text).removesuffix("Z").removesuffix("+00:00").replace(" ", "T") for text in texts]
    return np.array(plain, "datetime64[ns]").astype(np.int64).astype(np.uint64)


def _sizes(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers of 32 bits; 0 where nothing stands."""
    filled = np.nan_to_num(numbers, nan=0.0)
    wrong = (filled < 0) | (filled >= 2**32) | (filled != np.floor(filled))
    if wrong.any():
        raise ValueError(f"a size must be a whole number of 32 bits, got {filled[wrong][0]}")
    return filled.astype(np.uint32)


def _prices(texts: np.ndarray, raw: bool) -> np.ndarray:
    """Billionths of decimals, or (`raw`) of whole numbers that are billionths already; what is empty is undefined."""
    empty = np.array([text is None or text == "" for text in texts], bool)
    found = np.full(len(texts), UNDEF_PRICE, np.int64)
    filled = texts[~empty].astype(str)
    if len(filled):
        # A float64 tells prices up to 10,000,000 to better than half a billionth.
        found[~empty] = filled.astype(np.int64) if raw else np.rint(filled.astype(float) * PRICE_UNIT).astype(np.int64)
    return found
