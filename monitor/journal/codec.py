"""Entries as the bytes that are kept, and back again, bit for bit.

A body is JSON: a list for readings, which are many, and an object with the entry's own names for all others.
What orjson cannot carry exactly (integers beyond 64 bits, infinities, broken surrogates) is written by the
standard library instead and marked with a leading space, so that every entry comes back as it went in.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from monitor.errors import JournalError
from monitor.journal.swift import make_derived, make_reading
from monitor.model import Command, Derived, Entry, Event, Missing, Origin, Quality, Reading, Transition

__all__ = ["KINDS", "KIND_OF", "decode", "encode", "identity"]

KINDS: Final[Mapping[str, int]] = {"reading": 1, "event": 2, "derived": 3, "transition": 4, "command": 5}
"""Name of a kind of entry -> its number in the journal."""

KIND_OF: Final[Mapping[type, int]] = {Reading: 1, Event: 2, Derived: 3, Transition: 4, Command: 5}
"""Type of an entry -> its number in the journal."""

_QUALITIES: Final = {quality.value: quality for quality in Quality}
_ORIGINS: Final = {origin.value: origin for origin in Origin}
_MISSING: Final = {missing.value: missing for missing in Missing}
_READING, _EVENT, _DERIVED, _TRANSITION, _COMMAND = KINDS.values()


def encode(entry: Entry) -> bytes:
    """Turn an entry into the body that is kept."""
    if type(entry) is Reading:
        plain: Any = (
            entry.device,
            entry.time,
            entry.arrived,
            entry.values,
            entry.origin,
            entry.quality,
            entry.late,
            entry.missing,
        )
    else:
        plain = entry
    try:
        body = orjson.dumps(plain, default=_as_dict)
    except TypeError:
        return _encode_exactly(entry)
    # orjson writes what is not finite as null; only a transition may hold a real one.
    return _encode_exactly(entry) if b"null" in body and _has_infinite(entry) else body


def decode(kind: str | int, body: bytes) -> Entry:
    """Turn a kept body back into its entry; raises JournalError when it is none."""
    try:
        plain = json.loads(body) if body[:1] == b" " else orjson.loads(body)
        if kind == _READING:  # first: they are many
            return _reading(plain)
        return _DECODERS[KINDS[kind] if isinstance(kind, str) else kind](plain)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise JournalError(f"an entry of kind {kind} cannot be read: {type(error).__name__}") from error


def identity(entry: Entry) -> str | None:
    """Name what may be kept only once: events, derived entries and transitions; None for all others."""
    match entry:
        case Derived():
            text = f"d/{entry.producer}/{entry.device}/{entry.time}/{entry.key}"
        case Event():
            text = f"e/{entry.device}/{entry.id}"
        case Transition():
            text = f"t/{entry.number}/{entry.occurrence}"
        case _:
            return None
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _reading(plain: Any) -> Reading:
    device, time, arrived, values, origin, quality, late, missing = plain
    if missing:
        missing = {name: _MISSING[reason] for name, reason in missing.items()}
    return make_reading(device, time, arrived, values, _ORIGINS[origin], _QUALITIES[quality], late, missing)


def _derived(plain: dict[str, Any]) -> Derived:
    plain["quality"] = _QUALITIES[plain["quality"]]
    return make_derived(**plain)


def _transition(plain: dict[str, Any]) -> Transition:
    plain["suppression"] = tuple(plain["suppression"])
    return Transition(**plain)


_DECODERS: Final[Mapping[int, Callable[[Any], Entry]]] = {
    _READING: _reading,
    _EVENT: lambda plain: Event(**plain),
    _DERIVED: _derived,
    _TRANSITION: _transition,
    _COMMAND: lambda plain: Command(**plain),
}


def _as_dict(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no value of an entry")


def _fields(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}


def _has_infinite(entry: Entry) -> bool:
    held = _fields(entry)
    numbers = [*held.values()]
    for value in held.values():
        if isinstance(value, Mapping):
            numbers.extend(value.values())
    return any(isinstance(number, float) and not math.isfinite(number) for number in numbers)


def _encode_exactly(entry: Entry) -> bytes:
    held = _fields(entry)
    if type(entry) is Reading:
        order = ("device", "time", "arrived", "values", "origin", "quality", "late", "missing")
        plain: Any = [held[name] for name in order]
    else:
        plain = held
    return b" " + json.dumps(plain, default=_as_dict).encode()
