"""What the fuzzing feeds: each target takes bytes as they might come from outside, and says what must hold.

A target raises nothing but for a defect. Real settings are behind them: shipped profiles, points of every type.
"""

import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from influxdb_client.rest import ApiException
from pymodbus.framer import FramerRTU

from drivers import DRIVERS
from drivers.modbus import wire
from drivers.modbus.decode import BlockDecoder, Decoded, finish
from drivers.modbus.frames import Ascii, Frames, Mbap, Rtu
from drivers.modbus.plan import Cost
from drivers.modbus.settings import TYPE_BITS
from drivers.modbus.shared import shared_by
from drivers.mqtt.devices import Decoder, Message
from monitor.errors import DeviceError, JournalError, SettingsError, SinkError
from monitor.journal.codec import KIND_OF, KINDS, decode, encode
from monitor.model import Entry, Event, Reading
from monitor.settings import SettingsInvalid, load
from monitor.settings.tables import resolve
from monitor.sinks.influxdb.errors import classify
from monitor.site import Device, Site
from rules.kinds import RULES
from tests.drivers.mqtt.sparkplug.node import GOLDEN
from tests.fuzz.conditions import expressions, seeds

__all__ = ["TARGETS", "Target"]

NOW = 1_795_378_523_000
_ROOT = Path(__file__).parents[2]
_FAR = 2**53
_LONGEST_TEXT = 100_000

_TYPES = (*TYPE_BITS, "string:6")
_REGISTERS = "\n".join(
    f"      point_{number}_n: {{register: holding {100 + 4 * number}, type: '{kind}'}}"
    for number, kind in enumerate(_TYPES)
)
SITE = f"""\
site: {{id: house, name: House, timezone: Europe/Berlin}}
connections:
  - {{id: plant, modbus: {{transport: tcp, host: 127.0.0.1}}}}
  - {{id: broker, mqtt: {{url: "mqtt://127.0.0.1"}}}}
devices:
  - {{id: main, profile: eastron-sdm630, connection: plant, unit: 1, every: 10 s}}
  - {{id: flat, profile: abb-b23, connection: plant, unit: 2, every: 10 s}}
  - id: every-type
    connection: plant
    unit: 3
    every: 10 s
    class: environment
    points:
{_REGISTERS}
      coil_on: {{register: coil 3}}
  - {{id: reader, profile: esp-rfid, connection: broker, topic: "esp"}}
  - {{id: door, profile: aqara-mccgq11lm, connection: broker, topic: door}}
  - {{id: leak, profile: aqara-sjcgq11lm, connection: broker, topic: leak}}
  - {{id: gas, profile: heiman-hs1cg, connection: broker, topic: gas}}
  - id: sparkplug
    connection: broker
    topic: spBv1.0/plant/+/edge/sparkplug
    class: electricity
    points: {{power_w: {{metric: Power, unit: W}}, running: {{metric: Inputs/A}}, mode: {{metric: Mode}}}}
  - id: inline
    connection: broker
    topic: inline
    class: environment
    time: {{json: $.time, format: iso8601}}
    points:
      temperature_c: {{json: "$.a.b[0]", unit: degF}}
      state: {{json: $.s, map: {{on: true, off: false}}}}
      level_pct: {{json: $.l, unit: "%", valid: [0, 100]}}
"""


_PLANT = """\
site: {id: house, timezone: Europe/Berlin}
connections: [{id: plant, modbus: {transport: tcp, host: 127.0.0.1}}, {id: b, mqtt: {url: "mqtt://127.0.0.1"}}]
devices:
  - {id: main, profile: eastron-sdm630, connection: plant, building: A, role: main}
  - {id: door, profile: aqara-mccgq11lm, connection: b, topic: d}
  - {id: in, profile: esp-rfid, connection: b, topic: i, door: door, direction: in}
  - {id: gate, profile: esp-rfid, connection: b, topic: g}
  - id: p1
    profile: digital-input
    connection: plant
    points: {running: {register: discrete 0}, called: {register: discrete 1}}
    equipment:
      start_within: 3 s
      starts_per_hour: 9
      service: [{id: a, running: 9 h}, {id: b, every: 1 year, last: 2026-03-01}]
  - {id: p2, profile: digital-input, connection: plant, points: {running: {register: discrete 2}}}
access:
  names: !env NAMES
  holidays: {country: DE, region: BE, days: {2026-12-24: Eve}}
  doors: [{door: door, held_after: 2 min, unlocked: {days: mon-fri, hours: "08:00-18:00"}}]
  zones:
    - {id: a, doors: door, most: 9, reset: "03:00", passback: true}
    - {id: b, within: a, doors: [gate], hours: [{days: [sat, holidays], hours: ["22:00-06:00"]}]}
equipment: {groups: [{id: g, members: [p1, p2], needed: 1, rest: 14 days}]}
supply: [{utility: electricity, device: main, points: voltage_l*_v, below: 50 V}]
"""


@dataclass(frozen=True)
class Target:
    """One thing that reads bytes from outside. `modules` are those whose branches guide the fuzzing."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    modules: tuple[str, ...]


@cache
def _site() -> Site:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.yaml"
        file.write_text(SITE, "utf-8")
        return load(file, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={}).site


def _behind(driver: str) -> list[Device]:
    site = _site()
    return [each for each in site.devices.values() if site.connections[each.connection].driver == driver]


def _check_kept(entry: Entry) -> None:
    """What a driver hands over can be kept, comes back the same, and has finite numbers."""
    assert decode(KIND_OF[type(entry)], encode(entry)) == entry
    assert -(2**63) <= entry.time < 2**63
    held = entry.values if isinstance(entry, Reading) else entry.attributes if isinstance(entry, Event) else {}
    for value in held.values():
        assert not isinstance(value, float) or math.isfinite(value)
        assert not isinstance(value, str) or len(value) <= _LONGEST_TEXT


# Modbus ------------------------------------------------------------------------------------------------


@cache
def _blocks() -> tuple[tuple[wire.Request, BlockDecoder], ...]:
    return tuple(
        (wire.Request(device.address.unit, decoder.block, decoder.size), decoder)
        for device in _behind("modbus")
        for scan in shared_by(device, Cost(request=5, register=0.1)).scans.values()
        for decoder in scan.decoders
    )


@cache
def _link() -> wire.Link:
    return wire.Link(_site().connections["plant"].options)


def modbus_frames(data: bytes, framer: Frames | None = None) -> None:
    """Bytes on the wire after a request (the first byte chooses it): values, reasons, or a DeviceError."""
    if not data:
        return
    request, decoder = _blocks()[data[0] % len(_blocks())]
    link, framer, left = _link(), framer or Mbap(), data[1:]
    framer.expected = request
    while left:
        used, answer = framer.handleFrame(left, request.pdu.dev_id, 1)
        if answer is not None:
            request.seen.answered(0.0)
            try:
                content = link._content(request, answer)
            except DeviceError:
                return
            _check_decoded(decoder, content)
            return
        if not used:
            return
        left = left[used:]


def modbus_rtu(data: bytes) -> None:
    """The same on a serial line."""
    modbus_frames(data, Rtu())


def modbus_ascii(data: bytes) -> None:
    """The same on a serial line in text."""
    modbus_frames(data, Ascii())


def modbus_contents(data: bytes) -> None:
    """The content of a right answer, whatever it is: each point has a value or a reason."""
    if not data:
        return
    _, decoder = _blocks()[data[0] % len(_blocks())]
    _check_decoded(decoder, data[1 : decoder.size + 1].ljust(decoder.size, b"\xff"))


def _check_decoded(decoder: BlockDecoder, content: bytes) -> None:
    into = Decoded()
    decoder.decode(content, into)
    for exponent in {of.exponent for of, _ in into.waiting if of.exponent}:
        into.exponents.setdefault(exponent, 0)
    finish(into)
    assert set(into.values) | set(into.missing) == set(decoder.names)
    assert not set(into.values) & set(into.missing)
    _check_kept(Reading(device="x", time=NOW, arrived=NOW, values=dict(into.values), missing=dict(into.missing)))


def _line_seeds() -> list[bytes]:
    frames = [(seed[:1], seed[7:]) for seed in _modbus_seeds()]
    return [number + frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big") for number, frame in frames]


def _text_seeds() -> list[bytes]:
    frames = [(seed[:1], seed[7:]) for seed in _modbus_seeds()]
    return [
        number + b":" + (frame + bytes([-sum(frame) & 0xFF])).hex().encode() + b"\r\n" for number, frame in frames
    ]


def _modbus_seeds() -> list[bytes]:
    seeds = []
    for number, (request, decoder) in enumerate(_blocks()):
        pdu = bytes([request.pdu.function_code, decoder.size]) + bytes(decoder.size)
        head = b"\0\1\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes([request.pdu.dev_id])
        refused = b"\0\1\0\0\0\3" + bytes([request.pdu.dev_id, request.pdu.function_code | 0x80, 2])
        seeds += [bytes([number]) + head + pdu, bytes([number]) + refused]
    return seeds


# MQTT --------------------------------------------------------------------------------------------------


@cache
def _decoder() -> tuple[Decoder, tuple[str, ...]]:
    decoder = Decoder(_behind("mqtt"), lambda clear: f"p{len(clear)}", qos=1)
    plain = {topic.replace("+", "x").replace("#", "x/y") for topic in decoder.wanted if "spBv1.0" not in topic}
    edge = {f"spBv1.0/plant/{kind}/edge/sparkplug" for kind in ("DBIRTH", "DDATA", "DDEATH")}
    return decoder, tuple(sorted({*plain, *edge, "spBv1.0/plant/NBIRTH/edge"}))


def mqtt_payloads(data: bytes) -> None:
    """A message (the first byte chooses topic and retain flag): entries that can be kept, or none."""
    if not data:
        return
    decoder, topics = _decoder()
    topic, retain = topics[(data[0] >> 1) % len(topics)], bool(data[0] & 1)
    message = Message(1, 1, 1, dup=False, retain=retain, topic=topic, payload=data[1:], arrived=NOW)
    for entry in decoder.decode(message).entries:
        _check_kept(entry)


def mqtt_topics(data: bytes) -> None:
    """A topic of whatever characters: it belongs to a device or to none."""
    decoder, _ = _decoder()
    topic = data.decode("utf-8", "replace")
    message = Message(1, 1, 1, dup=False, retain=False, topic=topic, payload=b"{}", arrived=NOW)
    for entry in decoder.decode(message).entries:
        _check_kept(entry)


def _mqtt_seeds() -> list[bytes]:
    payloads = [
        {"type": "access", "uid": "a1b2c3", "access": "Always", "time": 1_795_378_523, "username": "Ann"},
        {"contact": False, "battery": 97, "linkquality": 120, "water_leak": True, "gas": True, "tamper": False},
        {"a": {"b": [71.5, 2]}, "s": "on", "l": 50, "time": "2026-11-22T10:02:03.5+01:00"},
        {"a": {"b": ["71,5"]}, "s": 1e400, "l": -(10**30), "time": 1e18},
    ]
    bodies = [json.dumps(each).encode() for each in payloads] + [
        b"ON",
        b"online",
        b"NaN",
        b"[" * 200,
        b"\xff\xfe1",
        *GOLDEN.values(),
    ]
    return [bytes([number]) + body for number in range(0, 24, 2) for body in bodies]


# Settings ----------------------------------------------------------------------------------------------


def settings(data: bytes) -> None:
    """A site file of whatever bytes: a site, or findings that each say where."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.yaml"
        file.write_bytes(data)
        refused = _refusal(file)
    if isinstance(refused, SettingsInvalid):
        assert refused.findings
        assert all(each.line >= 1 and each.column >= 1 and each.message for each in refused.findings)
    elif refused is not None:
        assert str(refused)


def _refusal(file: Path) -> SettingsError | None:
    try:
        load(file, drivers=resolve(DRIVERS), rules=resolve(RULES), environ={})
    except SettingsError as error:
        return error
    return None


def _settings_seeds() -> list[bytes]:
    sample = (_ROOT / "config" / "facility.yaml").read_bytes()
    parts = [b"- &a {id: *a}\n", b"site: !include site.yaml\n", b"site: {id: 0x_1, timezone: ''}\n", b"{" * 500]
    return [SITE.encode(), _PLANT.encode(), sample, *parts]


# The journal -------------------------------------------------------------------------------------------


def journal_bodies(data: bytes) -> None:
    """A kept body (the first byte chooses the kind of entry): an entry, or JournalError."""
    if not data:
        return
    kinds = [*KINDS.values(), 0, 9]
    try:
        decode(kinds[data[0] % len(kinds)], data[1:])
    except JournalError:
        return


def _journal_seeds() -> list[bytes]:
    reading = Reading(device="m", time=NOW, arrived=NOW, values={"a": 1.5, "b": "x", "c": True}, late=True)
    event = Event(device="d", kind="forced", time=NOW, arrived=NOW, id="e", attributes={"n": 10**30})
    return [b"\0" + encode(reading), b"\1" + encode(event), b"\0 " + encode(reading), b"\0 " + b"[" * 2000]


# InfluxDB ----------------------------------------------------------------------------------------------

_STATUSES = (0, 204, 301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 503, 599)


def influxdb_answers(data: bytes) -> None:
    """An answer to a write (status, `Retry-After`, body): one of the errors that the sink knows."""
    if not data:
        return
    header, _, body = data[1:].partition(b"\n")
    error = ApiException(status=_STATUSES[data[0] % len(_STATUSES)], reason="said")
    error.body = body.decode("utf-8", "replace")
    error.headers = {"Retry-After": header.decode("latin-1"), "Date": header.decode("latin-1")}
    found = classify(error, lines=3)
    assert isinstance(found, SinkError)
    assert len(str(found)) < 2000
    wish = getattr(found, "retry_after", None)
    assert wish is None or 0 <= wish <= _FAR


def _influxdb_seeds() -> list[bytes]:
    bodies = [
        b'{"error":"input field \\"v\\" on measurement \\"m\\" is type float, already exists as type integer"}',
        b'{"code":"invalid","message":"unable to parse \'x y\': bad"}',
        b'{"error":"x","data":[{"error_message":"invalid column type for column \'v\', expected a::b, got c"}]}',
        b"<html>",
        b"[" * 3000,
    ]
    headers = [b"3", b"-1", b"nan", b"Sun, 22 Nov 2026 10:00:00 GMT", b"Sun, 22 Nov 2026 10:00:00 -0000"]
    return [
        bytes([number]) + header + b"\n" + body
        for number in range(len(_STATUSES))
        for header, body in zip(headers, bodies, strict=True)
    ]


TARGETS = {
    target.name: target
    for target in (
        Target("modbus-frames", modbus_frames, _modbus_seeds, ("drivers.modbus", "pymodbus")),
        Target("modbus-rtu", modbus_rtu, _line_seeds, ("drivers.modbus", "pymodbus")),
        Target("modbus-ascii", modbus_ascii, _text_seeds, ("drivers.modbus", "pymodbus")),
        Target("modbus-contents", modbus_contents, _modbus_seeds, ("drivers.modbus",)),
        Target("mqtt-payloads", mqtt_payloads, _mqtt_seeds, ("drivers.mqtt",)),
        Target("mqtt-topics", mqtt_topics, lambda: [b"esp", b"door/x", b"$SYS/a", b"a/\0/b"], ("drivers.mqtt",)),
        Target("settings", settings, _settings_seeds, ("monitor.settings", "monitor.documents")),
        Target("journal-bodies", journal_bodies, _journal_seeds, ("monitor.journal",)),
        Target("expressions", expressions, seeds, ("rules",)),
        Target("influxdb-answers", influxdb_answers, _influxdb_seeds, ("monitor.sinks",)),
    )
}
