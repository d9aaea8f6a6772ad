"""CPU of line protocol: what the monitor writes, by its shape, beside the client's `Point` for the same lines."""

import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

from influxdb_client import Point as ClientPoint
from influxdb_client import WritePrecision

from monitor.journal.codec import KIND_OF, decode, encode
from monitor.model import Derived, Entry, Event, Reading, Recorded, Transition, Value
from monitor.sinks.influxdb.encoder import Encoder
from monitor.sinks.influxdb.lines import Stamp
from monitor.site import Device, Point, Site
from tests.sinks.lineprotocol import parse
from tests.sinks.site import NOW, a_site, recorded

__all__ = ["main"]

DEVICES = 100
TIMES = 20
ROUNDS = 7

Make = Callable[[int, int], Entry]
"""Makes the entry of a device, by its number, of a round."""


def a_large_site() -> Site:
    """A hundred devices of each class of which shapes are measured."""
    devices = {
        f"{kind}-{number}": Device(
            id=f"{kind}-{number}",
            name=f"{kind} {number}",
            connection="bus",
            device_class=kind,
            building="b1",
            zone=f"riser {number % 7}",
            role="sub",
            points={"power_w": Point(name="power_w")},
        )
        for kind in ("electricity", "door", "access")
        for number in range(DEVICES)
    }
    return a_site(devices=devices)


def _reading(device: str, round_: int, **values: Value) -> Reading:
    moment = NOW + round_ * 1000
    return Reading(device=device, time=moment, arrived=moment, values=values)


def _derived(
    measurement: str, device: int, round_: int, values: dict[str, Value], kind: str = "electricity", **more: str
) -> Derived:
    return Derived(
        producer="bench",
        key="",
        device=f"{kind}-{device}",
        time=NOW + round_ * 1000,
        measurement=measurement,
        values=values,
        attributes=more,
    )


def _meter(points: int) -> Make:
    names = [f"power_l{point}_w" for point in range(points)]
    return lambda device, round_: _reading(
        f"electricity-{device}",
        round_,
        **{name: 1000.0 + round_ + (device + place) / 7 for place, name in enumerate(names)},
    )


def _counted(device: int, round_: int) -> Reading:
    return _reading(
        f"electricity-{device}",
        round_,
        power_w=4920.4 + round_,
        voltage_l1_v=230.1,
        pf=0.97,
        starts=round_ + 512,
        phase_order="L1-L2-L3",
    )


def _door(device: int, round_: int) -> Reading:
    return _reading(
        f"door-{device}", round_, open=bool(round_ % 2), locked=not round_ % 2, tamper=False, battery_pct=88.5
    )


def _state(device: int, round_: int) -> Reading:
    return _reading(f"door-{device}", round_, state="held" if round_ % 2 else "closed", held=bool(round_ % 2))


def _delta(device: int, round_: int) -> Derived:
    values: dict[str, Value] = {
        "energy_import_delta_kwh": 0.082 + round_ / 1000,
        "demand_predicted_w": 4920.125 + device,
        "demand_sliding_w": 4800.5 + device / 7,
    }
    return _derived("electricity", device, round_, values)


def _shown(device: int, round_: int) -> Derived:
    values: dict[str, Value] = {"state": "open", "open": True, "held": bool(round_ % 2), "forced": False}
    return _derived("door", device, round_, values, kind="door")


def _health(device: int, round_: int) -> Derived:
    values: dict[str, Value] = {
        "up": True,
        "state": "answering",
        "polls": 6,
        "errors": round_ % 2,
        "last_error": "",
        "loss_pct": 0.0,
        "poll_ms": 41.2 + device / 7,
    }
    return _derived("device_health", device, round_, values, protocol="modbus")


def _usage(device: int, round_: int) -> Derived:
    values: dict[str, Value] = {
        "amount": 4.912 + round_ / 7,
        "estimated": 0.0,
        "partial_i": 1,
        "demand_max_w": 5210.5 + device,
        "base_w": 410.25,
        "cost": 1.372641,
        "carbon_kg": 1.7692,
    }
    return _derived(
        "usage_hourly", device, round_, values, utility="electricity", tenant=f"Shop {device}", currency="EUR"
    )


def _card(device: int, round_: int) -> Event:
    moment = NOW + round_ * 1000
    attributes: dict[str, Value] = {"result": "granted", "reason": "Always", "credential": "p-3f2a", "card": "k1"}
    return _event(device, moment, "card", attributes)


def _event(device: int, moment: int, kind: str, attributes: dict[str, Value]) -> Event:
    return Event(
        device=f"access-{device}",
        kind=kind,
        time=moment,
        arrived=moment,
        id=f"{kind}-{moment}",
        attributes=attributes,
    )


def _change(device: int, round_: int) -> Event:
    return _event(device, NOW + round_ * 1000, "health", {"state": "silent", "was": "answering"})


def _alarm(device: int, round_: int) -> Transition:
    return Transition(
        occurrence=f"o-{device}-{round_}",
        number=1,
        rule="high-power",
        device=f"electricity-{device}",
        source_key=f"electricity-{device}/power_w",
        cause="raised",
        condition="active",
        response="unacked",
        severity="high",
        value=6100.0 + round_,
        limit=6000.0,
        time=NOW + round_ * 1000,
    )


SHAPES: dict[str, Make] = {
    "meter, 4 points": _meter(4),
    "meter, 10 points": _meter(10),
    "meter, 50 points": _meter(50),
    "reading with a counter and a text": _counted,
    "door: states and a battery": _door,
    "door: a text and a state": _state,
    "beside a meter's reading (deltas, demand)": _delta,
    "door as the monitor sees it": _shown,
    "device_health": _health,
    "usage of an hour": _usage,
    "event: card": _card,
    "event: another": _change,
    "step of an alarm": _alarm,
}


def from_the_journal(make: Make, devices: int = DEVICES, times: int = TIMES) -> list[Recorded]:
    """Entries as the sink gets them while it catches up: each decoded from what the journal keeps."""
    entries = [make(device, round_) for round_ in range(times) for device in range(devices)]
    return recorded(*(decode(KIND_OF[type(entry)], encode(entry)) for entry in entries))


def _stamps(batch: Sequence[Recorded]) -> dict[int, Stamp]:
    return {each.position: Stamp(time=each.entry.time, start=each.entry.time) for each in batch}


def _as_point(line: tuple[str, dict[str, str], dict[str, Value], int]) -> str:
    measurement, tags, fields, moment = line
    point = ClientPoint(measurement)
    for key, tag in tags.items():
        point = point.tag(key, tag)
    for key, value in fields.items():
        point = point.field(key, value)
    return point.time(moment, WritePrecision.MS).to_line_protocol()


def measure(make: Make) -> tuple[int, list[float], list[float]]:
    """Answer the fields of a line, and microseconds per field: ours and the client's, round by round."""
    encoder, batch = Encoder(a_large_site()), from_the_journal(make)
    stamps = _stamps(batch)
    encoded = encoder.encode(batch, stamps)
    lines = [parse(line) for line in (encoded.main.texts or encoded.access.texts)]
    fields = sum(len(line[2]) for line in lines)
    ours, clients = [], []
    for _ in range(ROUNDS):
        began = time.process_time()
        encoder.wanted(batch)
        done = encoder.encode(batch, stamps)
        b"\n".join(done.main.texts or done.access.texts)
        ours.append((time.process_time() - began) / fields * 1e6)
        few = lines[: len(lines) // 10]
        began = time.process_time()
        "\n".join(map(_as_point, few)).encode()
        clients.append((time.process_time() - began) / sum(len(line[2]) for line in few) * 1e6)
    return fields // len(lines), ours, clients


def main() -> None:
    """Print each shape: fields a line, µs and fields/s of one core, and how many times as much `Point` costs."""
    told = sys.stdout.write
    told("line protocol, as the journal gives the entries (wished: 1,000,000 fields/s of one core, 5 x Point)\n")
    for name, make in SHAPES.items():
        fields, ours, clients = measure(make)
        mine, theirs = median(ours), median(clients)
        told(
            f"  {name:<44}{fields:3d} fields {mine:7.3f} µs each ({min(ours):.3f} to {max(ours):.3f})"
            f" {1 / mine:6.2f} M/s, Point {theirs / mine:5.1f} x\n"
        )


if __name__ == "__main__":
    main()
