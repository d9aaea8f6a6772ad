"""Every entry comes back from its bytes exactly as it went in."""

import math
import struct
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import JournalError
from monitor.journal.codec import KIND_OF, KINDS, decode, encode, identity
from monitor.model import Entry, Reading
from tests.journal.entries import derive, entries, event, reading, transition


def _exact(value: object) -> object:
    """A value that is equal only to what has the same type and the same bits."""
    if isinstance(value, float):
        return (float, struct.pack("<d", value))
    if isinstance(value, dict | MappingProxyType):
        return {key: _exact(item) for key, item in value.items()}
    return (type(value), value)


def _all(entry: Entry) -> dict[str, object]:
    return {name: _exact(getattr(entry, name)) for name in entry.__slots__}


@given(entries)
def test_an_entry_comes_back_bit_for_bit(entry: Entry) -> None:
    back = decode(KIND_OF[type(entry)], encode(entry))

    assert type(back) is type(entry)
    assert _all(back) == _all(entry)


@given(st.floats(allow_nan=False, width=64))
def test_a_float_keeps_all_its_bits(value: float) -> None:
    back = decode("reading", encode(reading(x=value)))

    assert isinstance(back, Reading)
    assert struct.pack("<d", float(back.values["x"])) == struct.pack("<d", value)


@pytest.mark.parametrize(
    "value", [1_234_567.89, 5e-324, -0.0, math.inf, -math.inf, 2**64 - 1, -(2**63), 10**40, True, "\ud800", "null"]
)
def test_what_json_finds_hard_is_kept_too(value: float | str) -> None:
    back = decode("reading", encode(reading(x=value)))

    assert isinstance(back, Reading)
    assert _exact(back.values["x"]) == _exact(value)


def test_a_mapping_that_is_no_dict_is_kept_as_one() -> None:
    entry = Reading(device="a", time=1, arrived=1, values=MappingProxyType({"open": True}))

    assert decode("reading", encode(entry)) == Reading(device="a", time=1, arrived=1, values={"open": True})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"null", b'["a",1,1,{},"never",0,false,{}]'])
@pytest.mark.parametrize("kind", [*KINDS, 0, 9])
def test_a_damaged_body_is_a_clear_error(kind: str | int, body: bytes) -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        decode(kind, body)


def test_identities_tell_apart_what_differs_and_only_that() -> None:
    kept: list[Entry] = [
        derive(),
        derive("b"),
        derive(time=2),
        derive(producer="metering"),
        event(),
        event("2"),
        event(device="gate"),
        transition(),
        transition(2),
        transition(occurrence="o2"),
    ]
    names = [identity(entry) for entry in kept]

    assert len(set(names)) == len(kept)
    assert None not in names
    assert names == [identity(entry) for entry in kept]
    assert identity(reading()) is None
