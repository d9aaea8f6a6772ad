"""CPU of writing to InfluxDB: the encoder against the client's `Point`, and lines per second into a server."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from influxdb_client import Point as ClientPoint
from influxdb_client import WritePrecision

from monitor.journal.state import State
from monitor.model import Reading, Recorded
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb.encoder import Encoder
from monitor.site import Device, InfluxSettings, Site
from tests.servers.influxdb import influxdb
from tests.sinks.site import NOW, a_site, recorded

__all__ = ["main"]

DEVICES = 100
POINTS = 50
ROUNDS = 50


def _site() -> Site:
    devices = [
        Device(id=f"meter-{n}", name="", connection="bus", device_class="electricity", building="b", zone="z")
        for n in range(DEVICES)
    ]
    return a_site(devices={device.id: device for device in devices})


def _round(number: int) -> list[Recorded]:
    time_ms = NOW + number * 1000
    readings = [
        Reading(
            device=f"meter-{device}",
            time=time_ms,
            arrived=time_ms,
            values={f"power_{point}_w": 1000.0 + number + point / 7 for point in range(POINTS)},
        )
        for device in range(DEVICES)
    ]
    return recorded(*readings, first=1 + number * DEVICES)


def _with_points(batch: Sequence[Recorded]) -> bytes:
    lines = []
    for each in batch:
        reading = each.entry
        assert isinstance(reading, Reading)
        point = ClientPoint("electricity").tag("site", "hq").tag("building", "b").tag("zone", "z")
        point = point.tag("device", reading.device)
        for name, value in reading.values.items():
            point = point.field(name, value)
        lines.append(point.field("quality", 0).time(reading.time, WritePrecision.MS).to_line_protocol())
    return "\n".join(lines).encode()


def main() -> None:
    """Print microseconds of CPU per point, and lines per second with the server."""
    batches = [_round(number) for number in range(ROUNDS)]
    encoder = Encoder(_site())
    points = DEVICES * POINTS
    encoder.encode(batches[0], {})

    began = time.process_time()
    for batch in batches:
        b"\n".join(encoder.encode(batch, {}).main.texts)
    ours = (time.process_time() - began) / (ROUNDS * points) * 1e6
    began = time.process_time()
    for batch in batches[:5]:
        _with_points(batch)
    naive = (time.process_time() - began) / (5 * points) * 1e6
    sys.stdout.write(f"line protocol, {POINTS} points a line: {ours:.3f} µs per point; ")
    sys.stdout.write(f"client's Point {naive:.2f} µs ({naive / ours:.0f} x)\n")
    asyncio.run(_serve(batches))


async def _serve(batches: Sequence[Sequence[Recorded]]) -> None:
    with tempfile.TemporaryDirectory() as folder, influxdb(Path(folder), auth=False) as server:
        server.create("facility")
        state = State.open(Path(folder) / "state.db")
        sink = InfluxSink(InfluxSettings(url=server.url, api="v1"), _site(), state)
        joined = [each for batch in batches for each in batch]
        await sink.write(joined[:1])
        began, cpu = time.monotonic(), time.process_time()
        for start in range(0, len(joined), 1000):
            await sink.write(joined[start : start + 1000])
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        await sink.close()
        await state.close()
    sys.stdout.write(
        f"into InfluxDB: {len(joined) / took:,.0f} lines/s ({len(joined) * POINTS / took:,.0f} points/s), "
        f"{cpu / len(joined) / POINTS * 1e6:.3f} µs of our CPU per point\n"
    )


if __name__ == "__main__":
    main()
