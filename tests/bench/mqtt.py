"""MQTT into the journal: QoS 1, JSON of 200 bytes, the shipped mosquitto.conf; printed, not asserted.

Messages wait in the broker's queue for the session of the driver, so that the publisher costs nothing while it is
measured. What counts is the CPU time of this process: decoding, journal and acknowledgements.
"""

import asyncio
import json
import socket
import struct
import tempfile
import time
from pathlib import Path

from drivers.mqtt import MQTT
from monitor.clock import Clock
from monitor.journal.sqlite import SqliteJournal
from monitor.site import JournalSettings
from tests.drivers.mqtt.site import connection, context, device
from tests.servers.mosquitto import Mosquitto

__all__ = ["main"]

MESSAGES = 40_000
DEVICES = 100
POINTS = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v", "power_w", "energy_import_kwh", "frequency_hz")


def main() -> None:
    """Print messages per second of wall clock and of one core."""
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder) / "broker") as broker:
        for protocol in ("5", "3.1.1"):
            wall, cpu, kept = _run(_measure(broker, Path(folder) / f"{protocol}.db", protocol))
            print(  # noqa: T201
                f"mqtt {protocol:>5}: {kept} messages of QoS 1 into the journal, "
                f"{kept / wall:,.0f}/s, {kept / cpu:,.0f} per second of one core, {cpu / kept * 1e6:.0f} us each"
            )


def _run(measure):
    try:
        import uvloop
    except ImportError:
        return asyncio.run(measure)
    return uvloop.run(measure)


async def _measure(broker: Mosquitto, path: Path, protocol: str) -> tuple[float, float, int]:
    points = {name: {"json": f"$.{name}"} for name in POINTS}
    devices = [device(f"meter-{number}", points=points) for number in range(DEVICES)]
    journal = SqliteJournal.open(path, JournalSettings(), now=Clock().now)
    place = connection(broker.url, protocol=protocol, client_id=f"bench-{protocol}")
    driver = MQTT.create(place, devices, context())
    await _until(driver, journal, lambda: driver.status()["connected"])
    await asyncio.to_thread(_publish, broker.port)

    wall, cpu = time.monotonic(), time.process_time()
    await _until(driver, journal, lambda: driver.status()["kept"] >= MESSAGES)
    answer = time.monotonic() - wall, time.process_time() - cpu, int(driver.status()["kept"])
    await journal.close()
    return answer


async def _until(driver, journal, done) -> None:
    """Run the driver until something holds; its session stays with the broker."""
    task = asyncio.create_task(driver.run(journal.append))
    deadline = time.monotonic() + 60
    while not done() and time.monotonic() < deadline:  # noqa: ASYNC110 - a count is watched
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _publish(port: int) -> None:
    """Publish by hand: connect as 3.1.1, send, and read what is acknowledged."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(bytes.fromhex("101000044d51545404020000000462656e63"))
        link.recv(4)
        for start in range(0, MESSAGES, 500):
            link.sendall(b"".join(_packet(number) for number in range(start, start + 500)))
            acknowledged = 0
            while acknowledged < 500 * 4:
                acknowledged += len(link.recv(65536))


def _packet(number: int) -> bytes:
    topic = f"meters/meter-{number % DEVICES}".encode()
    values = {name: round(number * 0.37 + index, 2) for index, name in enumerate(POINTS)}
    payload = json.dumps({**values, "n": number, "pad": ""}).encode()
    payload = payload[:-2] + b"x" * (200 - len(payload)) + payload[-2:]
    body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", number % 60_000 + 1) + payload
    length = len(body)
    return b"\x32" + bytes([length % 128 | 128, length // 128]) + body
