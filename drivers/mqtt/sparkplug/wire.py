"""The payload of Sparkplug B: protobuf, described by the numbers of the fields that are read here.

Source of the numbers: Eclipse Sparkplug 3.0.0, chapter 6 (payloads). Fields that are not listed are passed over.
Why there is no generated code: docs/adr/0013-sparkplug-by-descriptor.md.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

__all__ = ["MESSAGE", "Payload", "Unusable", "decode", "name_of", "value_of"]

MOST_METRICS: Final = 20_000
"""Metrics of one message that are looked at."""
_MOST_PROPERTIES: Final = 100
_LONGEST_NAME: Final = 1024
_GOOD: Final = 192
_COMPRESSED: Final = "SPBV1.0_COMPRESSED"

_SIGNED_BITS: Final[Mapping[int, int]] = {1: 8, 2: 16, 3: 32, 4: 64}
"""Data types whose integers have a sign (Int8, Int16, Int32, Int64) -> their bits."""
_UNTYPED_MOST: Final[Mapping[str, int]] = {"int_value": 2**31, "long_value": 2**63}
"""From here on an integer without its data type could as well be negative."""

_TABLES: Final[Mapping[str, tuple[tuple[str, int, str, str], ...]]] = {
    "Property": (
        ("int_value", 3, "UINT32", "value"),
        ("long_value", 4, "UINT64", "value"),
    ),
    "Properties": (
        ("keys", 1, "BYTES", "repeated"),
        ("values", 2, "Property", "repeated"),
    ),
    "Metric": (
        ("name", 1, "BYTES", ""),
        ("alias", 2, "UINT64", ""),
        ("timestamp", 3, "UINT64", ""),
        ("datatype", 4, "UINT32", ""),
        ("is_historical", 5, "BOOL", ""),
        ("is_transient", 6, "BOOL", ""),
        ("is_null", 7, "BOOL", ""),
        ("properties", 9, "Properties", ""),
        ("int_value", 10, "UINT32", "value"),
        ("long_value", 11, "UINT64", "value"),
        ("float_value", 12, "FLOAT", "value"),
        ("double_value", 13, "DOUBLE", "value"),
        ("boolean_value", 14, "BOOL", "value"),
        ("string_value", 15, "BYTES", "value"),
    ),
    "Payload": (
        ("timestamp", 1, "UINT64", ""),
        ("metrics", 2, "Metric", "repeated"),
        ("seq", 3, "UINT64", ""),
        ("uuid", 4, "BYTES", ""),
    ),
}
"""Message -> its fields: name, number, type, and `repeated` or the choice of which it is one.

Texts are read as bytes: one that is no UTF-8 costs itself then, and not the message.
"""


class Unusable(Enum):
    """In place of a value."""

    BAD = "bad"
    """Its own sender says that it is not good."""
    NONE = "none"
    """There is none, or none that can be read."""


class Payload(NamedTuple):
    """What is read of a message. `timestamp` in UTC ms; `metrics` are what protobuf makes of them."""

    timestamp: int | None
    seq: int | None
    metrics: Sequence[Any]


def _describe() -> FileDescriptorProto:
    file = FileDescriptorProto(name="sparkplug.proto", package="sparkplug", syntax="proto2")
    for message, fields in _TABLES.items():
        made = file.message_type.add(name=message)
        for name, number, kind, how in fields:
            field = made.field.add(name=name, number=number)
            field.label = (
                FieldDescriptorProto.LABEL_REPEATED if how == "repeated" else FieldDescriptorProto.LABEL_OPTIONAL
            )
            if kind in _TABLES:
                field.type = FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".sparkplug.{kind}"
            else:
                field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind}")
            if how == "value":
                if not made.oneof_decl:
                    made.oneof_decl.add(name="value")
                field.oneof_index = 0
    return file


def _message_class() -> Any:
    pool = DescriptorPool()
    pool.Add(_describe())
    return GetMessageClass(pool.FindMessageTypeByName("sparkplug.Payload"))


MESSAGE: Final = _message_class()
"""The class of a payload, as protobuf makes it of the tables."""


def decode(raw: bytes) -> Payload | None:
    """Read a payload; None when it is no such thing, or compressed. Never raises for what is sent."""
    try:
        read = MESSAGE.FromString(raw)
    except DecodeError:
        return None
    if read.uuid == _COMPRESSED.encode():
        return None
    return Payload(
        timestamp=read.timestamp if read.HasField("timestamp") else None,
        seq=read.seq if read.HasField("seq") else None,
        metrics=read.metrics[:MOST_METRICS],
    )


def name_of(metric: Any) -> str:
    """The name of a metric; empty when it has none, as where a birth has named its alias."""
    name: bytes = metric.name
    return name.decode(errors="replace") if len(name) <= _LONGEST_NAME else ""


def value_of(metric: Any, datatype: int) -> object:
    """A number, a truth, a text, None when the sender says that there is none, or Unusable.

    `datatype` is what a birth has said of it, for a metric that does not say so itself.
    """
    if metric.is_null:
        return None
    if metric.HasField("properties") and _is_bad(metric.properties):
        return Unusable.BAD
    field = metric.WhichOneof("value")
    if field is None:
        return Unusable.NONE
    value = getattr(metric, field)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return _signed(value, field, metric.datatype or datatype) if field in _UNTYPED_MOST else value


def _signed(value: int, field: str, datatype: int) -> object:
    """An integer with its sign, which is in its data type only."""
    if not datatype:
        return Unusable.NONE if value >= _UNTYPED_MOST[field] else value
    bits = _SIGNED_BITS.get(datatype)
    if bits is None:
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _is_bad(properties: Any) -> bool:
    """Whether the property `Quality` says anything but good (192)."""
    for key, value in zip(properties.keys[:_MOST_PROPERTIES], properties.values[:_MOST_PROPERTIES], strict=False):
        if key == b"Quality":
            field = value.WhichOneof("value")
            return field is not None and getattr(value, field) != _GOOD
    return False
