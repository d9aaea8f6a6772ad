"""Every case of a device: what the wire said, and what must come of it.

A case is a folder `<profile>/<case>/` with `registers.json` (table -> address -> words in hexadecimal, or bits)
or `message.json` (topic and payload or text; the device's topic where it is another), and `expected.json`.
Either may name the variant, and points of the device's own. Only points whose registers are all given are read;
SunSpec models are looked for in them. Events are those of one poll that shows a card for the first time.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from drivers import DRIVERS
from drivers.modbus.cards import Card, shown
from drivers.modbus.decode import BlockDecoder, Decoded, finish
from drivers.modbus.events import ModbusEvent
from drivers.modbus.layout import Field, Span, is_placed
from drivers.modbus.placing import wanted_by
from drivers.modbus.plan import Block
from drivers.modbus.sunspec import BASES, Places, place, walk
from drivers.mqtt.devices import Decoder, Message
from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.model import Event, Reading, Value
from monitor.profiles import Bound, Library
from monitor.profiles.points import bind_points
from monitor.settings.loading import SHIPPED
from monitor.settings.tables import resolve
from monitor.site import Device, Point
from tests.profiles.documents import node_of

HERE = Path(__file__).parent
MODBUS = sorted(path.parent for path in HERE.glob("*/*/registers.json"))
MQTT = sorted(path.parent for path in HERE.glob("*/*/message.json"))
ARRIVED = 1_700_000_000_000


def _case(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def _bound(profile: str, driver: str, variant: str = "") -> Bound:
    findings = Findings()
    files = Files(findings, folder=HERE, environ={}, credentials=None)
    library = Library([SHIPPED / "profiles"], drivers=resolve(DRIVERS), files=files, findings=findings)
    found = library.get(profile)
    assert found is not None
    bound = library.bind(found, driver, variant)
    assert bound is not None, findings.errors
    return bound


def _words(said: dict[str, Any], span: Span) -> list[int] | None:
    """The contents of registers, or None when the case does not give all of them."""
    given: dict[int, int] = {}
    for address, words in said.get(span.table, {}).items():
        for number, word in enumerate(words):
            given[int(address) + number] = word if isinstance(word, int) else int(word, 16)
    wanted = range(span.first, span.end)
    return [given[address] for address in wanted] if all(address in given for address in wanted) else None


def _hidden(said: dict[str, Any], event: ModbusEvent) -> dict[Span, tuple[bytes, int]]:
    """What the driver reads for an event; the case gives all of it."""
    read = {span: _words(said, span) for span in event.spans}
    return {span: (struct.pack(f">{span.size}H", *(words or ())), 1) for span, words in read.items()}


def _places(said: dict[str, Any], points: dict[str, Point]) -> Places:
    """Where the SunSpec models are that points name, by the registers of the case; the rest is refused."""
    given: dict[int, int] = {}
    for address, words in said.get("holding", {}).items():
        given |= {int(address) + number: int(word, 16) for number, word in enumerate(words)}
    walker = walk(BASES, lambda _: False)
    ask = next(walker)
    while True:
        wanted = range(ask.first, ask.first + ask.size)
        try:
            ask = walker.send([given[at] for at in wanted] if all(at in given for at in wanted) else None)
        except StopIteration as found:
            return place(found.value.models, wanted_by(points.values()), said.get("instance", 1))


def _points(said: dict[str, Any], bound: Bound) -> dict[str, Point]:
    findings = Findings()
    points = bind_points(node_of(said.get("points", {})), "points", resolve(DRIVERS)["modbus"], findings)
    assert not findings.errors
    return {**bound.points, **points}


def _assert_near(values: Mapping[str, Value], expected: dict[str, Value], *, rel: float) -> None:
    texts = {name: value for name, value in expected.items() if isinstance(value, str)}
    numbers = {name: value for name, value in values.items() if name not in texts}
    assert numbers == pytest.approx({k: v for k, v in expected.items() if k not in texts}, rel=rel)
    assert {name: values.get(name) for name in texts} == texts


@pytest.mark.parametrize("folder", MODBUS, ids=_case)
def test_registers_become_what_is_expected(folder: Path) -> None:
    said = json.loads((folder / "registers.json").read_text())
    expected = json.loads((folder / "expected.json").read_text())
    bound = _bound(folder.parent.name, "modbus", said.get("variant", ""))
    decoded = Decoded()
    points = _points(said, bound)
    places = _places(said, points)
    for point in points.values():
        if not is_placed(point.source, places):
            continue
        field = Field.of(point, bound.protocol, places)
        words = _words(said, field.span)
        if words is None:
            continue
        bits = field.span.table in {"coil", "discrete"}
        content = bytes(words) if bits else struct.pack(f">{len(words)}H", *words)
        BlockDecoder(Block.around([field.span]), [field]).decode(content, decoded)
        if field.exponent is not None:
            power = struct.pack(">H", *(_words(said, field.exponent) or ()))
            BlockDecoder(Block.around([field.exponent]), [field]).decode(power, decoded)
    finish(decoded)
    sights = [shown(event, _hidden(said, event), lambda text: f"pseudonym of {text}") for event in bound.events]
    events = [
        {"kind": event.kind, "attributes": {"credential": sight.pseudonym}}
        for event, sight in zip(bound.events, sights, strict=True)
        if isinstance(sight, Card)
    ]

    assert events == expected.get("events", [])
    _assert_near(decoded.values, expected["values"], rel=1e-6)
    assert {name: str(reason) for name, reason in decoded.missing.items()} == expected["missing"]


@pytest.mark.parametrize("folder", MQTT, ids=_case)
def test_a_message_becomes_what_is_expected(folder: Path) -> None:
    said = json.loads((folder / "message.json").read_text())
    expected = json.loads((folder / "expected.json").read_text())
    bound = _bound(folder.parent.name, "mqtt", said.get("variant", ""))
    points = bind_points(node_of(said.get("points", {})), "points", resolve(DRIVERS)["mqtt"], Findings())
    device = Device(
        id="device",
        name="device",
        connection="broker",
        device_class="x",
        address=resolve(DRIVERS)["mqtt"].device_model(topic=said.get("device", said["topic"])),
        protocol=bound.protocol,
        points={**bound.points, **points},
        events=bound.events,
    )
    decoder = Decoder([device], lambda text: f"pseudonym of {text}", qos=1)
    payload = said["text"].encode() if "text" in said else json.dumps(said["payload"]).encode()
    entries = decoder.decode(Message(1, 1, 1, False, False, said["topic"], payload, ARRIVED)).entries

    readings = [entry for entry in entries if isinstance(entry, Reading)]
    assert len(readings) == (1 if expected["values"] or expected["missing"] else 0)
    for reading in readings:
        _assert_near(reading.values, expected["values"], rel=1e-12)
        assert {name: str(reason) for name, reason in reading.missing.items()} == expected["missing"]
        assert reading.time == expected.get("time", ARRIVED)
    events = [entry for entry in entries if isinstance(entry, Event)]
    assert [{"kind": each.kind, "attributes": dict(each.attributes)} for each in events] == expected.get(
        "events", []
    )


def test_every_shipped_profile_has_a_case() -> None:
    shipped = {path.stem for path in (SHIPPED / "profiles").glob("*/*.yaml")}

    assert shipped == {folder.parent.name for folder in [*MODBUS, *MQTT]}
