"""JSON and decimals, walked byte by byte, in plain Python: what _json.pxd and _decimal.pxd must equal, refusals too."""

from __future__ import annotations

import re

# In the order of the enum Fault in _json.pxd.
EXPECTED = (
    "",
    "a JSON object",
    "a key in quotes",
    "':'",
    "',' or '}'",
    "',' or ']'",
    "a JSON value",
    "text in UTF-8, closed by a quote",
    "an escape that JSON knows and that is no surrogate",
    "true, false or null",
    "a number as JSON writes it, of at most 100 digits and 2 of exponent",
    "at most 64 levels of nesting",
    "the end of the message",
    "a key that has not come before",
    "text without escapes",
    'a decimal such as "28145.10", of at most 19 digits',
    'levels such as [["28145.10","3.868"]]',
    "a positive multiple of the tick size, of at most 2**50 ticks",
    "a whole number of 0 to 2**63 - 1",
    "a time in ms or us since 1970",
    "true or false",
    "the field",
    "a best bid below the best ask",
    "a kind of message that Binance sends",
    "a receive time of 16 (us) or 19 (ns) digits and a blank",
)
MESSAGE, KEY, COLON, BRACE, BRACKET, VALUE, CLOSED, ESCAPE, LITERAL, NUMBER = range(1, 11)
NESTING, ENDED, ONCE, PLAIN, DECIMAL, LEVELS, PRICE, ID, TIME, FLAG, FIELD, UNCROSSED, SENT, STAMP = range(11, 25)
MOST_NESTED = 64
_WIDE = (
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
_ESCAPED = rb'\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})'
_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f\x80-\xff]|' + _WIDE + rb"|" + _ESCAPED + rb")*")
_BLANK = re.compile(rb"[ \t\n\r]*")
_NUMBER_LIKE = re.compile(rb"-?[0-9]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?")
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
_WORD = re.compile(rb"true|false|null")
_DECIMAL_LIKE = re.compile(rb"[0-9.]*")
_DECIMAL = re.compile(rb"([0-9]+)(?:\.([0-9]+))?")


class ScanError(ValueError):
    """A message that is refused: what was expected, what stood there, and at which byte (the first is 0)."""

    def __init__(self, offset: int, expected: str, found: bytes) -> None:
        self.offset, self.expected, self.found = offset, expected, found
        shown = repr(found.decode(errors="replace")) if found else "the end"
        super().__init__(f"byte {offset}: expected {expected}, found {shown}")

    def __reduce__(self):
        return type(self), (self.offset, self.expected, self.found)


class Reader:
    """A place in a text; what is not as it must be raises `ScanError`."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def refuse(self, fault: int, at: int | None = None, missing: str = ""):
        at = self.at if at is None else at
        raise ScanError(at, EXPECTED[fault] + (f" {missing!r}" if missing else ""), self.data[at : at + 24])

    def peek(self) -> bytes:
        return self.data[self.at : self.at + 1]

    def blank(self) -> None:
        self.at = _BLANK.match(self.data, self.at).end()

    def take(self, character: bytes, fault: int) -> None:
        self.blank()
        if self.peek() != character:
            self.refuse(fault)
        self.at += 1
        self.blank()

    def string(self) -> tuple[int, int, bool]:
        """Start and stop of the text between the quotes, and whether it holds no escape."""
        start, self.at = self.at + 1, _STRING.match(self.data, self.at).end()
        if self.peek() != b'"':
            escape = self.peek() == b"\\" and self.at + 1 < len(self.data)
            self.refuse(ESCAPE if escape else CLOSED, len(self.data) if self.data[self.at :] == b"\\" else self.at)
        self.at += 1
        return start, self.at - 1, b"\\" not in self.data[start : self.at - 1]

    def number(self) -> tuple[int, int]:
        start, stop = _NUMBER_LIKE.match(self.data, self.at).span()
        if stop - start > 100 or not _NUMBER.fullmatch(self.data, start, stop):
            self.refuse(NUMBER)
        self.at = stop
        return start, stop

    def key(self) -> tuple[int, int, bool]:
        """`string` of a key; its colon follows."""
        if self.peek() != b'"':
            self.refuse(KEY)
        return self.string()

    def value(self, depth: int = 0) -> None:
        """Step over any value."""
        first = self.peek()
        if first in (b"{", b"["):
            self.nested(first == b"{", depth)
        elif first == b'"':
            self.string()
        elif first.isdigit() or first == b"-":
            self.number()
        elif first in (b"t", b"f", b"n"):
            if not _WORD.match(self.data, self.at):
                self.refuse(LITERAL)
            self.at = _WORD.match(self.data, self.at).end()
        else:
            self.refuse(VALUE)

    def nested(self, is_object: bool, depth: int) -> None:
        closing, fault = (b"}", BRACE) if is_object else (b"]", BRACKET)
        if depth == MOST_NESTED:
            self.refuse(NESTING)
        self.at += 1
        self.blank()
        if self.peek() == closing:
            self.at += 1
            return
        while True:
            if is_object:
                self.key()
                self.take(b":", COLON)
            self.value(depth + 1)
            if not self.more(closing, fault):
                return

    def more(self, closing: bytes, fault: int) -> bool:
        """Step over the comma or the bracket behind a value; whether another value follows."""
        self.blank()
        if self.peek() not in (b",", closing):
            self.refuse(fault)
        self.at += 1
        if self.data[self.at - 1 : self.at] == closing:
            return False
        self.blank()
        return True

    def decimal(self) -> float:
        """Read a decimal behind its opening quote, and the closing one."""
        start, stop = _DECIMAL_LIKE.match(self.data, self.at).span()
        value = decimal_of(self.data[start:stop])
        if self.data[stop : stop + 1] != b'"' or value is None:
            self.refuse(DECIMAL)
        self.at = stop + 1
        return value


def decimal_of(text: bytes) -> float | None:
    """A decimal without sign and exponent; None when it is none, or has more digits than the compiled reader rounds."""
    found = _DECIMAL.fullmatch(text)
    if found is None:
        return None
    places = (found[2] or b"").rstrip(b"0")
    mantissa = (found[1] + places).lstrip(b"0")
    if len(mantissa) > 19 or len(places) > (22 if int(mantissa or b"0") <= 2**53 else 19):
        return None
    return float(text)
