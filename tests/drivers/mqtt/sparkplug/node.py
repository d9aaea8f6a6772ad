"""An edge node of the tests. It writes protobuf by hand, so that reading is tried against something else."""

import json
import struct
from pathlib import Path
from typing import Any

__all__ = ["GOLDEN", "NOW", "metric", "payload"]

GOLDEN: dict[str, bytes] = {
    name: bytes.fromhex(text)
    for name, text in json.loads((Path(__file__).parent / "golden.json").read_text())["payloads"].items()
}
NOW = 1_795_766_400_000
"""The time that the golden payloads were made for."""


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int | None) -> bytes:
    return b"" if value is None else _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def metric(
    name: str | bytes = "",
    value: Any = None,
    *,
    alias: int | None = None,
    datatype: int | None = None,
    timestamp: int | None = None,
    historical: bool = False,
    transient: bool = False,
    null: bool = False,
    quality: int | None = None,
) -> bytes:
    """One metric; a float is written as a double, an int as uint64, `bytes` as they are."""
    raw = name.encode() if isinstance(name, str) else name
    out = _bytes(1, raw) if raw else b""
    out += _number(2, alias) + _number(3, timestamp) + _number(4, datatype)
    out += b"".join(_number(field, 1) for field, on in ((5, historical), (6, transient), (7, null)) if on)
    if quality is not None:
        out += _bytes(9, _bytes(1, b"Quality") + _bytes(2, _number(1, 3) + _number(3, quality)))
    if isinstance(value, bool):
        out += _number(14, int(value))
    elif isinstance(value, int):
        out += _number(11, value)
    elif isinstance(value, float):
        out += _varint(13 << 3 | 1) + struct.pack("<d", value)
    elif isinstance(value, str | bytes):
        out += _bytes(15, value.encode() if isinstance(value, str) else value)
    return out


def payload(*metrics: bytes, seq: int | None = None, timestamp: int | None = NOW, uuid: str = "") -> bytes:
    """A payload of metrics."""
    out = _number(1, timestamp) + b"".join(_bytes(2, each) for each in metrics) + _number(3, seq)
    return out + (_bytes(4, uuid.encode()) if uuid else b"")
