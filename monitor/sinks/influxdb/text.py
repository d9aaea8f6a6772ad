r"""Names, tags and values in the spelling of InfluxDB's line protocol.

Servers disagree about backslashes in tags (1.x keeps `\\` as two, 3.x as one, and none can end a tag with one),
so a tag never holds any. Texts in fields escape only the quote and the backslash; line breaks stay as they are.
"""

import math
from collections.abc import Iterable

import orjson

from monitor.model import Value
from monitor.schema import RESERVED_FIELDS, point_unit, state_number

__all__ = [
    "LONGEST_TEXT",
    "boolean",
    "field_key",
    "integer",
    "name",
    "number",
    "tag_set",
    "text",
    "value_fields",
    "word",
]

_LONGEST_TAG = 256
LONGEST_TEXT = 16_000
"""Characters of a text field; what is longer is cut off."""
_LONGEST_WORD = 64
_MOST_WORDS = 2000
_INT64 = 2**63

_CLEAN = str.maketrans({**dict.fromkeys((*range(32), 127, 0x85, 0x2028, 0x2029), " "), ord("\\"): "/"})
_ESCAPE = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "replace")


def name(value: str) -> bytes:
    """A tag's key or value or a field's key: one line, no backslash, the separators escaped; may be empty."""
    return _bytes(value[:_LONGEST_TAG].translate(_CLEAN).strip().translate(_ESCAPE))


def field_key(point: str) -> bytes:
    """The field of a point; one that is called like a tag gets `point_` before it."""
    return name(f"point_{point}" if point in RESERVED_FIELDS else point)


def tag_set(tags: Iterable[tuple[str, str]]) -> bytes:
    """`,key=value` for each tag that has a value, in the order given."""
    spelt = ((key, name(value)) for key, value in tags)
    return b"".join(b",%b=%b" % (name(key), value) for key, value in spelt if value)


def text(value: str) -> bytes:
    """A text field, quoted. A NUL cannot be stored by every server and is left out."""
    kept = value[:LONGEST_TEXT].replace("\0", "")
    return b'"%b"' % _bytes(kept.replace("\\", "\\\\").replace('"', '\\"'))


class _Words(dict[str, bytes]):
    """Texts as they are written, of those that are short; looked up by whoever writes them."""

    def __missing__(self, value: str) -> bytes:
        spelt = text(value)
        if len(value) <= _LONGEST_WORD:
            if len(self) >= _MOST_WORDS:
                self.clear()
            self[value] = spelt
        return spelt


word = _Words().__getitem__
"""A text field whose text comes again and again, as those of states do: the last few are remembered."""


def integer(value: int) -> bytes | None:
    """An integer field, or None where it does not fit 64 bits."""
    return b"%di" % value if -_INT64 <= value < _INT64 else None


def number(value: float) -> bytes | None:
    """A float field, also for whole numbers; None for what is not finite."""
    try:
        exact = float(value)
    except OverflowError:
        return None
    return orjson.dumps(exact) if math.isfinite(exact) else None


def boolean(key: bytes, value: bool) -> bytes:  # noqa: FBT001 - it is the value that is written
    """A state twice: as a boolean, and as 0 or 1 under `<key>_i` for panels that count and average."""
    beside = state_number(key.decode()).encode()
    return b"%b=true,%b=1i" % (key, beside) if value else b"%b=false,%b=0i" % (key, beside)


def value_fields(point: str, value: Value) -> bytes | None:
    """The field or fields of one measured value; None when it cannot be written.

    A name that promises a unit is a float field whatever was sent, so that its type never changes.
    """
    key = field_key(point)
    has_unit = point_unit(point) is not None
    if isinstance(value, bool) and not has_unit:
        return boolean(key, value)
    if isinstance(value, str):
        return None if has_unit else b"%b=%b" % (key, text(value))
    written = number(value)
    return None if written is None else b"%b=%b" % (key, written)
